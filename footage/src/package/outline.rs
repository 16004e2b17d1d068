//! Which segments make which clip. Pure.

use super::Segment;
use super::mp4::Cut;
use crate::chain::Window;
use crate::ids::CameraId;

/// What a package is made of.
pub struct Contents {
    /// Whom it is for.
    pub recipient: age::x25519::Recipient,
    /// Whether sound was granted.
    pub audio: bool,
    /// The footage, camera by camera.
    pub cameras: Vec<CameraFootage>,
}

/// What is released of one camera.
pub struct CameraFootage {
    /// The camera.
    pub camera: CameraId,
    /// Its name, for people; part of files' names.
    pub name: String,
    /// What was granted.
    pub window: Window,
    /// Segments of which something lies in the window, in any order.
    pub segments: Vec<Segment>,
}

/// A clip to be made.
pub(super) struct Planned<'f> {
    pub path: String,
    pub camera: &'f CameraId,
    pub parts: Vec<(&'f Segment, Cut)>,
}

impl CameraFootage {
    /// The clips in the order of time: what follows each other in one stream, hour by hour.
    pub(super) fn clips(&self, audio: bool) -> Vec<Planned<'_>> {
        let mut segments: Vec<&Segment> = self.segments.iter().collect();
        segments.sort_by_key(|segment| (&segment.name.stream, segment.name.sequence));
        let mut clips: Vec<Vec<(&Segment, Cut)>> = Vec::new();
        for segment in segments {
            let part = (segment, self.cut(segment, audio));
            match clips.last_mut() {
                Some(clip) if clip.last().is_some_and(|(last, _)| follows(last, segment, audio)) => {
                    clip.push(part);
                }
                _ => clips.push(vec![part]),
            }
        }
        clips.sort_by_key(|clip| clip.first().map(|(first, _)| first.name.start_ms));
        clips
            .into_iter()
            .map(|parts| Planned { path: self.path(&parts), camera: &self.camera, parts })
            .collect()
    }

    fn cut(&self, segment: &Segment, audio: bool) -> Cut {
        let name = &segment.name;
        let proven = segment.vouched.is_some();
        let begins_inside = proven && name.start_ms >= self.window.from_ms;
        // A name that claims less than there is must not let through what lies beyond.
        let ends_inside = proven && name.end_ms() <= self.window.to_ms;
        Cut {
            start_ms: name.start_ms,
            from_ms: (!begins_inside).then_some(self.window.from_ms),
            to_ms: (!ends_inside).then_some(self.window.to_ms),
            audio,
        }
    }

    /// `clips/<camera>/<start in UTC>-<stream>-<number>.mp4`
    fn path(&self, parts: &[(&Segment, Cut)]) -> String {
        let (first, _) = &parts[0];
        let start = first.name.start_ms.max(self.window.from_ms);
        let start = jiff::Timestamp::from_millisecond(start).unwrap_or_default();
        let stream = &first.name.stream.as_str()[..8];
        let folder = folder(&self.name, &self.camera);
        format!("clips/{folder}/{}-{stream}-{}.mp4", start.strftime("%Y%m%dT%H%M%SZ"), first.name.sequence)
    }
}

/// A camera's folder in a package: what people call it, as far as it is a file's name, and what it is.
pub(super) fn folder(name: &str, camera: &CameraId) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let plain: String = name.chars().filter(|c| is_plain(*c)).take(40).collect();
    let id: String = camera.as_str().chars().take(36).collect();
    if plain.is_empty() { id } else { format!("{plain}-{id}") }
}

fn follows(last: &Segment, next: &Segment, audio: bool) -> bool {
    last.name.stream == next.name.stream
        && last.name.sequence + 1 == next.name.sequence
        && last.name.hour == next.name.hour
        && next.continues
        && last.init().shape(audio) == next.init().shape(audio)
}
