//! What of a window a package covers, and why not the rest. Pure.

use std::fmt::Write as _;

use camerafleet_crds::PackageForm;
use camerafleet_footage::chain::SEAM_MS;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{manifest::Camera, plain};
use crate::moment;

/// One camera.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CameraCoverage {
    /// Its id.
    pub camera: String,
    /// Its name when it was asked for.
    pub name: String,
    /// What was granted.
    pub from: Timestamp,
    /// Without this moment.
    pub to: Timestamp,
    /// What there is, in the order of time.
    pub covered: Vec<Covered>,
    /// What there is not.
    pub gaps: Vec<Gap>,
    /// Stored footage of the window that was not released.
    pub left_out: Vec<LeftOut>,
    /// What else was found when the footage was looked through.
    pub remarks: Vec<String>,
}

/// A stretch with footage.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Covered {
    from: Timestamp,
    to: Timestamp,
    files: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    frames: Option<u64>,
}

/// A stretch without.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gap {
    from: Timestamp,
    to: Timestamp,
    reasons: Vec<String>,
}

/// A stored segment that was not released.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    object: String,
    why: String,
}

/// A stretch with footage, in milliseconds.
struct Span {
    from: i64,
    to: i64,
    files: u64,
    frames: Option<u64>,
}

/// What of the camera's window is there.
pub(super) fn cover(camera: &Camera, form: PackageForm) -> CameraCoverage {
    let spans = merged(match form {
        PackageForm::Clip => camera
            .clips
            .iter()
            .map(|clip| Span { from: clip.from_ms, to: clip.to_ms, files: 1, frames: Some(clip.frames) })
            .collect(),
        PackageForm::Sealed => {
            let length = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
            let span = |s: &super::manifest::Segment| Span {
                from: s.start_ms,
                to: s.start_ms.saturating_add(length(s.duration_ms)),
                files: 1,
                frames: None,
            };
            camera.segments.iter().map(span).collect()
        }
    });
    let holes = holes(&spans, camera.from.as_millisecond(), camera.to.as_millisecond());
    let is_told = |time: Option<(i64, i64)>| {
        time.is_some_and(|(from, to)| holes.iter().any(|hole| overlap(*hole, (from, to))))
    };
    let findings = &camera.chain.findings;
    CameraCoverage {
        camera: plain(&camera.camera),
        name: plain(&camera.name),
        from: camera.from,
        to: camera.to,
        covered: spans
            .iter()
            .map(|span| Covered {
                from: at(span.from),
                to: at(span.to),
                files: span.files,
                frames: span.frames,
            })
            .collect(),
        gaps: holes
            .iter()
            .map(|hole| Gap { from: at(hole.0), to: at(hole.1), reasons: reasons(camera, *hole) })
            .collect(),
        left_out: camera
            .refused
            .iter()
            .map(|refused| LeftOut { object: plain(&refused.object), why: plain(&refused.why) })
            .collect(),
        remarks: findings.iter().filter(|f| !is_told(f.time_ms)).map(|f| plain(&f.sentence)).collect(),
    }
}

/// In the order of time; what follows without a seam is one.
fn merged(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| span.from);
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.from <= last.to.saturating_add(SEAM_MS) => {
                last.to = last.to.max(span.to);
                last.files += span.files;
                last.frames = last.frames.zip(span.frames).map(|(a, b)| a.saturating_add(b));
            }
            _ => merged.push(span),
        }
    }
    merged
}

fn holes(spans: &[Span], from: i64, to: i64) -> Vec<(i64, i64)> {
    let mut holes = Vec::new();
    let mut at = from;
    for span in spans {
        holes.push((at, span.from.min(to)));
        at = at.max(span.to);
    }
    holes.push((at, to));
    holes.retain(|(from, to)| to.saturating_sub(*from) > SEAM_MS);
    holes
}

fn overlap(one: (i64, i64), other: (i64, i64)) -> bool {
    one.0.max(other.0) < one.1.min(other.1)
}

fn reasons(camera: &Camera, hole: (i64, i64)) -> Vec<String> {
    let findings = camera.chain.findings.iter().filter(|f| f.time_ms.is_some_and(|time| overlap(hole, time)));
    let mut reasons: Vec<String> = findings.map(|finding| plain(&finding.sentence)).collect();
    let states = camera.chain.timeline.iter().filter(|s| overlap(hole, (s.from_ms, s.to_ms)));
    let is_recorded = states.clone().any(|stretch| stretch.state == "recorded");
    if is_recorded && camera.refused.is_empty() {
        // A clip begins at a key frame; nothing before it could be shown.
        reasons.push(
            "No key frame lies here: a clip begins at one and ends at a frame inside the window.".to_owned(),
        );
    } else if is_recorded {
        reasons.push("Stored footage of this time was not released: see what was left out.".to_owned());
    } else if reasons.is_empty() {
        let mut told: Vec<&str> = states.map(|stretch| stretch.state.as_str()).collect();
        told.dedup();
        reasons.push(format!("It is {}.", plain(&told.join(", "))));
    }
    reasons
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

/// For people: a block a camera.
pub fn told(cameras: &[CameraCoverage]) -> String {
    let mut out = String::new();
    for camera in cameras {
        let _ = writeln!(
            out,
            "\n{} ({}), granted from {} to {}",
            camera.name,
            camera.camera,
            moment::tell(camera.from),
            moment::tell(camera.to)
        );
        let covered = camera.covered.iter().map(|c| (c.from, c.to, covered(c)));
        let gaps =
            camera.gaps.iter().map(|gap| (gap.from, gap.to, format!("none: {}", gap.reasons.join(" "))));
        let mut lines: Vec<_> = covered.chain(gaps).collect();
        lines.sort();
        for (from, to, what) in lines {
            let _ = writeln!(out, "  {}  to  {}  {what}", exactly(from), exactly(to));
        }
        for left_out in &camera.left_out {
            let _ = writeln!(out, "  left out  {}: {}", left_out.object, left_out.why);
        }
        for remark in &camera.remarks {
            let _ = writeln!(out, "  remark    {remark}");
        }
    }
    out
}

fn covered(covered: &Covered) -> String {
    let files = match covered.files {
        1 => "1 file".to_owned(),
        files => format!("{files} files"),
    };
    match covered.frames {
        Some(frames) => format!("footage, {files}, {frames} frames"),
        None => format!("footage, {files}"),
    }
}

/// To the millisecond.
fn exactly(moment: Timestamp) -> String {
    moment.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn camera(chain: serde_json::Value, clips: &[(i64, i64)], refused: serde_json::Value) -> Camera {
        let clips: Vec<_> = clips
            .iter()
            .map(|(from, to)| json!({"file": "f", "camera": "c-1", "sha256": "", "bytes": 1, "fromMs": from, "toMs": to, "frames": 25}))
            .collect();
        serde_json::from_value(json!({
            "camera": "c-1", "name": "door", "from": "1970-01-01T00:00:00Z", "to": "1970-01-01T00:00:10Z",
            "chain": chain, "segments": [], "refused": refused, "clips": clips,
        }))
        .unwrap()
    }

    #[test]
    fn every_hole_has_its_reason_and_what_is_not_about_a_hole_is_a_remark() {
        let chain = json!({
            "verdict": "incomplete",
            "timeline": [{"fromMs": 0, "toMs": 4000, "state": "recorded"}, {"fromMs": 4000, "toMs": 6000, "state": "gap"},
                {"fromMs": 6000, "toMs": 10000, "state": "recorded"}],
            "findings": [
                {"kind": "gap", "timeMs": [4000, 6000], "sentence": "The camera stalled."},
                {"kind": "openEnd", "timeMs": null, "sentence": "The stream's end is open."},
            ],
        });
        let covered = cover(
            &camera(chain.clone(), &[(500, 2000), (2050, 4000), (6000, 10_000)], json!([])),
            PackageForm::Clip,
        );
        assert_eq!(covered.covered.len(), 2, "two that meet are one");
        assert_eq!((covered.covered[0].files, covered.covered[0].frames), (2, Some(50)));
        let gaps: Vec<_> =
            covered.gaps.iter().map(|g| (g.from.as_millisecond(), g.to.as_millisecond())).collect();
        assert_eq!(gaps, [(0, 500), (4000, 6000)]);
        assert!(covered.gaps[0].reasons[0].contains("key frame"));
        assert_eq!(covered.gaps[1].reasons, ["The camera stalled."]);
        assert_eq!(covered.remarks, ["The stream's end is open."]);

        let left_out = json!([{"object": "o", "why": "it is damaged"}]);
        let covered = cover(&camera(chain, &[(6000, 10_000)], left_out), PackageForm::Clip);
        assert_eq!(covered.gaps.len(), 1);
        assert_eq!(covered.gaps[0].reasons.len(), 2);
        assert!(told(&[covered]).contains("left out  o: it is damaged"));
    }
}
