//! The decision kernel: one pure function. It asks nobody, reads no clock, and knows no live object.

mod camera;
mod findings;
mod follow_up;
mod order;
mod tally;
mod voices;

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::Basis;
use jiff::{SignedDuration, Timestamp};

pub use follow_up::{FollowUp, follow_up};

use self::findings::Findings;
use self::voices::Voices;
use super::decision::{Authorized, Decision, Notice, Release, Verdict};
use super::facts::{
    CameraHistory, LogFacts, Members, PolicyHistory, Revision, Selected, Unselectable, select,
};
use super::objects::{Approval, Hold, Order, PolicyDigest, Request, Verified};
use super::rule::Rule;
use crate::ids::{CameraId, TenantId};

/// For how long a request waits before it is too old to be decided on.
pub const REQUEST_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How far the clock may be behind the log.
pub const MAX_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// All that a decision is made from. The order of each list makes no difference.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// Whose footage it is.
    pub tenant: &'a TenantId,
    /// The request.
    pub request: &'a Request,
    /// Which policies the request's cameras have had.
    pub cameras: &'a [CameraHistory],
    /// What those policies have been.
    pub policies: &'a [PolicyHistory],
    /// Who may decide, at present.
    pub members: &'a Members,
    /// Answers, as far as their signatures are right.
    pub approvals: Vec<&'a Verified<Approval>>,
    /// Orders, as far as their signatures are right.
    pub orders: Vec<&'a Verified<Order>>,
    /// Holds. They change nothing but [`Authorized::holds`].
    pub holds: Vec<&'a Hold>,
    /// What the log knows.
    pub log: &'a LogFacts,
    /// The time.
    pub now: Timestamp,
}

impl Case<'_> {
    /// The newest entry of the log that the case knows of.
    fn newest(&self) -> Timestamp {
        let answers = self.approvals.iter().map(|a| a.object().logged.at);
        let orders = self.orders.iter().map(|o| o.object().logged.at);
        let known = [self.log.latest, self.request.logged.at];
        known.into_iter().chain(answers).chain(orders).max().unwrap_or(self.log.latest)
    }
}

/// What every part of a decision needs.
struct Context<'a> {
    case: &'a Case<'a>,
    /// The time, never before the log's: what has expired stays so under a clock that was set back.
    now: Timestamp,
    voices: Voices<'a>,
    selected: BTreeMap<&'a CameraId, Vec<Selected<'a>>>,
    /// All orders that the request's name means, whichever of them is looked at.
    candidates: Vec<&'a Verified<Order>>,
}

/// Decides on a request.
pub fn decide(case: &Case<'_>) -> Decision {
    let request = case.request;
    let newest = case.newest();
    let now = case.now.max(newest);
    let mut found = Findings::default();
    if let Some(rule) = over(case, now) {
        found.say(rule, format!("The request {}: {}", request.name, rule.meaning()));
        return found.into_decision(None);
    }
    if newest.duration_since(case.now) > MAX_SKEW {
        let message = format!("The clock says {}, and the log has an entry of {newest}.", case.now);
        found.say(Rule::ClockDisagrees, message);
    }
    let voices = Voices::of(case, now, &mut found);
    let selected = policies(case, now, &mut found);
    let candidates = order::candidates(case);
    let context = Context { case, now, voices, selected, candidates };
    // Each order by the name stands or falls by itself. The one that lets owners be told is the first choice.
    let best = order::eligible(&context)
        .into_iter()
        .map(|order| (evaluate(&context, order, found.clone()), order))
        .min_by_key(|(decision, order)| {
            let severity = match decision.verdict {
                Verdict::Authorized(_) => 0,
                Verdict::Pending => 1,
                Verdict::Denied => 2,
            };
            (severity, order.map(|o| (o.object().nondisclosure_until, o.object().uid.clone())))
        });
    best.map_or_else(|| evaluate(&context, None, found), |(decision, _)| decision)
}

/// The revisions that decide on a request, and whether footage of its window is sealed under them: those of its cameras for
/// which they are known.
pub fn deciding<'a>(case: &Case<'a>) -> BTreeMap<PolicyDigest, (&'a Revision, bool)> {
    let now = case.now.max(case.newest());
    let mut all = BTreeMap::new();
    for camera in case.request.cameras.keys() {
        let selected = select(case.cameras, case.policies, camera, &case.request.window, now);
        for one in selected.into_iter().flatten() {
            let (_, recorded) = all.entry(one.revision.digest).or_insert((one.revision, false));
            *recorded |= one.recorded;
        }
    }
    all
}

/// Whether nothing can come of the request any more.
fn over(case: &Case<'_>, now: Timestamp) -> Option<Rule> {
    let request = case.request;
    if case.log.outcomes.contains(&request.uid) {
        Some(Rule::RequestAnswered)
    } else if request.withdrawn || case.log.withdrawn_requests.contains(&request.uid) {
        Some(Rule::RequestWithdrawn)
    } else if now.duration_since(request.logged.at) >= REQUEST_LIFE {
        Some(Rule::RequestExpired)
    } else if request.window.to() > request.logged.at {
        Some(Rule::WindowNotOver)
    } else {
        None
    }
}

fn policies<'a>(
    case: &Case<'a>,
    now: Timestamp,
    found: &mut Findings,
) -> BTreeMap<&'a CameraId, Vec<Selected<'a>>> {
    let mut all = BTreeMap::new();
    for (camera, name) in &case.request.cameras {
        match select(case.cameras, case.policies, camera, &case.request.window, now) {
            Ok(selected) => {
                all.insert(camera, selected);
            }
            Err(why) => {
                let rule = match why {
                    Unselectable::NoPolicy => Rule::NoPolicy,
                    Unselectable::Unknown => Rule::PolicyUnknown,
                };
                found.say(rule, format!("Camera {name} ({camera}): {}", rule.meaning()));
            }
        }
    }
    all
}

/// The decision where the request rests on this order, or on none.
fn evaluate(context: &Context<'_>, order: Option<&Verified<Order>>, mut found: Findings) -> Decision {
    let Context { case, now, .. } = context;
    let request = case.request;
    if request.basis == Basis::CourtOrder {
        order::judge(context, order, &mut found);
    }
    let mut released = BTreeMap::new();
    let mut approvals = BTreeSet::new();
    let mut owners = BTreeSet::new();
    let mut follow_up_within: Option<SignedDuration> = None;
    let mut asked = BTreeSet::new();
    for (camera, selected) in &context.selected {
        let mut ground = camera::Ground::new(request.window);
        for policy in selected {
            camera::judge(context, policy, order, &mut ground);
        }
        asked.append(&mut ground.asked);
        let Some(window) = ground.window(camera) else {
            // What an approver left out is not waited for.
            found.absorb_denials(ground.found);
            continue;
        };
        found.absorb(ground.found);
        approvals.extend(ground.used.into_keys());
        owners.extend(selected.iter().flat_map(|s| s.revision.owners.keys().cloned()));
        let policies = selected.iter().map(|s| s.revision.digest).collect();
        released.insert((*camera).clone(), Release { window, policies });
        follow_up_within = follow_up_within.into_iter().chain(ground.follow_up_within).min();
    }
    context.voices.note_unasked(&asked, &mut found);
    if released.is_empty() && !found.denies() {
        found.say(Rule::NothingLeft, Rule::NothingLeft.meaning().to_owned());
    }
    let held = |hold: &&&Hold| {
        hold.namespace == request.namespace && released.iter().any(|(c, r)| hold.touches(c, &r.window))
    };
    let holds = case.holds.iter().filter(held).map(|hold| hold.uid.clone()).collect();
    let order = order.map(Verified::object);
    let intent = case.log.intent_of(&request.uid);
    found.into_decision(Some(Authorized {
        request: request.uid.clone(),
        digest: request.digest,
        basis: request.basis,
        cameras: released,
        audio: request.audio,
        form: request.form,
        recipient: request.recipient.clone(),
        approvals,
        order: order.map(|o| o.uid.clone()),
        holds,
        continues: intent.map(|i| i.index),
        notice: Notice {
            owners,
            not_before: order.and_then(|o| o.nondisclosure_until).filter(|until| until > now),
        },
        follow_up_within,
    }))
}
