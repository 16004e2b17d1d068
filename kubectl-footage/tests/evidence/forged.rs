//! Packages that somebody changed: each is refused for what it is, and leaves nothing behind.

use camerafleet_crds::PackageForm;
use camerafleet_footage::{
    chain::{State, Verdict},
    package::Manifest,
};
use tar::EntryType;

use crate::{
    kit::{File, Files, Kit},
    ledger::{Key, REQUEST},
};

/// Refused by both commands, with this line; nothing is written.
fn refused(kit: &Kit, case: &str, subject: &str, words: &str) {
    let said = kit.run("verify", &[]);
    assert_eq!(said.code, 6, "{case}: {said:?}");
    let line = said.out.lines().find(|line| line.starts_with("FAILED")).unwrap_or_default();
    assert!(line.starts_with(&format!("FAILED  {subject} ")) && line.contains(words), "{case}: {said:?}");
    assert!(said.err.contains("\nnext:  Do not rely on it."), "{case}: {said:?}");
    let said = kit.run("open", &[]);
    assert_eq!(said.code, 6, "{case}: {said:?}");
    assert!(said.err.contains(line), "{case}: {said:?}");
    assert_eq!(kit.left(), [""; 0], "{case}");
}

/// The manifest as text, changed, and the sums with it.
fn edit(files: &mut Files) {
    let manifest = String::from_utf8(files.get("manifest.json").clone()).unwrap();
    let changed = manifest.replace("\"door-1\"", "\"door-2\"");
    assert_ne!(manifest, changed);
    *files.get("manifest.json") = changed.into_bytes();
}

type Case = (&'static str, fn(&mut Files), &'static str, &'static str);

#[tokio::test]
async fn a_file_that_was_changed_added_or_taken_away_is_found() {
    let kit = Kit::new(PackageForm::Clip).await;
    let package = kit.package(|_| {}).await;
    let cases: [Case; 14] = [
        ("a bit of a clip", |files| files.footage().content[5000] ^= 1, "sums", "was changed"),
        (
            "a bit of a clip, and the sums",
            |files| {
                files.footage().content[5000] ^= 1;
                files.sum();
            },
            "manifest",
            "is not the file that the manifest describes",
        ),
        ("the manifest", edit, "sums", "\"manifest.json\" was changed"),
        (
            "the manifest, and the sums",
            |files| {
                edit(files);
                files.sum();
            },
            "signature",
            "changed after it was signed",
        ),
        (
            "the manifest, signed by another key than allowed_signers names",
            |files| {
                edit(files);
                *files.get("manifest.json.sig") =
                    Key::new(8).manifest(files.get("manifest.json")).1.into_bytes();
                files.sum();
            },
            "signature",
            "changed after it was signed",
        ),
        ("the sums", |files| files.get("SHA256SUMS")[0] ^= 1, "sums", "was changed"),
        ("the sums, malformed", |files| *files.get("SHA256SUMS") = b"x".to_vec(), "sums", "not written as"),
        (
            "a sum twice",
            |files| {
                let sums = files.get("SHA256SUMS");
                let line = sums.split_inclusive(|b| *b == b'\n').next().unwrap().to_vec();
                sums.extend(line);
            },
            "sums",
            "twice",
        ),
        ("a clip more", |files| files.0.push(File::new("clips/a/b.mp4", "x")), "sums", "was added"),
        (
            "a clip more, and the sums",
            |files| {
                files.0.push(File::new("clips/a/b.mp4", "x"));
                files.sum();
            },
            "manifest",
            "does not name \"clips/a/b.mp4\"",
        ),
        ("a clip less", |files| drop(files.0.remove(0)), "sums", "is missing"),
        (
            "a clip less, and the sums",
            |files| {
                files.0.remove(0);
                files.sum();
            },
            "manifest",
            "which is not there",
        ),
        ("no manifest", |files| files.remove("manifest.json"), "archive", "manifest.json is missing"),
        (
            "no signature",
            |files| files.remove("manifest.json.sig"),
            "archive",
            "manifest.json.sig is missing",
        ),
    ];
    for (case, change, subject, words) in cases {
        let mut files = kit.unpack(&package);
        change(&mut files);
        kit.put(&kit.pack(&files));
        refused(&kit, case, subject, words);
        // What the recipient's own programs see by VERIFY.md; they do not miss a file that nothing but the manifest names.
        let is_missed = matches!(case, "a sum twice" | "a clip less, and the sums");
        assert_eq!(kit.stock_is_content(&files), is_missed, "{case}");
    }
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_refused_before_anything_is_written() {
    let kit = Kit::new(PackageForm::Clip).await;
    let package = kit.package(|_| {}).await;
    let file = |path: &str, kind| File { path: path.into(), kind, content: Vec::new() };
    let mut cases: Vec<(String, File)> = [
        "../evil",
        "/tmp/evil",
        "clips/../../evil.mp4",
        "clips/a/../../../evil.mp4",
        "evil",
        "clips/.ssh/a.mp4",
    ]
    .map(|path| (path.to_owned(), File::new(path, "x")))
    .into();
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Directory,
        EntryType::Fifo,
        EntryType::GNULongName,
        EntryType::XHeader,
    ] {
        cases.push((format!("{kind:?}"), file("clips/a/b.mp4", kind)));
    }
    for (case, bad) in cases {
        for at in [0, 3] {
            let mut files = kit.unpack(&package);
            files.0.insert(at, bad.clone());
            kit.put(&kit.pack(&files));
            refused(&kit, &case, "archive", "");
        }
    }
    let mut twice = kit.unpack(&package);
    let first = twice.0[0].clone();
    twice.0.insert(1, first);
    kit.put(&kit.pack(&twice));
    refused(&kit, "a clip twice", "archive", "twice");
}

#[tokio::test]
async fn a_package_that_was_cut_off_or_damaged_does_not_open() {
    let kit = Kit::new(PackageForm::Clip).await;
    let package = kit.package(|_| {}).await;
    for length in [0, 10, 100, 300, 70_000, package.len() - 1] {
        kit.put(&package[..length]);
        refused(&kit, &format!("cut off after {length}"), "sealing", "");
    }
    for at in [5, 190, package.len() / 2, package.len() - 1] {
        let mut flipped = package.clone();
        flipped[at] ^= 1;
        kit.put(&flipped);
        let said = kit.run("verify", &[]);
        // In the header's stanza for the recipient, age cannot know whose key it was sealed to.
        assert!(matches!(said.code, 2 | 6), "{at}: {said:?}");
        assert_ne!(kit.run("open", &[]).code, 0);
        assert_eq!(kit.left(), [""; 0]);
    }
    let mut longer = package.clone();
    longer.push(0);
    kit.put(&longer);
    refused(&kit, "a byte more", "sealing", "");
    // Sealed again by somebody who cut the tar, or wrote something behind it.
    let tar = kit.unpack(&package).tar();
    for (length, subject, words) in [
        (tar.len() - 1024, "sealing", "cut off"),
        (tar.len() - 512, "sealing", "cut off"),
        (tar.len() / 2, "archive", "ends within the file"),
    ] {
        kit.put(&kit.encrypt(&tar[..length]));
        refused(&kit, &format!("the tar, cut off after {length}"), subject, words);
    }
    kit.put(&kit.encrypt(&[&tar[..], b"more"].concat()));
    refused(&kit, "something behind the tar", "archive", "belong to no file");
}

/// By somebody who has the tenant's key for manifests, or a fault of the system's own.
#[tokio::test]
async fn a_manifest_that_contradicts_itself_or_its_proof_is_refused_though_it_is_signed() {
    let kit = Kit::new(PackageForm::Clip).await;
    let (other_intent, no_intent) = (kit.log.prove(2).await, kit.log.prove(0).await);
    let elsewhere =
        crate::ledger::Log::new(&camerafleet_footage::ids::TenantId::parse("t-2").unwrap(), 3).await;
    let (there, there_key) = (
        elsewhere.prove(1).await,
        elsewhere.key.log_key(&camerafleet_footage::ids::TenantId::parse("t-2").unwrap()).vkey(),
    );
    let forked = crate::ledger::Log::new(&crate::support::tenant(), 9).await;
    let forked_proof = forked.prove(1).await;
    type Change<'a> = Box<dyn Fn(&mut Manifest) + 'a>;
    let cases: Vec<(&str, Change<'_>, &str, &str)> = vec![
        ("a newer format", Box::new(|m| m.version = 2), "manifest", "newer kubectl footage"),
        ("another form", Box::new(|m| m.form = PackageForm::Sealed), "manifest", "other form"),
        (
            "another's package",
            Box::new(|m| m.recipient = "age1other".into()),
            "manifest",
            "sealed to you by somebody else",
        ),
        (
            "another request",
            Box::new(|m| m.request["spec"]["caseNumber"] = "8".into()),
            "manifest",
            "agreed to",
        ),
        (
            "a moment less",
            Box::new(|m| m.cameras[0].chain.timeline[0].to_ms -= 1),
            "footage",
            "not of what was granted",
        ),
        (
            "a hole",
            Box::new(|m| {
                let mut later = m.cameras[0].chain.timeline[0];
                m.cameras[0].chain.timeline[0].to_ms -= 2_000;
                (later.from_ms, later.state) = (later.to_ms - 1_000, State::Gap);
                m.cameras[0].chain.timeline.push(later);
            }),
            "footage",
            "hole",
        ),
        (
            "an unfounded verdict",
            Box::new(|m| m.cameras[0].chain.verdict = Verdict::Incomplete),
            "footage",
            "contradicts",
        ),
        (
            "a segment twice",
            Box::new(|m| {
                let first = m.cameras[0].segments[0].clone();
                m.cameras[0].segments.push(first);
            }),
            "footage",
            "twice",
        ),
        (
            "another's Intent",
            Box::new(|m| m.log.intent = other_intent.clone().into()),
            "log",
            "something else",
        ),
        ("no Intent", Box::new(|m| m.log.intent = no_intent.clone().into()), "log", "something else"),
        ("another key", Box::new(|m| m.log.intent = forked_proof.clone().into()), "log", "did not sign it"),
        (
            "another tenant's log",
            Box::new(|m| {
                m.log.intent = there.clone().into();
                m.log.key.clone_from(&there_key);
            }),
            "log",
            "another tenant's",
        ),
        ("no key", Box::new(|m| m.log.key = "x".into()), "log", "is none"),
        ("no proof", Box::new(|m| m.log.intent = "x".into()), "manifest", "cannot be read"),
        (
            "logged afterwards",
            Box::new(|m| m.created_at = "2026-11-25T12:29:59Z".parse().unwrap()),
            "log",
            "after the package was made",
        ),
    ];
    assert!(REQUEST.ends_with("0000"));
    for (case, change, subject, words) in cases {
        kit.put(&kit.package(change).await);
        refused(&kit, case, subject, words);
    }
}

#[tokio::test]
async fn a_sealed_segment_that_was_changed_swapped_or_taken_away_is_found() {
    let kit = Kit::new(PackageForm::Sealed).await;
    let package = kit.package(|_| {}).await;
    let cases: [Case; 5] = [
        (
            "a bit of a payload",
            |files| {
                let last = files.footage().content.len() - 1;
                files.footage().content[last] ^= 1;
                files.sum();
            },
            "sealing",
            "",
        ),
        (
            "two segments under each other's names",
            |files| {
                let second = files.0[1].content.clone();
                files.0[1].content = std::mem::replace(&mut files.0[0].content, second);
                files.sum();
            },
            "manifest",
            "is not the file",
        ),
        (
            "a segment less",
            |files| {
                files.0.remove(0);
                files.sum();
            },
            "manifest",
            "which is not there",
        ),
        (
            "a segment more",
            |files| {
                let mut more = files.0[0].clone();
                more.path = more.path.replace(".mp4.age", "0.mp4.age");
                files.0.insert(1, more);
            },
            "sums",
            "was added",
        ),
        (
            "something else beside",
            |files| files.0.insert(0, File::new("evil.age", "x")),
            "archive",
            "evil.age",
        ),
    ];
    for (case, change, subject, words) in cases {
        let mut files = kit.unpack(&package);
        change(&mut files);
        kit.put(&kit.pack(&files));
        refused(&kit, case, subject, words);
        // Two that changed places, one that is missing and one that is there twice look right to them.
        let is_missed = !matches!(case, "a bit of a payload");
        assert_eq!(kit.stock_is_content(&files), is_missed, "{case}");
    }
    // No rest at all, and two.
    let mut outer = Files::untar(&package);
    let rest = outer.0.pop().unwrap();
    kit.put(&outer.tar());
    refused(&kit, "no rest", "archive", "is missing");
    outer.0.extend([rest.clone(), rest]);
    kit.put(&outer.tar());
    refused(&kit, "two rests", "archive", "twice");
}
