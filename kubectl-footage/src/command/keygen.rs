//! An owner's key, under custody Owners: only with it can their share of a recording's keys be opened.

use std::{fs::OpenOptions, io::Write as _, path::PathBuf};

use age::secrecy::ExposeSecret as _;

use crate::failure::{Failure, Kind};

/// `kubectl footage keygen`.
#[derive(clap::Args)]
pub struct Args {
    /// The file to write, readable by you alone. One that is there is never overwritten.
    #[arg(long, short, default_value = "owner.key")]
    pub out: PathBuf,
}

/// Writes the private half, and prints the public one.
pub fn run(args: &Args) -> Result<(), Failure> {
    let identity = age::x25519::Identity::generate();
    let recipient = identity.to_public();
    let refused = |error: std::io::Error| {
        Failure::new(
            Kind::Input,
            format!("{} cannot be written: {error}.", args.out.display()),
            "Name another file with --out; a key that is there is never overwritten.",
        )
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&args.out).map_err(refused)?;
    let secret = identity.to_string();
    writeln!(file, "# public key: {recipient}\n{}", secret.expose_secret()).map_err(refused)?;
    file.sync_all().map_err(refused)?;
    println!("{recipient}");
    eprintln!(
        "The private half is in {}. Whoever loses it loses their share of what is recorded from now on: keep a copy in a safe place.\nnext:  give the line above to whoever writes the SharingPolicy, as your ageRecipient.",
        args.out.display()
    );
    Ok(())
}
