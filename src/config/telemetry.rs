//! Metrics and traces: where they are offered and sent. Logs are set on the command line.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use url::Url;

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetryConfig {
    /// An address of its own for `/metrics`, where it needs no token. Without it `/metrics` is at
    /// `http.listen` and wants the token of a desk or of an unlimited viewer.
    pub metrics_listen: Option<SocketAddr>,
    pub otlp: OtlpConfig,
}

/// Traces by the OpenTelemetry protocol over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtlpConfig {
    /// A collector such as `http://127.0.0.1:4318`; none: no traces are made.
    pub endpoint: Option<Url>,
}
