//! What a sealed segment says of itself before anyone opens it.

use std::{fs::File, io::BufReader, path::Path};

use camerafleet_footage::{digest::hex, seal};

use super::unreadable;
use crate::failure::{Failure, Kind};

/// Reads the whole file, checks its signature and prints its identity.
pub fn run(file: &Path) -> Result<(), Failure> {
    let unverified = |error: &dyn std::fmt::Display| {
        Failure::new(
            Kind::Unverified,
            format!("{} is no genuine segment: {error}.", file.display()),
            "Fetch it once more. If it stays so, somebody changed it.",
        )
    };
    let reader = BufReader::new(File::open(file).map_err(|error| unreadable(file, &error))?);
    let (header, digest) = seal::hash_segment(reader).map_err(|error| unverified(&error))?;
    let identity = &header.identity;
    header.verify_signature(&identity.stream_key).map_err(|error| unverified(&error))?;
    let previous = match &identity.previous {
        Some(previous) => format!("{} (sha256 {})", previous.sequence, hex(&previous.digest)),
        None => "none: the stream's first".to_owned(),
    };
    let policy = match identity.sharing_policy {
        [0, ..] if identity.sharing_policy == [0; 32] => "none: never to be disclosed".to_owned(),
        digest => format!("sha256:{}", hex(&digest)),
    };
    println!("Tenant          {}", identity.tenant);
    println!("Camera          {}", identity.camera);
    println!("Stream          {}, segment {}", identity.stream, identity.sequence);
    println!("Opened          {}", identity.opened_at);
    println!("Sharing policy  {policy}");
    let window = match header.owners_window() {
        Some(window) => {
            format!("the shares of {} of {} owners", window.threshold(), window.sealed_shares().len())
        }
        None => identity.window_key_name().unwrap_or_default(),
    };
    println!("Opens with      {window} and {}, both", identity.epoch_key_name());
    println!("Follows         {previous}");
    println!("Digest          sha256:{}", hex(&digest));
    println!(
        "Signature       good, by the stream's own key; that the stream was a recorder's is the log's to show"
    );
    Ok(())
}
