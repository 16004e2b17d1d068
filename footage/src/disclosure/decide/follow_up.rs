//! The order that must follow a release in an emergency.

use std::collections::BTreeMap;

use camerafleet_crds::Basis;
use jiff::{SignedDuration, Timestamp};

use super::{Case, order};
use crate::disclosure::decision::Authorized;
use crate::disclosure::facts::select;
use crate::disclosure::objects::{Order, Verified};
use crate::ids::OrderUid;

/// How it stands with the order that must follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// None must.
    NotNeeded,
    /// It is due by then.
    Due(Timestamp),
    /// It has been overdue since then, and stays so until it arrives.
    Overdue(Timestamp),
    /// It has arrived.
    Arrived(OrderUid),
}

/// Whether the order has followed a release that was decided on at `released_at`: one that names this request, covers
/// what was released, was in force when it arrived, and is of an authority that each policy that decided lists for
/// court orders, long enough when it arrived.
pub fn follow_up(case: &Case<'_>, released: &Authorized, released_at: Timestamp) -> FollowUp {
    if released.basis != Basis::Emergency {
        return FollowUp::NotNeeded;
    }
    let wanted: BTreeMap<_, _> = released.cameras.iter().map(|(id, release)| (id, release.window)).collect();
    let follows = |order: &&&Verified<Order>| {
        let (object, arrived) = (order.object(), order.object().logged.at);
        object.namespace == case.request.namespace
            && object.request.as_ref() == Some(&released.request)
            && order::covers(case, object, &wanted, arrived).is_empty()
            && wanted.keys().all(|camera| {
                let selected = select(case.cameras, case.policies, camera, &case.request.window, released_at);
                selected.is_ok_and(|selected| {
                    selected.iter().all(|policy| {
                        let bounds = policy.revision.bases.court_order.as_ref();
                        bounds.is_some_and(|b| order::authority(policy, b, order, arrived).is_none())
                    })
                })
            })
    };
    let first = case.orders.iter().filter(follows).min_by_key(|o| o.object().logged);
    if let Some(order) = first {
        return FollowUp::Arrived(order.object().uid.clone());
    }
    let within = released.follow_up_within.unwrap_or(SignedDuration::ZERO);
    // A time that cannot be had is so far ahead that nobody sees it.
    let due = released_at.checked_add(within).unwrap_or(Timestamp::MAX);
    if case.now.max(case.newest()) < due { FollowUp::Due(due) } else { FollowUp::Overdue(due) }
}
