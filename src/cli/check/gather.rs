//! From the findings of all gates to what a reader needs: one finding for one thing, however many
//! places saw it, the cause before what follows from it. Makes no finding of its own.

use fencepost_checks::explain::{Group, explain};
use fencepost_checks::{Code, DomainName, Finding, Severity};
use std::cmp::Reverse;

/// Findings of the same code about the same thing become one, with everybody who saw it. Sorted: the
/// gravest first, and of equals the one that is nearer to the root of things.
pub(super) fn gather(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        match merged.iter_mut().find(|known| known.code == finding.code && known.subject == finding.subject) {
            Some(known) => merge(known, finding),
            None => merged.push(finding),
        }
    }
    merged.sort_by_key(|finding| (Reverse(finding.severity), depth(finding.code)));
    merged
}

/// Keeps the words of whoever saw it from more places: they speak of all of them.
fn merge(known: &mut Finding, mut other: Finding) {
    if (other.severity, other.vantages.len()) > (known.severity, known.vantages.len()) {
        std::mem::swap(known, &mut other);
    }
    let new: Vec<String> = other.vantages.into_iter().filter(|id| !known.vantages.contains(id)).collect();
    known.vantages.extend(new);
    known.allow = known.allow.take().or(other.allow);
    known.observed_at = known.observed_at.min(other.observed_at);
}

/// Without a name server nothing is found, without a firewall that lets in nothing is answered.
const fn depth(code: Code) -> u8 {
    match code {
        Code::RouteLoop | Code::BlockedTarget | Code::BadInput => 0,
        Code::MxLookupError => 1,
        Code::TlsPkix | Code::TlsAbsent => 8,
        _ => match explain(code).group {
            Group::Mx => 2,
            Group::NameServers => 3,
            Group::Firewall => 4,
            Group::Smtp => 5,
            Group::Tls => 6,
            Group::Policies | Group::Gateway | Group::General => 7,
        },
    }
}

/// The finding from which this one follows, so that mending the one mends the other.
pub(super) fn cause<'a>(finding: &Finding, all: &'a [Finding], domain: &DomainName) -> Option<&'a Finding> {
    all.iter().find(|other| explains(other, finding, domain))
}

fn explains(cause: &Finding, effect: &Finding, domain: &DomainName) -> bool {
    if cause.severity == Severity::Info || effect.severity == Severity::Info || cause == effect {
        return false;
    }
    let same_server = host(&cause.subject) == host(&effect.subject);
    let group = explain(effect.code).group;
    match cause.code {
        Code::RouteLoop => {
            cause.severity == Severity::Blocking
                && same_server
                && matches!(group, Group::Smtp | Group::Firewall | Group::Tls)
        }
        Code::BlockedTarget | Code::BadInput => same_server && matches!(group, Group::Smtp | Group::Firewall),
        Code::MxLookupError => match group {
            Group::NameServers => true,
            Group::Policies => unread(effect.code),
            _ => effect.code == Code::SmtpUnresolvable && below(&effect.subject, domain),
        },
        Code::MxNoDomain | Code::DnssecBogus => {
            unread(effect.code) || effect.code == Code::SmtpUnresolvable && below(&effect.subject, domain)
        }
        // Each record has a finding of its own, beside the one about the set.
        Code::MxInvalid => {
            effect.code == Code::MxInvalid && effect.subject == domain.as_str() && cause.subject != effect.subject
        }
        Code::SmtpRcptRejected => effect.code == Code::FwLockdownApplication && same_server,
        _ => explain(cause.code).group == Group::Firewall && effect.code == Code::SmtpUnreachable && same_server,
    }
}

/// What a policy is called that could not be read.
const fn unread(code: Code) -> bool {
    matches!(code, Code::StsUnknown | Code::DnssecUnverified | Code::PolicyUnread)
}

/// The host of `host:port`.
fn host(subject: &str) -> &str {
    subject.rsplit_once(':').map_or(subject, |(host, _)| host)
}

fn below(subject: &str, domain: &DomainName) -> bool {
    DomainName::parse(host(subject)).is_ok_and(|name| name.is_at_or_below(domain))
}

#[cfg(test)]
mod tests {
    use fencepost_checks::Actor;
    use jiff::Timestamp;

    use super::*;

    fn finding(code: Code, severity: Severity, subject: &str, seen_by: &[&str]) -> Finding {
        Finding::new(code, severity, subject, Timestamp::UNIX_EPOCH)
            .remedy(Actor::Customer, &seen_by.join(" and "))
            .seen_by(seen_by.iter().copied())
    }

    #[test]
    fn one_thing_seen_from_several_places_is_one_finding() {
        let server = "mail.example.com:25";
        let gathered = gather(vec![
            finding(Code::SmtpOk, Severity::Info, server, &["a"]),
            finding(Code::SmtpNoBanner, Severity::Warning, server, &["a"]),
            finding(Code::SmtpNoBanner, Severity::Warning, server, &["b", "c"]),
            finding(Code::SmtpNoBanner, Severity::Warning, "other.example.com:25", &["a"]),
            finding(Code::FwPartial, Severity::Blocking, server, &["b"]),
        ]);
        let told: Vec<(Code, &str, &str, usize)> =
            gathered.iter().map(|f| (f.code, f.subject.as_str(), f.remedy.as_str(), f.vantages.len())).collect();
        assert_eq!(
            told,
            [
                (Code::FwPartial, server, "b", 1),
                (Code::SmtpNoBanner, server, "b and c", 3),
                (Code::SmtpNoBanner, "other.example.com:25", "a", 1),
                (Code::SmtpOk, server, "a", 1),
            ]
        );
    }

    #[test]
    fn an_effect_is_told_from_its_cause() {
        let domain: DomainName = "example.com".parse().unwrap();
        let server = "mail.example.com:25";
        let firewall = finding(Code::FwInverted, Severity::Blocking, server, &[]);
        let unreachable = finding(Code::SmtpUnreachable, Severity::Warning, server, &[]);
        let elsewhere = finding(Code::SmtpUnreachable, Severity::Warning, "mail.example.org:25", &[]);
        let pass = finding(Code::FwPass, Severity::Info, server, &[]);
        let code = |f: &Finding, all: &[Finding]| cause(f, all, &domain).map(|c| c.code);
        assert_eq!(code(&unreachable, std::slice::from_ref(&firewall)), Some(Code::FwInverted));
        assert_eq!(code(&firewall, std::slice::from_ref(&unreachable)), None);
        assert_eq!(code(&elsewhere, &[firewall]), None);
        assert_eq!(code(&unreachable, &[pass]), None);
        let gone = finding(Code::MxNoDomain, Severity::Warning, "example.com", &[]);
        let inside = finding(Code::SmtpUnresolvable, Severity::Blocking, server, &[]);
        let outside = finding(Code::SmtpUnresolvable, Severity::Blocking, "mail.notexample.com:25", &[]);
        assert_eq!(code(&inside, std::slice::from_ref(&gone)), Some(Code::MxNoDomain));
        assert_eq!(code(&outside, &[gone]), None);
    }
}
