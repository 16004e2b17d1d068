//! The verdict.

use std::collections::BTreeMap;

use super::evidence::{Evidence, FoundRecord, FoundSegment, Record, StreamAnchor};
use super::report::{At, Finding, Kind, Report, State, Stretch, clipped};
use super::stream::{self, Told};
use super::timeline;
use crate::ids::StreamId;

/// Judges a window. Pure: the same evidence gives the same report.
pub fn verify(evidence: &Evidence) -> Report {
    let anchors: BTreeMap<&StreamId, &StreamAnchor> =
        evidence.anchors.iter().map(|anchor| (&anchor.stream, anchor)).collect();
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(evidence.segments.iter().filter_map(|found| object(evidence, found)));
    findings.extend(evidence.records.iter().filter_map(|found| record(evidence, &anchors, found)));
    let mut told: Vec<Told> = anchors.values().map(|anchor| stream::look(evidence, anchor)).collect();
    let mut stretches: Vec<Stretch> =
        told.iter_mut().flat_map(|told| std::mem::take(&mut told.stretches)).collect();
    for (i, told_by) in told.iter().enumerate() {
        let Some((end, reason)) = &told_by.closed else { continue };
        let others = || told.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other);
        let Some(until) = quiet_until(evidence, *end, others()) else { continue };
        stretches.push(Stretch { from_ms: *end, to_ms: until, state: State::Gap });
        if let Some((from, to)) = clipped(&evidence.window, *end, until) {
            let sentence = format!("Recording ended at {} with its stream: {reason}.", At(*end));
            findings.push(Finding::new(Kind::Gap, sentence).time(from, to));
        }
    }
    findings.extend(told.into_iter().flat_map(|told| told.findings));
    let timeline = timeline::merge(&evidence.window, stretches);
    for stretch in timeline.iter().filter(|stretch| stretch.state == State::Uncovered) {
        let (from, to) = (stretch.from_ms, stretch.to_ms);
        let sentence = format!("Nothing explains the time from {} to {}.", At(from), At(to));
        findings.push(Finding::new(Kind::Uncovered, sentence).time(from, to));
    }
    let bodies_read = evidence.segments.iter().all(|found| found.payload.is_some());
    Report::new(timeline, findings, bodies_read)
}

/// Until when a stream's close record explains that nothing was recorded: until the next stream begins, and no
/// longer than the window. Not at all where another was still going on, or the next one's beginning is not there.
fn quiet_until<'a>(
    evidence: &Evidence,
    end: i64,
    others: impl Iterator<Item = &'a Told> + Clone,
) -> Option<i64> {
    let mut at_the_time = others.clone().filter(|other| other.known_from_ms.is_some_and(|from| from <= end));
    if at_the_time.any(|other| other.over_ms.is_none_or(|over| over > end)) {
        return None; // another was recording, or says itself why not
    }
    let mut unseen = others.clone().filter(|other| {
        other.known_from_ms.is_none() && other.has_heads && other.over_ms.is_none_or(|over| over > end)
    });
    let next = others
        .clone()
        .filter(|other| other.known_from_ms.is_some_and(|from| from > end))
        .min_by_key(|o| o.known_from_ms);
    let until = match next {
        None => evidence.window.to_ms,
        Some(next) => next.begins_ms?,
    };
    // One that recorded and of which nothing is there may have done so all the time, from before the log learnt of it.
    (!unseen.any(|other| other.vouched_from_ms < until)).then_some(until)
}

/// What an object is in itself.
fn object(evidence: &Evidence, found: &FoundSegment) -> Option<Finding> {
    let header = match &found.header {
        Ok(header) => header,
        Err(why) => {
            let sentence = format!("An object with a segment's name is none: {why}.");
            return Some(Finding::new(Kind::Unreadable, sentence).object(&found.key));
        }
    };
    let Some(identity) = header.identity() else {
        let why = header.forged.as_deref().unwrap_or_default();
        let sentence = format!("A segment is forged: {why}.");
        let finding = Finding::new(Kind::Forged, sentence).stream(&header.identity.stream);
        return Some(finding.object(&found.key));
    };
    let elsewhere = identity.tenant != evidence.tenant || identity.camera != evidence.camera;
    let what = match identity.check_name(&found.name) {
        Err(error) => error.to_string(),
        Ok(()) if elsewhere => "it is another camera's".to_owned(),
        Ok(()) => return None,
    };
    let sentence = format!(
        "Segment {} of stream {} lies under a wrong name: {what}.",
        identity.sequence, identity.stream
    );
    let finding = Finding::new(Kind::Misplaced, sentence).stream(&identity.stream);
    Some(finding.sequences(identity.sequence, identity.sequence).object(&found.key))
}

/// What a record is in itself.
fn record(
    evidence: &Evidence,
    anchors: &BTreeMap<&StreamId, &StreamAnchor>,
    found: &FoundRecord,
) -> Option<Finding> {
    let (tenant, camera, stream) = match &found.record {
        Err(why) => {
            let sentence = format!("An object with a stream record's name is none: {why}.");
            return Some(Finding::new(Kind::Unreadable, sentence).object(&found.key));
        }
        Ok(Record::Close(close)) => (&close.tenant, &close.camera, &close.stream),
        Ok(Record::Loss(loss)) => (&loss.tenant, &loss.camera, &loss.stream),
    };
    let signed = |key: &[u8; 32]| match &found.record {
        Ok(Record::Close(close)) => close.verify(key).is_ok(),
        Ok(Record::Loss(loss)) => loss.verify(key).is_ok(),
        Err(_) => false,
    };
    let sentence = match anchors.get(stream) {
        None => "A stream's record is forged: the log does not know the stream.",
        Some(anchor) if !signed(&anchor.public_key) => {
            "A stream's record is forged: its stream did not sign it."
        }
        Some(_) if *tenant != evidence.tenant || *camera != evidence.camera => {
            "A stream's record is another camera's."
        }
        Some(_) => return None,
    };
    Some(Finding::new(Kind::Forged, sentence).stream(stream).object(&found.key))
}
