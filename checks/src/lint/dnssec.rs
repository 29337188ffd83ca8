//! DNSSEC as validating resolvers see it: an answer that does not validate is no answer to their users,
//! so mail from them fails whatever the MX says.

use crate::observation::LintObservation;
use crate::observation::lint::{DsLookup, ValidationAnswer};
use crate::{Actor, Code, Finding, Severity};

pub(super) fn findings(seen: &LintObservation) -> Option<Finding> {
    let domain = &seen.domain;
    let finding = |code, severity| Finding::new(code, severity, domain.as_str(), seen.observed_at);
    let resolvers = &seen.dnssec.resolvers;
    if resolvers.iter().any(|r| r.checked == ValidationAnswer::Authenticated) {
        return Some(
            finding(Code::DnssecOk, Severity::Info)
                .detail(&format!("{domain} is signed, and a validating resolver takes its MX."))
                .remedy(Actor::Nobody, "Nothing to do; whoever changes the MX must let the zone be signed again, as its tools do by themselves."),
        );
    }
    let bogus: Vec<String> = resolvers
        .iter()
        .filter(|r| r.checked == ValidationAnswer::ServFail)
        .filter(|r| matches!(r.unchecked, ValidationAnswer::Answered | ValidationAnswer::Authenticated))
        .take(8)
        .map(|r| r.resolver.ip().to_string())
        .collect();
    if !bogus.is_empty() {
        return Some(
            finding(Code::DnssecBogus, Severity::Blocking)
                .detail(&format!(
                    "{} answers SERVFAIL for the MX of {domain}, and answers well with validation switched off (CD=1): the \
                     signatures do not hold. Senders behind validating resolvers cannot deliver now, nor after the change.",
                    bogus.join(" and ")
                ))
                .remedy(
                    Actor::DnsProvider,
                    &format!(
                        "Sign the zone of {domain} again with the key that the DS record at the registry names, or have the DS \
                         record of {domain} removed at the registrar and wait for its time to live. Change the MX only after that."
                    ),
                )
                .seen_by(bogus.iter().map(String::as_str)),
        );
    }
    match &seen.dnssec.ds {
        DsLookup::NotAsked => None,
        DsLookup::Found => Some(
            finding(Code::DnssecUnverified, Severity::Info)
                .detail(&format!("The registry has a DS record for {domain}, but none of our resolvers validates, so the signatures were not checked."))
                .remedy(Actor::Vendor, "Name a validating resolver in probe.resolvers."),
        ),
        DsLookup::Absent => Some(
            finding(Code::DnssecNone, Severity::Info)
                .detail(&format!("{domain} is not signed with DNSSEC."))
                .remedy(Actor::Nobody, "Nothing to do for the change."),
        ),
        DsLookup::Failed { detail } => Some(
            finding(Code::DnssecUnverified, Severity::Info)
                .detail(&format!("Whether {domain} is signed could not be found out: {}.", crate::escape::quote(detail)))
                .remedy(Actor::Nobody, "Nothing to do now: it has to be looked at again later."),
        ),
    }
}
