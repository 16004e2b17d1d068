//! A package with a manifest, a signature and a log proof of their own, and what it takes to change one as somebody who can
//! seal to the recipient would.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::Command,
};

use age::secrecy::ExposeSecret as _;
use camerafleet_crds::{Basis, PackageForm};
use camerafleet_footage::{
    chain::{Finding, Kind, Report, State, Stretch, Verdict},
    digest::hex,
    ids::RequestUid,
    log::InclusionProof,
    package::{
        Authorization, CameraManifest, LogProof, MANIFEST_VERSION, Manifest, ReleasedSegment, Rest, Seen,
        instructions, write_clips, write_sealed,
    },
    seal::segment_digest,
};
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::{
    ledger::{Key, Log, REQUEST, SIGNER},
    support::{camera, tenant},
    world::{Film, NOON, World},
};

/// A recipient with their key, and a package.
pub struct Kit {
    pub folder: tempfile::TempDir,
    pub world: World,
    pub signer: Key,
    pub log: Log,
    pub form: PackageForm,
}

/// What a command ended with, and said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Kit {
    /// Eight seconds of pictures, of which 1 to 7 were granted; sealed, all eight.
    pub async fn new(form: PackageForm) -> Self {
        let kit = Self {
            folder: tempfile::tempdir().unwrap(),
            world: World::new(&[Film::PLAIN; 2]),
            signer: Key::new(7),
            log: Log::new(&tenant(), 1).await,
            form,
        };
        fs::write(kit.path("key.txt"), kit.world.identity.to_string().expose_secret()).unwrap();
        kit
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The package, after its manifest was changed before it was signed.
    pub async fn package(&self, change: impl Fn(&mut Manifest)) -> Vec<u8> {
        let (from, to) = if self.form == PackageForm::Clip { (1_000, 7_000) } else { (0, 8_000) };
        let contents = self.world.contents(from, to, false);
        let proof = self.log.prove(1).await;
        let mut rest = |seen: &Seen| {
            let mut manifest = self.manifest(seen, (NOON + from, NOON + to), proof.clone());
            change(&mut manifest);
            let manifest = manifest.to_json();
            let (signers, signature) = self.signer.manifest(&manifest);
            let verify = instructions(self.form, SIGNER, &self.signer.fingerprint());
            Ok(Rest { manifest, signature, signers, verify })
        };
        match self.form {
            PackageForm::Clip => write_clips(Vec::new(), &contents, &self.world, &mut rest).unwrap().out,
            PackageForm::Sealed => write_sealed(Vec::new(), &contents, &self.world, &mut rest).unwrap().out,
        }
    }

    fn manifest(&self, seen: &Seen, (from_ms, to_ms): (i64, i64), intent: InclusionProof) -> Manifest {
        let recipient = self.world.identity.to_public().to_string();
        let request = json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest", "namespace": "elm-street",
            "name": "r-1", "uid": REQUEST, "spec": {"caseNumber": "7", "recipient": recipient},
        });
        let digest = Sha256::digest(serde_jcs::to_vec(&request).unwrap());
        let segment = |read: &camerafleet_footage::package::SeenSegment| {
            let index = self.world.names.iter().position(|name| name.key("elm") == read.key).unwrap();
            let (name, header) = (&self.world.names[index], self.world.segment(index).unwrap().header_digest);
            ReleasedSegment {
                object: read.key.clone(),
                stream: name.stream.clone(),
                sequence: name.sequence,
                start_ms: name.start_ms,
                duration_ms: name.duration_ms,
                digest: hex(&segment_digest(&header, &read.payload)),
                payload: hex(&read.payload),
                file: read.file.clone(),
                reheaded: read.reheaded.map(|digest| hex(&digest)),
            }
        };
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        Manifest {
            version: MANIFEST_VERSION,
            tenant: tenant(),
            form: self.form,
            recipient,
            audio: false,
            created_at: super::support::at("2026-11-25T14:00:00Z"),
            made_by: "a test".into(),
            request,
            authorization: Authorization {
                request: RequestUid::parse(REQUEST).unwrap(),
                request_digest: format!("sha256:{}", hex(&digest)),
                basis: Basis::Consent,
                approvals: Vec::new(),
                order: None,
                order_document: None,
                order_digest: None,
            },
            cameras: vec![CameraManifest {
                camera: camera(),
                name: "door-1".into(),
                from: at(from_ms),
                to: at(to_ms),
                policies: Vec::new(),
                chain: Report {
                    verdict: Verdict::CompleteByHeaders,
                    timeline: vec![Stretch { from_ms, to_ms, state: State::Recorded }],
                    findings: Vec::new(),
                },
                segments: seen.segments.iter().map(segment).collect(),
                refused: Vec::new(),
                clips: seen.clips.clone(),
            }],
            log: LogProof { intent: intent.into(), key: self.log.key.log_key(&tenant()).vkey() },
        }
    }

    /// The files of a package of the form Clip; of one of the form Sealed those of `rest.tar.age` after those beside it.
    pub fn unpack(&self, package: &[u8]) -> Files {
        if self.form == PackageForm::Clip {
            return Files::untar(&self.decrypt(package));
        }
        let mut files = Files::untar(package);
        let rest = files.0.pop().unwrap();
        assert_eq!(rest.path, "rest.tar.age");
        files.0.extend(Files::untar(&self.decrypt(&rest.content)).0);
        files
    }

    /// The reverse, by somebody who knows the recipient's public key.
    pub fn pack(&self, files: &Files) -> Vec<u8> {
        if self.form == PackageForm::Clip {
            return self.encrypt(&files.tar());
        }
        let is_outside = |file: &&File| file.path.ends_with(".age");
        let mut outer = Files(files.0.iter().filter(is_outside).cloned().collect());
        let inner = Files(files.0.iter().filter(|file| !is_outside(file)).cloned().collect());
        outer.0.push(File::new("rest.tar.age", self.encrypt(&inner.tar())));
        outer.tar()
    }

    fn decrypt(&self, sealed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        let opened = age::Decryptor::new(sealed).unwrap();
        let identity: &dyn age::Identity = &self.world.identity;
        opened.decrypt(std::iter::once(identity)).unwrap().read_to_end(&mut plain).unwrap();
        plain
    }

    pub fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let recipient = self.world.identity.to_public();
        let encryptor =
            age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient)).unwrap();
        let mut writer = encryptor.wrap_output(Vec::new()).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    /// `kubectl footage <command> package --identity key.txt …`.
    pub fn run(&self, command: &str, more: &[&str]) -> Said {
        let mut program = Command::new(env!("CARGO_BIN_EXE_kubectl-footage"));
        program.args([command, "package", "--identity", "key.txt"]).args(more);
        // Neither command needs a cluster.
        let output = program.env("KUBECONFIG", "/nowhere").current_dir(self.folder.path()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    pub fn put(&self, package: &[u8]) {
        fs::write(self.path("package"), package).unwrap();
    }

    /// What lies in the folder beside key and package.
    pub fn left(&self) -> Vec<String> {
        let names =
            fs::read_dir(self.folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !matches!(name.as_str(), "key.txt" | "package")).collect()
    }

    /// Whether the commands in VERIFY.md find nothing wrong.
    pub fn stock_is_content(&self, files: &Files) -> bool {
        let verify = instructions(self.form, SIGNER, &self.signer.fingerprint());
        let (_, section) = verify.split_once("## That nothing was changed").unwrap();
        let script = section.split("```").nth(1).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for file in &files.0 {
            let path = folder.path().join(&file.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &file.content).unwrap();
        }
        let mut shell = Command::new("sh");
        let output = shell.args(["-e", "-c", script]).current_dir(folder.path()).output().unwrap();
        output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("CHANGED: ")
    }
}

#[derive(Clone)]
pub struct File {
    pub path: String,
    pub kind: tar::EntryType,
    pub content: Vec<u8>,
}

impl File {
    pub fn new(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), kind: tar::EntryType::Regular, content: content.into() }
    }
}

/// A tar's files, in their order.
#[derive(Clone)]
pub struct Files(pub Vec<File>);

impl Files {
    pub fn untar(bytes: &[u8]) -> Self {
        let mut archive = tar::Archive::new(bytes);
        let file = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            File::new(entry.path().unwrap().to_str().unwrap(), content)
        };
        Self(archive.entries().unwrap().map(file).collect())
    }

    pub fn tar(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for file in &self.0 {
            let mut header = tar::Header::new_ustar();
            // As it is: set_path refuses what an attacker would write.
            let ustar = header.as_ustar_mut().unwrap();
            match file.path.len() {
                ..=100 => ustar.name[..file.path.len()].copy_from_slice(file.path.as_bytes()),
                _ => header.set_path(&file.path).unwrap(),
            }
            header.set_entry_type(file.kind);
            header.set_size(file.content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            out.extend_from_slice(header.as_bytes());
            out.extend_from_slice(&file.content);
            out.resize(out.len().next_multiple_of(512), 0);
        }
        out.resize(out.len() + 1024, 0);
        out
    }

    pub fn get(&mut self, path: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|file| file.path == path).unwrap().content
    }

    /// The first file with footage.
    pub fn footage(&mut self) -> &mut File {
        &mut self.0[0]
    }

    pub fn remove(&mut self, path: &str) {
        self.0.retain(|file| file.path != path);
    }

    /// SHA256SUMS anew, as of what is there.
    pub fn sum(&mut self) {
        let sums = self.0.iter().filter(|file| file.path != "SHA256SUMS");
        let sums: String =
            sums.map(|file| format!("{}  {}\n", hex(&Sha256::digest(&file.content)), file.path)).collect();
        *self.get("SHA256SUMS") = sums.into_bytes();
    }
}

/// A finding as the chain makes them.
pub fn gap(from_ms: i64, to_ms: i64) -> Finding {
    Finding {
        kind: Kind::Gap,
        stream: None,
        sequences: None,
        time_ms: Some((from_ms, to_ms)),
        object: None,
        sentence: "The camera could not be reached (stalled).".into(),
    }
}
