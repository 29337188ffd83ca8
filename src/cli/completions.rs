//! `fencepost completions SHELL`: completion scripts on standard output.

use super::{Exit, help};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// For which shell
    shell: clap_complete::Shell,
}

/// Prints the script.
#[must_use]
pub fn run(args: &Args) -> Exit {
    clap_complete::generate(args.shell, &mut help::command(), "fencepost", &mut std::io::stdout());
    Exit::Pass
}
