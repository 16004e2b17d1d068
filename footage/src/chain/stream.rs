//! One stream's chain.
//!
//! What a segment is, where it lies in time and which numbers there are is taken from what the stream signed:
//! each header says it of its predecessor, the close record of the last one, loss records of theirs; and the
//! log's heads pin digests. The objects are held against that.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Evidence, FoundSegment, Record, StreamAnchor};
use super::report::{At, Finding, Kind, State, Stretch};
use super::{SEAM_MS, Window};
use crate::digest::sha256;
use crate::layout::SegmentName;
use crate::seal::{CloseRecord, GapReason, LossRecord, Previous, SegmentIdentity, segment_digest};

/// What a stream says of the window.
#[derive(Default)]
pub struct Told {
    pub findings: Vec<Finding>,
    pub stretches: Vec<Stretch>,
    /// When the stream's first segment began, if that is among what was found.
    pub begins_ms: Option<i64>,
    /// When what is known of it begins, whether or not that is its first segment.
    pub known_from_ms: Option<i64>,
    /// When its last segment ended and why, if it closed.
    pub closed: Option<(i64, String)>,
    /// When it was over at the latest, if it is.
    pub over_ms: Option<i64>,
}

/// A genuine segment's object.
struct Candidate<'a> {
    found: &'a FoundSegment,
    identity: &'a SegmentIdentity,
    /// Its digest, where the payload was read.
    digest: Option<[u8; 32]>,
    /// Whether the name says what the header says.
    in_place: bool,
}

/// What is signed of a number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Known {
    digest: [u8; 32],
    start_ms: i64,
    end_ms: i64,
}

impl From<Previous> for Known {
    fn from(s: Previous) -> Self {
        let end_ms = s.start_ms.saturating_add_unsigned(s.duration_ms);
        Self { digest: s.digest, start_ms: s.start_ms, end_ms }
    }
}

/// Looks at one stream.
pub fn look(evidence: &Evidence, anchor: &StreamAnchor) -> Told {
    let mut chain = Chain::gather(evidence, anchor);
    chain.numbers();
    chain.holes();
    chain.gaps();
    chain.end();
    chain.told
}

struct Chain<'a> {
    window: Window,
    anchor: &'a StreamAnchor,
    found: BTreeMap<u64, Vec<Candidate<'a>>>,
    known: BTreeMap<u64, Known>,
    heads: BTreeMap<u64, [u8; 32]>,
    /// What each segment's header, or its loss record, says of the one before it.
    links: BTreeMap<u64, (Option<Previous>, Option<GapReason>)>,
    /// Numbers `(after, before)`, both exclusive, that were given up.
    given_up: Vec<(u64, u64)>,
    losses: BTreeMap<u64, &'a LossRecord>,
    close: Option<&'a CloseRecord>,
    told: Told,
}

impl<'a> Chain<'a> {
    fn gather(evidence: &'a Evidence, anchor: &'a StreamAnchor) -> Self {
        let mut chain = Self {
            window: evidence.window,
            anchor,
            found: BTreeMap::new(),
            known: BTreeMap::new(),
            heads: BTreeMap::new(),
            links: BTreeMap::new(),
            given_up: Vec::new(),
            losses: BTreeMap::new(),
            close: None,
            told: Told::default(),
        };
        for found in &evidence.segments {
            let Ok(header) = &found.header else { continue };
            let Some(identity) = header.identity().filter(|i| i.stream == anchor.stream) else { continue };
            let digest = found.payload.map(|payload| segment_digest(&header.digest, &payload));
            let in_place = identity.check_name(&found.name).is_ok();
            let candidate = Candidate { found, identity, digest, in_place };
            chain.found.entry(identity.sequence).or_default().push(candidate);
            chain.link(identity.sequence, identity.previous, identity.gap.clone(), &found.key);
        }
        for found in &evidence.records {
            match &found.record {
                // What its stream did not sign is reported as forged, with the objects.
                Ok(Record::Close(close))
                    if close.stream == anchor.stream && close.verify(&anchor.public_key).is_ok() =>
                {
                    match close.last {
                        Some(last) => {
                            chain.learn(last.into(), &found.key);
                            chain.given_up.push((last.sequence, close.next_sequence));
                        }
                        None => chain.given_up.push((u64::MAX, close.next_sequence)),
                    }
                    chain.close = Some(close);
                }
                Ok(Record::Loss(loss))
                    if loss.stream == anchor.stream && loss.verify(&anchor.public_key).is_ok() =>
                {
                    chain.learn(loss.segment, &found.key);
                    chain.link(loss.segment.sequence, loss.previous, loss.gap.clone(), &found.key);
                    chain.losses.insert(loss.segment.sequence, loss);
                }
                _ => {}
            }
        }
        for head in &anchor.heads {
            let other = chain.heads.insert(head.sequence, head.digest).is_some_and(|d| d != head.digest);
            let known = chain.known.get(&head.sequence).is_some_and(|k| k.digest != head.digest);
            if other || known {
                chain.contradiction(head.sequence, "log", None);
            }
        }
        chain
    }

    fn link(&mut self, sequence: u64, previous: Option<Previous>, gap: Option<GapReason>, source: &str) {
        match previous {
            Some(previous) => {
                self.learn(previous, source);
                self.given_up.push((previous.sequence, sequence));
            }
            // What was before the first one was given up too.
            None => self.given_up.push((u64::MAX, sequence)),
        }
        self.links.insert(sequence, (previous, gap));
    }

    fn learn(&mut self, last: Previous, source: &str) {
        let known = Known::from(last);
        if self.known.insert(last.sequence, known).is_some_and(|other| other != known) {
            self.contradiction(last.sequence, "stream", Some(source));
        }
    }

    fn contradiction(&mut self, sequence: u64, whose: &str, object: Option<&str>) {
        let sentence = format!(
            "Two signed statements about segment {sequence} of stream {}, of which the {whose} made one, cannot both be so: its key was misused.",
            self.anchor.stream
        );
        let mut finding = self.finding(Kind::Contradiction, sentence).sequences(sequence, sequence);
        finding.object = object.map(str::to_owned);
        self.told.findings.push(finding);
    }

    fn finding(&self, kind: Kind, sentence: String) -> Finding {
        Finding::new(kind, sentence).stream(&self.anchor.stream)
    }

    fn stretch(&mut self, from_ms: i64, to_ms: i64, state: State) {
        self.told.stretches.push(Stretch { from_ms, to_ms, state });
    }

    fn highest_found(&self) -> Option<u64> {
        self.found.keys().next_back().copied()
    }

    /// Each number that there is something about.
    fn numbers(&mut self) {
        let numbers: BTreeSet<u64> = self.found.keys().chain(self.known.keys()).copied().collect();
        for sequence in numbers {
            let candidates = self.found.remove(&sequence).unwrap_or_default();
            match self.known.get(&sequence).copied() {
                Some(known) => self.signed_number(sequence, known, &candidates),
                None => self.unproven_number(sequence, &candidates),
            }
            if !candidates.is_empty() {
                self.found.insert(sequence, candidates);
            }
        }
    }

    /// A number whose digest and time are signed.
    fn signed_number(&mut self, sequence: u64, known: Known, candidates: &[Candidate<'_>]) {
        let touches = self.window.touches(known.start_ms, known.end_ms);
        let mut right: Vec<&Candidate<'_>> =
            candidates.iter().filter(|c| c.digest.is_none_or(|d| d == known.digest)).collect();
        let named = |name: &SegmentName| name.start_ms == known.start_ms && name.end_ms() == known.end_ms;
        right.sort_by_key(|c| !(c.in_place && named(&c.found.name)));
        for (i, candidate) in right.iter().enumerate() {
            // A name that lies about the rest is reported with the objects.
            if candidate.in_place && !named(&candidate.found.name) {
                let sentence = format!(
                    "The name of segment {sequence} of stream {} claims {} to {}; its stream signed {} to {}.",
                    self.anchor.stream,
                    At(candidate.found.name.start_ms),
                    At(candidate.found.name.end_ms()),
                    At(known.start_ms),
                    At(known.end_ms),
                );
                let finding = self.finding(Kind::Misplaced, sentence).sequences(sequence, sequence);
                self.told.findings.push(finding.object(&candidate.found.key));
            } else if candidate.in_place && i > 0 {
                self.duplicate(sequence, candidate);
            }
        }
        for candidate in candidates.iter().filter(|c| c.digest.is_some_and(|d| d != known.digest)) {
            self.replaced(sequence, candidate);
        }
        if !right.is_empty() {
            return self.stretch(known.start_ms, known.end_ms, State::Recorded);
        }
        if !touches {
            return;
        }
        if candidates.is_empty()
            && let Some(loss) = self.losses.get(&sequence)
        {
            let sentence = format!(
                "Segment {sequence} of stream {}, {} to {}, never reached the store: its recorder gave it up ({}).",
                self.anchor.stream,
                At(known.start_ms),
                At(known.end_ms),
                loss.reason
            );
            let finding = self.finding(Kind::Lost, sentence).sequences(sequence, sequence);
            self.told.findings.push(finding.time(known.start_ms, known.end_ms));
            return self.stretch(known.start_ms, known.end_ms, State::Lost);
        }
        self.stretch(known.start_ms, known.end_ms, State::Missing);
        if candidates.is_empty() {
            let cut_off = self.highest_found().is_none_or(|highest| sequence > highest);
            let (kind, by) = if cut_off {
                (Kind::CutOff, "the stream's end")
            } else {
                (Kind::Missing, "the segment after it")
            };
            let sentence = format!(
                "Segment {sequence} of stream {}, {} to {}, is not there, though {by} names it.",
                self.anchor.stream,
                At(known.start_ms),
                At(known.end_ms)
            );
            let finding = self.finding(kind, sentence).sequences(sequence, sequence);
            self.told.findings.push(finding.time(known.start_ms, known.end_ms));
        }
    }

    /// A number of which there are objects and at most a logged digest.
    fn unproven_number(&mut self, sequence: u64, candidates: &[Candidate<'_>]) {
        let head = self.heads.get(&sequence).copied();
        let is_right = |c: &Candidate<'_>| match (c.digest, head) {
            (Some(digest), Some(head)) => digest == head,
            _ => true,
        };
        let mut right = 0;
        for candidate in candidates {
            let (start, end) = (candidate.found.name.start_ms, candidate.found.name.end_ms());
            if !is_right(candidate) {
                self.replaced(sequence, candidate);
                continue;
            }
            right += 1;
            if right > 1 {
                self.duplicate(sequence, candidate);
            }
            if candidate.in_place {
                self.stretch(start, end, State::Unproven);
                if self.window.touches(start, end) {
                    let sentence = format!(
                        "Only its name says that segment {sequence} of stream {} lasts from {} to {}: nothing signed that follows it is there.",
                        self.anchor.stream,
                        At(start),
                        At(end)
                    );
                    let finding = self.finding(Kind::Unproven, sentence).sequences(sequence, sequence);
                    self.told.findings.push(finding.time(start, end).object(&candidate.found.key));
                }
            }
        }
    }

    fn duplicate(&mut self, sequence: u64, candidate: &Candidate<'_>) {
        let sentence =
            format!("Segment {sequence} of stream {} is there more than once.", self.anchor.stream);
        let finding = self.finding(Kind::Duplicate, sentence).sequences(sequence, sequence);
        self.told.findings.push(finding.object(&candidate.found.key));
    }

    fn replaced(&mut self, sequence: u64, candidate: &Candidate<'_>) {
        let sentence = format!(
            "The object of segment {sequence} of stream {} is not the one that was recorded: its digest is another.",
            self.anchor.stream
        );
        let name = &candidate.found.name;
        let finding = self.finding(Kind::Replaced, sentence).sequences(sequence, sequence);
        let finding = finding.time(name.start_ms, name.end_ms()).object(&candidate.found.key);
        self.told.findings.push(finding);
    }

    /// A segment's time: signed, or else what its name says.
    fn time(&self, sequence: u64) -> Option<(i64, i64)> {
        let named = |c: &Candidate<'_>| (c.found.name.start_ms, c.found.name.end_ms());
        let known = self.known.get(&sequence).map(|k| (k.start_ms, k.end_ms));
        known.or_else(|| self.found.get(&sequence)?.iter().find(|c| c.in_place).map(named))
    }

    /// Whether a header or the close record says that the number was given up.
    fn was_given_up(&self, sequence: u64) -> bool {
        self.given_up
            .iter()
            .any(|(after, before)| (*after == u64::MAX || *after < sequence) && sequence < *before)
    }

    /// Numbers between others of which nothing is known at all.
    fn holes(&mut self) {
        let mut told: Vec<u64> = self.found.keys().chain(self.known.keys()).copied().collect();
        told.sort_unstable();
        told.dedup();
        let first = told.first().and_then(|first| Some((*first, self.time(*first)?.0)));
        if let Some((first, start)) = first {
            self.told.known_from_ms = Some(start);
            let is_first = first == 0 || self.was_given_up(first - 1);
            if is_first {
                self.told.begins_ms = Some(start);
            } else {
                self.hole((0, first - 1), self.window.from_ms.max(self.anchor.started_ms), start);
            }
        }
        for pair in told.windows(2) {
            let [before, after] = [pair[0], pair[1]];
            if before + 1 < after && !self.was_given_up(before + 1) {
                let from = self.time(before).map_or(i64::MIN, |time| time.1);
                let to = self.time(after).map_or(i64::MAX, |time| time.0);
                self.hole((before + 1, after - 1), from, to);
            }
            // A number that the stream gave up cannot have been finished.
            if self.was_given_up(after) {
                self.contradiction(after, "stream", None);
            }
        }
    }

    fn hole(&mut self, (first, last): (u64, u64), from: i64, to: i64) {
        if from >= to || !self.window.touches(from, to) {
            return;
        }
        let sentence = format!(
            "Segments {first} to {last} of stream {} are not there, nor anything that says why.",
            self.anchor.stream
        );
        let finding = self.finding(Kind::Missing, sentence).sequences(first, last);
        self.told.findings.push(finding.time(from.max(self.window.from_ms), to.min(self.window.to_ms)));
        self.stretch(from, to, State::Missing);
    }

    /// What each header says of the time between it and its predecessor.
    fn gaps(&mut self) {
        for (sequence, (previous, gap)) in std::mem::take(&mut self.links) {
            let Some(previous) = previous else { continue };
            let end = Known::from(previous).end_ms;
            let Some((start, _)) = self.time(sequence) else { continue };
            let apart = start.saturating_sub(end);
            match gap {
                Some(reason) if apart > 0 => {
                    self.stretch(end, start, State::Gap);
                    if self.window.touches(end, start) {
                        let sentence = format!(
                            "Stream {} recorded nothing from {} to {}: {reason}.",
                            self.anchor.stream,
                            At(end),
                            At(start)
                        );
                        let finding = self.finding(Kind::Gap, sentence).sequences(sequence, sequence);
                        self.told.findings.push(finding.time(end, start));
                    }
                }
                None if (1..=SEAM_MS).contains(&apart) => self.stretch(end, start, State::Recorded),
                // A clock that was set back, say: the recorder knew of it.
                Some(_) => {}
                None if apart < -SEAM_MS && self.window.touches(start, end) => {
                    let sentence = format!(
                        "Segment {sequence} of stream {} begins at {}, before the one ahead of it ends at {}.",
                        self.anchor.stream,
                        At(start),
                        At(end)
                    );
                    let finding = self.finding(Kind::Overlapping, sentence).sequences(sequence, sequence);
                    self.told.findings.push(finding.time(start, end));
                }
                None => {}
            }
        }
    }

    /// How the stream ends, and whether all up to its end is there.
    fn end(&mut self) {
        let window = self.window;
        let alive_to = self.anchor.closed.map_or(i64::MAX, |closed| closed.at_ms);
        // The log may have learnt of it later than it began.
        let began =
            self.told.known_from_ms.map_or(self.anchor.started_ms, |at| at.min(self.anchor.started_ms));
        let alive = window.touches(began, alive_to);
        if let Some(logged) = self.anchor.closed.and_then(|closed| closed.record)
            && alive
            && self.close.is_none_or(|close| sha256(&close.to_json()) != logged)
        {
            let sentence = format!(
                "The close record of stream {}, which the log has, is not there.",
                self.anchor.stream
            );
            self.told.findings.push(self.finding(Kind::Missing, sentence));
        }
        // Where what is signed ends; media of a segment begins by its opening at the latest.
        let highest = self.found.iter().next_back();
        let opened = highest.and_then(|(_, c)| Some(c.first()?.identity.opened_at.as_millisecond()));
        let proven = self.known.values().map(|known| known.end_ms).max();
        if let Some(close) = self.close {
            let end = close
                .last
                .map_or(close.closed_at.as_millisecond(), |last| Known::from(Previous::from(last)).end_ms);
            self.told.closed = Some((end, close.reason.clone()));
        }
        let closed = self.told.closed.as_ref().map(|(end, _)| *end);
        self.told.over_ms = closed.or(self.anchor.closed.map(|closed| closed.at_ms));
        let beyond = self.heads.keys().next_back().copied().filter(|head| {
            self.known.keys().chain(self.found.keys()).all(|n| n < head) && !self.was_given_up(*head)
        });
        if self.close.is_some() && beyond.is_none() {
            return;
        }
        let end = proven.max(opened).unwrap_or(began);
        if !alive || end >= window.to_ms || alive_to <= window.from_ms {
            return;
        }
        let time = (end.max(window.from_ms), alive_to.min(window.to_ms));
        if time.0 >= time.1 {
            return;
        }
        // The log's head was finished before it was logged: what is past the window's start may lie in it.
        let cut = beyond
            .filter(|head| self.anchor.heads.iter().any(|h| h.sequence == *head && h.at_ms > window.from_ms));
        let finding = match cut {
            Some(head) => {
                let sentence = format!(
                    "Stream {} is cut off at {}: the log knows of its segment {head}.",
                    self.anchor.stream,
                    At(time.0)
                );
                let first = self.highest_found().map_or(0, |highest| highest + 1);
                self.finding(Kind::CutOff, sentence).sequences(first, head)
            }
            None => {
                let sentence = format!(
                    "Stream {} has no close record: what it recorded after {} cannot be known.",
                    self.anchor.stream,
                    At(time.0)
                );
                self.finding(Kind::OpenEnd, sentence)
            }
        };
        self.told.findings.push(finding.time(time.0, time.1));
    }
}
