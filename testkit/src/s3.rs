//! A real S3 server: versitygw over a folder.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Map, json};

use crate::{Process, free_port, tool};

/// An S3 server whose objects are files below [`S3::folder`]. A user's secret is its name and `secret`; `root` may do
/// everything.
pub struct S3 {
    folder: tempfile::TempDir,
    _users: tempfile::TempDir,
    _process: Process,
    port: u16,
}

impl S3 {
    /// What requests are signed for.
    pub const REGION: &'static str = "us-east-1";

    /// Starts one with these buckets and users; a bucket's policy says what a user may.
    pub fn start(buckets: &[&str], users: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for bucket in buckets {
            fs::create_dir(folder.path().join(bucket)).unwrap();
        }
        let accounts: Map<_, _> = users
            .iter()
            .map(|name| {
                let account = json!({"access": name, "secret": format!("{name}secret"), "role": "user"});
                ((*name).to_owned(), account)
            })
            .collect();
        let table = tempfile::tempdir().unwrap();
        fs::write(table.path().join("users.json"), json!({"accessAccounts": accounts}).to_string()).unwrap();
        let port = free_port();
        let mut command = Command::new(tool("versitygw"));
        command
            .args(["--access", "root", "--secret", "rootsecret", "--region", Self::REGION, "--port"])
            .arg(format!("127.0.0.1:{port}"))
            .arg(format!("--iam-dir={}", table.path().display()))
            .arg("posix")
            .arg(folder.path());
        let process = Process::spawn(&mut command).listening(port);
        Self { folder, _users: table, _process: process, port }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A bucket's objects, as files under their keys.
    pub fn folder(&self, bucket: &str) -> PathBuf {
        self.folder.path().join(bucket)
    }

    /// The keys of a bucket's objects below a folder, sorted.
    pub fn keys(&self, bucket: &str, below: &str) -> Vec<String> {
        let base = self.folder(bucket);
        let (mut keys, mut folders) = (Vec::new(), vec![base.join(below)]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => keys.push(key(&base, &path)),
                }
            }
        }
        keys.sort();
        keys
    }
}

fn key(base: &Path, path: &Path) -> String {
    path.strip_prefix(base).unwrap().to_string_lossy().into_owned()
}
