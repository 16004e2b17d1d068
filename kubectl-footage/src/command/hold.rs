//! Keeping footage past its date, without reading any.

use camerafleet_crds::{HoldReference, HoldReferenceKind, LegalHold, LegalHoldSpec, Span};

use super::WindowArgs;
use crate::{
    cluster::Cluster,
    failure::Failure,
    output::{Output, print},
};

/// `kubectl footage hold`.
#[derive(clap::Args)]
pub struct Args {
    /// The hold's name.
    pub name: String,
    /// A camera; again for each further one.
    #[arg(long = "camera", required_unless_present = "all_cameras", conflicts_with = "all_cameras")]
    pub cameras: Vec<String>,
    /// Every camera of the tenant, later ones included.
    #[arg(long)]
    pub all_cameras: bool,
    #[command(flatten)]
    pub window: WindowArgs,
    /// The number of the matter, as of an expected claim.
    #[arg(long, required_unless_present = "order", conflicts_with = "order")]
    pub matter: Option<String>,
    /// The LegalOrder that it rests on.
    #[arg(long)]
    pub order: Option<String>,
    /// For how long, at most 90d.
    #[arg(long, value_parser = super::span)]
    pub duration: Span,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// Creates the LegalHold.
pub async fn run(args: &Args, cluster: &Cluster) -> Result<(), Failure> {
    let (kind, name) = match (&args.order, &args.matter) {
        (Some(order), _) => (HoldReferenceKind::LegalOrder, order.clone()),
        (None, matter) => (HoldReferenceKind::Matter, matter.clone().unwrap_or_default()),
    };
    let spec = LegalHoldSpec {
        cameras: cluster.cameras(&args.cameras).await?,
        all_cameras: args.all_cameras,
        window: args.window.window()?,
        reference: HoldReference { kind, name },
        duration: args.duration,
        renewals: Vec::new(),
    };
    let made = cluster.create(&LegalHold::new(&args.name, spec), false).await?;
    print(args.output, &made, || {
        format!(
            "The hold {0} is there: nothing that it covers is deleted from now on.\nnext:  kubectl get legalhold {0} -n {1}, which says when all of it can be read past its date",
            args.name, cluster.namespace
        )
    })
}
