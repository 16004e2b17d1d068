//! The recipient's side: the package, opened and checked with stock programs.

use std::{fs, process::Command};

use age::secrecy::ExposeSecret as _;
use camerafleet_testkit::tool;
use serde_json::Value;

use super::Stage;

impl Stage {
    /// The package as its recipient opens it with age and tar, or with tar and age.
    pub fn open(&self, key: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("key.txt"), self.identity.to_string().expose_secret()).unwrap();
        fs::copy(self.s3.folder("footage").join(key), path("package")).unwrap();
        let run = |program: &std::ffi::OsStr, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let decrypt = |from, to| run(tool("age").as_os_str(), &["-d", "-i", "key.txt", "-o", to, from]);
        if key.ends_with(".age") {
            decrypt("package", "package.tar");
            run("tar".as_ref(), &["-xf", "package.tar"]);
        } else {
            run("tar".as_ref(), &["-xf", "package"]);
            decrypt("rest.tar.age", "rest.tar");
            run("tar".as_ref(), &["-xf", "rest.tar"]);
        }
        run("sha256sum".as_ref(), &["--check", "--strict", "SHA256SUMS"]);
        let verify = "ssh-keygen -Y verify -f allowed_signers -I camerafleet-t-1 -n package.camerafleet.io -s manifest.json.sig < manifest.json";
        run("sh".as_ref(), &["-c", verify]);
        folder
    }
}

pub fn manifest(folder: &tempfile::TempDir) -> Value {
    serde_json::from_slice(&fs::read(folder.path().join("manifest.json")).unwrap()).unwrap()
}
