//! Provisioning adapters: make the filtering gateway do what a [`RouteDesire`](crate::engine::ports::RouteDesire) says, and tell what
//! it has. Implements the port [`Gateway`] that the engine owns; decides nothing and remembers
//! nothing but the generation of each route, so that a late writer cannot undo a newer desire.
//!
//! | adapter | routes live in |
//! | --- | --- |
//! | [`ManualGateway`] | somebody else's hands: nothing is written, nothing can be observed |
//! | [`PostfixGateway`] | two map files of a Postfix on this machine |
//! | [`HttpGateway`] | a gateway with an API |

mod figures;
mod http;
mod manual;
mod postfix;

use std::sync::Arc;

use crate::config::{AdapterConfig, GatewayConfig};
use crate::engine::ports::Gateway;

pub use figures::WithFigures;
pub use http::HttpGateway;
pub use manual::ManualGateway;
pub use postfix::PostfixGateway;

/// The adapter that the configuration names.
///
/// # Errors
/// [`GatewaySetupError`] when it cannot work as configured: no token, a broken URL, no folder.
pub fn build(config: &GatewayConfig) -> Result<Arc<dyn Gateway>, GatewaySetupError> {
    match &config.adapter {
        AdapterConfig::Manual => Ok(Arc::new(ManualGateway)),
        AdapterConfig::Agents { .. } => Err(GatewaySetupError(
            "gateway.adapter: `agents` is for `fencepost serve`; an agent needs an adapter of its own".to_owned(),
        )),
        AdapterConfig::Http { url, token_file } => Ok(Arc::new(HttpGateway::new(url, token_file.as_deref())?)),
        AdapterConfig::Postfix { relay_domains, transport, reload } => {
            Ok(Arc::new(PostfixGateway::new(relay_domains, transport, reload)?))
        }
    }
}

/// Why an adapter cannot be set up. The text names the configuration key and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GatewaySetupError(pub(crate) String);
