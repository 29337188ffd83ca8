//! DMARC and TLS-RPT of the domain: neither forbids the change, but both say where failures are told
//! and what the domain asks of others.

use crate::observation::{LintObservation, TextLookup};
use crate::{Actor, Code, Finding, Severity, escape};

pub(super) fn findings(seen: &LintObservation) -> Vec<Finding> {
    dmarc(seen).into_iter().chain(tls_rpt(seen)).collect()
}

fn dmarc(seen: &LintObservation) -> Option<Finding> {
    let domain = &seen.domain;
    let finding = |code, severity| Finding::new(code, severity, &format!("_dmarc.{domain}"), seen.observed_at);
    let texts = match &seen.dmarc {
        TextLookup::Found { texts, .. } => texts,
        TextLookup::Absent => {
            return Some(
                finding(Code::DmarcNone, Severity::Info)
                    .detail(&format!("{domain} has no DMARC record."))
                    .remedy(Actor::Nobody, "Nothing to do for the change: DMARC speaks of mail that the domain sends."),
            );
        }
        // Nothing depends on it.
        TextLookup::NotAsked | TextLookup::Failed { .. } => return None,
    };
    let invalid = |why: &str| {
        finding(Code::DmarcInvalid, Severity::Warning)
            .detail(&format!("The DMARC record of {domain} is malformed, so receivers do as if there were none: {why}."))
            .remedy(Actor::Customer, &format!("Keep one TXT record _dmarc.{domain}, such as `v=DMARC1; p=none; rua=mailto:postmaster@{domain}`, with the policy that is wanted."))
    };
    let [record] = texts.as_slice() else {
        return Some(invalid(&format!("there are {} records, one is allowed (RFC 7489 §6.6.3)", texts.len())));
    };
    let policy = tag(record, "p").map(str::to_ascii_lowercase);
    let reports = tag(record, "rua").filter(|r| !r.is_empty());
    match policy.as_deref() {
        Some(p @ ("none" | "quarantine" | "reject")) => Some(
            finding(Code::DmarcFound, Severity::Info)
                .detail(&format!(
                    "The DMARC policy of {domain} is p={p}; {}.",
                    reports.map_or("no reports are asked for".to_owned(), |r| format!(
                        "reports go to {}",
                        escape::clean(r, 200)
                    ))
                ))
                .remedy(Actor::Nobody, "Nothing to do: it stays as it is when the MX moves."),
        ),
        Some(other) => Some(invalid(&format!("`p={}` is no policy", escape::clean(other, 40)))),
        None => Some(invalid("it has no `p=`")),
    }
}

fn tls_rpt(seen: &LintObservation) -> Option<Finding> {
    let domain = &seen.domain;
    let finding = |code, severity| Finding::new(code, severity, &format!("_smtp._tls.{domain}"), seen.observed_at);
    match &seen.tls_rpt {
        TextLookup::NotAsked | TextLookup::Failed { .. } => None,
        TextLookup::Absent => Some(
            finding(Code::TlsRptNone, Severity::Info)
                .detail(&format!("{domain} asks for no TLS reports (RFC 8460), so nobody tells of senders whose encryption fails."))
                .remedy(
                    Actor::Customer,
                    &format!("Where reports are wanted, add the TXT record _smtp._tls.{domain} `v=TLSRPTv1; rua=mailto:postmaster@{domain}`; the change does not need it."),
                ),
        ),
        TextLookup::Found { texts, .. } => {
            let rua = match texts.as_slice() {
                [record] => tag(record, "rua").filter(|r| r.starts_with("mailto:") || r.starts_with("https:")),
                _ => None,
            };
            Some(match rua {
                Some(rua) => finding(Code::TlsRptFound, Severity::Info)
                    .detail(&format!("TLS reports of {domain} go to {}.", escape::clean(rua, 200)))
                    .remedy(Actor::Nobody, "Nothing to do: after the change they tell of senders that cannot deliver to the gateway safely."),
                None => finding(Code::TlsRptInvalid, Severity::Warning)
                    .detail(&format!("The TLS-RPT record of {domain} is malformed or not the only one, so no reports come (RFC 8460 §3)."))
                    .remedy(Actor::Customer, &format!("Keep one TXT record _smtp._tls.{domain}: `v=TLSRPTv1; rua=mailto:postmaster@{domain}`.")),
            })
        }
    }
}

/// The value of a tag in a `k=v; k=v` record; names are compared without regard to case.
fn tag<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    record
        .split(';')
        .filter_map(|part| part.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
