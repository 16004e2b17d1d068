//! Owners are told: that footage is asked for, that it was denied, that it was released. Each message is logged once it
//! arrived, or once it was tried often enough; how often is kept in the status.
//!
//! On basis CourtOrder they are told when it is decided, not when it is asked for: the order that says whether they may be
//! told may come later than the request.

mod plan;
mod webhook;

use std::collections::BTreeMap;

use camerafleet_crds::{DisclosureRequestStatus, NoticeState, NoticeStatus, Tenant};
use camerafleet_footage::{
    digest::{hex, sha256},
    ids::RequestUid,
    log::{NewEntry, entry},
};
use futures::future::join_all;
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time};
use kube::Api;
use serde_json::Value;

pub use plan::{Contact, Due, Fate, contacts, due, occasions};

use crate::{context::Context, error::Error, kube_api, log::LogProblem};

/// Sends what is due, and logs what has come to its end. The status says how each message stands.
pub async fn tell(
    due: &Due,
    message: impl Fn(&Contact, camerafleet_crds::NoticeOccasion) -> Value,
    uid: &RequestUid,
    tenant: &Tenant,
    context: &Context,
) -> Result<Vec<NoticeStatus>, LogProblem> {
    let now = context.now();
    // Each owner is told one after the other what happened so, and all owners at a time.
    let mut by_owner: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (contact, occasion, before) in &due.send {
        let body = message(contact, *occasion);
        by_owner.entry(&contact.owner).or_default().push((contact, *occasion, before.as_ref(), body));
    }
    let sent = by_owner.into_values().map(|messages| async move {
        let mut sent = Vec::new();
        for (contact, occasion, before, body) in messages {
            let arrived = send(contact, notice_id(uid, occasion, contact), &body, tenant, context).await;
            if let Err(why) = &arrived {
                tracing::warn!(request = %uid, why, "an owner was not told");
            }
            let result = if arrived.is_ok() { "delivered" } else { "failed" };
            context.metrics.notices.with_label_values(&[result]).inc();
            sent.push(plan::after(contact, occasion, before, arrived.is_ok(), now));
        }
        sent
    });
    let sent = join_all(sent).await.into_iter().flatten();
    let mut told = due.settled.clone();
    told.extend(sent);
    let over = told.iter().filter(|notice| notice.state != NoticeState::Retrying);
    let entries: Vec<NewEntry> = over
        .map(|notice| {
            let logged = entry::Notice {
                request: uid.to_string(),
                owner: notice.owner.clone(),
                occasion: format!("{:?}", notice.occasion),
                delivered: notice.state == NoticeState::Delivered,
            };
            let id = format!("notice/{uid}/{:?}/{}", notice.occasion, tag(uid, &notice.owner));
            NewEntry { id, at: now, entry: logged.into() }
        })
        .collect();
    context.logs.append(tenant, &entries, context).await?;
    told.sort_by(|a, b| (&a.owner, a.occasion).cmp(&(&b.owner, b.occasion)));
    told.truncate(plan::MAX_NOTICES);
    Ok(told)
}

/// The status with what was told.
pub fn into_status(status: &mut DisclosureRequestStatus, told: Vec<NoticeStatus>, due: &Due) {
    status.notices = told;
    status.notice_not_before = due.not_before.map(Time);
}

/// Which message it is: the same each time it is tried, so that a server can tell.
fn notice_id(uid: &RequestUid, occasion: camerafleet_crds::NoticeOccasion, contact: &Contact) -> String {
    format!("{uid}.{occasion:?}.{}", tag(uid, &contact.owner))
}

/// An owner in an id, which must tell nothing of a person.
fn tag(uid: &RequestUid, owner: &str) -> String {
    hex(&sha256(format!("{uid}\n{owner}").as_bytes()))[..16].to_owned()
}

async fn send(
    contact: &Contact,
    id: String,
    body: &Value,
    tenant: &Tenant,
    context: &Context,
) -> Result<(), String> {
    let api = Api::<Secret>::namespaced(context.client.clone(), &tenant.spec.namespace);
    let body = body.to_string();
    let mut failed = None;
    for name in &contact.secrets {
        let secret: Result<Option<Secret>, Error> = kube_api::get(&api, name).await;
        let secret = secret.map_err(|error| error.to_string())?;
        let sent = match webhook::Target::read(name, secret.as_ref()) {
            Ok(target) => target.post(&id, &body, context.now()).await,
            Err(why) => Err(why),
        };
        failed = failed.or(sent.err());
    }
    failed.map_or(Ok(()), Err)
}
