//! Packages are streamed: what writing one holds does not grow with the footage in it. One test in a process of its own,
//! as the allocator counts the whole process.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too")]

#[path = "seal/support.rs"]
#[allow(dead_code, reason = "this uses some of it")]
mod support;
#[path = "package/world.rs"]
#[allow(dead_code, reason = "this uses some of it")]
mod world;

use std::io;

use camerafleet_crds::PackageForm;
use camerafleet_footage::package::{Contents, write_clips, write_sealed};
use peak_alloc::PeakAlloc;

use world::{Film, World};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const KIB: usize = 1 << 10;
/// What a package's bytes pass through: buffers of one segment, and the rest of it.
const LIMIT: usize = 4 << 20;
/// What a segment adds to the lists of what was seen, in the manifest and in the sums.
const EACH: usize = 4 * KIB;

/// The most that writing held above what was there before it.
fn held(world: &World, contents: &Contents, form: PackageForm) -> usize {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let rest = &mut |seen: &_| world.rest(form, seen);
    let written = match form {
        PackageForm::Clip => write_clips(io::sink(), contents, world, rest),
        PackageForm::Sealed => write_sealed(io::sink(), contents, world, rest),
    };
    let written = written.unwrap();
    let held = HEAP.peak_usage().saturating_sub(before);
    println!("{form:?}: {} bytes of package, {} KiB held", written.bytes, held / KIB);
    held
}

#[test]
fn a_longer_window_holds_no_more() {
    let film = Film { seconds: 2, ..Film::PLAIN };
    let (short, long) = (World::new(&[film; 4]), World::new(&[film; 32]));
    for form in [PackageForm::Clip, PackageForm::Sealed] {
        // Cut at both ends, where the form can be.
        let cut = i64::from(form == PackageForm::Clip) * 500;
        let [few, many] = [(&short, 8_000), (&long, 64_000)]
            .map(|(world, to)| held(world, &world.contents(cut, to - cut, false), form));
        assert!(few <= LIMIT, "{form:?}: {few}");
        assert!(many <= few + 28 * EACH, "{form:?}: {few} of 4 segments, {many} of 32");
    }
}
