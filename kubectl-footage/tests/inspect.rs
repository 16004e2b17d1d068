//! `kubectl footage inspect`, as a person runs it.

#![allow(clippy::unwrap_used)] // a test says by panicking what went wrong

use std::{fs, path::PathBuf, process::Command};

fn vector() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../footage/testdata/valid/chunk.mp4.age")
}

fn inspect(file: &std::path::Path) -> (bool, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_kubectl-footage")).arg("inspect").arg(file).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_segment_says_what_it_is_and_what_opens_it() {
    let (ok, text) = inspect(&vector());
    assert!(ok, "{text}");
    for expected in [
        "Camera ",
        "segment 1",
        "Opens with      camera-",
        "Follows         0 (sha256 ",
        "Signature       good",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
}

#[test]
fn a_forged_header_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forged.age");
    let text = fs::read(vector()).unwrap();
    let at = text.windows(5).position(|w| w == b"vault").unwrap() + 8;
    let mut forged = text;
    forged[at] ^= 1;
    fs::write(&file, forged).unwrap();
    let (ok, text) = inspect(&file);
    assert!(!ok, "{text}");
}
