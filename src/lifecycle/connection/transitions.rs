//! The transition table: every change of phase that can happen, for people. A model checker holds it
//! against the machine: nothing else happens, and everything in it can happen.

use super::state::Phase;
use crate::lifecycle::table::Transition;

impl Phase {
    /// The name as interfaces show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Allowlisting => "allowlisting",
            Self::Probing => "probing",
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::Confirming => "confirming",
            Self::Connected => "connected",
            Self::Drifted => "drifted",
            Self::Releasing => "releasing",
            Self::Released => "released",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing happens any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Released | Self::Cancelled)
    }
}

/// Every change of phase that can happen, forward first.
#[must_use]
pub fn table() -> &'static [Transition] {
    TABLE
}

const fn row(from: &'static str, to: &'static str, who: &'static str, when: &'static str) -> Transition {
    Transition { from, to, when, who }
}

const TABLE: &[Transition] = &[
    row("-", "ordered", "partner", "the order is accepted; the gateway defers the domain"),
    row("-", "confirming", "desk", "imported from an existing base; it is verified before it is called connected"),
    row("ordered", "allowlisting", "desk", "the customer is registered"),
    row(
        "allowlisting",
        "probing",
        "customer",
        "every gateway address reaches every mail server; hosted platforms are skipped",
    ),
    row("probing", "provisioning", "customer", "the mail server accepts mail for the domain"),
    row(
        "provisioning",
        "ready",
        "vendor",
        "every gateway MX host accepts mail for the domain, with the live route confirmed",
    ),
    row("ready", "confirming", "partner", "the new MX is seen on an authoritative server and no hazard is known"),
    row(
        "confirming",
        "connected",
        "time",
        "24 h and T* have passed without an old answer, and the path is proven again",
    ),
    row("connected", "drifted", "partner", "3 bad rounds over 15 min: the MX is no longer as accepted"),
    row("drifted", "confirming", "partner", "2 good rounds: the MX is as accepted again"),
    row("probing", "allowlisting", "customer", "the firewall shuts a gateway address out"),
    row("provisioning", "allowlisting", "customer", "the firewall shuts a gateway address out"),
    row("provisioning", "probing", "customer", "the mail server no longer accepts mail for the domain"),
    row("ready", "allowlisting", "customer", "the firewall shuts a gateway address out; the permit is revoked"),
    row("ready", "probing", "customer", "the mail server no longer accepts mail; the permit is revoked"),
    row("ready", "provisioning", "vendor", "the gateway no longer accepts mail; the permit is revoked"),
    row("confirming", "ready", "partner", "every name server shows the old MX again, before the first connection"),
    row("confirming", "drifted", "partner", "3 bad rounds over 15 min, after an earlier connection"),
    row("ordered", "cancelled", "desk", "the order is withdrawn, nobody names the gateway"),
    row("allowlisting", "cancelled", "desk", "the order is withdrawn before a route existed, nobody names the gateway"),
    row("probing", "cancelled", "desk", "the order is withdrawn before a route existed, nobody names the gateway"),
    row("ordered", "releasing", "desk", "the order is withdrawn while the MX names the gateway"),
    row(
        "allowlisting",
        "releasing",
        "desk",
        "the order is withdrawn after a route existed or while the MX names the gateway",
    ),
    row(
        "probing",
        "releasing",
        "desk",
        "the order is withdrawn after a route existed or while the MX names the gateway",
    ),
    row("provisioning", "releasing", "desk", "the order is withdrawn (STOP)"),
    row("ready", "releasing", "desk", "the order is withdrawn (STOP)"),
    row("confirming", "releasing", "desk", "the service ends"),
    row("connected", "releasing", "desk", "the service ends"),
    row("drifted", "releasing", "desk", "the service ends"),
    row("releasing", "released", "time", "nobody names the gateway, T* of the departure has passed, the route is gone"),
    row(
        "releasing",
        "confirming",
        "desk",
        "the customer stays after all, and was connected or its MX names the gateway",
    ),
    row("releasing", "provisioning", "desk", "the customer stays after all, and a route existed"),
    row("releasing", "allowlisting", "desk", "the customer stays after all, before a route existed"),
];
