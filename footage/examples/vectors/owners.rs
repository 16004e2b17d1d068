//! A segment in the owners' keeping, and ways in which that can be wrong.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use camerafleet_footage::digest::hex;
use camerafleet_footage::layout::Tracks;
use camerafleet_footage::seal::{
    OwnersCustody, RecorderStream, SealedHeader, SegmentPolicy, WindowCustody, WindowShare, combine,
};
use serde_json::json;

use super::{CAMERA, Made, Vectors, stream_camera, unwrap};

impl Vectors {
    /// A valid segment in the keeping of any two of the three owners.
    pub(super) fn owners_segment(&mut self, name: &str, stream: &mut RecorderStream, length: usize) -> Made {
        let recipients: Vec<String> = self.owners.iter().map(|key| key.to_public().to_string()).collect();
        let owners = OwnersCustody::new(2, recipients.iter().map(String::as_str)).unwrap();
        let policy =
            SegmentPolicy { window: WindowCustody::Owners(owners), ..self.policy(&stream_camera(CAMERA)) };
        let (finished, file) = self.seal_under(stream, &policy, length, None, Tracks::Video);
        let mut index = self.describe(&finished, &file, length);
        index["owners"] = json!({ "threshold": 2, "recipients": recipients });
        let made = Made { name: name.to_owned(), file, index };
        self.add("valid", &format!("{name}.mp4.age"), &made.file, made.index.clone());
        made
    }

    /// The window key, from the first two owners' shares where it is in the owners' keeping.
    pub(super) fn window_key(&self, header: &SealedHeader) -> String {
        let Some(window) = header.owners_window() else {
            return unwrap(&self.camera_key, header.wrapped_window_key().unwrap().1);
        };
        let shares = window.shares(&header.identity).zip(&self.owners).take(2);
        let shares: Vec<_> = shares
            .map(|((context, sealed), key)| WindowShare::open(sealed, key, &context).unwrap())
            .collect();
        hex(combine(&shares, &window.context(&header.identity)).unwrap().expose())
    }

    pub(super) fn invalid_owners(&mut self, owners: &Made) {
        // The file is as it should be, and the SharingPolicy says something else.
        let mut other = Made { name: owners.name.clone(), file: Vec::new(), index: owners.index.clone() };
        other.index["owners"]["threshold"] = 3.into();
        self.invalid("wrong-threshold", &other, owners.file.clone(), "WrongOwners");
        other.index["owners"] = owners.index["owners"].clone();
        other.index["owners"]["recipients"].as_array_mut().unwrap().swap(0, 2);
        self.invalid("wrong-owners", &other, owners.file.clone(), "WrongOwners");

        let length = SealedHeader::parse(&owners.file).unwrap().byte_length();
        let header = std::str::from_utf8(&owners.file[..length]).unwrap();
        let parts: Vec<&str> = header.split("-> ").collect();
        let (line, body) = parts[2].split_once('\n').unwrap();
        let body = BASE64_STANDARD_NO_PAD.decode(body.replace('\n', "")).unwrap();
        let with_body = |body: &[u8]| {
            let text = BASE64_STANDARD_NO_PAD.encode(body);
            let lines: Vec<&str> =
                text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
            // A full last line is followed by an empty one.
            let end = if text.len().is_multiple_of(64) { "\n" } else { "" };
            let window = format!("{line}\n{}\n{end}", lines.join("\n"));
            let header = [parts[0], parts[1], &window, parts[3], parts[4]].join("-> ");
            [header.as_bytes(), &owners.file[length..]].concat()
        };
        assert!(with_body(&body) == owners.file);
        let mut commitment = body.clone();
        commitment[2] ^= 1;
        self.invalid("flipped-commitment", owners, with_body(&commitment), "Malformed");
        // The second share in the first one's place, and the first in its.
        let first = 34 + 4 + u32::from_be_bytes(body[34..38].try_into().unwrap()) as usize;
        let second = first + 4 + u32::from_be_bytes(body[first..first + 4].try_into().unwrap()) as usize;
        let swapped = [&body[..34], &body[first..second], &body[34..first], &body[second..]].concat();
        self.invalid("swapped-owners-shares", owners, with_body(&swapped), "BadSignature");
    }
}
