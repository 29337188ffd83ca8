//! The `fencepost` command. Everything is in the library; see [`fencepost::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    fencepost::cli::main()
}
