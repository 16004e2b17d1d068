//! Which ids are in the log already.

use std::collections::HashMap;

/// So many of the newest entries are known by their id: about 30 MB of memory for a log that has them all, and 2,048
/// requests when it is opened. An id that is older may be appended again.
pub(super) const INDEXED: u64 = 1 << 19;

/// The newest entries by their leaf's tag. The first of an id counts.
#[derive(Default)]
pub(super) struct Index {
    by_tag: HashMap<[u8; 16], u64>,
    /// The entries before this index have been added.
    end: u64,
}

impl Index {
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn get(&self, tag: &[u8; 16]) -> Option<u64> {
        self.by_tag.get(tag).copied()
    }

    /// Adds the entry at `index`; `None` has no tag, as of a newer release.
    pub fn add(&mut self, index: u64, tag: Option<[u8; 16]>) {
        if let Some(tag) = tag {
            self.by_tag.entry(tag).or_insert(index);
        }
        self.end = index + 1;
        // Not at each entry: a pass over all costs as much as many additions.
        if self.by_tag.len() as u64 > INDEXED + INDEXED / 8 {
            let oldest = self.end.saturating_sub(INDEXED);
            self.by_tag.retain(|_, index| *index >= oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let tag = |i: u64| Some(std::array::from_fn(|k| i.to_be_bytes()[k % 8]));
        let mut index = Index::default();
        let last = INDEXED * 2;
        for i in 0..last {
            index.add(i, tag(i));
            assert!(index.by_tag.len() as u64 <= INDEXED + INDEXED / 8);
        }
        assert_eq!(index.get(&tag(last - INDEXED).unwrap()), Some(last - INDEXED));
        assert_eq!(index.get(&tag(0).unwrap()), None);
        index.add(last, tag(last - 1));
        assert_eq!(index.get(&tag(last - 1).unwrap()), Some(last - 1), "the first of an id counts");
    }
}
