//! Which object a request names. Whatever is not spelt exactly as C2SP tlog-tiles has it names none, so that no path reaches
//! another object of the bucket.

use camerafleet_footage::ids::TenantId;

/// A full tile: 256 hashes.
const MAX_TILE: u64 = 256 * 32;
/// As a reader takes it.
const MAX_BUNDLE: u64 = 256 * 1024;
/// A checkpoint with the signatures of some witnesses.
const MAX_CHECKPOINT: u64 = 64 << 10;
/// 256⁵ tiles: more than a log may have.
const MAX_GROUPS: usize = 5;

/// An object that anyone with the right to the Service may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Whose log.
    pub tenant: TenantId,
    /// Its name in the log's folder.
    pub name: String,
    /// The longest that it may be, in bytes.
    pub limit: u64,
    /// Whether it is text.
    pub is_text: bool,
    /// Whether it never changes.
    pub is_final: bool,
}

impl Object {
    /// `/<tenant id>/checkpoint`, `/<tenant id>/tile/<L>/<N>[.p/<W>]` and `/<tenant id>/tile/entries/<N>[.p/<W>]`.
    pub fn parse(path: &str) -> Option<Self> {
        let (tenant, name) = path.strip_prefix('/')?.split_once('/')?;
        let limit = match name.strip_prefix("tile/") {
            None if name == "checkpoint" => MAX_CHECKPOINT,
            None => return None,
            Some(tile) => match tile.split_once('/')? {
                ("entries", place) if is_place(place) => MAX_BUNDLE,
                (level, place) if is_number(level, 0, 63) && is_place(place) => MAX_TILE,
                _ => return None,
            },
        };
        Some(Self {
            tenant: TenantId::parse(tenant).ok()?,
            name: name.to_owned(),
            limit,
            is_text: name == "checkpoint",
            is_final: name != "checkpoint",
        })
    }
}

/// `x001/x234/067`, and `.p/<1 to 255>` after it for a partial one.
fn is_place(place: &str) -> bool {
    let number = match place.split_once(".p/") {
        Some((number, width)) if is_number(width, 1, 255) => number,
        Some(_) => return false,
        None => place,
    };
    let groups: Vec<&str> = number.split('/').collect();
    let is_group = |group: &str| group.len() == 3 && group.bytes().all(|b| b.is_ascii_digit());
    let Some((last, above)) = groups.split_last() else { return false };
    groups.len() <= MAX_GROUPS
        && is_group(last)
        && above.iter().all(|group| group.strip_prefix('x').is_some_and(is_group))
        && above.first() != Some(&"x000")
}

/// In its one spelling.
fn is_number(text: &str, min: u8, max: u8) -> bool {
    text.parse().is_ok_and(|number: u8| (min..=max).contains(&number) && number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tlog_tiles_names_is_found() {
        for (name, limit) in [
            ("checkpoint", MAX_CHECKPOINT),
            ("tile/0/000", MAX_TILE),
            ("tile/0/x001/x234/067", MAX_TILE),
            ("tile/1/000.p/1", MAX_TILE),
            ("tile/63/999.p/255", MAX_TILE),
            ("tile/entries/000", MAX_BUNDLE),
            ("tile/entries/x001/000.p/17", MAX_BUNDLE),
        ] {
            let object = Object::parse(&format!("/3f0c2a52-7f3e-4a51-9d27-6a1f0a8e5b11/{name}")).unwrap();
            assert_eq!((object.name.as_str(), object.limit), (name, limit));
        }
    }

    #[test]
    fn nothing_else_is() {
        for path in [
            "",
            "/",
            "/t-1",
            "/t-1/",
            "//checkpoint",
            "t-1/checkpoint",
            "/t-1//checkpoint",
            "/t-1/checkpoint/",
            "/t-1/Checkpoint",
            "/t-1/head",
            "/t-1/payloads/0000000000000-0011223344556677",
            "/t-1/keys/0000000000000-0011223344556677",
            "/t-1/log/checkpoint",
            "/../t-1/checkpoint",
            "/t-1/../t-2/checkpoint",
            "/t-1/tile/../head",
            "/t-1/tile/0/../../head",
            "/t-1/tile/0/..",
            "/t-1/tile/0/000/../001",
            "/t-1/tile",
            "/t-1/tile/",
            "/t-1/tile/0",
            "/t-1/tile/0/",
            "/t-1/tile/0/0",
            "/t-1/tile/0/00",
            "/t-1/tile/0/0000",
            "/t-1/tile/0/00a",
            "/t-1/tile/00/000",
            "/t-1/tile/64/000",
            "/t-1/tile/-1/000",
            "/t-1/tile/+1/000",
            "/t-1/tile/x/000",
            "/t-1/tile/data/000",
            "/t-1/tile/0/000.p/0",
            "/t-1/tile/0/000.p/256",
            "/t-1/tile/0/000.p/01",
            "/t-1/tile/0/000.p/",
            "/t-1/tile/0/000.p",
            "/t-1/tile/0/000.p/1/2",
            "/t-1/tile/0/x000/001",
            "/t-1/tile/0/x001",
            "/t-1/tile/0/001/002",
            "/t-1/tile/0/x001/x002/x003/x004/x005/006",
            "/t-1/tile/0/x1/002",
            "/t-1/tile/entries",
            "/t-1/tile/entries/",
            "/t-1/tile/entries/0/000",
            "/t-1/%63heckpoint",
            "/t-1/tile/0/%30%30%30",
            "/t_1/checkpoint",
            "/T-1/checkpoint",
            "/-t/checkpoint",
            "/t-1/checkpoint%00",
            "/t-1/tile/0/٠٠٠",
            "/t-1/checkpoint\0",
        ] {
            assert_eq!(Object::parse(path), None, "{path:?}");
        }
    }
}
