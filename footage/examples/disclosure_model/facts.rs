//! The small world of the model as plain facts. The kernel gets objects made from them (`world.rs`), the oracle reads
//! the facts themselves (`oracle.rs`).

use Basis::{Consent, CourtOrder, Emergency, OwnerExport, SubjectAccess};
use Who::{FormerOwner, OwnerA, OwnerB, Reviewer};

/// Everyone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    OwnerA,
    OwnerB,
    FormerOwner,
    Reviewer,
    Officer,
}

pub const PEOPLE: [Who; 4] = [OwnerA, OwnerB, FormerOwner, Reviewer];
/// Members with the roles Owner and Reviewer. FormerOwner is neither any more.
pub const MEMBERS: [Who; 3] = [OwnerA, OwnerB, Reviewer];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    Consent,
    CourtOrder,
    Emergency,
    SubjectAccess,
    OwnerExport,
}

pub const BASES: [Basis; 5] = [Consent, CourtOrder, Emergency, SubjectAccess, OwnerExport];

/// What a SharingPolicy says.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub owners: &'static [Who],
    pub threshold: usize,
    /// OwnerA's approvals must be signed with her key.
    pub ann_signs: bool,
    pub bases: &'static [Basis],
    pub consent_audio: bool,
    pub consent_hours: i32,
    pub consent_cameras: usize,
    pub owners_custody: bool,
    /// The key listed for the court, and since which hour.
    pub court: Option<(u8, i32)>,
    pub approvers: &'static [Who],
}

/// An emergency's quorum and longest window in every policy.
pub const QUORUM: usize = 2;
pub const EMERGENCY_HOURS: i32 = 2;
pub const SUBJECT_ACCESS_HOURS: i32 = 24;
/// For how long an authority must have been listed.
pub const MIN_AGE_HOURS: i32 = 7 * 24;

/// Hours from the first of November 2026.
pub const LONG_AGO: i32 = -7344; // the first of January
pub const LATELY: i32 = -96; // the 28th of October
pub const CHANGED: i32 = 20;
pub const ASKED: i32 = 33;
pub const ANSWERED: i32 = 34;
pub const SKEWED: i32 = 33;
pub const NOW: i32 = 36;
pub const LATER: i32 = 36 + 6 * 24;
pub const TOO_LATE: i32 = 36 + 8 * 24;
/// The notAfter of each answer.
pub const ANSWERS_END: i32 = 8 * 24;

pub const COURT_KEY: u8 = 200;
pub const ROGUE_KEY: u8 = 99;
pub const ANN_KEY: u8 = 1;

const STANDARD: Policy = Policy {
    owners: &[OwnerA, OwnerB],
    threshold: 2,
    ann_signs: false,
    bases: &BASES,
    consent_audio: false,
    consent_hours: 12,
    consent_cameras: 4,
    owners_custody: false,
    court: Some((COURT_KEY, LONG_AGO)),
    approvers: &[OwnerA, FormerOwner, Reviewer],
};

/// The revisions. None: the camera has no policy.
pub const POLICIES: [Option<Policy>; 9] = [
    Some(STANDARD),
    None,
    Some(Policy { threshold: 1, consent_audio: true, ..STANDARD }),
    Some(Policy { threshold: 1, owners_custody: true, ..STANDARD }),
    Some(Policy { owners: &[FormerOwner, OwnerA], threshold: 1, ann_signs: true, ..STANDARD }),
    Some(Policy { bases: &[], ..STANDARD }),
    Some(Policy {
        bases: &[Consent, OwnerExport, SubjectAccess],
        consent_hours: 2,
        consent_cameras: 1,
        ..STANDARD
    }),
    Some(Policy { court: Some((COURT_KEY, LATELY)), approvers: &[OwnerB, Reviewer], ..STANDARD }),
    Some(Policy { court: Some((ROGUE_KEY, LONG_AGO)), threshold: 1, ..STANDARD }),
];

/// The second camera has this policy always.
pub const OF_CAMERA_2: Policy = Policy { owners: &[OwnerA], threshold: 1, ..STANDARD };

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub basis: Basis,
    pub requester: Who,
    pub cameras: &'static [u32],
    /// It ends at hour 19.
    pub from: i32,
    pub audio: bool,
}

pub const TO: i32 = 19;
/// Cameras, start, audio.
pub const VARIANTS: [(&[u32], i32, bool); 4] =
    [(&[1], 18, false), (&[1], 18, true), (&[1], 16, false), (&[1, 2], 18, false)];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capacity {
    Owner,
    Reviewer,
    Approver,
}

/// What an approval narrows to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Narrow {
    No,
    /// The last half hour.
    Late,
    /// Camera 1.
    First,
    /// More than was asked for.
    Wider,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub as_whom: Capacity,
    pub approve: bool,
    pub signed: bool,
    pub releases: bool,
    pub narrow: Narrow,
    /// Of this request, of this digest, and not taken back by what the object itself says.
    pub binds: bool,
    /// Given after the order was submitted.
    pub saw_order: bool,
}

const YES: Reply = Reply {
    as_whom: Capacity::Owner,
    approve: true,
    signed: false,
    releases: false,
    narrow: Narrow::No,
    binds: true,
    saw_order: true,
};
const NO: Reply = Reply { approve: false, ..YES };
const REVIEW: Reply = Reply { as_whom: Capacity::Reviewer, ..YES };
const EMERGENCY: Reply = Reply { as_whom: Capacity::Approver, ..YES };

/// What each of [`PEOPLE`] may have answered; each may also have said nothing.
pub const REPLIES: [&[&[Reply]]; 4] = [
    &[
        &[],
        &[YES],
        &[Reply { signed: true, releases: true, ..YES }],
        &[Reply { narrow: Narrow::Late, signed: true, ..YES }],
        &[Reply { narrow: Narrow::First, ..YES }],
        &[Reply { narrow: Narrow::Wider, ..YES }],
        &[Reply { binds: false, ..YES }],
        &[NO],
        &[Reply { signed: true, ..EMERGENCY }],
    ],
    &[&[], &[YES], &[NO], &[EMERGENCY], &[Reply { releases: true, narrow: Narrow::Late, ..YES }]],
    &[&[], &[YES], &[EMERGENCY], &[REVIEW]],
    &[
        &[],
        &[REVIEW],
        &[Reply { saw_order: false, ..REVIEW }, EMERGENCY],
        &[REVIEW, NO],
        &[Reply { approve: false, ..REVIEW }],
    ],
];

/// A legal order under the name that the request gives.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    pub preserves: bool,
    pub here: bool,
    pub for_this: bool,
    pub cameras: &'static [u32],
    pub from: i32,
    pub audio: bool,
    pub issued: i32,
    pub expires: i32,
    pub key: u8,
    pub secret: bool,
}

const GOOD: Order = Order {
    preserves: false,
    here: true,
    for_this: true,
    cameras: &[1, 2],
    from: 16,
    audio: false,
    issued: 20,
    expires: 30 * 24,
    key: COURT_KEY,
    secret: false,
};

/// The orders; none as well. The first is the one that an Intent names.
pub const ORDERS: [Option<Order>; 12] = [
    Some(GOOD),
    None,
    Some(Order { expires: 4 * 24, ..GOOD }),
    Some(Order { issued: 4 * 24, ..GOOD }),
    Some(Order { preserves: true, ..GOOD }),
    Some(Order { here: false, ..GOOD }),
    Some(Order { for_this: false, ..GOOD }),
    Some(Order { cameras: &[2], ..GOOD }),
    Some(Order { from: 17, ..GOOD }),
    Some(Order { audio: true, ..GOOD }),
    Some(Order { key: ROGUE_KEY, ..GOOD }),
    Some(Order { secret: true, ..GOOD }),
];

/// What the log knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Log {
    Nothing,
    /// A hold on the footage.
    Held,
    RequestWithdrawn,
    AnnsWithdrawn,
    RitasUsedElsewhere,
    /// A release under way that names OwnerA's and Reviewer's answers and the first order.
    Begun,
    Answered,
}

pub const LOGS: [Log; 7] = [
    Log::Nothing,
    Log::Held,
    Log::RequestWithdrawn,
    Log::AnnsWithdrawn,
    Log::RitasUsedElsewhere,
    Log::Begun,
    Log::Answered,
];

pub const TIMES: [i32; 4] = [NOW, SKEWED - 1, LATER, TOO_LATE];

/// One case, as facts.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    pub ask: Ask,
    pub recorded: Option<Policy>,
    pub present: Option<Policy>,
    /// Of each of [`PEOPLE`].
    pub replies: [&'static [Reply]; 4],
    pub order: Option<Order>,
    /// The order is the first.
    pub first_order: bool,
    pub log: Log,
    pub now: i32,
}
