//! One typed struct a YAML section. Unknown keys, wrong types and duplicate keys are errors with
//! file, line and column. Every default is safe and runs.

mod agent;
mod commerce;
mod dns_providers;
mod gateway;
mod http;
mod intake;
mod known;
mod load;
mod notify;
mod openid;
mod parse;
mod place;
mod probe;
mod seller;
mod sign_in;
mod smarthost;
mod store;
mod telemetry;
mod validate;

pub use agent::is_agent_name;
pub use commerce::{CommerceConfig, OnNoDecision, OnUseAfterEnd, ProRating};
pub use dns_providers::{DnsProvider, RecordName};
pub use gateway::{AdapterConfig, EgressAddress, EgressState, GatewayConfig, HostState, MxHost};
pub use http::HttpConfig;
pub use intake::{IntakeConfig, LmtpAddress, MailConfig};
pub use load::{ConfigError, Mistake, from_text, load};
pub use notify::NotifyConfig;
pub use openid::OpenIdConfig;
pub use place::Place;
pub use probe::{CanaryMode, ProbeConfig, RemoteOutsider, RemoteResolver};
pub use seller::{SellerConfig, VatCategory, VatConfig, WebhookConfig};
pub use sign_in::{RateConfig, SignInConfig};
pub use smarthost::{Security, Smarthost};
pub use store::{Database, EngineConfig, StoreConfig};
pub use telemetry::{OtlpConfig, TelemetryConfig};
pub use validate::Problem;

#[cfg(test)]
mod page;
#[cfg(test)]
#[path = "../../fuzz/properties/config_file.rs"]
mod properties;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// The whole configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub store: StoreConfig,
    pub engine: EngineConfig,
    pub http: HttpConfig,
    pub gateway: GatewayConfig,
    pub probe: ProbeConfig,
    pub notify: NotifyConfig,
    pub intake: IntakeConfig,
    pub commerce: CommerceConfig,
    pub telemetry: TelemetryConfig,
}
