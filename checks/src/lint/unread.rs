//! What could not be read. "No record" is a statement about a zone that answered; where the zone does not
//! exist or its servers give errors, nothing is known, and that is said instead.

use crate::observation::{DnsAnswer, DnsRound, LintObservation, TextLookup};
use crate::{Actor, Code, Finding, Severity, escape, mx};

/// The finding for a zone whose servers gave no answer that counts, or say that the domain does not exist.
pub(super) fn zone(seen: &LintObservation, round: Option<&DnsRound>) -> Option<Finding> {
    let round = round?;
    let domain = &seen.domain;
    let answers = || round.servers.iter().map(|s| &s.answer);
    let missing = answers().any(|a| matches!(a, DnsAnswer::NxDomain { .. }));
    let readable = answers().any(|a| {
        !matches!(a, DnsAnswer::NxDomain { .. })
            && (mx::set::published(a).is_some() || matches!(a, DnsAnswer::Cname { .. }))
    });
    if readable {
        return None;
    }
    let (why, remedy) = if missing {
        (
            format!("the name servers say that {domain} does not exist"),
            format!("See whether the registration of {domain} has run out, or whether the name is misspelt."),
        )
    } else {
        (
            "none of its name servers gave an answer that counts".to_owned(),
            format!(
                "If it stays so, ask the DNS provider whether the name servers of {domain} run and serve the domain."
            ),
        )
    };
    Some(
        Finding::new(Code::PolicyUnread, Severity::Warning, domain.as_str(), seen.observed_at)
            .detail(&format!("MTA-STS, SPF, DMARC, TLS reports and DNSSEC of {domain} are not known: {why}."))
            .remedy(if missing { Actor::Partner } else { Actor::DnsProvider }, &remedy),
    )
}

/// Findings that say "there is none", which an unread zone cannot say.
pub(super) const fn means_nothing(code: Code) -> bool {
    matches!(code, Code::StsOk | Code::DmarcNone | Code::TlsRptNone | Code::DnssecNone)
}

/// One finding for the records beside MTA-STS (which has a code of its own) whose look-up failed.
pub(super) fn records(seen: &LintObservation) -> Option<Finding> {
    let domain = &seen.domain;
    let looked = [
        (format!("SPF of {domain}"), &seen.spf),
        (format!("DMARC (_dmarc.{domain})"), &seen.dmarc),
        (format!("TLS reports (_smtp._tls.{domain})"), &seen.tls_rpt),
    ];
    let failed: Vec<String> = looked
        .into_iter()
        .filter_map(|(what, lookup)| match lookup {
            TextLookup::Failed { detail } => Some(format!("{what}: {}", escape::quote(detail))),
            TextLookup::NotAsked | TextLookup::Found { .. } | TextLookup::Absent => None,
        })
        .collect();
    if failed.is_empty() {
        return None;
    }
    Some(
        Finding::new(Code::PolicyUnread, Severity::Info, domain.as_str(), seen.observed_at)
            .detail(&format!(
                "Records could not be looked up, so whether there are any is not known: {}.",
                failed.join("; ")
            ))
            .remedy(Actor::Nobody, "Nothing to do: the change does not depend on them."),
    )
}
