//! `kubectl footage`: what people do with footage.

mod check;
mod cluster;
mod command;
mod failure;
mod log;
mod moment;
mod output;
mod package;
mod release;
mod ssh;

use std::{path::PathBuf, process::ExitCode};

use camerafleet_crds::ApprovalDecision;
use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

use cluster::{Cluster, Flags};
use command::{
    answer, doctor, fetch, hold, inspect, keygen, open, order, pending, report, request, show, verify,
    verify_log, withdraw,
};
use failure::Failure;

const EXIT_CODES: &str = "Exit codes:
  0  done
  2  what was given on the command line, or a file, cannot be used
  3  the API server refused it
  4  something that was named is not there
  5  the cluster does not answer
  6  what was read is not what it should be: a package or a log that fails a check, a cluster that is not sound";

#[derive(Parser)]
#[command(
    name = "kubectl-footage",
    bin_name = "kubectl footage",
    version,
    about = "Asks for footage, decides on it, holds it, opens and checks it",
    after_help = EXIT_CODES
)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Asks for footage.
    #[command(
        after_help = "Example:\n  kubectl footage request burglary-7 -n elm-street --camera door --from \"2026-11-25 13:00\" --to \"2026-11-25 13:30\" \\\n    --basis consent --recipient age1… --case 7 --organisation Police --callback \"+1 555 0100\" --purpose report.pdf"
    )]
    Request(request::Args),
    /// Shows a request: what is asked for, what was decided, who must still do what.
    #[command(after_help = "Example:\n  kubectl footage show burglary-7 -n elm-street")]
    Show(show::Args),
    /// Lists the requests that wait for an answer, of those that you may see.
    #[command(after_help = "Example:\n  kubectl footage pending -n elm-street")]
    Pending(pending::Args),
    /// Agrees to a request, after showing what would be released.
    #[command(
        after_help = "Example:\n  kubectl footage approve burglary-7 -n elm-street --to \"2026-11-25 13:15\""
    )]
    Approve(answer::Args),
    /// Refuses a request.
    #[command(after_help = "Example:\n  kubectl footage deny burglary-7 -n elm-street")]
    Deny(answer::Args),
    /// Takes your request, or your answer to one, back.
    #[command(after_help = "Example:\n  kubectl footage withdraw burglary-7 -n elm-street")]
    Withdraw(withdraw::Args),
    /// Fetches the package of your request, and goes on where it was interrupted.
    #[command(after_help = "Example:\n  kubectl footage fetch burglary-7 -n elm-street --wait 10m")]
    Fetch(fetch::Args),
    /// Opens a package: checks all of it, and writes its clips. Needs no cluster.
    #[command(after_help = "Example:\n  kubectl footage open package.tar.age --identity officer.key")]
    Open(open::Args),
    /// Checks a package, a line a check, and writes nothing. Needs no cluster.
    #[command(
        after_help = "Examples:\n  kubectl footage verify package.tar.age --identity officer.key\n  kubectl footage verify package.tar.age --identity officer.key --trusted-key tenant.pub --log-checkpoint kept.txt -o json\n\nA line is ok, FAILED, or a note: nothing is wrong, and something is left for you to ask or to know."
    )]
    Verify(verify::Args),
    /// Checks a tenant's disclosure log from outside: that it is signed and whole, and follows every checkpoint that was kept.
    #[command(
        after_help = "Examples:\n  kubectl footage verify-log -n elm-street --save kept.txt\n  kubectl footage verify-log --trusted-key log.key --checkpoints kept/ --checkpoint package.tar.age --identity officer.key -o json\n\nIt fails with 6 where the log was TRUNCATED, FORKED, ALTERED, is NOT SIGNED by its key, or where objects are MISSING; -o json says which (finding)."
    )]
    VerifyLog(verify_log::Args),
    /// Signs and submits a legal order.
    #[command(
        after_help = "Examples:\n  kubectl footage order -n elm-street -f warrant.yaml\n  kubectl footage order -f warrant.yaml --ssh-key ~/.ssh/court --print > signed.yaml"
    )]
    Order(order::Args),
    /// Keeps footage past its date, without reading any.
    #[command(
        after_help = "Example:\n  kubectl footage hold claim-12 -n elm-street --camera door --from \"2026-11-25 13:00\" --to now --matter 12 --duration 30d"
    )]
    Hold(hold::Args),
    /// Says whether everything is there that the other commands need: cluster, API, operator, tenants, clocks, your rights.
    #[command(after_help = "Example:\n  kubectl footage doctor -n elm-street")]
    Doctor(doctor::Args),
    /// Prints the transparency report: how often footage was asked for, by whom, on what ground, and what came of it.
    #[command(
        after_help = "Examples:\n  kubectl footage report -n elm-street\n  kubectl footage report -n elm-street --from 2026-01 --to 2026-12 -o html --out report-2026.html"
    )]
    Report(report::Args),
    /// Makes an owner's key, for custody Owners. Needs no cluster.
    #[command(after_help = "Example:\n  kubectl footage keygen --out owner.key")]
    Keygen(keygen::Args),
    /// Says what a sealed segment is and which keys open it. Needs no key and no cluster.
    #[command(
        after_help = "Example:\n  kubectl footage inspect 1764076800000-10000-00112233445566778899aabbccddeeff-7-v.mp4.age"
    )]
    Inspect {
        /// The segment, as it lies in the store.
        file: PathBuf,
    },
    /// Prints the completion for a shell.
    #[command(after_help = "Example:\n  source <(kubectl footage completion bash)")]
    Completion {
        /// The shell.
        shell: Shell,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.code()
        }
    }
}

async fn run(cli: Cli) -> Result<(), Failure> {
    let connect = || Cluster::connect(&cli.flags);
    match &cli.command {
        Command::Request(args) => request::run(args, &connect().await?).await,
        Command::Show(args) => show::run(args, &connect().await?).await,
        Command::Pending(args) => pending::run(args, &connect().await?).await,
        Command::Approve(args) => answer::run(args, ApprovalDecision::Approve, &connect().await?).await,
        Command::Deny(args) => answer::run(args, ApprovalDecision::Deny, &connect().await?).await,
        Command::Withdraw(args) => withdraw::run(args, &connect().await?).await,
        Command::Fetch(args) => fetch::run(args, &connect().await?).await,
        Command::Open(args) => open::run(args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::VerifyLog(args) => verify_log::run(args, &connect().await?).await,
        Command::Order(args) => order::run(args, &cli.flags).await,
        Command::Hold(args) => hold::run(args, &connect().await?).await,
        Command::Doctor(args) => doctor::run(args, &cli.flags).await,
        Command::Report(args) => report::run(args, &connect().await?).await,
        Command::Keygen(args) => keygen::run(args),
        Command::Inspect { file } => inspect::run(file),
        Command::Completion { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "kubectl-footage", &mut std::io::stdout());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_each_command_has_an_example() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("kubectl footage "), "{} has no example", command.get_name());
        }
    }
}
