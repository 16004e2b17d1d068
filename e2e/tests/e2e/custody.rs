//! Who can open what a real recorder sealed, and what vouches for it.

use std::{io::Read as _, time::Duration};

use age::x25519::Identity;
use anyhow::{Context, Result, bail, ensure};
use camerafleet_crds::{Camera, SharingPolicy};
use camerafleet_e2e::{
    demo::{OPERATOR_NAMESPACE, TENANT, Vaulted, identities, wait},
    suite::{alone, installed},
};
use camerafleet_footage::{
    chain::{self, Anchors, Bodies, Place, Verdict, Window},
    custody::{self, CustodyError},
    digest::hex,
    log::{Entry, entry::Record},
    seal::{SealedHeader, SegmentExpectation, WindowShare, combine, open},
};
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

/// A segment of `examples/` is 10 s long; the recorder is told, connects, and the store has it in this time.
const SOON: Duration = Duration::from_secs(60);

/// Everything that the tenant's log says by now.
async fn logged(
    vaulted: &Vaulted,
    fleet: &camerafleet_e2e::suite::Fleet,
    camera: &str,
) -> Result<Vec<Record>> {
    let (tenant, _) = identities(fleet, camera).await?;
    let reader = vaulted.log(fleet, &tenant).await?;
    let checkpoint = reader.checkpoint().await?;
    let snapshot = reader.at(&checkpoint);
    let entries = snapshot.entries(0).map_err(anyhow::Error::from);
    entries.and_then(async |entry| Ok(entry.record()?.clone())).try_collect().await
}

/// Two owners keep the keys of a camera: Vault's root token opens nothing of it, one owner neither, both do.
#[tokio::test]
async fn what_the_owners_keep_no_administrator_opens() -> Result<()> {
    let fleet = installed().await?;
    let vaulted = Vaulted::open(&fleet).await?;
    let client = fleet.ground.client.clone();
    let owners = [Identity::generate(), Identity::generate()];
    let spec = json!({"custody": "Owners", "owners": [
        {"name": "flat-1a", "user": "owner-1@example.com", "ageRecipient": owners[0].to_public().to_string()},
        {"name": "flat-1b", "user": "owner-2@example.com", "ageRecipient": owners[1].to_public().to_string()},
    ]});
    let policies = Api::<SharingPolicy>::namespaced(client.clone(), TENANT);
    let policy = SharingPolicy::new("landing", serde_json::from_value(spec)?);
    policies.create(&PostParams::default(), &policy).await?;
    let cameras = Api::<Camera>::namespaced(client.clone(), TENANT);
    let mut camera = Camera::new("landing", cameras.get("yard").await?.spec);
    camera.spec.sharing_policy_ref = Some("landing".into());
    cameras.create(&PostParams::default(), &camera).await?;
    wait::state(&client, "landing", "Recording", SOON).await?;
    let segment = vaulted.wait_for_segment(&fleet, "landing").await?;
    let sealed = vaulted.sealed(&segment).await?;
    let header = SealedHeader::parse(&sealed)?;

    // Vault under its root token has the epoch's share, and nothing that gives the window key.
    let epoch = custody::epoch_share(vaulted.vault(), vaulted.mount(), &header).await?;
    let window = custody::window_key(vaulted.vault(), vaulted.mount(), &header).await;
    ensure!(matches!(window, Err(CustodyError::OwnersKeepIt)), "Vault gave the window key");
    let window = header.owners_window().context("the segment is not in the owners' keeping")?;
    let shares = window.shares(&header.identity).zip(&owners);
    let shares = shares.map(|((context, share), owner)| WindowShare::open(share, owner, &context));
    let shares = shares.collect::<Result<Vec<_>, _>>()?;
    let context = window.context(&header.identity);
    ensure!(combine(&shares[..1], &context).is_err(), "one owner of two opens it");
    let key = combine(&shares, &context)?;
    let name = &segment.name;
    let expected =
        SegmentExpectation { tenant: name.tenant.clone(), camera: name.camera.clone(), stream_key: None };
    let mut media = Vec::new();
    open(&sealed[..], &expected, key, epoch)?.read_to_end(&mut media)?;
    ensure!(media.get(4..8) == Some(b"ftyp"), "what opened is no MP4");

    // The revision was logged before the segment named it.
    let digest = hex(&header.identity.sharing_policy);
    let revision =
        logged(&vaulted, &fleet, "landing").await?.into_iter().find_map(|record| match record.entry {
            Entry::PolicyRevision(revision) if revision.digest == digest => Some((record.at, revision.spec)),
            _ => None,
        });
    let (at, spec) = revision.context("the policy's revision is not in the log")?;
    ensure!(at < header.identity.opened_at && spec.contains("flat-1b"), "{at}: {spec}");
    cameras.delete("landing", &DeleteParams::default()).await?;
    policies.delete("landing", &DeleteParams::default()).await?;
    Ok(())
}

/// A recorder's stream and the keys that it seals to are in the log, and by them its footage is whole.
#[tokio::test]
async fn by_the_log_what_is_recorded_is_whole_and_sealed_to_the_keys_that_were_made() -> Result<()> {
    let fleet = installed().await?;
    let vaulted = Vaulted::open(&fleet).await?;
    let (tenant, camera) = identities(&fleet, "front-door").await?;
    let stream = vaulted.wait_for_segment(&fleet, "front-door").await?.name.stream;
    // The operator looks for new streams every 15 s.
    let records = wait::until("the recorder's stream is logged", SOON, async || {
        let records = logged(&vaulted, &fleet, "front-door").await?;
        let started = records.iter().any(|record| match &record.entry {
            Entry::StreamStarted(started) => started.stream == stream,
            _ => false,
        });
        Ok(started.then_some(records))
    })
    .await?;
    let mut anchors = Anchors::of(camera.clone());
    records.iter().for_each(|record| anchors.add(record));
    let anchors = anchors.finish();
    let anchor = anchors.iter().find(|anchor| anchor.stream == stream).context("the stream has no anchor")?;
    let started = anchor.started_ms;

    // Between two segments whose successor is stored, both signed: nothing is missing, payloads included.
    let (from_ms, to_ms) = wait::until("three segments of the stream are stored", SOON, async || {
        let mut segments = vaulted.segments(&fleet, "front-door").await?;
        segments.retain(|segment| segment.name.stream == stream && segment.name.end_ms() > started);
        let [first, .., last, _successor] = &segments[..] else { return Ok(None) };
        Ok(Some((first.name.start_ms, last.name.end_ms())))
    })
    .await?;
    let place = Place { prefix: TENANT.into(), tenant, camera };
    let window = Window { from_ms, to_ms };
    let evidence = chain::read(vaulted.store(), &place, window, anchors, Bodies::Hash).await?;
    let report = chain::verify(&evidence);
    ensure!(report.verdict == Verdict::Complete, "{report:#?}");

    wait::until("heads of chains are logged", SOON, async || {
        let records = logged(&vaulted, &fleet, "front-door").await?;
        let heads = records.iter().filter_map(|record| match &record.entry {
            Entry::ChainHeads(heads) => Some(heads.heads.len()),
            _ => None,
        });
        Ok((heads.sum::<usize>() > 0).then_some(()))
    })
    .await?;

    let key = |name: &str| {
        records.iter().find_map(|record| match &record.entry {
            Entry::KeyCreated(created) if created.key == name => Some(created.fingerprint.clone()),
            _ => None,
        })
    };
    for segment in &evidence.segments {
        let Some(identity) = segment.header.as_ref().ok().and_then(|header| header.identity()) else {
            bail!("{} has no header that its stream signed", segment.key)
        };
        let (camera_key, epoch_key) =
            (identity.window_key_name().context("custody Vault")?, identity.epoch_key_name());
        ensure!(
            key(&camera_key) == Some(hex(&identity.window_recipient)),
            "{camera_key} is another in the log"
        );
        ensure!(key(&epoch_key) == Some(hex(&identity.epoch_recipient)), "{epoch_key} is another in the log");
    }
    Ok(())
}

/// While the log takes nothing, recording goes on under the policy that is logged; the new one is in force once it is.
#[tokio::test]
async fn no_segment_names_a_policy_that_is_not_logged() -> Result<()> {
    let fleet = alone().await?;
    let vaulted = Vaulted::open(&fleet).await?;
    let client = fleet.ground.client.clone();
    let secrets = Api::<Secret>::namespaced(client.clone(), OPERATOR_NAMESPACE);
    let credential = |secret: &str| Patch::Merge(json!({"stringData": {"secretAccessKey": secret}}));
    let policies = Api::<SharingPolicy>::namespaced(client.clone(), TENANT);
    let threshold = |count: u32| Patch::Merge(json!({"spec": {"consentThreshold": count}}));
    let newest = async || -> Result<(String, i64)> {
        let segment = vaulted.segments(&fleet, "yard").await?.pop().context("the yard has no segment")?;
        let header = SealedHeader::parse(&vaulted.sealed(&segment).await?)?;
        Ok((hex(&header.identity.sharing_policy), segment.name.start_ms))
    };
    let state = async |wanted: &str| {
        wait::until(&format!("the SharingPolicy says {wanted}"), SOON, async || {
            let status = policies.get("building").await?.status.unwrap_or_default();
            let ready = status.conditions.iter().any(|c| c.type_ == "Ready" && c.reason == wanted);
            Ok(ready.then_some(()))
        })
        .await
    };
    let (before, _) = newest().await?;
    secrets.patch("camerafleet-log", &PatchParams::default(), &credential("wrong")).await?;
    policies.patch("building", &PatchParams::default(), &threshold(2)).await?;
    let refused = async {
        state("RevisionNotLogged").await?;
        let (_, then) = newest().await?;
        wait::until("another segment is stored", SOON, async || {
            let (digest, start) = newest().await?;
            ensure!(digest == before, "a segment names a policy that is not in the log");
            Ok((start > then + 15_000).then_some(()))
        })
        .await
    }
    .await;
    let right = &fleet.fixtures.s3.log.secret;
    secrets.patch("camerafleet-log", &PatchParams::default(), &credential(right)).await?;
    refused?;
    let healed = async {
        state("InForce").await?;
        wait::until("a segment names the policy of now", SOON, async || {
            let (digest, _) = newest().await?;
            Ok((digest != before).then_some(()))
        })
        .await
    }
    .await;
    policies.patch("building", &PatchParams::default(), &threshold(1)).await?;
    healed
}
