//! The gateway's own places as a customer meets them: MX hosts that it should leave, addresses that it should
//! let in before mail comes from there, and those that it may forget. All of it is a request: no phase,
//! route or permit ever depends on it, and nothing here makes a healthy customer an ill one.

use std::net::IpAddr;

use fencepost_checks::DomainName;
use fencepost_checks::mx::{Expected, MxVerdict};

use super::draft::Draft;
use super::event::{Event, Notice};
use super::fact::EgressFact;
use super::state::{Connection, EgressSeen, Phase};

impl Connection {
    /// What the MX of this domain should be, of what the gateway expects of all: with the set that the desk
    /// accepted, and with what was in order before the gateway's operator edited its hosts.
    #[must_use]
    pub fn expects(&self, gateway: Expected) -> Expected {
        let names = |texts: &[String]| texts.iter().filter_map(|text| DomainName::parse(text).ok()).collect::<Vec<_>>();
        let accepted = self.accepted_mx.as_ref().map(|accepted| accepted.names.clone());
        let Some(mx) = &self.observed.mx else { return Expected { accepted, ..gateway } };
        // Kept before there were these lists: a clean set of the gateway's alone holds only its names.
        let unlisted = mx.whole.is_empty() && mx.clean_rounds > 0 && mx.verdict == MxVerdict::OursOnly;
        let whole = names(if unlisted { &mx.names } else { &mx.whole });
        let mut held = names(&mx.ours);
        held.extend(whole.iter().filter(|name| !held.contains(name)).cloned().collect::<Vec<_>>());
        Expected { accepted, held, whole, ..gateway }
    }
}

impl EgressSeen {
    /// What is known after a look.
    pub(super) fn after(before: Option<&Self>, fact: &EgressFact) -> Self {
        let none = Self::default();
        let before = before.unwrap_or(&none);
        let still = |address: &IpAddr| fact.announced.contains(address) && !fact.verified.contains(address);
        let mut asked = before.asked.clone();
        asked.extend(fact.active.iter().chain(&fact.announced).filter(|address| !before.asked.contains(address)));
        asked.sort_unstable();
        asked.dedup();
        // A look that told nothing takes back neither a block nor that it got in.
        let pending = |address: &IpAddr| {
            fact.blocked.contains(address) || before.pending.contains(address) || !before.asked.contains(address)
        };
        let blocked = |address: &IpAddr| fact.blocked.contains(address) || before.blocked.contains(address);
        Self {
            asked,
            pending: fact.announced.iter().copied().filter(|a| still(a) && pending(a)).collect(),
            blocked: fact.announced.iter().copied().filter(|a| still(a) && blocked(a)).collect(),
            retired: fact.retired.clone(),
        }
    }
}

/// A customer that names a host which is to be retired is asked once to name the others, and once more when
/// the host is retired; again when it names another such one.
pub(super) fn ask_to_leave(d: &mut Draft) -> bool {
    let Some(mx) = &d.c.observed.mx else { return false };
    let (names, retired) = (mx.retiring.clone(), mx.retired.clone());
    if names == d.c.asked_to_leave && retired == d.c.names_retired {
        return false;
    }
    let urgent = retired.iter().any(|name| !d.c.names_retired.contains(name));
    let news = names.iter().any(|name| !d.c.asked_to_leave.contains(name));
    d.emit(Event::AskedToLeave { names, retired });
    if urgent {
        d.notify(Notice::HostRetired);
    } else if news {
        d.notify(Notice::HostRetiring);
    }
    true
}

/// A customer that lets in the gateway and not an announced address is asked once to let that in too. While
/// nothing gets in at all, its instructions name every address anyway.
pub(super) fn ask_to_allow(d: &mut Draft) -> bool {
    let Some(seen) = &d.c.observed.egress else { return false };
    if d.c.hosted || seen.blocked == d.c.asked_to_allow {
        return false;
    }
    let addresses = seen.blocked.clone();
    let news = addresses.iter().any(|address| !d.c.asked_to_allow.contains(address));
    d.emit(Event::AskedToAllow { addresses });
    if news {
        d.notify(Notice::AddressAnnounced);
    }
    true
}

/// Addresses from which no mail comes any more, of those that the customer was asked to let in.
pub(super) fn tell_may_remove(d: &mut Draft) -> bool {
    let Some(seen) = &mut d.c.observed.egress else { return false };
    let addresses: Vec<IpAddr> = seen.retired.iter().copied().filter(|address| seen.asked.contains(address)).collect();
    if addresses.is_empty() || d.c.phase < Phase::Connected {
        return false;
    }
    seen.asked.retain(|address| !addresses.contains(address));
    d.emit(Event::ToldMayRemove { addresses });
    d.notify(Notice::AddressRetired);
    true
}
