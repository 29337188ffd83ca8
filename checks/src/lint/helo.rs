//! The name that the gateway says in EHLO, and the address that says it: each must lead to the other, because
//! receivers look both up. What is wrong here is the vendor's to mend and never forbids a change.

use std::net::IpAddr;

use crate::observation::lint::HeloLookup;
use crate::observation::{LintObservation, TextLookup};
use crate::{Actor, Code, Finding, Severity, escape};

/// Gateway addresses that are looked at, and names or addresses of one that are told.
const ADDRESSES: usize = 50;
const TOLD: usize = 5;

pub(super) fn findings(seen: &LintObservation) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut sound: Vec<String> = Vec::new();
    for look in seen.helo.iter().take(ADDRESSES) {
        let told = of(seen, look);
        if told.is_empty() {
            sound.push(format!("{} and {}", look.name, look.address));
        }
        findings.extend(told);
    }
    if let Some(first) = seen.helo.first().filter(|_| !sound.is_empty()) {
        findings.push(
            Finding::new(Code::HeloOk, Severity::Info, first.name.as_str(), seen.observed_at)
                .detail(&format!("EHLO name and gateway address lead to each other: {}.", sound.join(", ")))
                .remedy(Actor::Nobody, "Nothing to do."),
        );
    }
    findings
}

fn of(seen: &LintObservation, look: &HeloLookup) -> Vec<Finding> {
    [forward(seen, look), reverse(seen, look)].into_iter().flatten().collect()
}

/// From the name to the address.
fn forward(seen: &LintObservation, look: &HeloLookup) -> Option<Finding> {
    let HeloLookup { name, address, addresses, error, .. } = look;
    if addresses.iter().any(|found| found.to_canonical() == address.to_canonical()) {
        return None;
    }
    if let Some(error) = error.as_deref().filter(|error| !matches!(*error, "nxdomain" | "no data")) {
        return Some(unknown(
            seen,
            look,
            &format!("the addresses of {name} could not be looked up: {}", escape::quote(error)),
        ));
    }
    let leads = if addresses.is_empty() {
        "has no address".to_owned()
    } else {
        let list: Vec<String> = addresses.iter().take(TOLD).map(ToString::to_string).collect();
        format!("leads to {} instead", list.join(", "))
    };
    let kind = if address.is_ipv4() { "A" } else { "AAAA" };
    Some(
        finding(seen, Code::HeloForward, look)
            .detail(&format!("The gateway says {name} in EHLO from {address}, but {name} {leads}."))
            .remedy(
                Actor::Vendor,
                &format!(
                    "Publish `{name}. IN {kind} {address}`, or name in the configuration what {address} really is called \
                     (gateway.ehlo_name, or ehlo_name of the address in gateway.egress)."
                ),
            ),
    )
}

/// From the address to the name.
fn reverse(seen: &LintObservation, look: &HeloLookup) -> Option<Finding> {
    let HeloLookup { name, address, .. } = look;
    let names = match &look.reverse {
        TextLookup::NotAsked => return None,
        TextLookup::Failed { detail } => {
            let why = format!("the PTR record of {address} could not be looked up: {}", escape::quote(detail));
            return Some(unknown(seen, look, &why));
        }
        TextLookup::Found { texts, .. } if texts.iter().any(|found| found == name.as_str()) => return None,
        TextLookup::Found { texts, .. } => {
            let list: Vec<String> = texts.iter().take(TOLD).map(|found| escape::clean(found, 255)).collect();
            format!("names {} instead", list.join(", "))
        }
        TextLookup::Absent => "does not exist".to_owned(),
    };
    Some(
        finding(seen, Code::HeloReverse, look)
            .detail(&format!(
                "The gateway says {name} in EHLO from {address}, but the PTR record of {address} {names}."
            ))
            .remedy(
                Actor::Vendor,
                &format!(
                    "Have whoever gave out {address} publish `{}. IN PTR {name}.`; one PTR record and no more.",
                    reverse_name(*address)
                ),
            ),
    )
}

fn unknown(seen: &LintObservation, look: &HeloLookup, why: &str) -> Finding {
    Finding::new(Code::HeloUnknown, Severity::Info, &subject(look), seen.observed_at)
        .detail(&format!("Whether {} and {} lead to each other is not known: {why}.", look.name, look.address))
        .remedy(
            Actor::Vendor,
            "Nothing to do now: it is looked up again. If it stays so, see whether the name servers of both zones answer.",
        )
}

fn finding(seen: &LintObservation, code: Code, look: &HeloLookup) -> Finding {
    Finding::new(code, Severity::Warning, &subject(look), seen.observed_at)
}

fn subject(look: &HeloLookup) -> String {
    format!("{} ({})", look.name, look.address)
}

/// Where the PTR record of an address stands (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse_name(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}
