//! The `fencepost` command. Everything is in the library; see [`fencepost::cli`].

use std::process::ExitCode;

/// Probing is made of many short-lived texts.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fencepost::cli::main()
}
