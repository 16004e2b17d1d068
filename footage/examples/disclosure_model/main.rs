//! An exhaustive check of the decision kernel over a small world: every combination of basis, requester, policy
//! revisions then and now, answers of four people, orders, and one thing more out of the ordinary (what is asked for,
//! the time, or what the log knows). `make model` runs it. What must be true is in `oracle.rs`.

#![allow(clippy::unwrap_used, missing_docs)]

mod facts;
mod oracle;
#[path = "../../tests/disclosure/support/mod.rs"]
mod support;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use camerafleet_footage::disclosure::{Case, Decision, Effect, Verdict, decide};

use crate::facts::{
    Ask, BASES, Basis, Facts, LOGS, Log, NOW, ORDERS, POLICIES, REPLIES, TIMES, VARIANTS, Who,
};
use crate::oracle::Part;
use crate::world::{Asked, Histories, World};

/// How many violations are shown before the rest is only counted.
const SHOWN: u64 = 5;

fn main() -> ExitCode {
    let start = Instant::now();
    let mut count = Count::default();
    let world = World::new();
    let pair = |at: usize| (POLICIES[at / POLICIES.len()], POLICIES[at % POLICIES.len()]);
    let histories: Vec<Histories> =
        (0..POLICIES.len().pow(2)).map(|at| Histories::of(pair(at).0, pair(at).1)).collect();
    for (number, basis) in BASES.into_iter().enumerate() {
        for requester in [Who::Officer, Who::OwnerA] {
            let asked = VARIANTS
                .map(|(cameras, from, audio)| Asked::of(Ask { basis, requester, cameras, from, audio }));
            for (variant, log, now) in deviations() {
                // Other bases take no order: that one lies there makes no difference.
                let ordinary = (variant, log, now) == (0, 0, NOW);
                let orders = match basis {
                    Basis::CourtOrder => 0..ORDERS.len(),
                    _ => {
                        if ordinary {
                            0..2
                        } else {
                            0..1
                        }
                    }
                };
                for (at, histories) in histories.iter().enumerate() {
                    for replies in replies() {
                        for order in orders.clone() {
                            let asked = &asked[variant];
                            let facts = Facts {
                                ask: asked.ask,
                                recorded: pair(at).0,
                                present: pair(at).1,
                                replies: [0, 1, 2, 3].map(|person| REPLIES[person][replies[person]]),
                                order: ORDERS[order],
                                first_order: order == 0,
                                log: LOGS[log],
                                now,
                            };
                            let case = world.case(asked, histories, replies, order, log, now);
                            count.check(number, &facts, &case, replies);
                        }
                    }
                }
            }
        }
    }
    for (basis, authorized) in BASES.iter().zip(count.authorized) {
        println!("{basis:?}: {authorized} cases authorised");
    }
    println!("{} s", start.elapsed().as_secs());
    let vacuous = count.authorized.contains(&0);
    if vacuous {
        println!("a basis is never authorised: the model says nothing about it");
    }
    println!(r#"{{"model":"disclosure","cases":{},"violations":{}}}"#, count.cases, count.violations);
    if vacuous || count.violations > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The ordinary, and each deviation from it by one thing: what is asked for, what the log knows, the time.
fn deviations() -> Vec<(usize, usize, i32)> {
    let ordinary = (0, 0, TIMES[0]);
    let asked = (1..VARIANTS.len()).map(|variant| (variant, 0, TIMES[0]));
    let logged = (1..LOGS.len()).map(|log| (0, log, TIMES[0]));
    let timed = TIMES[1..].iter().map(|now| (0, 0, *now));
    [ordinary].into_iter().chain(asked).chain(logged).chain(timed).collect()
}

fn replies() -> impl Iterator<Item = [usize; 4]> {
    let [a, b, c, d] = REPLIES.map(<[_]>::len);
    (0..a * b * c * d).map(move |at| [at % a, at / a % b, at / a / b % c, at / a / b / c])
}

#[derive(Default)]
struct Count {
    cases: u64,
    violations: u64,
    authorized: [u64; 5],
}

impl Count {
    fn check(&mut self, basis: usize, facts: &Facts, case: &Case<'_>, replies: [usize; 4]) {
        self.cases += 1;
        let decision = decide(case);
        if decision.authorized().is_some() {
            self.authorized[basis] += 1;
        }
        if let Err(what) = check(facts, &decision, replies) {
            self.violations += 1;
            if self.violations <= SHOWN {
                println!("{what}\n  {facts:?}\n  {decision:?}");
            }
        }
    }
}

fn check(facts: &Facts, decision: &Decision, replies: [usize; 4]) -> Result<(), &'static str> {
    let ask = &facts.ask;
    let Some(authorized) = decision.authorized() else {
        let says =
            |effect| decision.reasons.iter().any(|r| r.rule.effect() == effect && !r.message.is_empty());
        let effect = if decision.verdict == Verdict::Denied { Effect::Denies } else { Effect::Waits };
        if !says(effect) || (effect == Effect::Waits && says(Effect::Denies)) {
            return Err("what is not authorised has no reason");
        }
        let narrowed = |who: usize| facts.replies[who].iter().any(|r| r.narrow != facts::Narrow::No);
        let whole = |camera: &u32| oracle::may(facts, Part { camera: *camera, late: false }, &|_, _| true);
        let all = oracle::open(facts) && ask.cameras.iter().all(whole);
        return if all && !(0..4).any(narrowed) {
            Err("what all agree on is not authorised")
        } else {
            Ok(())
        };
    };
    if !oracle::open(facts) {
        return Err("authorised after it was over, or under a clock that is wrong");
    }
    let used = |who: Who, number: usize| {
        let person = facts::PEOPLE.iter().position(|w| *w == who);
        person.is_some_and(|p| authorized.approvals.contains(&world::reply_uid(p, replies[p], number)))
    };
    if authorized.cameras.is_empty() {
        return Err("nothing is authorised");
    }
    for (id, release) in &authorized.cameras {
        let Some(camera) = ask.cameras.iter().find(|c| support::camera(**c) == *id) else {
            return Err("a camera that nobody asked for");
        };
        let asked = (ask.from, facts::TO);
        let half = support::at("2026-11-01T18:30:00Z");
        let (from, to) = (world::hour(asked.0), world::hour(asked.1));
        let late = release.window.from() == half;
        if release.window.to() != to || !(late || release.window.from() == from) {
            return Err("a window that nobody asked for");
        }
        if !oracle::may(facts, Part { camera: *camera, late }, &used) {
            return Err("authorised without what it needs");
        }
    }
    if authorized.audio != ask.audio {
        return Err("sound that nobody asked for");
    }
    let secret = ask.basis == Basis::CourtOrder && facts.order.is_some_and(|o| o.secret);
    if authorized.notice.not_before.is_some() != secret {
        return Err("owners are told too late, or too early");
    }
    if authorized.holds.is_empty() == (facts.log == Log::Held) {
        return Err("a hold is not named, or one that is not there");
    }
    if authorized.continues.is_some() != (facts.log == Log::Begun) {
        return Err("an Intent is not continued, or one that is not there");
    }
    if authorized.follow_up_within.is_some() != (ask.basis == Basis::Emergency) {
        return Err("no order must follow an emergency, or one must follow something else");
    }
    Ok(())
}
