//! What a frame's NAL units say that retina does not: H.265 random access points other than IDR, and the frames
//! that cannot be decoded when playing starts at one.

/// What an H.265 access unit is to a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Decoding can start here: IDR, BLA or CRA.
    Start,
    /// Shown before a [`Start`](Self::Start), but it refers to what was before that one (RASL).
    Leading,
    /// Any other.
    Other,
}

/// Looks at an access unit of NAL units with four-byte lengths. `nal_unit_type` as in ITU-T H.265, table 7-1.
pub fn h265_access(data: &[u8]) -> Access {
    for nal in nals(data) {
        let Some(first) = nal.first() else { continue };
        match (first >> 1) & 0x3f {
            16..=21 => return Access::Start,
            8 | 9 => return Access::Leading,
            0..=15 => return Access::Other,
            _ => {}
        }
    }
    Access::Other
}

fn nals(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = data.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let nal = rest.get(..length)?;
        data = &rest[length..];
        Some(nal)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(types: &[u8]) -> Vec<u8> {
        types.iter().flat_map(|t| [0, 0, 0, 3, t << 1, 1, 0xaa]).collect()
    }

    #[test]
    fn the_first_slice_decides() {
        for (types, want) in [
            (&[19][..], Access::Start),
            (&[21], Access::Start),
            (&[39, 21], Access::Start),
            (&[35, 16], Access::Start),
            (&[8], Access::Leading),
            (&[39, 9], Access::Leading),
            (&[1], Access::Other),
            (&[6], Access::Other),
            (&[39], Access::Other),
            (&[], Access::Other),
        ] {
            assert_eq!(h265_access(&unit(types)), want, "{types:?}");
        }
        assert_eq!(
            h265_access(&[0, 0, 0, 9, 0x26]),
            Access::Other,
            "a cut-off unit is not read past its end"
        );
    }
}
