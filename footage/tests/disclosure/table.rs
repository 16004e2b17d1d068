//! `DISCLOSURE.md` and the code have the same rules.

use camerafleet_footage::disclosure::{Effect, Rule};

const DOCUMENT: &str = include_str!("../../DISCLOSURE.md");

#[test]
fn the_documents_table_is_the_codes() {
    let documented: Vec<&str> =
        DOCUMENT.lines().filter(|l| l.starts_with("| `") && l.split('|').count() == 6).collect();
    let rules = documented.into_iter().skip_while(|l| !l.starts_with("| `RequestMalformed`"));
    let coded = Rule::ALL.iter().map(|rule| {
        format!("| `{}` | {:?} | {} | {} |", rule.id(), rule.effect(), rule.meaning(), rule.way_forward())
    });
    assert_eq!(rules.collect::<Vec<_>>(), coded.collect::<Vec<_>>());
}

#[test]
fn every_refusal_has_a_way_forward() {
    for rule in Rule::ALL.iter().filter(|r| r.effect() != Effect::Grants && **r != Rule::ApprovalAfterIntent)
    {
        assert!(rule.way_forward().ends_with('.'), "{rule:?}");
        assert!(rule.meaning().ends_with('.'), "{rule:?}");
    }
}

/// A rule that is nowhere said is none: each is found in the kernel or where requests are read.
#[test]
fn every_rule_is_said_somewhere() {
    let sources = [
        include_str!("../../src/disclosure/decision.rs"),
        include_str!("../../src/disclosure/decide/mod.rs"),
        include_str!("../../src/disclosure/decide/camera.rs"),
        include_str!("../../src/disclosure/decide/findings.rs"),
        include_str!("../../src/disclosure/decide/order.rs"),
        include_str!("../../src/disclosure/decide/tally.rs"),
        include_str!("../../src/disclosure/decide/voices.rs"),
    ];
    for rule in Rule::ALL {
        let said = format!("Rule::{}", rule.id());
        let is_said = |source: &str| {
            source
                .match_indices(&said)
                .any(|(at, _)| !source[at + said.len()..].starts_with(char::is_alphanumeric))
        };
        assert!(sources.iter().any(|source| is_said(source)), "{rule:?}");
    }
}
