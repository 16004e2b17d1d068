//! Ways to be invalid: files and records that every reader must refuse, each for its reason.

use camerafleet_footage::layout::Tracks;
use camerafleet_footage::seal::SealedHeader;
use serde_json::json;

use super::{CAMERA, Made, TENANT, Vectors, stream_camera};

impl Vectors {
    /// An invalid segment made of a valid one; of its description only what opens it is kept.
    pub(super) fn invalid(&mut self, name: &str, of: &Made, file: Vec<u8>, error: &str) {
        let mut index = json!({ "kind": "segment", "error": error, "madeOf": of.name });
        for field in ["key", "windowKey", "epochShare", "owners"] {
            if let Some(value) = of.index.get(field) {
                index[field] = value.clone();
            }
        }
        self.add("invalid", &format!("{name}.mp4.age"), &file, index);
    }

    pub(super) fn invalid_segments(&mut self, empty: &Made, large: &Made, sound: &Made, gap: &Made) {
        for (name, tenant, camera, error) in [
            ("wrong-tenant", "another", CAMERA, "WrongTenant"),
            ("wrong-camera", TENANT, "another", "WrongCamera"),
            ("unknown-stream", TENANT, CAMERA, "WrongStreamKey"),
        ] {
            let mut stream = self.stream(tenant, camera);
            let policy = self.policy(&stream_camera(camera));
            let (finished, file) = self.seal_under(&mut stream, &policy, 10, None, Tracks::Video);
            let index = self.describe(&finished, &file, 10);
            self.invalid(name, &Made { name: "itself".into(), file: Vec::new(), index }, file, error);
        }

        let mut swapped = Made { name: sound.name.clone(), file: Vec::new(), index: sound.index.clone() };
        swapped.index["windowKey"] = sound.index["epochShare"].clone();
        swapped.index["epochShare"] = sound.index["windowKey"].clone();
        self.invalid("swapped-shares", &swapped, sound.file.clone(), "WrongSecret");
        let mut reordered = Made { name: gap.name.clone(), file: Vec::new(), index: gap.index.clone() };
        reordered.index["key"] = sound.index["key"].clone();
        self.invalid("reordered", &reordered, gap.file.clone(), "Misnamed");

        let text = |made: &Made| {
            let length = SealedHeader::parse(&made.file).unwrap().byte_length();
            (String::from_utf8(made.file[..length].to_vec()).unwrap(), made.file[length..].to_vec())
        };
        let (header, payload) = text(sound);
        let parts: Vec<&str> = header.split("-> ").collect();
        let [first, segment, window, epoch, grease] = parts[..] else { panic!("{} parts", parts.len()) };
        let joined = |parts: &[&str]| [parts.join("-> ").as_bytes(), &payload[..]].concat();
        let body = |stanza: &str| stanza.split_once('\n').unwrap().1.to_owned();
        let with_body = |stanza: &str, body: &str| format!("{}\n{body}", stanza.split_once('\n').unwrap().0);
        let changed = |from: &str, to: &str| {
            assert!(segment.contains(from), "{from}");
            joined(&[first, &segment.replacen(from, to, 1), window, epoch, grease])
        };
        let (window_swapped, epoch_swapped) =
            (with_body(window, &body(epoch)), with_body(epoch, &body(window)));
        self.invalid(
            "swapped-bodies",
            sound,
            joined(&[first, segment, &window_swapped, &epoch_swapped, grease]),
            "BadSignature",
        );
        let opened = SealedHeader::parse(&sound.file).unwrap().identity.opened_at.as_millisecond();
        let later = format!(" {} ", opened ^ 1);
        self.invalid("flipped-argument", sound, changed(&format!(" {opened} "), &later), "BadSignature");
        let flipped = |stanza: &str| {
            let body = body(stanza);
            let other = if body.starts_with('A') { "B" } else { "A" };
            with_body(stanza, &format!("{other}{}", &body[1..]))
        };
        self.invalid(
            "flipped-segment-body",
            sound,
            joined(&[first, &flipped(segment), window, epoch, grease]),
            "BadSignature",
        );
        self.invalid(
            "flipped-window-body",
            sound,
            joined(&[first, segment, &flipped(window), epoch, grease]),
            "BadSignature",
        );
        self.invalid(
            "flipped-epoch-body",
            sound,
            joined(&[first, segment, window, &flipped(epoch), grease]),
            "BadSignature",
        );
        self.invalid(
            "flipped-mac",
            sound,
            joined(&[first, segment, window, epoch, &flipped_mac(grease)]),
            "TamperedHeader",
        );
        let mac = &grease[grease.find("---").unwrap()..];
        let without = [&[first, segment, window, epoch].join("-> "), mac].concat();
        self.invalid(
            "missing-foreign-stanza",
            sound,
            [without.as_bytes(), &payload].concat(),
            "TamperedHeader",
        );
        self.invalid(
            "stanza-twice",
            sound,
            joined(&[first, segment, window, epoch, epoch, grease]),
            "Malformed",
        );
        self.invalid("no-epoch-stanza", sound, joined(&[first, segment, window, grease]), "Malformed");
        let newer = segment.replacen(" 1 ", " 2 ", 1);
        self.invalid(
            "unknown-version",
            sound,
            joined(&[first, &newer, window, epoch, grease]),
            "UnknownVersion",
        );
        self.invalid("unknown-custody", sound, changed(" vault ", " escrow "), "UnknownVersion");
        self.invalid("without-sound", sound, changed(" va ", " v "), "BadSignature");
        let newer = epoch.replacen("/epoch ", "/epoch2 ", 1);
        self.invalid(
            "unknown-stanza",
            sound,
            joined(&[first, segment, window, &newer, grease]),
            "UnknownVersion",
        );
        self.invalid(
            "unknown-age-version",
            sound,
            joined(&[&first.replace("/v1", "/v2"), segment, window, epoch, grease]),
            "UnknownVersion",
        );
        let (header, payload) = text(empty);
        let without_gap = header.replacen(" start ", " - ", 1);
        self.invalid("first-without-gap", empty, [without_gap.as_bytes(), &payload].concat(), "Malformed");
        self.invalid("not-age", sound, b"not an age file".to_vec(), "NotSealed");

        let start = SealedHeader::parse(&large.file).unwrap().byte_length();
        let first_chunk = start + 16 + 65_536 + 16;
        self.invalid("truncated-header", large, large.file[..start - 100].to_vec(), "Truncated");
        self.invalid("truncated-at-chunk", large, large.file[..first_chunk].to_vec(), "Truncated");
        self.invalid(
            "truncated-in-chunk",
            large,
            large.file[..first_chunk - 100].to_vec(),
            "TamperedPayload",
        );
        let mut flipped = sound.file.clone();
        *flipped.last_mut().unwrap() ^= 1;
        self.invalid("flipped-payload", sound, flipped, "TamperedPayload");
        self.invalid("longer", sound, [&sound.file[..], b"x"].concat(), "TamperedPayload");
    }

    pub(super) fn invalid_records(&mut self, kind: &str, json: &[u8], (from, to): (&str, &str)) {
        let text = std::str::from_utf8(json).unwrap();
        for (name, from, to, error) in [
            ("changed", from, to, "BadSignature"),
            ("space", "{", "{ ", "Malformed"),
            ("newer", "\"version\":1", "\"version\":2", "UnknownVersion"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from} in {text}");
            self.record("invalid", &format!("{kind}-{name}"), kind, changed.as_bytes(), Some(error));
        }
    }
}

/// The last stanza with another first character of the MAC behind it.
fn flipped_mac(grease: &str) -> String {
    let at = grease.find("--- ").unwrap() + 4;
    let other = if grease[at..].starts_with('A') { "B" } else { "A" };
    format!("{}{other}{}", &grease[..at], &grease[at + 1..])
}
