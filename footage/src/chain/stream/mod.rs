//! One stream's chain.
//!
//! What a segment is, where it lies in time and which numbers there are is taken from what the stream signed:
//! each header says it of its predecessor, the close record of the last one, loss records of theirs; and the
//! log's heads pin digests. The objects are held against that.

mod edges;
mod numbers;

use std::collections::BTreeMap;

use super::Window;
use super::evidence::{Evidence, FoundSegment, Record, StreamAnchor};
use super::report::{Finding, Kind, State, Stretch};
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
    /// Whether the log knows that it recorded something.
    pub has_heads: bool,
    /// Before this it cannot have been recording, or nobody vouches for it.
    pub vouched_from_ms: i64,
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
    chain.vouch();
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
                            chain.learn(last, &found.key);
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
}
