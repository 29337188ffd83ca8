//! The permit: the evidence-backed statement that the MX change may be relayed now. When it is
//! issued and withdrawn is the connection's to decide; here is what it is.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{Config, EgressState, HostState};

/// A permit expires this long after its oldest evidence.
pub const VALIDITY: SignedDuration = SignedDuration::from_hours(6);

/// A permit that was issued and neither revoked nor expired by event. Whether it is valid *now* is
/// a question with a time in it: `lifecycle::connection::mx_change_permitted` answers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Permit {
    /// Counts within the connection; `id` in interfaces is `<connection id>/<number>`.
    pub number: u32,
    pub issued_at: Timestamp,
    /// Oldest evidence + [`VALIDITY`], as known when the permit was issued. Renewals by passing
    /// re-probes move the instant without an event: ask
    /// `lifecycle::connection::permit_valid_until`, not this field.
    pub valid_until: Timestamp,
    pub evidence: Vec<String>,
}

/// A fingerprint of the configuration that evidence was gathered under: which MX hosts, addresses and
/// vantages there were. Evidence counts only while the running configuration has the same one, so a
/// changed gateway makes every permit invalid at once, before anybody has looked again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Setup(u32);

impl Setup {
    /// Of a configuration. Only current MX hosts and active addresses count, because a permit rests on no others:
    /// what is announced, withdrawn, accepted or retired beside them leaves every permit as it is.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let (gateway, probe) = (&config.gateway, &config.probe);
        let hosts: Vec<_> = gateway.hosts(HostState::Current).map(|host| (&host.name, host.preference)).collect();
        let egress: Vec<_> = gateway.egress_in(EgressState::Active).map(|e| (e.address, e.local, &e.agent)).collect();
        let relevant = (
            (hosts, &gateway.mx_suffixes, egress, gateway.smtp_port),
            (&gateway.ehlo_name, &gateway.foreign_domain),
            (&probe.outsiders, &probe.remote_outsiders, &probe.resolvers, &probe.roots, probe.dns_port),
            probe.canary,
        );
        let mut bytes = serde_json::to_vec(&relevant).unwrap_or_default();
        // Left out while there are none: what was gathered before there were any still counts.
        if !probe.remote_resolvers.is_empty() {
            bytes.extend(serde_json::to_vec(&probe.remote_resolvers).unwrap_or_default());
        }
        let hash = Sha256::digest(bytes);
        // Zero is what evidence has that was kept before there were fingerprints.
        Self(u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).max(1))
    }

    /// A made-up one, for models and tests.
    #[must_use]
    pub const fn numbered(number: u32) -> Self {
        Self(number)
    }
}
