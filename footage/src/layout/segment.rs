//! Names of segments.

use std::fmt;

use crate::ids::{CameraId, PolicyId, StreamId, TenantId};

use super::{
    Epoch, Hour, MAX_SEGMENT_DURATION_MS, MAX_SEQUENCE, camera_prefix, decimal, decimal_unix_ms,
    footage_prefix,
};

const SUFFIX: &str = ".mp4.age";

/// The key names no segment; such an object is not ours and is left alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object {key:?} is not a sealed segment: {why}")]
pub struct NotASegment {
    key: String,
    why: &'static str,
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tracks {
    /// `v`: pictures only.
    Video,
    /// `va`: pictures and sound.
    VideoAudio,
}

impl Tracks {
    /// As it is written in the name.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Video => "v",
            Self::VideoAudio => "va",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Video, Self::VideoAudio].into_iter().find(|tracks| tracks.as_str() == text)
    }

    /// Whether there is sound.
    pub fn has_audio(&self) -> bool {
        matches!(self, Self::VideoAudio)
    }
}

impl fmt::Display for Tracks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All that a segment's name says:
/// `<prefix>/<tenant>/footage/<policy>/<epoch>/<camera>/<hour>/<start>-<duration>-<stream>-<sequence>-<v|va>.mp4.age`.
///
/// The name is a claim. The header authenticates all of it but start and duration
/// ([`crate::seal::SegmentIdentity::check_name`]), which are authenticated by the next segment of the stream or by
/// its close record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// Whose it is.
    pub tenant: TenantId,
    /// Under which policy it expires.
    pub policy: PolicyId,
    /// The epoch of the key that was really used.
    pub epoch: Epoch,
    /// Which camera saw it.
    pub camera: CameraId,
    /// The hour in which it was opened; the media may start a little earlier.
    pub hour: Hour,
    /// The media's start, milliseconds since the Unix epoch, not before 1970.
    pub start_ms: i64,
    /// The media's length, milliseconds, at most [`MAX_SEGMENT_DURATION_MS`].
    pub duration_ms: u64,
    /// Which recorder stream wrote it.
    pub stream: StreamId,
    /// Its number in the stream, from 0.
    pub sequence: u64,
    /// What is in it.
    pub tracks: Tracks,
}

impl SegmentName {
    /// The object's key.
    pub fn key(&self, prefix: &str) -> String {
        let Self { tenant, policy, epoch, camera, hour, start_ms, duration_ms, stream, sequence, tracks } =
            self;
        let folder = camera_prefix(prefix, tenant, policy, epoch, camera);
        format!("{folder}{hour}/{start_ms}-{duration_ms}-{stream}-{sequence}-{tracks}{SUFFIX}")
    }

    /// The media's end, milliseconds since the Unix epoch.
    pub fn end_ms(&self) -> i64 {
        self.start_ms.saturating_add_unsigned(self.duration_ms)
    }

    /// Reads a key back. Accepts exactly what [`SegmentName::key`] writes.
    pub fn parse(prefix: &str, key: &str) -> Result<Self, NotASegment> {
        let fail = |why| NotASegment { key: super::epoch::shown(key), why };
        let prefix = prefix.trim_matches('/');
        let rest = match prefix {
            "" => Some(key),
            prefix => key.strip_prefix(prefix).and_then(|k| k.strip_prefix('/')),
        };
        let rest = rest.ok_or_else(|| fail("it lies outside the tenant's folder"))?;
        let parts: Vec<&str> = rest.split('/').collect();
        let [tenant, "footage", policy, epoch, camera, hour, file] = parts[..] else {
            return Err(fail("it does not lie in <tenant>/footage/<policy>/<epoch>/<camera>/<hour>/"));
        };
        let file = file.strip_suffix(SUFFIX).ok_or_else(|| fail("it does not end in .mp4.age"))?;
        let fields: Vec<&str> = file.split('-').collect();
        let [start, duration, stream, sequence, tracks] = fields[..] else {
            return Err(fail("its last part is not <start>-<duration>-<stream>-<sequence>-<v|va>"));
        };
        let name = Self {
            tenant: TenantId::parse(tenant).map_err(|_| fail("the tenant's id is malformed"))?,
            policy: PolicyId::parse(policy).map_err(|_| fail("the policy's id is malformed"))?,
            epoch: epoch.parse().map_err(|_| fail("the epoch is malformed"))?,
            camera: CameraId::parse(camera).map_err(|_| fail("the camera's id is malformed"))?,
            hour: hour.parse().map_err(|_| fail("the hour is malformed"))?,
            start_ms: decimal_unix_ms(start).ok_or_else(|| fail("the start is malformed"))?,
            duration_ms: decimal(duration)
                .filter(|d| *d <= MAX_SEGMENT_DURATION_MS)
                .ok_or_else(|| fail("the duration is malformed or over an hour"))?,
            stream: StreamId::parse(stream).map_err(|_| fail("the stream's id is malformed"))?,
            sequence: decimal(sequence)
                .filter(|s| *s <= MAX_SEQUENCE)
                .ok_or_else(|| fail("the sequence number is malformed"))?,
            tracks: Tracks::parse(tracks).ok_or_else(|| fail("the tracks are neither v nor va"))?,
        };
        debug_assert!(name.key(prefix).starts_with(&footage_prefix(prefix, &name.tenant)));
        if name.key(prefix) == key { Ok(name) } else { Err(fail("it is not written the one way")) }
    }
}
