//! Signatures as ssh-keygen makes them and takes them.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use camerafleet_footage::disclosure::{
    APPROVAL_NAMESPACE, Frozen, Logged, ORDER_NAMESPACE, SshKey, SshSignatureError, Unverified, Verified,
};

use crate::support::{Answer, Ask, OWNER_A, Scene, Writ, at, policy, step};

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Makes a key and returns the line of its `.pub` file.
fn keygen(folder: &Path, kind: &str, bits: &str) -> String {
    let file = folder.join(format!("{kind}{bits}"));
    run(Command::new("ssh-keygen").args(["-q", "-N", "", "-C", "", "-t", kind, "-b", bits, "-f"]).arg(&file));
    std::fs::read_to_string(file.with_extension("pub")).unwrap().trim().to_owned()
}

fn sign(folder: &Path, key: &str, namespace: &str, message: &[u8], hash: &str) -> String {
    let file = folder.join("message");
    let _ = std::fs::remove_file(folder.join("message.sig"));
    std::fs::write(&file, message).unwrap();
    run(Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", namespace, "-O", &format!("hashalg={hash}"), "-f"])
        .arg(folder.join(key))
        .arg(&file));
    std::fs::read_to_string(folder.join("message.sig")).unwrap()
}

fn approval(folder: &Path, key: &str, namespace: &str, hash: &str) -> Frozen {
    let scene = Scene::new(&Ask::new("Consent"));
    let mut frozen = Answer::to(&scene.request, 600, "Owner", OWNER_A).frozen();
    let message = frozen.signed_bytes(&["signature", "withdrawn"]);
    frozen.spec["signature"] = sign(folder, key, namespace, &message, hash).into();
    frozen
}

#[test]
fn what_ssh_keygen_signs_is_verified_for_each_kind_of_key() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("rsa", "2048")] {
        let public = SshKey::parse(&keygen(folder.path(), kind, bits)).unwrap();
        for hash in ["sha256", "sha512"] {
            let key = format!("{kind}{bits}");
            let frozen = approval(folder.path(), &key, APPROVAL_NAMESPACE, hash);
            let verified = Verified::approval(&frozen).unwrap_or_else(|e| panic!("{key} {hash}: {e}"));
            assert_eq!(verified.signer(), Some(&public), "{key}");
            // One letter of what was signed.
            let mut changed = frozen.clone();
            changed.spec["approver"] = "b@example.com".into();
            let error = Verified::approval(&changed).unwrap_err();
            let Unverified::Signature { source, .. } = error else { panic!("{error}") };
            assert!(matches!(source, SshSignatureError::Wrong), "{key}: {source}");
            // What may change after it was signed.
            let mut withdrawn = frozen;
            withdrawn.spec["withdrawn"] = true.into();
            assert!(Verified::approval(&withdrawn).is_ok());
        }
    }
}

#[test]
fn a_key_counts_whatever_its_comment_is() {
    let folder = tempfile::tempdir().unwrap();
    let line = keygen(folder.path(), "ed25519", "256");
    assert_eq!(SshKey::parse(&line), SshKey::parse(&format!("{line} owner@example.com")));
    assert_ne!(SshKey::parse(&line), SshKey::parse(&keygen(folder.path(), "ecdsa", "256")));
}

#[test]
fn a_signature_for_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    keygen(folder.path(), "ed25519", "256");
    for namespace in [ORDER_NAMESPACE, "file", "git"] {
        let frozen = approval(folder.path(), "ed25519256", namespace, "sha512");
        let error = Verified::approval(&frozen).unwrap_err();
        let Unverified::Signature { source, .. } = error else { panic!("{error}") };
        assert!(matches!(source, SshSignatureError::Namespace { .. }), "{namespace}: {source}");
    }
    let mut frozen = approval(folder.path(), "ed25519256", APPROVAL_NAMESPACE, "sha512");
    frozen.spec["signature"] = "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----".into();
    assert!(matches!(Verified::approval(&frozen), Err(Unverified::Signature { .. })));
}

#[test]
fn weak_and_other_kinds_of_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    keygen(folder.path(), "rsa", "1024");
    let frozen = approval(folder.path(), "rsa1024", APPROVAL_NAMESPACE, "sha512");
    assert!(Verified::approval(&frozen).is_err());
    assert_eq!(SshKey::parse(&keygen(folder.path(), "ecdsa", "521")), None);
    let frozen = approval(folder.path(), "ecdsa521", APPROVAL_NAMESPACE, "sha512");
    let error = Verified::approval(&frozen).unwrap_err().to_string();
    assert!(error.contains("use Ed25519"), "{error}");
    assert_eq!(SshKey::parse("ssh-ed25519 AAAA"), None);
}

#[test]
fn an_order_that_ssh_keygen_signed_releases() {
    let folder = tempfile::tempdir().unwrap();
    let public = keygen(folder.path(), "ed25519", "256");
    let mut frozen = Writ::new().frozen();
    let message = frozen.signed_bytes(&["signature"]);
    frozen.spec["signature"] = sign(folder.path(), "ed25519256", ORDER_NAMESPACE, &message, "sha512").into();
    let mut listed = policy();
    listed["trustedAuthorities"][0]["sshPublicKey"] = public.into();
    let mut scene =
        Scene::granted(&Ask::new("CourtOrder")).with_policy(vec![step("2026-01-01T00:00:00Z", &listed)]);
    scene.orders = vec![Verified::order(&frozen).unwrap()];
    let decision = scene.decide();
    assert!(decision.authorized().is_some(), "{decision:?}");
    // Nothing of it can be changed.
    let fields = frozen.spec.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for field in fields.iter().filter(|f| *f != "signature") {
        let mut changed = frozen.clone();
        match field.as_str() {
            "scope" => changed.spec["scope"]["audio"] = true.into(),
            "kind" => changed.spec["kind"] = "CourtOrder".into(),
            "issuedAt" | "expiresAt" => changed.spec[field] = "2026-11-01T21:00:00Z".into(),
            _ => changed.spec[field] = format!("sha256:{}", "2".repeat(64)).into(),
        }
        let error = Verified::order(&changed).unwrap_err();
        assert!(matches!(error, Unverified::Signature { .. }), "{field}: {error}");
    }
}

#[test]
fn ssh_keygen_takes_what_the_tests_sign() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = Writ::new().frozen();
    let signers = folder.path().join("signers");
    std::fs::write(&signers, format!("court {}", crate::support::public(crate::support::COURT))).unwrap();
    let signature = folder.path().join("order.sig");
    std::fs::write(&signature, frozen.spec["signature"].as_str().unwrap()).unwrap();
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", ORDER_NAMESPACE, "-I", "court", "-f"])
        .arg(&signers)
        .arg("-s")
        .arg(&signature)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&frozen.signed_bytes(&["signature"])).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn the_bytes_that_are_signed_are_rfc_8785s() {
    // Its own example of how members are ordered and numbers and strings are written.
    let spec = serde_json::json!({
        "b": [56.0, {"d": true, "10": null, "1": "\u{20ac}$\u{f}\nA'B\"\\\\\"/"}], "a": 1e21, "signature": "x", "withdrawn": false,
    });
    let logged = Logged { index: 0, at: at("2026-11-25T00:00:00Z") };
    let frozen = Frozen { namespace: "n".into(), name: "x".into(), uid: "u".into(), spec, logged };
    let bytes = frozen.signed_bytes(&["signature", "withdrawn"]);
    let expected = r#"{"a":1e+21,"b":[56,{"1":"€$\u000f\nA'B\"\\\\\"/","10":null,"d":true}]}"#;
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn a_requests_digest_is_what_the_api_says() {
    let request = Ask::new("Consent").frozen();
    let object = serde_json::json!({
        "apiVersion": "camerafleet.io/v1alpha1", "kind": "DisclosureRequest", "namespace": "elm-street",
        "name": "r-1", "uid": "000001f4-0000-4000-8000-000000000000", "spec": request.spec,
    });
    let mut text = object;
    text["spec"].as_object_mut().unwrap().remove("withdrawn");
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let canonical = serde_json::to_string(&text).unwrap(); // serde_json's maps are sorted, and nothing here needs more
    child.stdin.take().unwrap().write_all(canonical.as_bytes()).unwrap();
    let output = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    let digest = format!("sha256:{}", output.split_whitespace().next().unwrap());
    assert_eq!(Ask::new("Consent").read().digest().to_string(), digest);
    // Withdrawing a request does not change its digest; anything else does.
    let mut withdrawn = Ask::new("Consent");
    withdrawn.withdrawn = true;
    assert_eq!(withdrawn.read().digest().to_string(), digest);
    let mut other = Ask::new("Consent");
    other.uid = 501;
    assert_ne!(other.read().digest().to_string(), digest);
}
