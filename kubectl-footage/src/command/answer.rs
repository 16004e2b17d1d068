//! A person's answer to a request.

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::PathBuf,
};

use camerafleet_crds::{
    Approval, ApprovalDecision, ApprovalSpec, Capacity, DisclosureRequest, NarrowTo, RequestRef,
};
use camerafleet_footage::disclosure::{APPROVAL_NAMESPACE, Frozen, Logged};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{approval_names, show, window};
use crate::{
    cluster::Cluster,
    failure::{Failure, Kind},
    moment,
    output::{Output, print},
    release, ssh,
};

/// `kubectl footage approve` and `deny`.
#[derive(clap::Args)]
pub struct Args {
    /// The DisclosureRequest.
    pub request: String,
    /// As what you answer.
    #[arg(long = "as", value_enum, default_value = "owner")]
    pub capacity: CapacityArg,
    /// Approve this camera only; again for each further one.
    #[arg(long = "camera")]
    pub cameras: Vec<String>,
    /// Approve from then on only.
    #[arg(long, value_parser = moment::parse)]
    pub from: Option<Timestamp>,
    /// Approve until then only.
    #[arg(long, value_parser = moment::parse)]
    pub to: Option<Timestamp>,
    /// For so many days your answer counts.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=90))]
    pub days: u16,
    /// Sign with this SSH key, where the SharingPolicy has yours.
    #[arg(long)]
    pub ssh_key: Option<PathBuf>,
    /// Your key, where the footage is sealed for its owners.
    #[arg(long)]
    pub identity: Option<PathBuf>,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// As what a person answers.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum CapacityArg {
    /// An owner of the footage.
    Owner,
    /// A legal reviewer.
    Reviewer,
    /// An owner or reviewer whom the policy names for emergencies.
    EmergencyApprover,
}

impl CapacityArg {
    /// Whether shares of keys may go with the answer.
    fn releases(self) -> bool {
        matches!(self, Self::Owner)
    }
}

impl From<CapacityArg> for Capacity {
    fn from(capacity: CapacityArg) -> Self {
        match capacity {
            CapacityArg::Owner => Self::Owner,
            CapacityArg::Reviewer => Self::Reviewer,
            CapacityArg::EmergencyApprover => Self::EmergencyApprover,
        }
    }
}

/// Shows what is asked for, asks, and creates the Approval in one's own name.
pub async fn run(args: &Args, decision: ApprovalDecision, cluster: &Cluster) -> Result<(), Failure> {
    let request = cluster.get::<DisclosureRequest>(&args.request).await?;
    let digest = digest(&request)?;
    let user = cluster.whoami().await?;
    eprintln!("{}", show::asked(&request));
    if !args.yes && !agreed(decision)? {
        return Err(Failure::new(Kind::Input, "Nothing was answered.", "Answer yes, or give --yes."));
    }
    let release = match decision {
        ApprovalDecision::Approve if args.capacity.releases() => {
            release::release(&request, &digest, args.identity.as_deref(), cluster).await?
        }
        _ => None,
    };
    let spec = ApprovalSpec {
        request_ref: RequestRef { name: request.name_any(), uid: request.uid().unwrap_or_default() },
        request_digest: digest,
        approver: user.clone(),
        capacity: args.capacity.into(),
        decision,
        narrow_to: narrow(args, &request)?,
        not_after: Time(moment::in_days(args.days.into())),
        release,
        signature: None,
        withdrawn: false,
    };
    let made = create(args, (&request, &user), spec, cluster).await?;
    print(args.output, &made, || {
        format!(
            "Your answer to {0} is given: {decision:?}.\nnext:  kubectl footage show {0} -n {1}; you can still take it back with kubectl footage withdraw {0}",
            args.request, cluster.namespace
        )
    })
}

/// What the answer binds, computed here from what one was shown: nobody can have it mean another request.
fn digest(request: &DisclosureRequest) -> Result<String, Failure> {
    let unreadable = |error: String| {
        Failure::new(
            Kind::Unverified,
            format!("The request cannot be answered: {error}."),
            "Use the release of kubectl footage that fits the cluster's.",
        )
    };
    let json = serde_json::to_value(request).map_err(|e| unreadable(e.to_string()))?;
    let logged = Logged { index: 0, at: Timestamp::UNIX_EPOCH };
    let frozen = Frozen::read("DisclosureRequest", &json, logged).map_err(|e| unreadable(e.to_string()))?;
    let computed = frozen.digest("DisclosureRequest").to_string();
    match request.status.as_ref().and_then(|status| status.digest.as_deref()) {
        Some(told) if told == computed => Ok(computed),
        Some(_) => Err(Failure::new(
            Kind::Unverified,
            "What the operator says of the request is not what you were shown: its digest is another one.",
            "Do not answer. Tell whoever runs the platform.",
        )),
        None => Err(Failure::new(
            Kind::NotFound,
            "The operator has not taken the request up yet.",
            "Try again in some seconds; if that does not help, look at the Tenant's condition LogReady.",
        )),
    }
}

fn narrow(args: &Args, request: &DisclosureRequest) -> Result<Option<NarrowTo>, Failure> {
    let asked = &request.spec;
    let mut cameras = Vec::with_capacity(args.cameras.len());
    for name in &args.cameras {
        let camera = asked.cameras.iter().find(|camera| camera.name == *name).cloned();
        cameras.push(camera.ok_or_else(|| {
            Failure::new(
                Kind::Input,
                format!("The request does not name the camera {name}."),
                "Give cameras that it names.",
            )
        })?);
    }
    let window = match (args.from, args.to) {
        (None, None) => None,
        (from, to) => Some(window(from.unwrap_or(asked.window.from.0), to.unwrap_or(asked.window.to.0))?),
    };
    Ok((!cameras.is_empty() || window.is_some()).then_some(NarrowTo { cameras, window }))
}

fn agreed(decision: ApprovalDecision) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("{decision:?} this? [yes/no] ");
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|e| Failure::new(Kind::Input, format!("Your answer cannot be read: {e}."), "Give --yes."))?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

/// The first name that is free: one is taken by an answer that was withdrawn.
async fn create(
    args: &Args,
    (request, user): (&DisclosureRequest, &str),
    mut spec: ApprovalSpec,
    cluster: &Cluster,
) -> Result<Approval, Failure> {
    let mut refused = None;
    for name in approval_names(request, user) {
        if let Some(key) = &args.ssh_key {
            spec.signature = Some(sign(key, &name, &spec, cluster).await?);
        }
        match cluster.create(&Approval::new(&name, spec.clone()), false).await {
            Ok(made) => return Ok(made),
            Err(failure) if failure.is_taken() => refused = Some(failure),
            Err(failure) => return Err(failure),
        }
    }
    Err(refused.unwrap_or_else(|| {
        Failure::new(
            Kind::Refused,
            "You have answered this request too often.",
            "Ask for another DisclosureRequest.",
        )
    }))
}

/// What is signed is the spec as the API server stores it, so the server is asked first, without storing anything.
async fn sign(
    key: &std::path::Path,
    name: &str,
    spec: &ApprovalSpec,
    cluster: &Cluster,
) -> Result<String, Failure> {
    let unsigned = ApprovalSpec { signature: None, ..spec.clone() };
    let stored = match cluster.create(&Approval::new(name, unsigned.clone()), true).await {
        Ok(stored) => stored.spec,
        Err(failure) if failure.is_taken() => unsigned,
        Err(failure) => return Err(failure),
    };
    let message = canonical_without(&stored, &["signature", "withdrawn"])?;
    ssh::sign(key, APPROVAL_NAMESPACE, &message)
}

/// RFC 8785's form of a spec without these fields.
pub fn canonical_without(spec: &impl serde::Serialize, fields: &[&str]) -> Result<Vec<u8>, Failure> {
    let unreadable = |error: serde_json::Error| {
        Failure::new(Kind::Input, format!("It cannot be signed: {error}."), "Correct the file.")
    };
    let mut spec = serde_json::to_value(spec).map_err(unreadable)?;
    if let Some(spec) = spec.as_object_mut() {
        spec.retain(|name, _| !fields.contains(&name.as_str()));
    }
    serde_jcs::to_vec(&spec).map_err(unreadable)
}
