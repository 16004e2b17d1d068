//! `kubectl footage`: what people do with footage.

mod inspect;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "kubectl-footage", bin_name = "kubectl footage", version, about = "Footage, for people")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Says what a sealed segment is and which keys open it. Needs no key and no cluster.
    #[command(
        after_help = "Example:\n  kubectl footage inspect 1764076800000-10000-00112233445566778899aabbccddeeff-7-v.mp4.age"
    )]
    Inspect {
        /// The segment, as it lies in the store.
        file: PathBuf,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Inspect { file } => inspect::run(&file),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
