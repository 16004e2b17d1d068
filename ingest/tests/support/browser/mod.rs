//! Chromium without a window, and a web server for one page of its.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Process;

/// Debian's `chromium-headless-shell`, if it is installed.
const PROGRAM: &str = "chromium-headless-shell";
const PATIENCE: Duration = Duration::from_secs(60);

/// What the browser makes of a segment; `kind` is its type with its codecs.
pub fn play(segment: &[u8], kind: &str) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let profile = tempfile::tempdir().unwrap();
    let mut chromium = Command::new(PROGRAM);
    // Its sandbox needs rights that a build machine does not give; it sees nothing but our own page.
    chromium.args(["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]);
    chromium.args(["--autoplay-policy=no-user-gesture-required", "--remote-debugging-port=0"]);
    chromium.arg(format!("--user-data-dir={}", profile.path().display())).arg(&url);
    let _chromium = Process::spawn(chromium.stdout(Stdio::null()).stderr(Stdio::null()));
    listener.set_nonblocking(true).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "the page said nothing within {PATIENCE:?}");
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        };
        if let Some(result) = answer(stream, segment, kind).unwrap_or_default() {
            return result;
        }
    }
}

/// One request; the result, if it was that.
fn answer(mut stream: TcpStream, segment: &[u8], kind: &str) -> std::io::Result<Option<Value>> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (content, kind): (&[u8], &str) = match first.split_whitespace().nth(1) {
        Some("/") => (include_bytes!("page.html"), "text/html"),
        Some("/segment") => (segment, kind),
        _ => (b"", "text/plain"),
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n", content.len());
    write!(stream, "{head}Connection: close\r\n\r\n")?;
    stream.write_all(content)?;
    Ok(first.starts_with("POST").then(|| serde_json::from_slice(&body).unwrap()))
}
