//! What may be released, said once more: as short sentences over plain facts, written from DISCLOSURE.md and not
//! from the kernel.

use crate::facts::{
    ANSWERED, ANSWERS_END, Basis, Capacity, EMERGENCY_HOURS, Facts, Log, MEMBERS, MIN_AGE_HOURS, Narrow,
    OF_CAMERA_2, PEOPLE, Policy, QUORUM, Reply, SUBJECT_ACCESS_HOURS, TO, Who,
};

/// What was released of a camera, as far as the model looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    pub camera: u32,
    /// The last half hour only.
    pub late: bool,
}

/// Whether the request is one that can still be decided, whoever agrees.
pub fn open(facts: &Facts) -> bool {
    !matches!(facts.log, Log::RequestWithdrawn | Log::Answered) && facts.now >= ANSWERED
}

/// Whether this part may be released: each policy, the one then and the one now, must say so by itself. `used` says
/// which answers the release names.
pub fn may(facts: &Facts, part: Part, used: &dyn Fn(Who, usize) -> bool) -> bool {
    let both = match part.camera {
        1 => [facts.recorded, facts.present],
        _ => [Some(OF_CAMERA_2), Some(OF_CAMERA_2)],
    };
    let [Some(then), Some(today)] = both else { return false };
    let authorises = |policy: &Policy| {
        let ask = &facts.ask;
        let hours = TO - ask.from;
        let owners = people(facts, policy, part, Capacity::Owner, used, &|_| true);
        let consent = owners.iter().filter(|w| policy.owners.contains(w)).count()
            + usize::from(asks_for_oneself(facts, policy));
        let reviewed = people(facts, policy, part, Capacity::Reviewer, used, &|reply| {
            ask.basis != Basis::CourtOrder || reply.saw_order
        });
        let rita_refuses = facts.replies[3]
            .iter()
            .any(|r| r.as_whom == Capacity::Reviewer && !r.approve && stands(facts, Who::Reviewer, r));
        let reviewed = reviewed.contains(&Who::Reviewer) && !rita_refuses;
        policy.bases.contains(&ask.basis)
            && match ask.basis {
                Basis::Consent => {
                    hours <= policy.consent_hours
                        && ask.cameras.len() <= policy.consent_cameras
                        && (!ask.audio || policy.consent_audio)
                        && consent >= policy.threshold
                }
                Basis::OwnerExport => {
                    policy.owners.contains(&ask.requester) && !ask.audio && consent >= policy.threshold
                }
                Basis::SubjectAccess => {
                    hours <= SUBJECT_ACCESS_HOURS && !ask.audio && consent >= policy.threshold && reviewed
                }
                Basis::CourtOrder => reviewed && ordered(facts, policy, &then),
                Basis::Emergency => {
                    let named = people(facts, policy, part, Capacity::Approver, used, &|_| true);
                    let decide = |w: &&Who| policy.approvers.contains(w) && MEMBERS.contains(w);
                    hours <= EMERGENCY_HOURS && !ask.audio && named.iter().filter(decide).count() >= QUORUM
                }
            }
    };
    authorises(&then) && authorises(&today) && keys(facts, &then, part, used)
}

/// On two bases an owner's request is their consent.
fn asks_for_oneself(facts: &Facts, policy: &Policy) -> bool {
    matches!(facts.ask.basis, Basis::OwnerExport | Basis::SubjectAccess)
        && policy.owners.contains(&facts.ask.requester)
}

/// Whether an answer stands, for or against.
fn stands(facts: &Facts, who: Who, reply: &Reply) -> bool {
    let taken_back = facts.log == Log::AnnsWithdrawn && who == Who::OwnerA;
    reply.binds && !taken_back && facts.now < ANSWERS_END && who != facts.ask.requester
}

/// Whether an approval counts under a policy for this part.
fn counts(facts: &Facts, policy: &Policy, who: Who, reply: &Reply, part: Part) -> bool {
    let used_up = facts.log == Log::RitasUsedElsewhere && who == Who::Reviewer;
    let too_late = facts.log == Log::Begun && !matches!(who, Who::OwnerA | Who::Reviewer);
    let signed = who != Who::OwnerA || !policy.ann_signs || !policy.owners.contains(&who) || reply.signed;
    let covers = match reply.narrow {
        Narrow::No => true,
        Narrow::Late => part.late,
        Narrow::First => part.camera == 1,
        Narrow::Wider => false,
    };
    reply.approve && !used_up && !too_late && signed && covers
}

/// Who has agreed in this capacity: each person once, the requester never, and nobody who has refused as well.
fn people(
    facts: &Facts,
    policy: &Policy,
    part: Part,
    capacity: Capacity,
    used: &dyn Fn(Who, usize) -> bool,
    also: &dyn Fn(&Reply) -> bool,
) -> Vec<Who> {
    let agreed = |at: &usize| {
        let (who, replies) = (PEOPLE[*at], facts.replies[*at]);
        let refused = replies.iter().any(|r| !r.approve && stands(facts, who, r));
        let yes = |(number, r): (usize, &Reply)| {
            r.as_whom == capacity
                && stands(facts, who, r)
                && counts(facts, policy, who, r, part)
                && used(who, number)
                && also(r)
        };
        !refused && replies.iter().enumerate().any(yes)
    };
    (0..PEOPLE.len()).filter(agreed).map(|at| PEOPLE[at]).collect()
}

/// Whether the order covers all that is asked for, under this policy.
fn ordered(facts: &Facts, policy: &Policy, then: &Policy) -> bool {
    let Some(order) = facts.order else { return false };
    // The present policy lists the court for as long as the one before it did, if that listed the same key.
    let listed = policy.court.filter(|(key, _)| *key == order.key).map(|_| match then.court {
        Some((key, since)) if key == order.key => since,
        _ => crate::facts::CHANGED,
    });
    !order.preserves
        && order.here
        && order.for_this
        && facts.ask.cameras.iter().all(|c| order.cameras.contains(c))
        && order.from <= facts.ask.from
        && (order.audio || !facts.ask.audio)
        && order.issued <= facts.now
        && facts.now < order.expires
        && listed.is_some_and(|since| facts.now - since >= MIN_AGE_HOURS)
        && !(order.secret && policy.owners_custody)
        && (facts.log != Log::Begun || facts.first_order)
}

/// Under custody Owners, what was recorded needs as many owners' shares as the policy then had for its threshold.
fn keys(facts: &Facts, then: &Policy, part: Part, used: &dyn Fn(Who, usize) -> bool) -> bool {
    if !then.owners_custody {
        return true;
    }
    let mut with = people(facts, then, part, Capacity::Owner, used, &|r| r.releases);
    with.retain(|w| then.owners.contains(w));
    // The owner who asks gives their own shares.
    let at = PEOPLE.iter().position(|w| *w == facts.ask.requester);
    let own = at.filter(|_| asks_for_oneself(facts, then)).is_some_and(|at| {
        let who = PEOPLE[at];
        let stands = |r: &Reply| {
            let taken_back = facts.log == Log::AnnsWithdrawn && who == Who::OwnerA;
            r.binds && !taken_back && facts.now < ANSWERS_END && r.as_whom == Capacity::Owner
        };
        facts.replies[at].iter().enumerate().any(|(number, r)| {
            stands(r) && r.releases && counts(facts, then, who, r, part) && used(who, number)
        })
    });
    with.len() + usize::from(own) >= then.threshold
}
