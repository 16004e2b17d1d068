//! Packages that are what they should be.

use std::{fs, os::unix::fs::PermissionsExt as _};

use camerafleet_crds::PackageForm;
use camerafleet_footage::{
    chain::{State, Stretch},
    package::RefusedSegment,
};
use serde_json::Value;

use crate::{
    kit::{Kit, gap},
    support::tenant,
    world::{NOON, frames},
};

#[tokio::test]
async fn a_clip_is_checked_and_written_and_the_stock_tools_agree() {
    let kit = Kit::new(PackageForm::Clip).await;
    let package = kit.package(|_| {}).await;
    kit.put(&package);
    assert!(kit.stock_is_content(&kit.unpack(&package)));
    let said = kit.run("verify", &[]);
    assert_eq!(said.code, 0, "{said:?}");
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 7, "{said:?}");
    // Who signed, and whose log it is, only somebody else can say.
    let notes: Vec<&&str> = lines.iter().filter(|line| !line.starts_with("ok ")).collect();
    assert_eq!(notes.len(), 2, "{said:?}");
    assert!(
        notes[0].contains(&kit.signer.fingerprint()) && notes[0].starts_with("note    signature"),
        "{said:?}"
    );
    assert!(notes[1].contains(&kit.log.key.log_key(&tenant()).vkey()), "{said:?}");
    assert_eq!(kit.left(), [""; 0]);

    let said = kit.run("open", &["--out", "7"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains("7 is written") && said.out.contains("footage, 1 file, 150 frames"),
        "{said:?}"
    );
    assert!(said.out.contains("granted from 2026-11-25 12:00:01 UTC to 2026-11-25 12:00:07 UTC"), "{said:?}");
    assert_eq!(kit.left(), ["7"]);
    assert_eq!(fs::metadata(kit.path("7")).unwrap().permissions().mode() & 0o777, 0o700);
    let cameras: Vec<_> = fs::read_dir(kit.path("7/clips")).unwrap().collect();
    assert_eq!(cameras.len(), 1);
    let clips: Vec<_> = fs::read_dir(cameras[0].as_ref().unwrap().path()).unwrap().collect();
    assert_eq!(clips.len(), 1);
    assert_eq!(frames(&clips[0].as_ref().unwrap().path()), 150);
    // Nothing is overwritten.
    assert_eq!(kit.run("open", &["--out", "7"]).code, 2);
}

#[tokio::test]
async fn sealed_segments_are_each_written_as_what_was_recorded() {
    let kit = Kit::new(PackageForm::Sealed).await;
    let package = kit.package(|_| {}).await;
    kit.put(&package);
    assert!(kit.stock_is_content(&kit.unpack(&package)));
    let said = kit.run("open", &[]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("footage, 2 files"), "{said:?}");
    let camera = fs::read_dir(kit.path("package-opened/segments")).unwrap().next().unwrap().unwrap().path();
    let mut opened: Vec<_> =
        fs::read_dir(camera).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    let mut recorded: Vec<_> = kit.world.media.values().cloned().collect();
    opened.sort();
    recorded.sort();
    assert!(opened == recorded, "other media than was recorded");
}

#[tokio::test]
async fn what_is_trusted_is_said_and_another_key_is_refused() {
    let mut kit = Kit::new(PackageForm::Clip).await;
    kit.put(&kit.package(|_| {}).await);
    let vkey = kit.log.key.log_key(&tenant()).vkey();
    let signers = kit.signer.manifest(b"").0;
    let other = crate::ledger::Key::new(8);
    let other_log = crate::ledger::Log::new(&tenant(), 2).await;
    for (file, text) in [
        ("signers", signers.as_str()),
        ("fingerprint", &format!("# the tenant's\n{}\n", kit.signer.fingerprint())),
        ("log", &vkey),
        ("other", &other.fingerprint()),
        ("other-log", &other_log.key.log_key(&tenant()).vkey()),
        ("kept", kit.log.checkpoint()),
        ("forked", crate::ledger::Log::new(&tenant(), 2).await.checkpoint()),
        ("malformed", "SHA256:x"),
    ] {
        fs::write(kit.path(file), text).unwrap();
    }
    for keys in [["signers", "log"], ["fingerprint", "log"]] {
        let arguments = ["--trusted-key", keys[0], "--trusted-key", keys[1], "--log-checkpoint", "kept"];
        let said = kit.run("verify", &arguments);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(
            said.out.lines().count() == 8 && said.out.lines().all(|line| line.starts_with("ok ")),
            "{said:?}"
        );
    }
    for (arguments, line) in [
        (["--trusted-key", "other"], "FAILED  signature "),
        (["--trusted-key", "other-log"], "FAILED  log "),
        (["--log-checkpoint", "forked"], "FAILED  checkpoint "),
    ] {
        let said = kit.run("verify", &arguments);
        assert_eq!(said.code, 6, "{said:?}");
        assert!(said.out.contains(line), "{said:?}");
        assert_eq!(kit.run("open", &arguments).code, 6);
        assert!(!kit.path("package-opened").exists() && !kit.path("package-opened.part").exists());
    }
    for arguments in
        [["--trusted-key", "malformed"], ["--trusted-key", "missing"], ["--log-checkpoint", "missing"]]
    {
        assert_eq!(kit.run("verify", &arguments).code, 2);
    }
    // A longer log is no contradiction, and proves nothing by itself.
    kit.log.grow().await;
    fs::write(kit.path("longer"), kit.log.checkpoint()).unwrap();
    let said = kit.run("verify", &["--log-checkpoint", "longer"]);
    assert!(said.code == 0 && said.out.contains("note    checkpoint"), "{said:?}");
}

#[tokio::test]
async fn a_gap_is_told_with_its_reason_to_people_and_to_programs() {
    let kit = Kit::new(PackageForm::Clip).await;
    let package = kit.package(|manifest| {
        let camera = &mut manifest.cameras[0];
        camera.from = "2026-11-25T11:59:50Z".parse().unwrap();
        camera
            .chain
            .timeline
            .insert(0, Stretch { from_ms: NOON - 10_000, to_ms: NOON + 1_000, state: State::Gap });
        camera.chain.findings.push(gap(NOON - 10_000, NOON + 1_000));
        // A stranger may have made the package.
        camera.name = "door\u{1b}[31m-1".into();
    });
    kit.put(&package.await);
    let said = kit.run("open", &["--out", "o"]);
    assert_eq!(said.code, 0, "{said:?}");
    let line = "  2026-11-25 11:59:50.000  to  2026-11-25 12:00:01.000  none: The camera could not be reached (stalled).";
    assert!(said.out.contains(line), "{}", said.out);
    assert!(!said.out.contains('\u{1b}'), "{said:?}");
    let said = kit.run("verify", &["-o", "json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(report["verified"], true);
    assert_eq!(report["checks"][2]["check"], "sums");
    assert_eq!(report["checks"][2]["result"], "ok");
    assert_eq!(report["cameras"][0]["gaps"][0]["from"], "2026-11-25T11:59:50Z");
}

#[tokio::test]
async fn what_was_not_released_is_named_and_is_no_fault_of_the_package() {
    let kit = Kit::new(PackageForm::Clip).await;
    let package = kit.package(|manifest| {
        let camera = &mut manifest.cameras[0];
        camera.to = "2026-11-25T12:00:12Z".parse().unwrap();
        camera.chain.timeline[0].to_ms = NOON + 12_000;
        let why = "it is damaged".to_owned();
        camera.refused.push(RefusedSegment { object: "elm/segment".into(), why });
    });
    kit.put(&package.await);
    let said = kit.run("verify", &[]);
    assert!(
        said.code == 0 && said.out.contains("note    footage    Of door-1 something is missing"),
        "{said:?}"
    );
    let said = kit.run("open", &[]);
    assert!(said.code == 0 && said.out.contains("left out  elm/segment: it is damaged"), "{said:?}");
    assert!(
        said.out.contains("12:00:12.000  none: Stored footage of this time was not released"),
        "{said:?}"
    );
    assert!(!said.out.contains("note    footage"), "it is told already: {said:?}");
}

#[tokio::test]
async fn without_the_recipients_key_nothing_is_said() {
    let kit = Kit::new(PackageForm::Clip).await;
    kit.put(&kit.package(|_| {}).await);
    let other = Kit::new(PackageForm::Clip).await;
    fs::copy(other.path("key.txt"), kit.path("key.txt")).unwrap();
    for command in ["verify", "open"] {
        let said = kit.run(command, &[]);
        assert!(said.code == 2 && said.err.contains("another key than yours"), "{said:?}");
    }
    fs::write(kit.path("key.txt"), "nothing").unwrap();
    assert_eq!(kit.run("verify", &[]).code, 2);
    assert_eq!(kit.left(), [""; 0]);
}
