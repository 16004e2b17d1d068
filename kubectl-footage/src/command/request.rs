//! Asking for footage.

use std::path::PathBuf;

use camerafleet_crds::{
    Basis, DisclosureRequest, DisclosureRequestSpec, LocalRef, PackageForm, Requester, Span,
};

use super::{WindowArgs, digest_of};
use crate::{
    cluster::Cluster,
    failure::{Failure, Kind},
    output::{Output, print},
};

/// `kubectl footage request`.
#[derive(clap::Args)]
pub struct Args {
    /// The request's name, at most 63 characters.
    pub name: String,
    /// A camera; again for each further one, up to 16.
    #[arg(long = "camera", required = true)]
    pub cameras: Vec<String>,
    #[command(flatten)]
    pub window: WindowArgs,
    /// On what ground.
    #[arg(long, value_enum)]
    pub basis: BasisArg,
    /// The age recipient that the package is sealed to (age-keygen makes one).
    #[arg(long)]
    pub recipient: String,
    /// Your number for the matter.
    #[arg(long)]
    pub case: Option<String>,
    /// For whom you ask.
    #[arg(long)]
    pub organisation: Option<String>,
    /// Where you can be called back by whoever decides.
    #[arg(long)]
    pub callback: Option<String>,
    /// The narrative and documents that say why. The file stays here: its SHA-256 goes into the request.
    #[arg(long)]
    pub purpose: Option<PathBuf>,
    /// The LegalOrder, with --basis court-order.
    #[arg(long)]
    pub order: Option<String>,
    /// Ask for sound, too.
    #[arg(long)]
    pub audio: bool,
    /// Whole segments with their payloads untouched, instead of clips trimmed to the window.
    #[arg(long)]
    pub sealed: bool,
    /// For how long the package can be fetched.
    #[arg(long, default_value = "7d", value_parser = super::span)]
    pub expires_after: Span,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// Footage is asked for on one of these grounds.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum BasisArg {
    /// The owners agree.
    Consent,
    /// A warrant or order (--order).
    CourtOrder,
    /// Danger to life before an order can be had.
    Emergency,
    /// You are in the picture, and ask for what is held about you.
    SubjectAccess,
    /// It is your own footage.
    OwnerExport,
}

impl From<BasisArg> for Basis {
    fn from(basis: BasisArg) -> Self {
        match basis {
            BasisArg::Consent => Self::Consent,
            BasisArg::CourtOrder => Self::CourtOrder,
            BasisArg::Emergency => Self::Emergency,
            BasisArg::SubjectAccess => Self::SubjectAccess,
            BasisArg::OwnerExport => Self::OwnerExport,
        }
    }
}

/// Creates the DisclosureRequest in one's own name.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    if args.order.is_some() != matches!(args.basis, BasisArg::CourtOrder) {
        return Err(Failure::new(
            Kind::Input,
            "--order and --basis court-order go together.",
            "Submit the order first (kubectl footage order), and name it with --order.",
        ));
    }
    let spec = DisclosureRequestSpec {
        requester: Requester {
            user: cluster.whoami().await?,
            organisation: args.organisation.clone(),
            callback: args.callback.clone(),
        },
        case_number: args.case.clone(),
        cameras: cluster.cameras(&args.cameras).await?,
        window: args.window.window()?,
        basis: args.basis.into(),
        legal_order_ref: args.order.as_deref().map(LocalRef::from),
        recipient: args.recipient.clone(),
        include_audio: args.audio,
        form: if args.sealed { PackageForm::Sealed } else { PackageForm::Clip },
        expires_after: args.expires_after,
        purpose_digest: args.purpose.as_deref().map(digest_of).transpose()?,
        withdrawn: false,
    };
    let made = cluster.create(&DisclosureRequest::new(&args.name, spec), false).await?;
    print(args.output, &made, || {
        format!(
            "The request {0} is submitted. Those who decide are told.\nnext:  kubectl footage show {0} -n {1}",
            args.name, cluster.namespace
        )
    })
}
