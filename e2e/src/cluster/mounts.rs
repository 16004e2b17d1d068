//! What is mounted under an instance's folders.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::mount::{UnmountFlags, unmount};

/// More rounds than mounts are ever stacked on one point.
const ROUNDS: usize = 8;

/// Unmounts everything at or below `folder` in this machine's mount namespace.
pub(super) fn clear(folder: &Path) -> Result<()> {
    for _ in 0..ROUNDS {
        let points = below(folder)?;
        if points.is_empty() {
            return Ok(());
        }
        // The last mounted first. Detached, as a process outside may look at it; the errors show in the next round.
        for point in points.iter().rev() {
            let _ = unmount(point, UnmountFlags::DETACH);
        }
    }
    match below(folder)?.first() {
        None => Ok(()),
        Some(point) => bail!(
            "unmounting {}: it is mounted again each time; find what does it with `fuser -m`, then try again",
            point.display()
        ),
    }
}

fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let info = fs::read_to_string("/proc/self/mountinfo").context("reading /proc/self/mountinfo")?;
    Ok(points(&info).filter(|point| point.starts_with(folder)).collect())
}

fn points(info: &str) -> impl Iterator<Item = PathBuf> {
    info.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape)
}

/// Spaces and their like stand as three octal digits after a backslash.
fn unescape(text: &str) -> PathBuf {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'\\')
            .then(|| text.get(at + 1..at + 4))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 4 } else { 1 };
    }
    PathBuf::from(OsString::from_vec(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_spaces() {
        let info = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            30 27 0:5 / /var/lib/a\\040b rw shared:1 - tmpfs tmpfs rw\n";
        let found: Vec<PathBuf> = points(info).collect();
        assert_eq!(found, [PathBuf::from("/"), PathBuf::from("/var/lib/a b")]);
    }

    #[test]
    fn a_longer_name_is_not_below() {
        assert!(!Path::new("/var/lib/camerafleet/demo2").starts_with("/var/lib/camerafleet/demo"));
    }
}
