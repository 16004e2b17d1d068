//! What people do with footage, a file a command.

pub mod answer;
pub mod doctor;
pub mod fetch;
pub mod hold;
pub mod inspect;
pub mod keygen;
pub mod open;
pub mod order;
pub mod pending;
pub mod report;
pub mod request;
pub mod show;
pub mod verify;
pub mod verify_log;
pub mod withdraw;

use camerafleet_crds::{DisclosureRequest, Span, Window};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt as _;
use sha2::{Digest as _, Sha256};

use crate::{
    failure::{Failure, Kind},
    moment,
};

/// Which footage.
#[derive(clap::Args)]
pub struct WindowArgs {
    /// From when: 2026-11-25T13:00:00Z, a local time as "2026-11-25 13:00", or "2h ago".
    #[arg(long, value_parser = moment::parse)]
    pub from: Timestamp,
    /// Until when; also: now.
    #[arg(long, value_parser = moment::parse)]
    pub to: Timestamp,
}

impl WindowArgs {
    /// The window.
    pub fn window(&self) -> Result<Window, Failure> {
        window(self.from, self.to)
    }
}

fn window(from: Timestamp, to: Timestamp) -> Result<Window, Failure> {
    if from >= to {
        return Err(Failure::new(
            Kind::Input,
            "The window ends before it starts.",
            "Give a --from that is before --to.",
        ));
    }
    Ok(Window { from: Time(from), to: Time(to) })
}

/// A time span as the API takes it.
fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// `sha256:…` of a file.
fn digest_of(path: &std::path::Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    Ok(format!("sha256:{}", camerafleet_footage::digest::hex(&Sha256::digest(bytes))))
}

fn unreadable(path: &std::path::Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Kind::Input, format!("{} cannot be read: {error}.", path.display()), "Check the path.")
}

/// The Approvals that a person may make for a request, by name: the second is for after the first was withdrawn. Those for
/// an earlier request of the same name have other names.
fn approval_names(request: &DisclosureRequest, user: &str) -> impl Iterator<Item = String> + use<> {
    let whose = format!("{}/{user}", request.uid().unwrap_or_default());
    let whose = camerafleet_footage::digest::hex(&Sha256::digest(whose)[..4]);
    // An object's name has 63 characters at most.
    let start: String = request.name_any().chars().take(50).collect();
    let first = format!("{}-{whose}", start.trim_end_matches(['-', '.']));
    std::iter::once(first.clone()).chain((2..=9).map(move |n| format!("{first}-{n}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_approvals_have_names_of_their_own_that_an_object_may_have() {
        let request = |name: &str, uid: &str| -> DisclosureRequest {
            serde_json::from_value(serde_json::json!({
                "metadata": {"name": name, "uid": uid},
                "spec": {
                    "requester": {"user": "officer@example.com"}, "cameras": [], "basis": "Consent",
                    "window": {"from": "2026-11-01T10:00:00Z", "to": "2026-11-01T11:30:00Z"},
                    "recipient": "age1abc",
                },
            }))
            .unwrap()
        };
        let long = request(&format!("{}-", "r".repeat(49)), "u-1");
        let names: Vec<_> = approval_names(&long, "owner@example.com").collect();
        assert_eq!(names.len(), 9);
        assert!(names.iter().all(|name| name.len() <= 63 && !name.contains("--")), "{names:?}");
        let first = |uid, user| approval_names(&request("r", uid), user).next();
        assert_ne!(first("u-1", "a"), first("u-1", "b"));
        assert_ne!(first("u-1", "a"), first("u-2", "a"), "a request made again is another");
    }
}
