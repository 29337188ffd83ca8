//! Logs on standard error, for people or as JSON lines. Standard output belongs to the commands.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// The log filter could not be understood.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is no log filter; write a level such as `info`, or `fencepost=debug`")]
pub struct FilterError {
    filter: String,
    source: ParseError,
}

/// Starts logging. Control characters in logged values are escaped by the formatter.
///
/// # Errors
/// When `filter` cannot be parsed.
pub fn start(filter: &str, json: bool) -> Result<(), FilterError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| FilterError { filter: filter.escape_debug().to_string(), source })?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // A logger that is installed already (tests) stays.
    let _ = if json { logs.json().try_init() } else { logs.try_init() };
    Ok(())
}
