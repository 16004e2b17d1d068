//! A camera's stream of segments with pictures made by ffmpeg, a signer in Vault's place, and what a recipient does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use age::secrecy::ExposeSecret as _;
use camerafleet_crds::PackageForm;
use camerafleet_footage::chain::Window;
use camerafleet_footage::layout::Tracks;
use camerafleet_footage::package::{
    CameraFootage, Contents, ManifestKey, PackageError, Rest, Seen, Segment, Source, Written, instructions,
    write_clips, write_sealed,
};
use camerafleet_footage::seal::hash_segment;
use camerafleet_testkit::tool;
use jiff::Timestamp;
use serde_json::{Value, json};
use ssh_key::PrivateKey;
use ssh_key::private::Ed25519Keypair;

use crate::support::*;

/// 2026-11-25T12:00:00Z.
pub const NOON: i64 = 1_795_608_000_000;
/// Frames per second of the pictures.
pub const RATE: i64 = 25;

/// What ffmpeg is told beside the usual.
#[derive(Clone, Copy)]
pub struct Film {
    pub seconds: i64,
    pub sound: bool,
    /// Sound in the media that neither name nor header tells of.
    pub untold: bool,
    /// Frames that are shown in another order than they come.
    pub reordered: bool,
}

impl Film {
    pub const PLAIN: Self = Self { seconds: 4, sound: false, untold: false, reordered: false };
}

pub struct World {
    pub files: BTreeMap<String, Vec<u8>>,
    /// The media of each, before it was sealed.
    pub media: BTreeMap<String, Vec<u8>>,
    pub names: Vec<camerafleet_footage::layout::SegmentName>,
    pub stream_key: [u8; 32],
    pub identity: age::x25519::Identity,
    signer: Ed25519Keypair,
}

impl World {
    /// Segments one after the other from noon on.
    pub fn new(films: &[Film]) -> Self {
        let mut stream = stream();
        let stream_key = stream.public_key();
        let (mut files, mut plain, mut names) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut at_ms = NOON;
        for film in films {
            let media = film.shoot();
            let opened = Timestamp::from_millisecond(at_ms).unwrap();
            let tracks = if film.sound && !film.untold { Tracks::VideoAudio } else { Tracks::Video };
            let mut writer = stream.open(&policy(), opened, None, tracks, Vec::new()).unwrap();
            writer.write_all(&media).unwrap();
            let (finished, file) =
                stream.finish(writer, at_ms, u64::try_from(film.seconds * 1000).unwrap()).unwrap();
            at_ms += film.seconds * 1000;
            let key = finished.name.key("elm");
            files.insert(key.clone(), file);
            plain.insert(key, media);
            names.push(finished.name);
        }
        let signer = Ed25519Keypair::from_seed(&[7; 32]);
        Self { files, media: plain, names, stream_key, identity: age::x25519::Identity::generate(), signer }
    }

    pub fn segment(&self, index: usize) -> Result<Segment, PackageError> {
        let name = &self.names[index];
        let key = name.key("elm");
        let file = &self.files[&key];
        let start = &file[..file.len().min(usize::try_from(Segment::START_BYTES).unwrap())];
        let (_, digest) = hash_segment(&file[..]).unwrap();
        let place = (key, name.clone(), Some(digest));
        Segment::new(place, (start, file.len() as u64), self.stream_key, secrets(file))
    }

    /// All segments, of which these milliseconds since noon were granted.
    pub fn contents(&self, from_ms: i64, to_ms: i64, audio: bool) -> Contents {
        Contents {
            recipient: self.identity.to_public(),
            audio,
            cameras: vec![CameraFootage {
                camera: camera(),
                name: "door-1".into(),
                window: Window { from_ms: NOON + from_ms, to_ms: NOON + to_ms },
                segments: (0..self.names.len()).map(|i| self.segment(i).unwrap()).collect(),
            }],
        }
    }

    /// What stands in for the manifest: what the library says was written.
    pub fn rest(&self, form: PackageForm, seen: &Seen) -> Result<Rest, PackageError> {
        let files: Vec<Value> =
            seen.segments.iter().map(|s| json!({"object": s.key, "file": s.file})).collect();
        let manifest = serde_json::to_vec(&json!({"clips": seen.clips, "segments": files})).unwrap();
        let key = ManifestKey::new(self.signer.public.0);
        let raw = self.transit(&key.message(&manifest)?);
        Ok(Rest {
            signature: key.signature(&manifest, raw)?,
            manifest,
            signers: key.signers("tenant@example.com")?,
            verify: instructions(form, "tenant@example.com", &key.fingerprint()),
        })
    }

    /// What Transit's `sign` gives.
    fn transit(&self, message: &[u8]) -> [u8; 64] {
        use ssh_key::private::KeypairData;
        let key = PrivateKey::from(self.signer.clone());
        let KeypairData::Ed25519(pair) = key.key_data() else { panic!("an Ed25519 key") };
        let seed = pair.private.to_bytes();
        let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        pair.sign(message).as_ref().try_into().unwrap()
    }

    pub fn clips(&self, contents: &Contents) -> Result<Written<Vec<u8>>, PackageError> {
        write_clips(Vec::new(), contents, self, &mut |seen| self.rest(PackageForm::Clip, seen))
    }

    pub fn sealed(&self, contents: &Contents) -> Result<Written<Vec<u8>>, PackageError> {
        write_sealed(Vec::new(), contents, self, &mut |seen| self.rest(PackageForm::Sealed, seen))
    }
}

impl Source for World {
    fn open(&self, key: &str) -> io::Result<Box<dyn BufRead + '_>> {
        let file = self.files.get(key).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Box::new(Cursor::new(file)))
    }
}

impl Film {
    fn shoot(self) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film.mp4");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i"]);
        ffmpeg.arg(format!("testsrc2=size=320x240:rate={RATE}:duration={}", self.seconds));
        if self.sound {
            ffmpeg.args(["-f", "lavfi", "-i", &format!("sine=frequency=440:duration={}", self.seconds)]);
            ffmpeg.args(["-c:a", "aac"]);
        }
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-keyint_min", "25"]);
        ffmpeg.args(["-bf", if self.reordered { "2" } else { "0" }]);
        let flags = if self.reordered {
            "frag_keyframe+empty_moov+default_base_moof+skip_trailer+delay_moov"
        } else {
            "frag_keyframe+empty_moov+default_base_moof+skip_trailer"
        };
        ffmpeg.args(["-movflags", flags, "-f", "mp4"]).arg(&path);
        run(&mut ffmpeg);
        fs::read(path).unwrap()
    }
}

/// Runs a program that must succeed.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

/// A package in a recipient's folder.
pub struct Recipient {
    folder: tempfile::TempDir,
}

impl Recipient {
    pub fn new(world: &World, package: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.txt"), world.identity.to_string().expose_secret()).unwrap();
        fs::write(folder.path().join("package"), package).unwrap();
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// `age --decrypt` with this program.
    pub fn decrypt(&self, program: &str, from: &str, to: &str) {
        run(&mut self.command(tool(program), &["--decrypt", "--identity", "key.txt", "--output", to, from]));
    }

    pub fn untar(&self, file: &str) {
        run(&mut self.command("tar", &["-xf", file]));
    }

    /// What VERIFY.md says.
    pub fn check(&self) {
        assert!(self.verify().success());
        run(&mut self.command("sha256sum", &["--check", "--strict", "SHA256SUMS"]));
    }

    pub fn verify(&self) -> std::process::ExitStatus {
        let arguments = ["-Y", "verify", "-f", "allowed_signers", "-I", "tenant@example.com"];
        let mut command = self.command("ssh-keygen", &arguments);
        command.args(["-n", "package.camerafleet.io", "-s", "manifest.json.sig"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let manifest = fs::read(self.path("manifest.json")).unwrap();
        child.stdin.take().unwrap().write_all(&manifest).unwrap();
        child.wait().unwrap()
    }

    pub fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("manifest.json")).unwrap()).unwrap()
    }
}

/// A packet as ffprobe shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    pub at: f64,
    pub key: bool,
    pub hash: String,
}

fn probe(file: &Path, more: &[&str]) -> Value {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-of", "json"]).args(more).arg(file);
    let output = run(&mut command);
    assert!(output.stderr.is_empty(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The packets of the pictures (`v`) or the sound (`a`), in the order in which they lie there.
pub fn packets(file: &Path, stream: &str) -> Vec<Packet> {
    let more = ["-select_streams", stream, "-show_packets", "-show_data_hash", "md5"];
    let shown = probe(file, &more);
    let packet = |p: &Value| Packet {
        at: p["pts_time"].as_str().unwrap().parse().unwrap(),
        key: p["flags"].as_str().unwrap().starts_with('K'),
        hash: p["data_hash"].as_str().unwrap().to_owned(),
    };
    shown["packets"].as_array().unwrap().iter().map(packet).collect()
}

/// What streams there are.
pub fn streams(file: &Path) -> Vec<String> {
    let shown = probe(file, &["-show_streams"]);
    shown["streams"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["codec_type"].as_str().unwrap().to_owned())
        .collect()
}

/// Decodes all of it without a complaint; how many frames are shown.
pub fn frames(file: &Path) -> u64 {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning", "-xerror", "-i"]).arg(file).args(["-f", "null", "-"]);
    let output = run(&mut command);
    assert!(output.stderr.is_empty(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
    let shown =
        probe(file, &["-select_streams", "v", "-count_frames", "-show_entries", "stream=nb_read_frames"]);
    shown["streams"][0]["nb_read_frames"].as_str().unwrap().parse().unwrap()
}
