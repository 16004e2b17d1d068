//! Bars, as SVG inside the page. Each chart has its numbers in a table beside it.

use maud::{Markup, html};

/// One bar: its name, and how many of each series.
pub struct Bar {
    pub name: String,
    pub values: Vec<u64>,
}

const WIDTH: usize = 720;
const HEIGHT: usize = 228;
/// Room for the numbers on the left and the names below.
const LEFT: usize = 44;
const BELOW: usize = 28;
const ABOVE: usize = 12;
/// A row of bars that lie, and the room for its name.
const ROW: usize = 34;
const NAME: usize = 130;

/// Standing bars, one beside the other. `series` are the names of the parts, from below.
pub fn standing(id: &str, title: &str, told: &str, series: &[&str], bars: &[Bar]) -> Markup {
    let scale = Scale::of(bars);
    let (plot, foot) = (HEIGHT - ABOVE - BELOW, HEIGHT - BELOW);
    let step = (WIDTH - LEFT) / bars.len().max(1);
    let wide = (step * 3 / 5).clamp(2, 64);
    // Where there are many bars, only some names have room.
    let every = (56 / step.max(1)).max(1);
    let up = |value: u64| foot - scale.place(value, plot);
    html! {
        svg id=(id) viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-labelledby=(format!("{id}-title {id}-told")) {
            title id=(format!("{id}-title")) { (title) }
            desc id=(format!("{id}-told")) { (told) }
            @for tick in scale.ticks() {
                line class="grid" x1=(LEFT) x2=(WIDTH) y1=(up(tick)) y2=(up(tick)) {}
                text class="number" x=(LEFT - 8) y=(up(tick) + 4) text-anchor="end" { (tick) }
            }
            @for (n, bar) in bars.iter().enumerate() {
                @let middle = LEFT + step * n + step / 2;
                @for (part, (from, to)) in stacked(&bar.values).into_iter().enumerate().filter(|(_, (from, to))| to > from) {
                    rect class=(format!("part part-{part}")) x=(middle - wide / 2) width=(wide) y=(up(to)) height=(up(from) - up(to)) {}
                }
                @if n % every == 0 {
                    text class="name" x=(middle) y=(foot + 18) text-anchor="middle" { (bar.name) }
                }
            }
            line class="axis" x1=(LEFT) x2=(WIDTH) y1=(foot) y2=(foot) {}
        }
        (legend(series))
    }
}

/// Lying bars, one below the other.
pub fn lying(id: &str, title: &str, told: &str, series: &[&str], bars: &[Bar]) -> Markup {
    let scale = Scale::of(bars);
    let (height, plot) = (ROW * bars.len() + 8, WIDTH - NAME - 48);
    let along = |value: u64| NAME + scale.place(value, plot);
    html! {
        svg id=(id) viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-labelledby=(format!("{id}-title {id}-told")) {
            title id=(format!("{id}-title")) { (title) }
            desc id=(format!("{id}-told")) { (told) }
            @for (n, bar) in bars.iter().enumerate() {
                @let top = ROW * n + 4;
                @let sum = bar.values.iter().sum::<u64>();
                text class="name" x=(NAME - 10) y=(top + 19) text-anchor="end" { (bar.name) }
                @for (part, (from, to)) in stacked(&bar.values).into_iter().enumerate().filter(|(_, (from, to))| to > from) {
                    rect class=(format!("part part-{part}")) x=(along(from)) width=(along(to) - along(from)) y=(top) height=(ROW - 10) {}
                }
                text class="number" x=(along(sum) + 8) y=(top + 19) { (sum) }
            }
            line class="axis" x1=(NAME) x2=(NAME) y1=(0) y2=(height) {}
        }
        (legend(series))
    }
}

fn legend(series: &[&str]) -> Markup {
    html! {
        ul.legend aria-hidden="true" {
            @for (part, name) in series.iter().enumerate() {
                li { span class=(format!("key part-{part}")) {} (name) }
            }
        }
    }
}

/// From where to where each part of a bar goes.
fn stacked(values: &[u64]) -> Vec<(u64, u64)> {
    let mut below = 0;
    let part = |value: &u64| {
        let from = below;
        below += value;
        (from, below)
    };
    values.iter().map(part).collect()
}

/// Whole numbers up to the greatest bar, at round steps.
struct Scale {
    step: u64,
    most: u64,
}

impl Scale {
    fn of(bars: &[Bar]) -> Self {
        let greatest = bars.iter().map(|bar| bar.values.iter().sum()).max().unwrap_or(0).max(1);
        let rough = greatest.div_ceil(4);
        let ten = 10_u64.pow(rough.checked_ilog10().unwrap_or(0));
        let step = [1, 2, 5, 10].into_iter().map(|n| n * ten).find(|step| *step >= rough).unwrap_or(rough);
        Self { step, most: greatest.div_ceil(step) * step }
    }

    fn ticks(&self) -> impl Iterator<Item = u64> + use<> {
        let step = self.step;
        (0..=self.most / step).map(move |n| n * step)
    }

    fn place(&self, value: u64, room: usize) -> usize {
        usize::try_from(u128::from(value) * room as u128 / u128::from(self.most)).unwrap_or(room).min(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_has_a_few_round_steps_and_room_for_all() {
        for (greatest, step, most) in
            [(0, 1, 1), (1, 1, 1), (4, 1, 4), (5, 2, 6), (17, 5, 20), (100, 50, 100), (1_234, 500, 1_500)]
        {
            let scale = Scale::of(&[Bar { name: String::new(), values: vec![greatest] }]);
            assert_eq!((scale.step, scale.most), (step, most), "{greatest}");
            assert!(scale.place(greatest, 100) <= 100 && scale.ticks().count() <= 6);
        }
    }
}
