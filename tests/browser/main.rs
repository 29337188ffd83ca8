//! The pages in a real browser: headless Chromium, driven as a person would drive it, against the very
//! engine and server in the demonstration's laboratory. Nothing here reads the database or the code's
//! own words for what it shows; it reads what is on the screen.
//!
//! Pictures of every page are kept in `target/screenshots`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod chromium;
mod inspect;
mod isolation;
#[path = "../lab/mod.rs"]
mod lab;
mod no_script;
mod pages;
mod path;
mod person;
mod world;

use std::path::{Path, PathBuf};

/// Whether a browser can be driven here. Where it cannot, the reason is printed and the test is left out,
/// except in CI.
fn ready(test: &str) -> bool {
    let axe = axe();
    let needed: [&Path; 3] = [Path::new("/usr/bin/chromium"), Path::new("/usr/bin/chromedriver"), &axe];
    let Some(reason) = lab::missing(&needed) else { return true };
    lab::left_out(test, &reason);
    false
}

/// The folder of what is built.
fn target() -> PathBuf {
    // …/target/debug/deps/browser-0123456789abcdef
    let binary = std::env::current_exe().unwrap();
    binary.ancestors().nth(3).unwrap().to_owned()
}

/// The accessibility rules, which `tests/install-daemons.sh` installs.
fn axe() -> PathBuf {
    target().join("npm/node_modules/axe-core/axe.min.js")
}
