//! The instructions in each package.

use camerafleet_crds::PackageForm;

/// The text of `VERIFY.md`. `signer` is who signed, `fingerprint` of which key.
pub fn instructions(form: PackageForm, signer: &str, fingerprint: &str) -> String {
    let open = match form {
        PackageForm::Clip => {
            "You have opened it already:\n\n\
             ```\n\
             age --decrypt --identity KEY.txt PACKAGE.tar.age | tar -x\n\
             ```\n\n\
             Clips are what the camera recorded, not encoded again. At the edges of what was granted a clip begins at a key\n\
             frame and ends at a frame inside it; the manifest has the exact times, and every gap with its reason.\n"
        }
        PackageForm::Sealed => {
            "You have opened its outer layer already. Each segment is an age file to your key:\n\n\
             ```\n\
             tar -xf PACKAGE.tar\n\
             age --decrypt --identity KEY.txt rest.tar.age | tar -x\n\
             for f in segments/*/*.age; do age --decrypt --identity KEY.txt --output \"${f%.age}\" \"$f\"; done\n\
             ```\n\n\
             Payloads are the bytes that the recorder sealed. Only the headers are new, so that your key opens them.\n"
        }
    };
    // SHA256SUMS is not signed: whoever can seal to the recipient can write another. The manifest is.
    let compare = match form {
        PackageForm::Clip => {
            "sha256sum clips/*/*.mp4 | while read -r sum file; do grep -qF \"$sum\" manifest.json || echo \"CHANGED: $file\"; done"
        }
        PackageForm::Sealed => {
            "for f in segments/*/*.age; do\n  \
             sum=$(LC_ALL=C sed '1,/^--- /d' \"$f\" | sha256sum | cut -c 1-64)\n  \
             grep -qF \"$sum\" manifest.json || echo \"CHANGED: $f\"\ndone"
        }
    };
    format!(
        "# How to open and check this package\n\n{open}\n\
         ## That nothing was changed\n\n\
         ```\n\
         ssh-keygen -Y verify -f allowed_signers -I {signer} -n package.camerafleet.io -s manifest.json.sig < manifest.json\n\
         sha256sum --check --strict SHA256SUMS\n\
         {compare}\n\
         ```\n\n\
         The last of these must print nothing: what it names is not what the signed manifest is about.\n\n\
         The signature shows who made the package only if the key in `allowed_signers` is theirs. Its fingerprint must be\n\
         `{fingerprint}`: ask the owner of the footage on another way than the one by which\n\
         you got this package. The manifest has the SHA-256 of each clip and of each source segment.\n\n\
         ## What it rests on\n\n\
         `manifest.json` names the request, the approvals and the order, and holds the proof that the release was logged\n\
         before any footage was opened (`log.intent`, a C2SP tlog-proof with a signed checkpoint). Keep it: whoever has a\n\
         checkpoint can show later that the log was not changed.\n\n\
         `kubectl footage verify PACKAGE --identity KEY.txt` does all of this at once, and checks the proof; it needs no cluster.\n\n\
         The system checked form, signature, scope and time. Whether an order is lawful is a person's attestation.\n"
    )
}
