//! A judge's or prosecutor's order: signed by the authority, submitted by whoever serves it.

use std::path::PathBuf;

use camerafleet_crds::{LegalOrder, LegalOrderSpec};
use camerafleet_footage::disclosure::ORDER_NAMESPACE;

use super::{answer::canonical_without, unreadable};
use crate::{
    cluster::{Cluster, Flags},
    failure::Failure,
    output::{Output, print},
    ssh,
};

/// `kubectl footage order`.
#[derive(clap::Args)]
pub struct Args {
    /// The LegalOrder as a manifest, YAML or JSON.
    #[arg(long, short)]
    pub file: PathBuf,
    /// Sign it with this SSH key, the authority's.
    #[arg(long)]
    pub ssh_key: Option<PathBuf>,
    /// Print the signed order instead of submitting it. Needs no cluster.
    #[arg(long)]
    pub print: bool,
    #[arg(long, short, value_enum, default_value = "table")]
    pub output: Output,
}

/// Signs, and submits.
pub async fn run(args: &Args, flags: &Flags) -> Result<(), Failure> {
    let text = std::fs::read_to_string(&args.file).map_err(|e| unreadable(&args.file, &e))?;
    let mut order: serde_json::Value =
        serde_yaml_ng::from_str(&text).map_err(|e| unreadable(&args.file, &e))?;
    if let Some(key) = &args.ssh_key {
        // The spec as its type writes it: with the defaults that the API server would add.
        order["spec"]["signature"] = "".into();
        let spec: LegalOrderSpec =
            serde_json::from_value(order["spec"].clone()).map_err(|e| unreadable(&args.file, &e))?;
        let message = canonical_without(&spec, &["signature"])?;
        order["spec"]["signature"] = ssh::sign(key, ORDER_NAMESPACE, &message)?.into();
    }
    let order: LegalOrder = serde_json::from_value(order).map_err(|e| unreadable(&args.file, &e))?;
    if args.print {
        let output = if args.output == Output::Json { Output::Json } else { Output::Yaml };
        return print(output, &order, String::new);
    }
    let cluster = Cluster::connect(flags).await?;
    let made = cluster.create(&order, false).await?;
    let name = made.metadata.name.clone().unwrap_or_default();
    print(args.output, &made, || {
        format!(
            "The order {name} is submitted. Whether its signature is a trusted authority's is told in a moment.\nnext:  kubectl get legalorder {name} -n {}",
            cluster.namespace
        )
    })
}
