//! The reference implementation (Go, `golang.org/x/mod/sumdb`) reads the same bucket and judges the same proofs.

use std::{fs, path::Path, process::Command};

use crate::{
    s3::S3,
    support::{Signer, entries, open, reader},
};

fn judge(signer: &Signer, log: &Path, proofs: &Path) -> (bool, String) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/log/go");
    let output = Command::new("go")
        .args(["run", "."])
        .arg(signer.key().vkey())
        .args([log, proofs])
        .current_dir(source)
        .output()
        .expect("this test needs Go, as the project's tools do");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

#[tokio::test]
async fn the_reference_implementation_accepts_log_and_proofs_and_refuses_altered_ones() {
    let s3 = S3::start();
    let (store, signer) = (s3.store(), Signer::new(1));
    let proofs = tempfile::tempdir().unwrap();
    let mut writer = open(&store, &signer, None).await.unwrap();
    let reader = reader(&store, &signer);
    for (start, end) in [(0, 1), (1, 200), (200, 256), (256, 400), (400, 600)] {
        writer.append(&signer, &entries(start..end)).await.unwrap();
        let checkpoint = writer.checkpoint().unwrap();
        fs::write(proofs.path().join(format!("{end}.checkpoint")), checkpoint.note()).unwrap();
        for index in [0, start, end - 1] {
            let proof = reader.at(checkpoint).prove(index).await.unwrap();
            fs::write(proofs.path().join(format!("{index}-of-{end}.tlog-proof")), String::from(proof))
                .unwrap();
        }
    }
    let (ok, text) = judge(&signer, &s3.log_folder(), proofs.path());
    assert!(ok, "{text}");
    assert_eq!(text.trim(), "600 entries, 5 checkpoints, 13 proofs");

    let (ok, text) = judge(&Signer::new(2), &s3.log_folder(), proofs.path());
    assert!(!ok, "{text}");
    let proof = proofs.path().join("256-of-400.tlog-proof");
    let good = fs::read_to_string(&proof).unwrap();
    fs::write(&proof, good.replace("index 256", "index 255")).unwrap();
    let (ok, text) = judge(&signer, &s3.log_folder(), proofs.path());
    assert!(!ok && text.contains("256-of-400"), "{text}");
    fs::write(&proof, good).unwrap();
    let bundle = s3.log_folder().join("tile/entries/001");
    let mut bytes = fs::read(&bundle).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&bundle, bytes).unwrap();
    let (ok, text) = judge(&signer, &s3.log_folder(), proofs.path());
    assert!(!ok && text.contains("leaves"), "{text}");
}
