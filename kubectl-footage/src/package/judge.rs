//! Whether a package that was read is what it should be. Pure.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::PackageForm;
use camerafleet_footage::{
    digest::hex,
    package::{MANIFEST, MANIFEST_VERSION, SIGNATURE, SIGNERS, SUMS, check_manifest},
    seal::segment_digest,
};
use sha2::{Digest as _, Sha256};

use super::{
    CameraCoverage, Found, Keys, Trust,
    coverage::cover,
    logged::log,
    manifest::{Camera, Manifest},
    plain, subject,
};
use crate::check::{Check, Outcome, is_good};

/// All checks, in their order, and what the package holds.
pub struct Judgement {
    /// One line each.
    pub checks: Vec<Check>,
    /// Camera by camera; none where the manifest cannot be read.
    pub cameras: Vec<CameraCoverage>,
}

impl Judgement {
    /// Whether nothing is wrong. What is left to see to is no fault.
    pub fn is_good(&self) -> bool {
        is_good(&self.checks)
    }
}

/// Judges it.
pub fn judge(found: &Found, keys: &Keys, trust: &Trust) -> Judgement {
    let bytes = |name: &str| found.rest.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut checks = vec![
        Check::ok(subject::SEALING, "Your key opens it, and no byte was changed since it was sealed."),
        Check::ok(subject::ARCHIVE, archive(found)),
        one(
            subject::SUMS,
            sums(found, bytes(SUMS)),
            "Every file has the SHA-256 that SHA256SUMS says, and none is missing or extra.",
        ),
    ];
    let signer = signer(bytes(MANIFEST), bytes(SIGNATURE), bytes(SIGNERS), trust);
    let is_trusted = signer.result == Outcome::Ok;
    checks.push(signer);
    let manifest: Manifest = match read(bytes(MANIFEST)) {
        Ok(manifest) => manifest,
        Err(why) => {
            checks.push(Check::failed(subject::MANIFEST, why));
            return Judgement { checks, cameras: Vec::new() };
        }
    };
    let fits = about(&manifest, found, keys).and_then(|()| files(&manifest, found));
    checks.push(one(subject::MANIFEST, fits, "It is of this request, for you, and of exactly these files."));
    checks.push(footage(&manifest));
    checks.extend(log(&manifest, trust, is_trusted));
    Judgement {
        checks,
        cameras: manifest.cameras.iter().map(|camera| cover(camera, manifest.form)).collect(),
    }
}

fn one(check: &str, found: Result<(), String>, ok: &str) -> Check {
    match found {
        Ok(()) => Check::ok(check, ok),
        Err(why) => Check::failed(check, why),
    }
}

fn archive(found: &Found) -> String {
    let (count, bytes) = (found.files.len(), found.files.values().map(|file| file.bytes).sum());
    let what = match (found.form, count) {
        (PackageForm::Clip, 1) => "clip",
        (PackageForm::Clip, _) => "clips",
        (PackageForm::Sealed, 1) => "sealed segment",
        (PackageForm::Sealed, _) => "sealed segments",
    };
    format!("{count} {what}, {}, under plain names.", indicatif::HumanBytes(bytes))
}

fn read(manifest: &[u8]) -> Result<Manifest, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        version: u32,
    }
    let unreadable = |error: serde_json::Error| format!("The manifest cannot be read: {error}.");
    let Version { version } = serde_json::from_slice(manifest).map_err(unreadable)?;
    if version != MANIFEST_VERSION {
        return Err(format!(
            "The manifest has the format {version}, which this release does not know: use a newer kubectl footage."
        ));
    }
    serde_json::from_slice(manifest).map_err(unreadable)
}

/// What `sha256sum --check` does, and that nothing is there beside.
fn sums(found: &Found, text: &[u8]) -> Result<(), String> {
    let malformed = || "SHA256SUMS is not written as sha256sum writes it.".to_owned();
    let text = std::str::from_utf8(text).map_err(|_| malformed())?;
    let mut said = BTreeMap::new();
    for line in text.lines() {
        let (sum, path) = line.split_once("  ").ok_or_else(malformed)?;
        if said.insert(path, sum).is_some() {
            return Err(format!("SHA256SUMS names {path:?} twice."));
        }
    }
    let rest = found.rest.iter().filter(|(name, _)| **name != SUMS);
    let there = rest.map(|(name, bytes)| (*name, hex(&Sha256::digest(bytes))));
    let there: BTreeMap<&str, String> =
        there.chain(found.files.iter().map(|(path, file)| (path.as_str(), hex(&file.sha256)))).collect();
    for (path, sum) in &there {
        match said.remove(path) {
            Some(said) if said == sum => {}
            Some(_) => {
                return Err(format!("{path:?} was changed: it has another SHA-256 than SHA256SUMS says."));
            }
            None => return Err(format!("{path:?} was added: SHA256SUMS does not name it.")),
        }
    }
    match said.keys().next() {
        None => Ok(()),
        Some(path) => Err(format!("{path:?} is missing: SHA256SUMS names it.")),
    }
}

/// What `ssh-keygen -Y verify` does; and whose key it is, if that is known.
fn signer(manifest: &[u8], signature: &[u8], signers: &[u8], trust: &Trust) -> Check {
    let text = |bytes| String::from_utf8_lossy(bytes);
    let (who, key) = match check_manifest(manifest, &text(signature), &text(signers)) {
        Ok(signer) => signer,
        Err(error) => {
            let why =
                format!("The manifest was changed after it was signed, or its signature is none: {error}.");
            return Check::failed(subject::SIGNATURE, why);
        }
    };
    let (who, fingerprint) = (plain(&who), key.fingerprint());
    if trust.signers.contains(&fingerprint) {
        Check::ok(
            subject::SIGNATURE,
            format!("{who} signed the manifest, with a key that you trust ({fingerprint})."),
        )
    } else if trust.signers.is_empty() {
        let ask = format!(
            "Signed by {fingerprint}. Ask the footage's owner, by another way than you got this, whether that is their key."
        );
        Check::note(subject::SIGNATURE, ask)
    } else {
        let why = format!(
            "The manifest is signed by a key that you do not trust ({fingerprint}): somebody else made the package."
        );
        Check::failed(subject::SIGNATURE, why)
    }
}

/// That the manifest is about this package, its recipient and one request.
fn about(manifest: &Manifest, found: &Found, keys: &Keys) -> Result<(), String> {
    if manifest.form != found.form {
        return Err("The manifest is of a package of the other form.".to_owned());
    }
    if !keys.opens(&manifest.recipient) {
        return Err(format!(
            "The package was made for the recipient {} and was sealed to you by somebody else.",
            plain(&manifest.recipient)
        ));
    }
    let canonical = serde_jcs::to_vec(&manifest.request).unwrap_or_default();
    let digest = format!("sha256:{}", hex(&Sha256::digest(canonical)));
    let text = |pointer: &str| manifest.request.pointer(pointer).and_then(serde_json::Value::as_str);
    if digest != manifest.authorization.request_digest
        || text("/uid") != Some(&manifest.authorization.request)
        || text("/spec/recipient") != Some(&manifest.recipient)
    {
        return Err(
            "The request in it is not the one that people agreed to: its digest is another one.".to_owned()
        );
    }
    Ok(())
}

/// That it names each file with footage, by its digest, and no other.
fn files(manifest: &Manifest, found: &Found) -> Result<(), String> {
    let differs = |file: &str| format!("{file:?} is not the file that the manifest describes.");
    let missing = |file: &str| format!("The manifest names {file:?}, which is not there.");
    let mut named = BTreeSet::new();
    for camera in &manifest.cameras {
        for clip in &camera.clips {
            let file = found.files.get(&clip.file).ok_or_else(|| missing(&clip.file))?;
            if hex(&file.sha256) != clip.sha256 || file.bytes != clip.bytes || clip.camera != camera.camera {
                return Err(differs(&clip.file));
            }
            named.insert(&clip.file);
        }
        for segment in &camera.segments {
            let file = found.files.get(&segment.file).ok_or_else(|| missing(&segment.file))?;
            // A clip holds the media of many, under other numbers and times: their payloads are not there any more.
            if let Some((header, payload)) = &file.parts {
                let reheaded = hex(&segment_digest(header, payload));
                if hex(payload) != segment.payload || segment.reheaded.as_ref() != Some(&reheaded) {
                    return Err(differs(&segment.file));
                }
                named.insert(&segment.file);
            }
        }
    }
    match found.files.keys().find(|file| !named.contains(file)) {
        None => Ok(()),
        Some(file) => Err(format!("The manifest does not name {file:?}.")),
    }
}

/// What the manifest says of the chain of source segments: that it is said of every moment, and what.
fn footage(manifest: &Manifest) -> Check {
    if let Some(why) = manifest.cameras.iter().find_map(incoherent) {
        return Check::failed(subject::FOOTAGE, why);
    }
    let faulty: Vec<String> = manifest
        .cameras
        .iter()
        .filter(|camera| camera.chain.verdict == "incomplete" || !camera.refused.is_empty())
        .map(|camera| plain(&camera.name))
        .collect();
    if faulty.is_empty() {
        Check::ok(
            subject::FOOTAGE,
            "Every moment that was granted is recorded, or a recorder signed why it is not.",
        )
    } else {
        let what = format!(
            "Of {} something is missing or could not be proven: kubectl footage open, and -o json, say what and why.",
            faulty.join(", ")
        );
        Check::note(subject::FOOTAGE, what)
    }
}

fn incoherent(camera: &Camera) -> Option<String> {
    let name = plain(&camera.name);
    let (mut at, to) = (None, camera.to.as_millisecond());
    for stretch in &camera.chain.timeline {
        if at.is_some_and(|at| at != stretch.from_ms) || stretch.to_ms <= stretch.from_ms {
            return Some(format!("The manifest's time line of {name} has a hole, or one moment twice."));
        }
        at = Some(stretch.to_ms);
    }
    let first = camera.chain.timeline.first().map(|stretch| stretch.from_ms);
    // Whoever makes packages rounds up to whole milliseconds at the start.
    let begins = first.is_some_and(|first| (0..=1).contains(&(first - camera.from.as_millisecond())));
    if !begins || at != Some(to) {
        return Some(format!("The manifest's time line of {name} is not of what was granted."));
    }
    let mut numbers = BTreeSet::new();
    if !camera.segments.iter().all(|segment| numbers.insert((&segment.stream, segment.sequence))) {
        return Some(format!("The manifest names a segment of {name} twice."));
    }
    let is_fault = |kind: &str| !matches!(kind, "gap" | "lost");
    let has_fault = camera.chain.findings.iter().any(|finding| is_fault(&finding.kind));
    let is_so = (camera.chain.verdict == "incomplete") == has_fault;
    (!is_so).then(|| format!("The manifest's verdict on {name} contradicts what it found."))
}
