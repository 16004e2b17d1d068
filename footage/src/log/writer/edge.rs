//! The right edge of the tree: all that appending needs of a log, however long it is.

use bytes::Bytes;
use tlog_tiles::{
    EMPTY_HASH, Error as TlogError, HASH_SIZE, Hash, HashReader, Tile, record_hash, stored_hash_index,
};

use super::super::{
    LogError,
    tree::{HEIGHT, Tiles, WIDTH, encode_bundle, tile_name},
};

/// Objects to be written: names and bytes.
pub(super) type Objects = Vec<(String, Bytes)>;

/// The last, incomplete tile of each level and the last, incomplete bundle: at most 8 KiB a level, and a bundle.
#[derive(Clone, Default)]
pub(super) struct Edge {
    size: u64,
    /// By level: hashes of full subtrees of 256^level leaves.
    levels: Vec<Vec<u8>>,
    bundle: Vec<Vec<u8>>,
}

impl Edge {
    /// Reads the edge of a tree, checked against its root.
    pub async fn load(tiles: &Tiles, size: u64) -> Result<Self, LogError> {
        let (mut indexes, mut widths) = (Vec::new(), Vec::new());
        let mut level = 0;
        while size >> (HEIGHT * level) > 0 {
            let end = size >> (HEIGHT * level);
            let start = end / WIDTH * WIDTH;
            indexes.extend((start..end).map(|n| stored_hash_index(HEIGHT * level, n)));
            widths.push(end - start);
            level += 1;
        }
        let mut hashes = tiles.hashes(&indexes).await?.into_iter();
        let mut tile = |width| hashes.by_ref().take(width).flat_map(|hash| hash.0).collect();
        let levels =
            widths.into_iter().map(|width| tile(usize::try_from(width).unwrap_or(usize::MAX))).collect();
        let bundle = if size.is_multiple_of(WIDTH) { Vec::new() } else { tiles.bundle(size / WIDTH).await? };
        Ok(Self { size, levels, bundle })
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds leaves. Returns the objects that the grown tree has and the old one had not.
    pub fn extend<L: AsRef<[u8]>>(&mut self, leaves: &[L]) -> Objects {
        let old = self.size;
        let mut objects = Objects::new();
        for leaf in leaves {
            self.bundle.push(leaf.as_ref().to_vec());
            self.push(0, record_hash(leaf.as_ref()), &mut objects);
            self.size += 1;
            if self.bundle.len() as u64 == WIDTH {
                let leaves = std::mem::take(&mut self.bundle);
                objects.push((bundle_name(self.size - WIDTH, WIDTH), encode_bundle(&leaves)));
            }
        }
        // The crate says which tiles changed; the full ones are there already.
        for tile in Tile::new_tiles(HEIGHT, old, self.size) {
            if u64::from(tile.width()) < WIDTH
                && let Some(data) = self.levels.get(usize::from(tile.level()))
            {
                objects.push((tile_name(&tile), data.clone().into()));
                if tile.level() == 0 {
                    objects
                        .push((bundle_name(self.size, u64::from(tile.width())), encode_bundle(&self.bundle)));
                }
            }
        }
        objects
    }

    fn push(&mut self, level: u8, hash: Hash, objects: &mut Objects) {
        let at = usize::from(level);
        if self.levels.len() <= at {
            self.levels.push(Vec::new());
        }
        self.levels[at].extend_from_slice(&hash.0);
        if self.levels[at].len() as u64 == WIDTH * HASH_SIZE as u64 {
            let data = std::mem::take(&mut self.levels[at]);
            let number = self.size >> HEIGHT >> (HEIGHT * level);
            objects.push((
                tile_name(&Tile::new(HEIGHT, level, number, 1 << HEIGHT, false)),
                Bytes::from(data.clone()),
            ));
            self.push(level + 1, Tile::subtree_hash(&data), objects);
        }
    }

    /// The tree's hash.
    pub fn root(&self) -> Hash {
        // Every subtree that the root is made of lies in an incomplete tile.
        tlog_tiles::tree_hash(self.size, self).unwrap_or(EMPTY_HASH)
    }
}

impl HashReader for Edge {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
        let hash = |index: &u64| {
            let tile = Tile::from_index(HEIGHT, *index);
            let data = self.levels.get(usize::from(tile.level())).ok_or(TlogError::IndexesNotInTree)?;
            tile.hash_at_index(data, *index)
        };
        indexes.iter().map(hash).collect()
    }
}

fn bundle_name(index: u64, width: u64) -> String {
    tile_name(&Tile::new(HEIGHT, 0, index / WIDTH, u32::try_from(width).unwrap_or(1), true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// All hashes of a tree, in memory.
    struct Whole(Vec<Hash>);

    impl HashReader for Whole {
        fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, TlogError> {
            Ok(indexes.iter().map(|i| self.0[usize::try_from(*i).unwrap()]).collect())
        }
    }

    #[test]
    fn the_edge_gives_the_same_tree_as_all_hashes_do_whatever_the_batches() {
        let leaf = |i: u64| i.to_be_bytes();
        let mut whole = Whole(Vec::new());
        let (mut edge, mut objects, mut size) = (Edge::default(), BTreeMap::new(), 0);
        for batch in [1, 1, 3, 250, 1, 255, 256, 2, 254, 256].iter().cycle().take(700) {
            let leaves: Vec<_> = (size..size + batch).map(leaf).collect();
            for leaf in &leaves {
                let hashes = tlog_tiles::stored_hashes(size, leaf, &whole).unwrap();
                whole.0.extend(hashes);
                size += 1;
            }
            for (name, bytes) in edge.extend(&leaves) {
                assert_eq!(objects.insert(name.clone(), bytes), None, "{name} is written twice");
            }
            if size % 16_384 < 600 {
                assert_eq!(edge.root(), tlog_tiles::tree_hash(size, &whole).unwrap(), "at {size}");
            }
        }
        assert!(size > 65_536, "a tile of level 2 was never partial: {size}");
        assert_eq!(edge.root(), tlog_tiles::tree_hash(size, &whole).unwrap());
        for tile in Tile::new_tiles(HEIGHT, 0, size) {
            let bytes = objects.get(&tile_name(&tile)).unwrap_or_else(|| panic!("no {}", tile_name(&tile)));
            assert_eq!(bytes.to_vec(), tile.read_data(&whole).unwrap(), "{}", tile_name(&tile));
        }
    }
}
