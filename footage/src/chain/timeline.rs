//! Many streams' stretches of time, merged into one line.

use std::collections::BTreeMap;

use super::Window;
use super::report::{State, Stretch, clipped};

/// Merges: each moment is in the best state that any stretch gives it.
pub fn merge(window: &Window, mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort_by_key(|s| (s.state, s.from_ms));
    let mut line = Line::default();
    for stretch in stretches {
        if let Some((from, to)) = clipped(window, stretch.from_ms, stretch.to_ms) {
            line.fill(from, to, stretch.state);
        }
    }
    if let Some((from, to)) = clipped(window, window.from_ms, window.to_ms) {
        line.fill(from, to, State::Uncovered);
    }
    let mut merged: Vec<Stretch> = Vec::new();
    for (from_ms, (to_ms, state)) in line.0 {
        match merged.last_mut() {
            Some(last) if last.state == state && last.to_ms == from_ms => last.to_ms = to_ms,
            _ => merged.push(Stretch { from_ms, to_ms, state }),
        }
    }
    merged
}

/// Stretches that do not overlap, by their starts.
#[derive(Default)]
struct Line(BTreeMap<i64, (i64, State)>);

impl Line {
    /// Fills what is still free of a stretch.
    fn fill(&mut self, from: i64, to: i64, state: State) {
        let mut at = match self.0.range(..=from).next_back() {
            Some((_, (end, _))) => from.max(*end),
            None => from,
        };
        while at < to {
            let next = self.0.range(at..to).next().map(|(start, (end, _))| (*start, *end));
            let (start, end) = next.unwrap_or((to, to));
            if at < start {
                self.0.insert(at, (start, state));
            }
            at = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_state_of_each_moment_remains() {
        use State::{Gap, Lost, Missing, Recorded, Uncovered};
        let window = Window { from_ms: 0, to_ms: 100 };
        type Line = &'static [(i64, i64, State)];
        let cases: [(Line, Line); 5] = [
            (&[], &[(0, 100, Uncovered)]),
            (&[(-50, 150, Recorded)], &[(0, 100, Recorded)]),
            (
                &[(10, 20, Recorded), (20, 30, Recorded), (15, 40, Gap)],
                &[(0, 10, Uncovered), (10, 30, Recorded), (30, 40, Gap), (40, 100, Uncovered)],
            ),
            (
                &[(0, 60, Lost), (40, 100, Missing), (50, 55, Recorded), (58, 58, Recorded)],
                &[(0, 40, Lost), (40, 50, Missing), (50, 55, Recorded), (55, 100, Missing)],
            ),
            (
                &[(30, 70, Recorded), (0, 100, Gap), (60, 80, Recorded)],
                &[(0, 30, Gap), (30, 80, Recorded), (80, 100, Gap)],
            ),
        ];
        for (stretches, expected) in cases {
            let list = |of: &[(i64, i64, State)]| -> Vec<Stretch> {
                of.iter()
                    .map(|(from_ms, to_ms, state)| Stretch {
                        from_ms: *from_ms,
                        to_ms: *to_ms,
                        state: *state,
                    })
                    .collect()
            };
            assert_eq!(merge(&window, list(stretches)), list(expected));
        }
        assert!(merge(&Window { from_ms: 5, to_ms: 5 }, Vec::new()).is_empty());
    }
}
