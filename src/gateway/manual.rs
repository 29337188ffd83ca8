//! The adapter for a gateway that is provisioned by other means. It sets nothing and can observe
//! nothing: the service desk confirms each route (`fencepost gateway confirm`), and whether the gateway
//! really takes the domain's mail is seen by the gate that asks its MX hosts from outside.

use async_trait::async_trait;
use fencepost_checks::DomainName;

use crate::engine::ports::{Gateway, GatewayError, RouteDesire};
use crate::lifecycle::connection::RouteMode;

/// Routes are set by somebody else.
#[derive(Debug, Clone, Copy, Default)]
pub struct ManualGateway;

#[async_trait]
impl Gateway for ManualGateway {
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        tracing::debug!(domain = %desire.domain, mode = ?desire.mode, "route to be set by hand");
        Err(GatewayError::ByHand)
    }

    async fn observe(&self, _domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        Ok(None)
    }
}
