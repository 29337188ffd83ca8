//! `fencepost completions SHELL`: completion scripts on standard output.

use clap::CommandFactory;

use super::{Cli, Exit};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    shell: clap_complete::Shell,
}

/// Prints the script.
#[must_use]
pub fn run(args: &Args) -> Exit {
    clap_complete::generate(args.shell, &mut Cli::command(), "fencepost", &mut std::io::stdout());
    Exit::Pass
}
