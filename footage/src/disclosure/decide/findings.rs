//! Reasons and needs as they are found.

use std::collections::{BTreeMap, BTreeSet};

use camerafleet_crds::Basis;

use crate::disclosure::decision::{Authorized, Decision, Need, Reason, Verdict};
use crate::disclosure::rule::{Effect, Rule};
use crate::ids::ApprovalUid;

#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    reasons: BTreeSet<Reason>,
    needs: BTreeSet<Need>,
    ignored: BTreeMap<ApprovalUid, BTreeSet<Rule>>,
}

impl Findings {
    pub fn say(&mut self, rule: Rule, message: String) {
        self.reasons.insert(Reason { rule, message });
    }

    pub fn ignore(&mut self, approval: &ApprovalUid, rule: Rule) {
        self.ignored.entry(approval.clone()).or_default().insert(rule);
    }

    pub fn need(&mut self, need: Need) {
        self.needs.insert(need);
    }

    pub fn denies(&self) -> bool {
        self.has(Effect::Denies)
    }

    fn has(&self, effect: Effect) -> bool {
        self.reasons.iter().any(|r| r.rule.effect() == effect)
    }

    pub fn absorb(&mut self, other: Self) {
        self.reasons.extend(other.reasons);
        self.needs.extend(other.needs);
        for (approval, rules) in other.ignored {
            self.ignored.entry(approval).or_default().extend(rules);
        }
    }

    pub fn absorb_denials(&mut self, other: Self) {
        let denial = |r: &Reason| r.rule.effect() == Effect::Denies;
        self.reasons.extend(other.reasons.into_iter().filter(denial));
    }

    /// A denial outweighs what is waited for, and that outweighs a grant. Nothing said and nothing granted is a
    /// denial as well; no path leads there.
    pub fn into_decision(mut self, grant: Option<Authorized>) -> Decision {
        let verdict = if self.denies() {
            Verdict::Denied
        } else if self.has(Effect::Waits) {
            Verdict::Pending
        } else if let Some(grant) = grant {
            let rule = match grant.basis {
                Basis::Consent | Basis::OwnerExport | Basis::SubjectAccess => Rule::ConsentGiven,
                Basis::CourtOrder => Rule::OrderStands,
                Basis::Emergency => Rule::QuorumGiven,
            };
            self.say(rule, rule.meaning().to_owned());
            Verdict::Authorized(Box::new(grant))
        } else {
            Verdict::Denied
        };
        Decision { verdict, reasons: self.reasons, needs: self.needs, ignored: self.ignored }
    }
}
