//! The package: what leaves the system. `VERIFY.md` in each package says how to open and check it with stock tools.
//!
//! Both forms are written as a stream, in memory that does not grow with the window. [`write_clips`] makes one age file
//! to the recipient of a tar of MP4 clips; [`write_sealed`] a plain tar of the stored segments under new headers, their
//! payloads untouched, with one age file of the rest.

mod clips;
mod error;
mod manifest;
pub mod mp4;
mod outline;
mod sealed;
mod segment;
mod sign;
mod source;
mod tar;
mod upload;
mod verify;

pub use clips::write_clips;
pub use error::PackageError;
pub use manifest::{
    Authorization, CameraManifest, ClipManifest, LogProof, MANIFEST_VERSION, Manifest, RefusedSegment,
    ReleasedSegment,
};
pub use outline::{CameraFootage, Contents};
pub use sealed::write_sealed;
pub use segment::Segment;
pub use sign::{MANIFEST_KEY, MANIFEST_NAMESPACE, ManifestKey, check_manifest};
pub use source::{Source, StoreSource};
pub use upload::{Upload, part_bytes};
pub use verify::instructions;

/// The manifest in a package.
pub const MANIFEST: &str = "manifest.json";
/// Its signature.
pub const SIGNATURE: &str = "manifest.json.sig";
/// The public key that signed it, as one line that `ssh-keygen -Y verify` takes for its allowed signers.
pub const SIGNERS: &str = "allowed_signers";
/// How to open and check it.
pub const VERIFY: &str = "VERIFY.md";
/// What `sha256sum -c` reads.
pub const SUMS: &str = "SHA256SUMS";
/// In the Sealed form: the rest, an age file of a tar.
pub const REST: &str = "rest.tar.age";

/// What was written so far, for whoever makes the manifest.
#[derive(Debug, Default)]
pub struct Seen {
    /// Clips in the package; none in the Sealed form.
    pub clips: Vec<ClipManifest>,
    /// Segments that were read whole.
    pub segments: Vec<SeenSegment>,
}

/// A segment that was read whole.
#[derive(Clone, Debug)]
pub struct SeenSegment {
    /// Its object.
    pub key: String,
    /// SHA-256 of its payload.
    pub payload: [u8; 32],
    /// The file in the package that it is in.
    pub file: String,
    /// The digest under its new header, in the Sealed form.
    pub reheaded: Option<[u8; 32]>,
}

/// What goes into a package beside the footage.
pub struct Rest {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The SSH signature over them, PEM.
    pub signature: String,
    /// The line for [`SIGNERS`].
    pub signers: String,
    /// The text of [`VERIFY`].
    pub verify: String,
}

/// A package that was written to its end.
#[derive(Debug)]
pub struct Written<W> {
    /// Where it went.
    pub out: W,
    /// SHA-256 of the package.
    pub sha256: [u8; 32],
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the manifest.
    pub manifest: [u8; 32],
    /// Segments of which something is in it.
    pub segments: u64,
}
