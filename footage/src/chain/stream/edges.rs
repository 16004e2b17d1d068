//! What lies between segments, and at the stream's ends.

use super::super::report::{At, Kind, State, Stretch};
use super::super::{LATE_MS, SEAM_MS};
use super::{Chain, Known};
use crate::digest::sha256;

impl Chain<'_> {
    /// Numbers between others of which nothing is known at all.
    pub(super) fn holes(&mut self) {
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
    pub(super) fn gaps(&mut self) {
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

    /// What the stream says of a time long before the log learnt of it is its own word alone: whoever made its key may have
    /// made it for that.
    pub(super) fn vouch(&mut self) {
        let limit = self.anchor.started_ms.saturating_sub(LATE_MS);
        self.told.vouched_from_ms = limit;
        self.told.has_heads = !self.anchor.heads.is_empty();
        let early = |stretch: &Stretch| stretch.from_ms < limit;
        let (before, mut told): (Vec<_>, Vec<_>) = self.told.stretches.drain(..).partition(early);
        for stretch in before {
            if stretch.state == State::Recorded {
                told.push(Stretch { to_ms: stretch.to_ms.min(limit), state: State::Unproven, ..stretch });
            }
            if stretch.to_ms > limit {
                told.push(Stretch { from_ms: limit, ..stretch });
            }
        }
        self.told.stretches = told;
        let unproven = self.told.stretches.iter().filter(|stretch| early(stretch));
        let times: Vec<(i64, i64)> = unproven
            .filter(|stretch| self.window.touches(stretch.from_ms, stretch.to_ms))
            .map(|stretch| (stretch.from_ms, stretch.to_ms))
            .collect();
        if let (Some(from), Some(to)) = (times.iter().map(|t| t.0).min(), times.iter().map(|t| t.1).max()) {
            let sentence = format!(
                "Stream {} says that it recorded from {} to {}, and the log learnt of it only at {}: nobody vouches for that time.",
                self.anchor.stream,
                At(from),
                At(to),
                At(self.anchor.started_ms)
            );
            self.told.findings.push(self.finding(Kind::Unproven, sentence).time(from, to));
        }
    }

    /// How the stream ends, and whether all up to its end is there.
    pub(super) fn end(&mut self) {
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
            let end = close.last.map_or(close.closed_at.as_millisecond(), |last| Known::from(last).end_ms);
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
