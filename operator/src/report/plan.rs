//! Which reports are to be written: a pure function of what the log says and of what is there.

use std::collections::BTreeMap;

use camerafleet_crds::Tenant;
use camerafleet_footage::report::{Checkpoint, KEY, Ledger, Month, Report, VERSION, config_map_name};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    core::v1::ConfigMap,
    rbac::v1::{Role, RoleBinding},
};
use kube::ResourceExt;

use super::{gather::Observed, resources};
use crate::error::Error;

/// A month's report stands from so long after its end: what was about to be logged then has been.
const GRACE: SignedDuration = SignedDuration::from_mins(15);
/// Reports are written for no more months back than this.
const MAX_MONTHS: i32 = 120;

/// What is to be written.
#[derive(Default, PartialEq, Debug)]
pub struct Desired {
    /// Reports that are not there or differ.
    pub maps: Vec<ConfigMap>,
    /// The right to read them, where it differs.
    pub role: Option<Role>,
    /// Who has it, where that differs.
    pub binding: Option<RoleBinding>,
}

/// Whether a report must be written of a month that the ledger does not know any more: the log is read from its beginning.
pub fn is_forgotten(ledger: &Ledger, observed: &Observed, now: Timestamp) -> bool {
    let Some(kept) = ledger.kept_from() else { return false };
    let stands = |month: Month| {
        let name = config_map_name(month);
        observed.maps.iter().any(|map| map.name_any() == name && stored(map).stands())
    };
    months(ledger, now).take_while(|month| *month < kept).any(|month| !stands(month))
}

/// The months of the log, up to the present one.
fn months(ledger: &Ledger, now: Timestamp) -> impl Iterator<Item = Month> + use<> {
    let present = Month::of(now);
    let first = ledger.first_month().unwrap_or(present).max(present.back(MAX_MONTHS));
    std::iter::successors(Some(first), |month| Some(month.next())).take_while(move |month| *month <= present)
}

/// Decides.
pub fn plan(
    tenant: &Tenant,
    ledger: &Ledger,
    checkpoint: &Checkpoint,
    observed: &Observed,
    now: Timestamp,
) -> Result<Desired, Error> {
    let mut desired = Desired::default();
    let mut names: Vec<String> = observed.maps.iter().map(ResourceExt::name_any).collect();
    let there: BTreeMap<String, &ConfigMap> = observed.maps.iter().map(|map| (map.name_any(), map)).collect();
    for month in months(ledger, now) {
        let name = config_map_name(month);
        let old = there.get(&name).map(|map| stored(map));
        if old.as_ref().is_some_and(Stored::stands) {
            continue;
        }
        let report = Report {
            version: VERSION,
            tenant: tenant.name_any(),
            month,
            complete: now.duration_since(month.end()) >= GRACE,
            figures: ledger.month(month, now),
            checkpoint: checkpoint.clone(),
        };
        // A log that grew by what is not counted says nothing new.
        if let Some(Stored::Report(old)) = old
            && (Report { checkpoint: old.checkpoint.clone(), ..report.clone() }) == *old
        {
            continue;
        }
        desired.maps.push(resources::map(tenant, &report)?);
        names.push(name);
    }
    names.sort();
    names.dedup();
    let role = resources::role(tenant, names);
    if !observed.roles.iter().any(|old| old.name_any() == role.name_any() && old.rules == role.rules) {
        desired.role = Some(role);
    }
    let binding = resources::binding(tenant);
    let same = |old: &RoleBinding| {
        let none = |subjects: &Option<Vec<_>>| subjects.as_ref().is_none_or(Vec::is_empty);
        old.name_any() == binding.name_any()
            && (old.subjects == binding.subjects || (none(&old.subjects) && none(&binding.subjects)))
    };
    if !observed.bindings.iter().any(same) {
        desired.binding = Some(binding);
    }
    Ok(desired)
}

/// A report that is there.
enum Stored {
    /// Of this form.
    Report(Box<Report>),
    /// Of a newer release.
    Newer,
    /// Not to be read.
    Unreadable,
}

impl Stored {
    /// Whether it is left as it is.
    fn stands(&self) -> bool {
        match self {
            Self::Report(report) => report.complete,
            Self::Newer => true,
            Self::Unreadable => false,
        }
    }
}

fn stored(map: &ConfigMap) -> Stored {
    let json = map.data.as_ref().and_then(|data| data.get(KEY)).map(String::as_str).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    if value
        .get("version")
        .and_then(serde_json::Value::as_u64)
        .is_some_and(|version| version > VERSION.into())
    {
        return Stored::Newer;
    }
    serde_json::from_value(value).map_or(Stored::Unreadable, |report| Stored::Report(Box::new(report)))
}

#[cfg(test)]
mod tests {
    use camerafleet_footage::{
        log::{Leaf, entry::kind_name},
        report::Seen,
    };

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn tenant() -> Tenant {
        let mut tenant: Tenant = serde_json::from_value(serde_json::json!({
            "apiVersion": "camerafleet.io/v1alpha1", "kind": "Tenant",
            "metadata": {"name": "elm", "uid": "u-1"},
            "spec": {
                "namespace": "elm-street", "cameraNetworks": ["198.51.100.0/24"],
                "storage": {"s3": {"endpoint": "https://s3.example.com", "bucket": "footage", "credentials": {
                    "ingest": {"name": "s"}, "retention": {"name": "s"}, "disclosure": {"name": "s"}}}},
            },
        }))
        .unwrap();
        tenant.spec.members =
            members(&[("Manager", "m"), ("Auditor", "a"), ("Reviewer", "a"), ("Owner", "o")]);
        tenant
    }

    fn members(members: &[(&str, &str)]) -> Vec<camerafleet_crds::Member> {
        let member = |(role, user): &(&str, &str)| serde_json::json!({"role": role, "subjects": [{"kind": "User", "name": user}]});
        serde_json::from_value(members.iter().map(member).collect()).unwrap()
    }

    /// A log whose holds were opened at these times.
    fn ledger(holds: &[&str]) -> Ledger {
        assert_eq!(kind_name(30), Some("HoldOpened"));
        let mut ledger = Ledger::default();
        for (index, hold) in (0..).zip(holds) {
            let minute = u32::try_from(at(hold).as_second() / 60).unwrap();
            let leaf = Leaf { kind: 30, minute, tag: [0; 16], commitment: [0; 32] };
            ledger.take(index, &leaf.encode(), Seen::Unread);
        }
        ledger
    }

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint { origin: "o".into(), size, root: "r".into(), note: format!("o\n{size}\nr\n") }
    }

    fn reports(desired: &Desired) -> Vec<(String, u64, bool, u64)> {
        let report = |map: &ConfigMap| {
            let Stored::Report(report) = stored(map) else { panic!("{map:?}") };
            assert_eq!(map.name_any(), config_map_name(report.month));
            (report.month.to_string(), report.figures.holds.opened, report.complete, report.checkpoint.size)
        };
        desired.maps.iter().map(report).collect()
    }

    /// As the API server has it after it was applied.
    fn applied(mut observed: Observed, desired: Desired) -> Observed {
        for map in desired.maps {
            observed.maps.retain(|old| old.name_any() != map.name_any());
            observed.maps.push(map);
        }
        if let Some(role) = desired.role {
            observed.roles = vec![role];
        }
        if let Some(binding) = desired.binding {
            observed.bindings = vec![binding];
        }
        observed
    }

    #[test]
    fn months_are_written_once_they_differ_and_those_that_are_over_stand() {
        let tenant = tenant();
        let look = |ledger: &Ledger, size, observed: &Observed, now: &str| {
            plan(&tenant, ledger, &checkpoint(size), observed, at(now)).unwrap()
        };
        let mut log = vec!["2026-10-31T23:00:00Z", "2026-12-01T08:00:00Z"];
        let first = look(&ledger(&log), 2, &Observed::default(), "2026-12-02T00:00:00Z");
        let is = |month: &str, holds, complete, size| (month.to_owned(), holds, complete, size);
        assert_eq!(
            reports(&first),
            [is("2026-10", 1, true, 2), is("2026-11", 0, true, 2), is("2026-12", 1, false, 2)]
        );
        let observed = applied(Observed::default(), first);
        // At rest, and when the log grew by what is not counted, nothing is written.
        for (size, now) in [(2, "2026-12-02T00:00:30Z"), (9, "2026-12-30T00:00:00Z")] {
            assert_eq!(look(&ledger(&log), size, &observed, now), Desired::default());
        }
        // What was logged late changes no month that is over.
        log.extend(["2026-12-31T23:59:00Z", "2026-11-30T23:59:00Z"]);
        let last = look(&ledger(&log), 4, &observed, "2027-01-01T00:14:59Z");
        assert_eq!(reports(&last), [is("2026-12", 2, false, 4), is("2027-01", 0, false, 4)]);
        let observed = applied(observed, last);
        let over = look(&ledger(&log), 4, &observed, "2027-01-01T00:15:00Z");
        assert_eq!(reports(&over), [is("2026-12", 2, true, 4)]);
        let observed = applied(observed, over);
        assert_eq!(look(&ledger(&log), 4, &observed, "2027-01-20T00:00:00Z"), Desired::default());
        // One that somebody took away comes back, and what was forgotten for it is read again.
        let mut observed = observed;
        let mut kept = ledger(&log);
        kept.forget("2026-12".parse().unwrap());
        assert!(!is_forgotten(&kept, &observed, at("2027-01-20T00:00:00Z")));
        observed.maps.retain(|map| map.name_any() != "transparency-report-202611");
        assert!(is_forgotten(&kept, &observed, at("2027-01-20T00:00:00Z")));
        assert!(!is_forgotten(&ledger(&log), &observed, at("2027-01-20T00:00:00Z")));
        assert_eq!(reports(&look(&ledger(&log), 4, &observed, "2027-01-20T00:00:00Z"))[0].0, "2026-11");
    }

    #[test]
    fn what_a_newer_release_wrote_is_left_and_what_nobody_can_read_is_written_again() {
        let (tenant, now) = (tenant(), "2026-11-20T00:00:00Z");
        let log = ledger(&["2026-11-01T00:00:00Z"]);
        let observed = applied(
            Observed::default(),
            plan(&tenant, &log, &checkpoint(1), &Observed::default(), at(now)).unwrap(),
        );
        for (json, written) in [(r#"{"version": 2}"#, 0), (r#"{"version": 1}"#, 1), ("", 1)] {
            let mut map = observed.maps[0].clone();
            map.data = Some([(KEY.to_owned(), json.to_owned())].into());
            let observed = Observed {
                maps: vec![map],
                roles: observed.roles.clone(),
                bindings: observed.bindings.clone(),
            };
            let desired = plan(&tenant, &log, &checkpoint(1), &observed, at(now)).unwrap();
            assert_eq!(desired.maps.len(), written, "{json}");
        }
    }

    #[test]
    fn a_log_of_long_ago_or_of_a_wrong_clock_makes_a_bounded_number() {
        let desired = plan(
            &tenant(),
            &ledger(&["1970-01-01T00:00:00Z"]),
            &checkpoint(1),
            &Observed::default(),
            at("2026-11-20T00:00:00Z"),
        );
        assert_eq!(desired.unwrap().maps.len(), 121);
        let none =
            plan(&tenant(), &ledger(&[]), &checkpoint(0), &Observed::default(), at("2026-11-20T00:00:00Z"));
        assert_eq!(reports(&none.unwrap()), [("2026-11".to_owned(), 0, false, 0)]);
    }

    #[test]
    fn managers_reviewers_and_auditors_read_them_by_name_and_the_right_follows_the_members() {
        let mut tenant = tenant();
        let now = at("2026-11-20T00:00:00Z");
        let log = ledger(&["2026-10-01T00:00:00Z"]);
        let desired = plan(&tenant, &log, &checkpoint(1), &Observed::default(), now).unwrap();
        let role = desired.role.clone().unwrap();
        let rule = &role.rules.as_ref().unwrap()[0];
        let names = ["transparency-report-202610", "transparency-report-202611"].map(str::to_owned);
        assert_eq!(rule.resource_names.as_deref(), Some(names.as_slice()));
        assert_eq!(rule.verbs, ["get", "list"]);
        let who = |binding: &RoleBinding| -> Vec<String> {
            binding.subjects.iter().flatten().map(|subject| subject.name.clone()).collect()
        };
        assert_eq!(who(desired.binding.as_ref().unwrap()), ["m", "a"]);
        let observed = applied(Observed::default(), desired);
        tenant.spec.members = members(&[("Owner", "o")]);
        let none = plan(&tenant, &log, &checkpoint(1), &observed, now).unwrap();
        assert_eq!((none.maps.len(), none.role.is_none()), (0, true));
        assert_eq!(who(none.binding.as_ref().unwrap()), Vec::<String>::new());
        let observed = applied(observed, none);
        assert_eq!(plan(&tenant, &log, &checkpoint(1), &observed, now).unwrap(), Desired::default());
    }
}
