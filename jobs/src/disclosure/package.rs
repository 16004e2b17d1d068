//! The package: made once, whoever comes first.

use std::{collections::HashMap, sync::Arc};

use camerafleet_crds::PackageForm;
use camerafleet_footage::{
    chain::verify,
    digest::hex,
    disclosure::job::{Receipt, package_folder, receipt_key},
    package::{
        Authorization, CameraManifest, Contents, LogProof, MANIFEST_KEY, MANIFEST_VERSION, Manifest,
        ManifestKey, PackageError, ReleasedSegment, Rest, Seen, StoreSource, Upload, Written, instructions,
        part_bytes, write_clips, write_sealed,
    },
    seal::segment_digest,
};
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, path::Path};
use tokio::runtime::Handle;

use super::{
    Decided, Job, JobError, Objects, footage::Found, footage::leave_out, footage::policies, log::Told,
};

/// How many damaged segments are left out, one after the other, before the run gives up.
const MAX_DAMAGED: usize = 16;
/// A receipt has about 400 bytes.
const MAX_RECEIPT_BYTES: u64 = 16 << 10;

/// The request's package, if there is one.
pub(super) async fn existing<O: Objects>(job: &Job<O>) -> Result<Option<Receipt>, JobError> {
    let config = &job.config;
    let key = path(&receipt_key(&config.store.prefix, &config.tenant, &config.request_uid))?;
    let failed = JobError::store("read what was packed before");
    let found = match job.store.get(&key).await {
        Ok(found) => found,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if found.meta.size > MAX_RECEIPT_BYTES {
        return Err(JobError::OtherThanIntended("package"));
    }
    let receipt: Receipt = serde_json::from_slice(&found.bytes().await.map_err(&failed)?)
        .map_err(|_| JobError::OtherThanIntended("package"))?;
    let folder = package_folder(&config.store.prefix, &config.tenant, &config.request_uid);
    if receipt.intent != config.intent
        || receipt.request != config.request_uid
        || !receipt.key.starts_with(&folder)
    {
        return Err(JobError::OtherThanIntended("package"));
    }
    let object = job.store.head(&path(&receipt.key)?).await.map_err(&failed)?;
    if object.size != receipt.bytes {
        return Err(JobError::OtherThanIntended("package"));
    }
    Ok(Some(receipt))
}

/// Makes it under a name of its own, and then says that it is the request's: of two runs, the first to say so has made it.
pub(super) async fn make<O: Objects>(
    job: &Job<O>,
    decided: &Decided,
    told: &Told,
    found: Found,
) -> Result<Receipt, JobError> {
    let config = &job.config;
    let folder = package_folder(&config.store.prefix, &config.tenant, &config.request_uid);
    let vault = job.keys.session(&config.vault).await?;
    let public = vault.signing_public_key(&config.vault.mount, MANIFEST_KEY).await?;
    let mut maker = Maker { job, decided, told, found, key: ManifestKey::new(public) };
    for _ in 0..MAX_DAMAGED {
        let suffix = match decided.authorized.form {
            PackageForm::Clip => "tar.age",
            PackageForm::Sealed => "tar",
        };
        let key = format!("{folder}{}-{}.{suffix}", config.intent, random()?);
        match maker.attempt(&path(&key)?).await {
            Ok(written) => {
                let receipt = Receipt {
                    request: config.request_uid.clone(),
                    intent: config.intent,
                    key,
                    sha256: hex(&written.sha256),
                    bytes: written.bytes,
                    segments: written.segments,
                    manifest: hex(&written.manifest),
                };
                return commit(job, receipt).await;
            }
            Err(JobError::Package(PackageError::Damaged { key, why })) => {
                tracing::warn!(object = key, why, "a segment is damaged and left out");
                if !leave_out(&mut maker.found, &key, &why) {
                    return Err(JobError::Package(PackageError::Damaged { key, why }));
                }
            }
            Err(error) => return Err(error),
        }
        if maker.found.footage.iter().all(|footage| footage.segments.is_empty()) {
            return Err(JobError::NothingStored);
        }
    }
    Err(JobError::Package(PackageError::Layout("too many segments are damaged")))
}

fn random() -> Result<String, JobError> {
    let mut bytes = [0; 8];
    rustls::crypto::aws_lc_rs::default_provider().secure_random.fill(&mut bytes).map_err(|_| {
        JobError::Setup { what: "The system's randomness".to_owned(), why: "it failed".to_owned() }
    })?;
    Ok(hex(&bytes))
}

fn path(key: &str) -> Result<Path, JobError> {
    Path::parse(key)
        .map_err(|source| JobError::store("name the package")(object_store::Error::InvalidPath { source }))
}

async fn commit<O: Objects>(job: &Job<O>, receipt: Receipt) -> Result<Receipt, JobError> {
    let config = &job.config;
    let failed = JobError::store("write the package");
    let key = path(&receipt_key(&config.store.prefix, &config.tenant, &config.request_uid))?;
    let body = serde_json::to_vec(&receipt).unwrap_or_else(|e| unreachable!("it is plain data: {e}"));
    let once = PutOptions::from(PutMode::Create);
    let receipt = match job.store.put_opts(&key, body.into(), once).await {
        Ok(_) => receipt,
        Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
            // Another run was first, or this one's answer was lost.
            existing(job).await?.ok_or(JobError::OtherThanIntended("package"))?
        }
        Err(error) => return Err(failed(error)),
    };
    if let Err(error) = remove_others(job, &receipt.key, key.as_ref()).await {
        tracing::warn!(%error, "packages that were begun and not used are left");
    }
    Ok(receipt)
}

/// What other runs have left.
async fn remove_others<O: Objects>(job: &Job<O>, package: &str, receipt: &str) -> object_store::Result<()> {
    let config = &job.config;
    let folder = Path::from(package_folder(&config.store.prefix, &config.tenant, &config.request_uid));
    let mut listing = job.store.list(Some(&folder));
    while let Some(object) = listing.try_next().await? {
        let key = object.location.as_ref();
        if key != package && key != receipt {
            job.store.delete(&object.location).await?;
        }
    }
    Ok(())
}

struct Maker<'j, O> {
    job: &'j Job<O>,
    decided: &'j Decided,
    told: &'j Told,
    found: Found,
    key: ManifestKey,
}

impl<O: Objects> Maker<'_, O> {
    /// One attempt: nothing is left of one that failed.
    async fn attempt(&mut self, key: &Path) -> Result<Written<()>, JobError> {
        let store = &self.job.store;
        let authorized = &self.decided.authorized;
        let recipient = authorized.recipient.parse().map_err(PackageError::Recipient)?;
        let footage = std::mem::take(&mut self.found.footage);
        let expected: u64 = footage.iter().flat_map(|f| &f.segments).map(|segment| segment.bytes()).sum();
        let contents = Contents { recipient, audio: authorized.audio, cameras: footage };
        let begun = Upload::begin(&**store, key, part_bytes(expected)).await;
        let mut upload = begun.map_err(JobError::store("begin the package"))?;
        // It blocks while parts are on their way; nothing else runs in this process meanwhile.
        let written = tokio::task::block_in_place(|| {
            let source = StoreSource::new(Arc::clone(store));
            let mut rest = |seen: &Seen| self.rest(&contents, seen);
            match authorized.form {
                PackageForm::Clip => write_clips(&mut upload, &contents, &source, &mut rest),
                PackageForm::Sealed => write_sealed(&mut upload, &contents, &source, &mut rest),
            }
            .map(|Written { sha256, bytes, manifest, segments, .. }| Written {
                out: (),
                sha256,
                bytes,
                manifest,
                segments,
            })
        });
        self.found.footage = contents.cameras;
        match written {
            Ok(written) => {
                upload.finish().await.map_err(JobError::store("complete the package"))?;
                Ok(written)
            }
            Err(error) => {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, "parts of a package that failed are left");
                }
                Err(error.into())
            }
        }
    }

    /// The manifest, signed. On the thread that blocks.
    fn rest(&self, contents: &Contents, seen: &Seen) -> Result<Rest, PackageError> {
        let manifest = self.manifest(contents, seen).to_json();
        let message = self.key.message(&manifest)?;
        let config = &self.job.config;
        let signed = Handle::current().block_on(async {
            // The first session may be over by now.
            let vault = self.job.keys.session(&config.vault).await?;
            Ok::<_, JobError>(vault.sign(&config.vault.mount, MANIFEST_KEY, &message).await?)
        });
        let raw = signed.map_err(|error| PackageError::Manifest(Box::new(error)))?;
        let signer = format!("camerafleet-{}", config.tenant);
        Ok(Rest {
            signature: self.key.signature(&manifest, raw)?,
            signers: self.key.signers(&signer)?,
            verify: instructions(self.decided.authorized.form, &signer, &self.key.fingerprint()),
            manifest,
        })
    }

    fn manifest(&self, contents: &Contents, seen: &Seen) -> Manifest {
        let Decided { authorized, frozen, orders, .. } = self.decided;
        let order = authorized.order.as_ref().and_then(|uid| orders.iter().find(|(own, ..)| own == uid));
        Manifest {
            version: MANIFEST_VERSION,
            tenant: self.job.config.tenant.clone(),
            form: authorized.form,
            recipient: authorized.recipient.clone(),
            audio: authorized.audio,
            created_at: (self.job.now)(),
            made_by: concat!("camerafleet disclosure ", env!("CARGO_PKG_VERSION")).to_owned(),
            request: serde_json::json!({
                "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest",
                "namespace": frozen.namespace, "name": frozen.name, "uid": frozen.uid,
                "spec": without_withdrawn(&frozen.spec),
            }),
            authorization: Authorization {
                request: authorized.request.clone(),
                request_digest: authorized.digest.to_string(),
                basis: authorized.basis,
                approvals: authorized.approvals.iter().cloned().collect(),
                order: authorized.order.clone(),
                order_document: order.and_then(|(_, _, document)| document.clone()),
                order_digest: order.map(|(_, digest, _)| digest.to_string()),
            },
            cameras: self.cameras(contents, seen),
            log: LogProof { intent: self.told.proof.clone().into(), key: self.told.vkey.clone() },
        }
    }

    fn cameras(&self, contents: &Contents, seen: &Seen) -> Vec<CameraManifest> {
        let mut cameras = Vec::with_capacity(self.found.known.len());
        let read: HashMap<&str, _> = seen.segments.iter().map(|one| (one.key.as_str(), one)).collect();
        for (known, footage) in self.found.known.iter().zip(&contents.cameras) {
            // What was read tells more than the headers: the chain is judged again with it.
            let mut evidence = known.evidence.clone();
            for stored in &mut evidence.segments {
                stored.payload = read.get(stored.key.as_str()).map(|read| read.payload);
            }
            let mut segments = Vec::new();
            for segment in &footage.segments {
                let Some(read) = read.get(segment.key.as_str()) else { continue };
                let name = &segment.name;
                segments.push(ReleasedSegment {
                    object: segment.key.clone(),
                    stream: name.stream.clone(),
                    sequence: name.sequence,
                    start_ms: name.start_ms,
                    duration_ms: name.duration_ms,
                    digest: hex(&segment_digest(&segment.header_digest, &read.payload)),
                    payload: hex(&read.payload),
                    file: read.file.clone(),
                    reheaded: read.reheaded.map(|digest| hex(&digest)),
                });
            }
            cameras.push(CameraManifest {
                camera: known.camera.clone(),
                name: known.name.clone(),
                from: known.release.window.from(),
                to: known.release.window.to(),
                policies: policies(&known.release),
                chain: verify(&evidence),
                segments,
                refused: known.refused.clone(),
                clips: seen.clips.iter().filter(|clip| clip.camera == known.camera).cloned().collect(),
            });
        }
        cameras
    }
}

fn without_withdrawn(spec: &serde_json::Value) -> serde_json::Value {
    let mut spec = spec.clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("withdrawn");
    }
    spec
}
