//! How full a tenant's storage is, by what the retention jobs counted last. It is told, and nothing else: footage goes on
//! its date, and recording goes on.

use camerafleet_crds::{Amount, Tenant};

use crate::conditions::Verdict;

/// The condition.
pub const QUOTA: &str = "WithinStorageQuota";

/// Decides; none without a quota.
pub fn quota(tenant: &Tenant, stored: Option<u64>) -> Option<Verdict> {
    let quota = tenant.spec.quota.storage.as_ref().map(Amount::value)?;
    let way = "Nothing is deleted early for that, and recording goes on. Raise spec.quota.storage with the bucket's room, shorten keepFor, or set maxBytesPerCamera.";
    let Some(stored) = stored else {
        return Some(Verdict::unknown(
            "NotCounted",
            "How much is stored is told by the first run of a retention job.",
        ));
    };
    // In tenths, rounded down: 90 % is nearly full.
    Some(match u128::from(stored) * 10 / u128::from(quota.max(1)) {
        0..=8 => Verdict::yes("WithinQuota", "Less than nine tenths of spec.quota.storage are stored."),
        9 => Verdict::no("NearlyFull", format!("Nine tenths of spec.quota.storage are stored. {way}")),
        _ => Verdict::no("Full", format!("All of spec.quota.storage is stored. {way}")),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::{super::plan::tests::tenant, *};

    fn with(quota: &str) -> Tenant {
        let mut tenant = tenant();
        tenant.spec.quota = serde_json::from_value(json!({"storage": quota})).unwrap();
        tenant
    }

    #[test]
    fn a_store_that_fills_up_is_told_at_nine_tenths_and_when_it_is_full() {
        assert_eq!(quota(&tenant(), Some(1 << 50)), None, "no quota");
        let mut told = BTreeMap::new();
        for (stored, expected) in [
            (None, "NotCounted"),
            (Some(0), "WithinQuota"),
            (Some(899), "WithinQuota"),
            (Some(900), "NearlyFull"),
            (Some(999), "NearlyFull"),
            (Some(1_000), "Full"),
            (Some(u64::MAX), "Full"),
        ] {
            let verdict = quota(&with("1k"), stored).unwrap();
            assert_eq!(verdict.reason, expected, "{stored:?}");
            assert!(camerafleet_crds::reasons::known("Tenant", QUOTA, verdict.reason), "{expected}");
            told.insert(expected, verdict);
        }
        assert!(told["Full"].message.contains("Nothing is deleted early"));
    }
}
