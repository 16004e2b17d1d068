//! Whether a package's release was logged before footage was opened. Pure.

use camerafleet_footage::log::{InclusionProof, Leaf, LogKey, SignedCheckpoint, entry::kind_name};
use jiff::Timestamp;

use super::{Trust, manifest::Manifest, subject};
use crate::{check::Check, moment};

/// That the release was logged, and under which key.
pub(super) fn log(manifest: &Manifest, trust: &Trust, signer_is_trusted: bool) -> Vec<Check> {
    let key = match LogKey::from_vkey(&manifest.log.key) {
        Ok(key) => key,
        Err(error) => {
            return vec![Check::failed(
                subject::LOG,
                format!("The key of the log in the manifest is none: {error}."),
            )];
        }
    };
    let (checkpoint, logged) = match proven(&manifest.log.intent, &key, manifest) {
        Ok(proven) => proven,
        Err(why) => return vec![Check::failed(subject::LOG, why)],
    };
    let what = format!(
        "Entry {} of {}, logged at {}, before the package was made",
        manifest.log.intent.index(),
        checkpoint.size(),
        moment::tell(logged)
    );
    let check = if trust.logs.contains(&key) {
        Check::ok(subject::LOG, format!("{what}, under a key that you trust."))
    } else if trust.logs.iter().any(|trusted| trusted.origin() == key.origin()) {
        Check::failed(
            subject::LOG,
            "The log's key in the manifest is another one than you trust for this log: the proof proves nothing.",
        )
    } else if signer_is_trusted {
        Check::ok(subject::LOG, format!("{what}; the log's key is the one that the signed manifest names."))
    } else {
        let ask = format!(
            "{what}. Ask an auditor, or the footage's owner, whether this is the log's key: {}",
            key.vkey()
        );
        Check::note(subject::LOG, ask)
    };
    let held = trust.checkpoints.iter().map(|(file, note)| compare(file, note, &checkpoint, &key));
    std::iter::once(check).chain(held).collect()
}

/// The proof is of this request's Intent, in the tenant's own log, and older than the package.
fn proven(
    proof: &InclusionProof,
    key: &LogKey,
    manifest: &Manifest,
) -> Result<(SignedCheckpoint, Timestamp), String> {
    let checkpoint = proof
        .verify(key)
        .map_err(|error| format!("It is not proven that the release was logged: {error}."))?;
    if key.origin().rsplit('/').next() != Some(&manifest.tenant) {
        return Err("The log in the manifest is another tenant's.".to_owned());
    }
    let leaf = Leaf::decode(proof.leaf()).filter(|leaf| kind_name(leaf.kind) == Some("Intent"));
    // As the operator names it: one for a request.
    let id = format!("intent/{}", manifest.authorization.request);
    let leaf = leaf.filter(|leaf| leaf.has_id(&id));
    let leaf = leaf.ok_or("What was logged is something else than the release of this request.")?;
    let logged = Timestamp::from_second(i64::from(leaf.minute) * 60).unwrap_or(Timestamp::MAX);
    if logged > manifest.created_at {
        return Err("The release was logged after the package was made.".to_owned());
    }
    Ok((checkpoint, logged))
}

/// With a checkpoint that was kept elsewhere.
fn compare(file: &str, note: &str, ours: &SignedCheckpoint, key: &LogKey) -> Check {
    let held = match key.open(note.as_bytes()) {
        Ok(held) => held,
        Err(error) => {
            return Check::failed(
                subject::CHECKPOINT,
                format!("{file} is no checkpoint of the log that the package names: {error}."),
            );
        }
    };
    if held.size() != ours.size() {
        let what = format!(
            "{file} is of the log with {} entries, the package's with {}: kubectl footage verify-log shows that both are of one history.",
            held.size(),
            ours.size()
        );
        Check::note(subject::CHECKPOINT, what)
    } else if held.root() == ours.root() {
        Check::ok(subject::CHECKPOINT, format!("{file} is of the same log, at the same length."))
    } else {
        let what = format!(
            "{file} contradicts the package's checkpoint: the log was forked. Keep both, they prove it."
        );
        Check::failed(subject::CHECKPOINT, what)
    }
}
