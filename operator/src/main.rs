//! `operator run`, `operator vault-setup` and `operator vault-restored`.

use clap::{Parser, Subcommand};
use operator::{config::RunArgs, run, vault_restored, vault_setup};

#[derive(Parser)]
#[command(name = "operator", version, about = "The control plane of Camerafleet")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Reconciles tenants, cameras and policies until it is told to stop.
    Run(Box<RunArgs>),
    /// Installs Camerafleet's policies and roles into Vault, with an administrator's token.
    VaultSetup(Box<vault_setup::VaultSetupArgs>),
    /// After a snapshot of Vault was restored: destroys again the keys that the logs say were destroyed.
    VaultRestored(Box<vault_restored::VaultRestoredArgs>),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        anyhow::bail!("another TLS provider was installed first");
    }
    let cli = Cli::parse();
    match cli.command {
        Command::Run(args) => {
            tracing_subscriber::fmt()
                .json()
                .with_env_filter(
                    tracing_subscriber::EnvFilter::try_from_default_env()
                        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
                )
                .init();
            run::run(*args).await
        }
        Command::VaultSetup(args) => vault_setup::run(*args).await,
        Command::VaultRestored(args) => vault_restored::run(*args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// Two arguments of one name are a fault that only a debug build shows, and a release build mixes up.
    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
