//! What a look says of the gateway's own places, beside what it says of the customer: how each egress address
//! is met, and which MX hosts that are on their way out are still named. Kept by place, for whoever adds or
//! retires one; no verdict rests on it.

use fencepost_checks::DomainName;
use fencepost_checks::firewall::{AddressLook, Entry, entries};
use fencepost_checks::observation::{MxRecord, SmtpDialogue};
use jiff::Timestamp;

use super::allowlist::context;
use super::{Job, Kept, Whose};
use crate::config::{EgressState, GatewayConfig, HostState};
use crate::engine::ports::ServerTask;
use crate::lifecycle::connection::{Connection, EgressFact, MxFact};
use crate::store::{Observation, PlaceStanding, place_kind};

/// How every address of the gateway is met by the servers that take mail now.
pub(super) fn looks(
    job: &Job<'_>,
    whose: Whose,
    task: &ServerTask,
    dialogues: &[SmtpDialogue],
    reference: &[SmtpDialogue],
    now: Timestamp,
) -> Vec<AddressLook> {
    match whose {
        Whose::Next => Vec::new(),
        Whose::Present => entries(dialogues, &context(job, task, dialogues, reference, now)),
    }
}

/// The same for the connection; `None` where no look tells of the servers that take mail now.
pub(super) fn fact(job: &Job<'_>, whose: Whose, looks: &[AddressLook]) -> Option<EgressFact> {
    let gateway = &job.parts.config.gateway;
    if whose == Whose::Next || looks.is_empty() {
        return None;
    }
    let announced = gateway.announced();
    let met = |entry: Entry| {
        let those = looks.iter().filter(|look| look.entry == entry && announced.contains(&look.address));
        those.map(|look| look.address).collect()
    };
    Some(EgressFact {
        active: gateway.delivering(),
        verified: met(Entry::Verified),
        blocked: met(Entry::Blocked),
        retired: gateway.egress_in(EgressState::Retired).map(|egress| egress.address).collect(),
        announced,
    })
}

/// One observation an address. A look that told nothing leaves what is known as it is.
pub(super) fn addresses(job: &Job<'_>, looks: &[AddressLook], now: Timestamp) -> Vec<Observation> {
    let known = |kind: &str| job.kept.0.iter().any(|kept| kept.kind == kind);
    let each = |look: &AddressLook| {
        let kind = place_kind(&look.address.to_string());
        let standing = match look.entry {
            Entry::Verified => PlaceStanding::Verified,
            Entry::Blocked => PlaceStanding::Blocked,
            Entry::Unknown if known(&kind) => return None,
            Entry::Unknown => PlaceStanding::Unknown,
        };
        Some(observation(kind, standing, &look.detail, now))
    };
    looks.iter().filter_map(each).collect()
}

/// One observation for each MX host on its way out: whether it is named.
pub(super) fn hosts(job: &Job<'_>, fact: &MxFact, now: Timestamp) -> Vec<Observation> {
    let each = |name: &DomainName| {
        let named = fact.names.iter().any(|text| DomainName::parse(text).is_ok_and(|other| other == *name));
        let standing = match named {
            true => PlaceStanding::Named,
            false if fact.complete => PlaceStanding::Left,
            false => return None,
        };
        Some(observation(place_kind(name.as_str()), standing, &fact.names.join(", "), now))
    };
    on_their_way_out(&job.parts.config.gateway).filter_map(each).collect()
}

fn on_their_way_out(gateway: &GatewayConfig) -> impl Iterator<Item = &DomainName> {
    let hosts = gateway.hosts(HostState::Accepted).chain(gateway.hosts(HostState::Retired));
    hosts.map(|host| &host.name)
}

/// Whether the hosts of a known set are on their way out just as the customer was told last. Otherwise the
/// gateway has changed, and a whole round says what that means for this domain.
pub(super) fn as_told(gateway: &GatewayConfig, connection: &Connection, kept: &Kept, known: &[MxRecord]) -> bool {
    let Some(mx) = &connection.observed.mx else { return false };
    let expected = connection.expects(gateway.expected_mx());
    let named = |holds: &dyn Fn(&DomainName) -> bool| {
        let names =
            known.iter().filter_map(|record| DomainName::parse(&record.exchange).ok()).filter(|name| holds(name));
        names.map(|name| name.to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    let told = |texts: &[String]| texts.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    let looked = |name: &DomainName| {
        let kind = place_kind(name.as_str());
        kept.0.iter().any(|kept| kept.kind == kind)
    };
    on_their_way_out(gateway).all(looked)
        && named(&|name| expected.leaving.contains(name)) == told(&mx.retiring)
        && named(&|name| expected.is_retired(name)) == told(&mx.retired)
}

fn observation(kind: String, standing: PlaceStanding, detail: &str, at: Timestamp) -> Observation {
    let body = serde_json::to_string(detail).unwrap_or_else(|_| "\"\"".to_owned());
    Observation { kind, digest: standing.as_str().to_owned(), first_at: at, last_at: at, body }
}
