//! The tree of one checkpoint, read from tiles that are checked against it.

use std::{
    cell::RefCell,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tlog_tiles::{
    Error as TlogError, HASH_SIZE, Hash, HashReader as _, Tile, TileHashReader, TileReader, record_hash,
    stored_hash_index,
};

use super::{LogError, SignedCheckpoint, bucket::Bucket};

/// Of C2SP tlog-tiles: a full tile has 256 hashes.
pub(super) const HEIGHT: u8 = 8;
/// A full tile's and a full bundle's width.
pub(super) const WIDTH: u64 = 1 << HEIGHT;
/// Requests at a time.
pub(super) const CONCURRENCY: usize = 8;
/// Verified tiles that are kept; 8 KiB each.
const MAX_CACHED: usize = 512;
/// No bundle of ours is longer, and none of a newer release that stays at small leaves.
const MAX_BUNDLE: u64 = WIDTH * 1024;

/// A tile's object, by C2SP tlog-tiles: the height is not in the name, and data are entries.
pub(super) fn tile_name(tile: &Tile) -> String {
    let path = tile.path();
    let rest = path.strip_prefix("tile/8/").unwrap_or(&path);
    match rest.strip_prefix("data/") {
        Some(rest) => format!("tile/entries/{rest}"),
        None => format!("tile/{rest}"),
    }
}

/// A bundle as bytes: each leaf after its length, 16 bits, big-endian.
pub(super) fn encode_bundle<L: AsRef<[u8]>>(leaves: &[L]) -> Bytes {
    let mut out = Vec::new();
    for leaf in leaves {
        let leaf = leaf.as_ref();
        out.extend_from_slice(&u16::try_from(leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(leaf);
    }
    out.into()
}

fn decode_bundle(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut leaves = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (leaf, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        leaves.push(leaf.to_vec());
        bytes = rest;
    }
    bytes.is_empty().then_some(leaves)
}

/// A tree, and the tiles of it that were read and found right.
pub(super) struct Tiles {
    bucket: Bucket,
    size: u64,
    root: Hash,
    cache: Mutex<Arc<HashMap<Tile, Bytes>>>,
}

/// Gives the tiles that are there, and remembers those that are not.
struct Loaded<'a> {
    have: &'a HashMap<Tile, Bytes>,
    missing: RefCell<Vec<Tile>>,
}

impl TileReader for Loaded<'_> {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, TlogError> {
        let mut data = Vec::with_capacity(tiles.len());
        let mut missing = self.missing.borrow_mut();
        for tile in tiles {
            match self.have.get(tile) {
                Some(bytes) => data.push(bytes.to_vec()),
                None => missing.push(*tile),
            }
        }
        if missing.is_empty() { Ok(data) } else { Err(TlogError::InvalidTile) }
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

impl Tiles {
    pub fn new(bucket: Bucket, checkpoint: &SignedCheckpoint) -> Self {
        Self { bucket, size: checkpoint.size(), root: Hash(checkpoint.root()), cache: Mutex::default() }
    }

    /// Computes something over the tree's hashes. The function is run twice: to see which tiles it needs, and with
    /// them. What it gets is checked against the root.
    pub async fn compute<T>(
        &self,
        f: impl Fn(&TileHashReader<'_>) -> Result<T, TlogError>,
    ) -> Result<T, LogError> {
        let altered = || LogError::TileAltered(format!("the tree of {} entries", self.size));
        let known = Arc::clone(&self.cache.lock().unwrap_or_else(PoisonError::into_inner));
        let mut have = Arc::clone(&known);
        loop {
            let missing = {
                let loaded = Loaded { have: &have, missing: RefCell::default() };
                let result = f(&TileHashReader::new(self.size, self.root, &loaded));
                let missing = loaded.missing.take();
                if missing.is_empty() && result.is_ok() && !self.agree(&known, &have) {
                    return Err(altered());
                }
                if missing.is_empty() {
                    let value = result.map_err(|_| altered())?;
                    if have.len() <= MAX_CACHED {
                        *self.cache.lock().unwrap_or_else(PoisonError::into_inner) = have;
                    }
                    return Ok(value);
                }
                missing
            };
            let read: Vec<_> = stream::iter(missing)
                .map(|tile| async move { Ok::<_, LogError>((tile, self.tile(&tile).await?)) })
                .buffer_unordered(CONCURRENCY)
                .try_collect()
                .await?;
            Arc::make_mut(&mut have).extend(read);
        }
    }

    /// Whether each full tile that was not known yet is what its parent says. `TileHashReader` itself omits some of them (CVE-2026-56865, of
    /// which tlog_tiles 0.2.0 has a copy); the incomplete tiles it does check, all together, against the root.
    fn agree(&self, known: &HashMap<Tile, Bytes>, have: &HashMap<Tile, Bytes>) -> bool {
        let mut new =
            have.iter().filter(|(tile, _)| u64::from(tile.width()) == WIDTH && !known.contains_key(tile));
        new.all(|(tile, data)| {
            let Some(parent) = tile.parent(1, self.size) else { return false };
            let index = stored_hash_index(parent.level() * HEIGHT, tile.level_index());
            let says =
                have.get(&parent).and_then(|parent_data| parent.hash_at_index(parent_data, index).ok());
            says.is_some_and(|hash| hash == Tile::subtree_hash(data))
        })
    }

    /// Hashes by their stored index.
    pub async fn hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        if indexes.is_empty() {
            return Ok(Vec::new());
        }
        self.compute(|reader| reader.read_hashes(indexes)).await
    }

    async fn tile(&self, tile: &Tile) -> Result<Bytes, LogError> {
        let (bytes, name) = self.object(tile, WIDTH * HASH_SIZE as u64).await?;
        let wanted = tile.width() as usize * HASH_SIZE;
        if bytes.len() < wanted || bytes.len() % HASH_SIZE != 0 {
            return Err(LogError::TileAltered(name));
        }
        Ok(bytes.slice(..wanted))
    }

    /// A tile's or bundle's object. A partial one may have been dropped when the full one came (C2SP tlog-tiles).
    async fn object(&self, tile: &Tile, limit: u64) -> Result<(Bytes, String), LogError> {
        let full = Tile::new(HEIGHT, tile.level(), tile.level_index(), 1 << HEIGHT, tile.is_data());
        for tile in [tile, &full] {
            let name = tile_name(tile);
            if let Some(got) = self.bucket.get(&name, limit).await? {
                return Ok((got.bytes, name));
            }
        }
        Err(LogError::TileMissing(tile_name(tile)))
    }

    /// The leaves of a bundle, checked against the tree.
    pub async fn bundle(&self, number: u64) -> Result<Vec<Vec<u8>>, LogError> {
        let width = WIDTH.min(self.size - number * WIDTH);
        let tile = Tile::new(HEIGHT, 0, number, u32::try_from(width).unwrap_or(1), true);
        let (bytes, name) = self.object(&tile, MAX_BUNDLE).await?;
        let altered = || LogError::LeafAltered(name.clone());
        let mut leaves = decode_bundle(&bytes).ok_or_else(altered)?;
        let wanted = usize::try_from(width).unwrap_or(usize::MAX);
        if leaves.len() < wanted {
            return Err(altered());
        }
        leaves.truncate(wanted);
        let found: Vec<Hash> = leaves.iter().map(|leaf| record_hash(leaf)).collect();
        // A full bundle is one hash of the level above: its own tile need not be read.
        let agrees = if width == WIDTH {
            let data: Vec<u8> = found.iter().flat_map(|hash| hash.0).collect();
            self.hashes(&[stored_hash_index(HEIGHT, number)]).await? == [Tile::subtree_hash(&data)]
        } else {
            let indexes: Vec<_> = (0..width).map(|i| stored_hash_index(0, number * WIDTH + i)).collect();
            self.hashes(&indexes).await? == found
        };
        if agrees { Ok(leaves) } else { Err(altered()) }
    }
}
