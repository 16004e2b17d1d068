//! The numbers that there is something about: objects, or a signed word.

use std::collections::BTreeSet;

use super::super::report::{At, Kind, State};
use super::{Candidate, Chain, Known};
use crate::layout::SegmentName;

impl Chain<'_> {
    /// Each number that there is something about.
    pub(super) fn numbers(&mut self) {
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
}
