//! Logs on standard error, for people or as JSON lines, and traces to a collector where one is
//! configured. Standard output belongs to the commands.

mod otlp;

use std::io::IsTerminal as _;

use tokio::runtime::Handle;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, fmt};
use url::Url;

pub use otlp::{Traces, traces};

/// Logging or tracing cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("`{filter}` is no log filter; write a level such as `info`, or `fencepost=debug`")]
    Filter { filter: String, source: ParseError },
    #[error("traces cannot be sent to {endpoint} (telemetry.otlp.endpoint): {reason}")]
    Otlp { endpoint: Url, reason: String },
}

/// What was started; ends with [`Telemetry::end`].
#[derive(Debug, Default)]
pub struct Telemetry {
    traces: Option<Traces>,
}

impl Telemetry {
    /// Sends what is left of the traces. Blocks for a few seconds at most.
    pub fn end(self) {
        if let Some(traces) = self.traces {
            traces.end();
        }
    }
}

/// Starts logging, and tracing to `collector`. Control characters in logged values are escaped by the
/// formatter.
///
/// # Errors
/// When `filter` cannot be parsed, or no traces can be sent to that address.
pub fn start(filter: &str, json: bool, collector: Option<&Url>, runtime: &Handle) -> Result<Telemetry, TelemetryError> {
    let parsed = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.escape_debug().to_string(), source })?;
    let started = collector.map(|endpoint| traces(endpoint, runtime)).transpose()?;
    let (layer, traces) = started.unzip();
    let logs = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let logs = if json { logs.json().boxed() } else { logs.boxed() };
    // A logger that is installed already (tests) stays.
    let _ = tracing_subscriber::registry().with(layer).with(logs.with_filter(parsed)).try_init();
    Ok(Telemetry { traces })
}
