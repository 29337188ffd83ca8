//! DANE for SMTP (RFC 7672): TLSA records of the gateway's hosts against the certificates that they
//! presented, and TLSA records of the exchanges that the change leaves behind.

use super::LintContext;
use crate::observation::lint::{TlsaLookup, TlsaRecord, TlsaRecords};
use crate::observation::smtp::{CertificateDigests, StageOutcome};
use crate::observation::{LintObservation, SmtpDialogue, Stage, TlsFacts};
use crate::{Actor, Code, Finding, Severity, escape, mx};

/// Hosts that are looked at.
const HOSTS: usize = 16;

pub(super) fn findings(seen: &LintObservation, context: &LintContext) -> Vec<Finding> {
    let ours = seen.gateway_tlsa.iter().take(HOSTS).filter_map(|lookup| gateway(seen, lookup, context));
    ours.chain(seen.exchange_tlsa.iter().take(HOSTS).filter_map(|lookup| left_behind(seen, lookup))).collect()
}

fn gateway(seen: &LintObservation, lookup: &TlsaLookup, context: &LintContext) -> Option<Finding> {
    let host = escape::clean(&lookup.host, 255);
    let finding = |code, severity| Finding::new(code, severity, &host, seen.observed_at);
    let records = match &lookup.records {
        TlsaRecords::Absent => return None,
        TlsaRecords::Failed { detail } => {
            return Some(
                finding(Code::DaneUnknown, Severity::Warning)
                    .detail(&format!("TLSA of _25._tcp.{host} could not be looked up ({}). Senders that use DANE hold mail back while that fails.", escape::quote(detail)))
                    .remedy(Actor::Vendor, &format!("If it stays so, mend the name servers of {host}: a TLSA question must be answered, with NODATA at least.")),
            );
        }
        TlsaRecords::Found { records, .. } => records,
    };
    let usable: Vec<&TlsaRecord> = records.iter().filter(|r| is_usable(r)).collect();
    if !lookup.authenticated || usable.is_empty() {
        let why = if lookup.authenticated {
            "of no kind that SMTP uses"
        } else {
            "not signed as far as our resolvers can tell"
        };
        return Some(
            finding(Code::DaneIgnored, Severity::Info)
                .detail(&format!("The TLSA records of _25._tcp.{host} are {why}, so senders ignore them."))
                .remedy(
                    Actor::Vendor,
                    &format!("Nothing to do for the change. For DANE, sign the zone of {host} and publish TLSA 3 1 1."),
                ),
        );
    }
    let presented: Vec<&SmtpDialogue> =
        context.dialogues.iter().filter(|d| same_host(&d.host, &host) && offers_no_tls_or_shows_it(d)).collect();
    if presented.is_empty() {
        return Some(
            finding(Code::DaneUnknown, Severity::Info)
                .detail(&format!(
                    "{host} has TLSA records; its certificate has not been seen yet, so they were not compared."
                ))
                .remedy(Actor::Nobody, "They are compared as soon as the gateway's hosts have been visited."),
        );
    }
    let bad: Vec<&SmtpDialogue> =
        presented.iter().copied().filter(|d| !d.tls.as_ref().is_some_and(|tls| matches(&usable, tls))).collect();
    let Some(first) = bad.first() else {
        return Some(
            finding(Code::DaneOk, Severity::Info)
                .detail(&format!("The TLSA records of _25._tcp.{host} match the certificate that it presents."))
                .remedy(Actor::Nobody, "Nothing to do; a new key needs a new TLSA record first."),
        );
    };
    let peers: Vec<String> = bad.iter().filter_map(|d| d.peer).take(6).map(|p| p.ip().to_string()).collect();
    let (what, wanted) = match first.tls.as_ref().and_then(|tls| tls.chain.first()) {
        Some(leaf) => (
            "presents a certificate that none of its TLSA records matches",
            format!("publish `_25._tcp.{host}. IN TLSA 3 1 1 {}`", leaf.key_sha256),
        ),
        None => ("has TLSA records and offers no STARTTLS", "switch STARTTLS on".to_owned()),
    };
    let published: Vec<String> = usable
        .iter()
        .take(4)
        .map(|r| format!("{} {} {} {}", r.usage, r.selector, r.matching, short(&r.data)))
        .collect();
    Some(
        finding(Code::DaneMismatch, Severity::Blocking)
            .detail(&format!(
                "{host} ({}) {what} ({}). Senders that use DANE would not deliver to it.",
                peers.join(", "),
                published.join("; ")
            ))
            .remedy(Actor::Vendor, &format!("At {host}, {wanted}, or give the server back the key that the record names; remove the record that no longer matches."))
            .seen_by(bad.iter().map(|d| d.vantage.id.as_str())),
    )
}

/// The old exchanges keep their records; nobody asks for them after the change.
fn left_behind(seen: &LintObservation, lookup: &TlsaLookup) -> Option<Finding> {
    let TlsaRecords::Found { records, .. } = &lookup.records else { return None };
    let host = escape::clean(&lookup.host, 255);
    Some(
        Finding::new(Code::DaneOld, Severity::Info, &host, seen.observed_at)
            .detail(&format!("The present exchange {host} has {} TLSA records for DANE.", records.len()))
            .remedy(Actor::Customer, &format!("Leave the TLSA records of _25._tcp.{host} in place until the old path is no longer needed: senders that still hold the old MX use them.")),
    )
}

/// DANE-TA or DANE-EE, with a selector and a matching type that are defined (RFC 7672 §3.1).
fn is_usable(record: &TlsaRecord) -> bool {
    matches!(record.usage, 2 | 3) && record.selector <= 1 && record.matching <= 2
}

/// Whether the dialogue says something about TLS: it showed a chain, or had no STARTTLS after EHLO.
fn offers_no_tls_or_shows_it(dialogue: &SmtpDialogue) -> bool {
    if let Some(tls) = &dialogue.tls {
        return !tls.chain.is_empty();
    }
    let greeted = dialogue.stages.iter().any(|s| {
        s.stage == Stage::Ehlo
            && matches!(&s.outcome, StageOutcome::Reply { reply } if (200..300).contains(&reply.code))
    });
    let tried = dialogue.stages.iter().any(|s| s.stage == Stage::Starttls);
    greeted && !tried && !dialogue.capabilities.iter().any(|c| c == "STARTTLS")
}

/// DANE-EE compares the server's certificate alone and no name; DANE-TA any of the chain, and the name
/// must fit (RFC 7672 §3.1.1, §3.1.2).
fn matches(records: &[&TlsaRecord], tls: &TlsFacts) -> bool {
    records.iter().any(|record| match record.usage {
        3 => tls.chain.first().is_some_and(|c| is_of(record, c)),
        _ => tls.name_matches && tls.chain.iter().any(|c| is_of(record, c)),
    })
}

fn is_of(record: &TlsaRecord, digests: &CertificateDigests) -> bool {
    let expected = match (record.selector, record.matching) {
        // The look-up keeps whole data as its SHA-256.
        (0, 0 | 1) => &digests.certificate_sha256,
        (0, _) => &digests.certificate_sha512,
        (_, 0 | 1) => &digests.key_sha256,
        (_, _) => &digests.key_sha512,
    };
    expected.eq_ignore_ascii_case(&record.data)
}

fn same_host(a: &str, b: &str) -> bool {
    crate::DomainName::parse(b).is_ok_and(|b| mx::set::same(a, &b))
}

fn short(data: &str) -> String {
    let cut: String = data.chars().take(16).collect();
    if cut.len() < data.len() { format!("{cut}…") } else { cut }
}
