//! What one core does in memory.

use std::io::{self, Write as _};

use aws_lc_rs::digest::SHA256;

use super::measure::cpu_seconds;

/// What one core does without any store: the two things that a release is made of.
pub fn in_memory(film: &[u8]) {
    let rate = |work: &mut dyn FnMut()| {
        let (started, mut rounds) = (cpu_seconds("self").unwrap(), 0.0);
        let taken = || cpu_seconds("self").unwrap() - started;
        while taken() < 1.0 {
            work();
            rounds += 1.0;
        }
        rounds * film.len() as f64 / f64::from(1 << 20) / taken()
    };
    let key = age::x25519::Identity::generate();
    let recipient = key.to_public();
    let seal = || {
        let recipients = std::iter::once(&recipient as &dyn age::Recipient);
        let mut out = age::Encryptor::with_recipients(recipients).unwrap().wrap_output(Vec::new()).unwrap();
        out.write_all(film).unwrap();
        out.finish().unwrap()
    };
    let sealed = seal();
    let open = || {
        let keys = std::iter::once(&key as &dyn age::Identity);
        let mut media = age::Decryptor::new(&sealed[..]).unwrap().decrypt(keys).unwrap();
        io::copy(&mut media, &mut io::sink()).unwrap();
    };
    let hash = rate(&mut || {
        std::hint::black_box(aws_lc_rs::digest::digest(&SHA256, film));
    });
    let (seal, open) = (rate(&mut || drop(seal())), rate(&mut || open()));
    println!("\n| one core, in memory | MiB/s |\n|---|---|");
    println!("| SHA-256 | {hash:.0} |\n| age opens | {open:.0} |\n| age seals | {seal:.0} |");
    // Both owe three digests.
    let (hashing, crypting) = (3.0 / hash, 1.0 / open + 1.0 / seal);
    println!("| a new header and three digests | {:.0} |", 1.0 / hashing);
    println!("| opened, sealed anew and three digests | {:.0} |\n", 1.0 / (hashing + crypting));
}
