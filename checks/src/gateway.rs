//! Whether the gateway itself is ready for the domain, asked from outside: every MX host accepts the
//! domain and refuses one that it does not serve. What is wrong here is the vendor's to mend.

use jiff::Timestamp;

use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, Stage, StageOutcome};
use crate::smtp::dialogue::{Kind, connect_words, from, kind, peer, record, reply, say, stage_words};
use crate::smtp::{looks_temporary, tls};
use crate::{Actor, Code, DomainName, Finding, Judgement, Severity, Verdict, escape};

/// What the dialogues are judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayContext {
    pub domain: DomainName,
    /// Every MX host of the gateway; each must accept the domain.
    pub mx_hosts: Vec<DomainName>,
    pub now: Timestamp,
}

/// Judges the dialogues with the gateway's MX hosts.
///
/// `Pass`: every address of every host that could be asked accepts the domain, at least one of each
/// host, and none accepts a foreign one. A 4xx (the gateway still defers the domain) is `Inconclusive`: the gate does not pass, and
/// nothing is lost, because senders retry. A 5xx, a refused connection or an open relay is `Fail`.
#[must_use]
pub fn judge(dialogues: &[SmtpDialogue], context: &GatewayContext) -> Judgement {
    let mut verdict = if context.mx_hosts.is_empty() { Verdict::Inconclusive } else { Verdict::Pass };
    let mut findings = Vec::new();
    for host in &context.mx_hosts {
        let (host_verdict, mut host_findings) = of_host(host, dialogues, context);
        verdict = verdict.max(host_verdict);
        findings.append(&mut host_findings);
    }
    if verdict == Verdict::Pass {
        let untested = !dialogues.iter().any(|d| reply(d, Stage::RcptForeign).is_some());
        let foreign = if untested {
            " Whether they refuse foreign domains was not tested."
        } else {
            " They refuse a foreign domain."
        };
        let hosts: Vec<&str> = context.mx_hosts.iter().map(DomainName::as_str).collect();
        let at = dialogues.iter().map(|d| d.started_at).min().unwrap_or(context.now);
        findings.insert(
            0,
            Finding::new(Code::GwOk, Severity::Info, context.domain.as_str(), at)
                .detail(&format!("{} accept mail for {}.{foreign}", hosts.join(" and "), context.domain))
                .remedy(Actor::Nobody, "Nothing to do."),
        );
    }
    Judgement { verdict, findings, retry_after: None }
}

fn of_host(host: &DomainName, dialogues: &[SmtpDialogue], context: &GatewayContext) -> (Verdict, Vec<Finding>) {
    let of_this: Vec<&SmtpDialogue> =
        dialogues.iter().filter(|d| DomainName::parse(&d.host).is_ok_and(|name| name == *host)).collect();
    if of_this.is_empty() {
        let finding = Finding::new(Code::VantageFault, Severity::Warning, host.as_str(), context.now)
            .detail(&format!("{host} was not asked whether it accepts {}.", context.domain))
            .remedy(
                Actor::Vendor,
                "Nothing for the customer to do: the operator of fencepost looks why no probe was sent.",
            );
        return (Verdict::Inconclusive, vec![finding]);
    }
    let mut verdict = Verdict::Pass;
    let mut findings: Vec<Finding> = Vec::new();
    for d in of_this.iter().copied() {
        let (v, found) = accepts(d, context);
        // The same address may have been asked again (once for the foreign domain, say): an
        // acceptance in any of its dialogues is an acceptance.
        let accepted_elsewhere = v == Verdict::Inconclusive
            && of_this.iter().any(|o| o.peer == d.peer && accepts(o, context).0 == Verdict::Pass);
        // An address that our side cannot use (no IPv6, say) proves nothing against the host.
        let our_fault = matches!(d.connect, ConnectOutcome::VantageFault { .. })
            && of_this.iter().any(|o| accepts(o, context).0 == Verdict::Pass);
        // Nor does one that no probe may go to; it is told, because senders may meet it.
        let beside = matches!(d.connect, ConnectOutcome::BlockedTarget { .. })
            && of_this.iter().any(|o| accepts(o, context).0 == Verdict::Pass);
        if !accepted_elsewhere {
            if !our_fault && !beside {
                verdict = verdict.max(v);
            }
            findings.extend(found.map(|finding| if beside { softened(finding) } else { finding }));
        }
        if let Some(open) = open_relay(d) {
            verdict = Verdict::Fail;
            findings.push(open);
        }
        findings.extend(tls_problem(d));
    }
    (verdict, findings)
}

fn softened(finding: Finding) -> Finding {
    Finding { severity: finding.severity.min(Severity::Warning), ..finding }
}

/// Whether the dialogue shows that the host accepts the domain.
fn accepts(d: &SmtpDialogue, context: &GatewayContext) -> (Verdict, Option<Finding>) {
    let finding = |code, severity, detail: &str, remedy: &str| {
        Some(
            Finding::new(code, severity, &peer(d), d.started_at)
                .detail(detail)
                .remedy(Actor::Vendor, remedy)
                .seen_by([d.vantage.id.as_str()]),
        )
    };
    let said = format!("A connection from {} to {} {}.", from(d), peer(d), connect_words(&d.connect));
    let look = "See whether the gateway's MX host runs and is reachable from the internet on its SMTP port.";
    match &d.connect {
        ConnectOutcome::Connected { .. } => {}
        ConnectOutcome::VantageFault { .. } => {
            let remedy = "The operator of fencepost mends the vantage.";
            return (Verdict::Inconclusive, finding(Code::VantageFault, Severity::Warning, &said, remedy));
        }
        ConnectOutcome::TimedOut { .. } | ConnectOutcome::Unreachable { .. } => {
            return (Verdict::Inconclusive, finding(Code::GwUnreachable, Severity::Warning, &said, look));
        }
        ConnectOutcome::Unresolvable { detail } if looks_temporary(detail) => {
            return (Verdict::Inconclusive, finding(Code::GwUnreachable, Severity::Warning, &said, look));
        }
        ConnectOutcome::Refused
        | ConnectOutcome::Prohibited
        | ConnectOutcome::Unresolvable { .. }
        | ConnectOutcome::BlockedTarget { .. } => {
            return (Verdict::Fail, finding(Code::GwUnreachable, Severity::Blocking, &said, look));
        }
    }
    let recipients = || [Stage::RcptTest, Stage::RcptPostmaster].into_iter().filter_map(|s| reply(d, s));
    if recipients().any(|r| kind(r) == Kind::Yes) {
        return (Verdict::Pass, None);
    }
    let earlier = [Stage::MailFrom, Stage::EhloTls, Stage::Ehlo, Stage::Banner].into_iter().filter_map(|s| reply(d, s));
    let decisive = recipients().chain(earlier).find(|r| kind(r) != Kind::Yes);
    let wait = "Nothing for the customer to do: the route is being set up.";
    let set_up = format!(
        "Set the domain {} up on {}: it must accept its recipients.",
        context.domain,
        escape::clean(&d.host, 255)
    );
    match decisive {
        Some(r) if kind(r) == Kind::Later => {
            let detail = format!("{} defers mail for {}: {}.", peer(d), context.domain, say(r));
            (Verdict::Inconclusive, finding(Code::GwNotAccepting, Severity::Warning, &detail, wait))
        }
        Some(r) => {
            let detail = format!("{} refuses mail for {}: {}.", peer(d), context.domain, say(r));
            (Verdict::Fail, finding(Code::GwNotAccepting, Severity::Blocking, &detail, &set_up))
        }
        None => {
            let last = d.stages.last().map_or("connecting", |r| stage_words(r.stage));
            let detail = format!("The dialogue with {} ended at {last}, before a recipient was answered.", peer(d));
            (Verdict::Inconclusive, finding(Code::GwNotAccepting, Severity::Warning, &detail, look))
        }
    }
}

fn open_relay(d: &SmtpDialogue) -> Option<Finding> {
    let r = reply(d, Stage::RcptForeign).filter(|r| kind(r) == Kind::Yes)?;
    Some(
        Finding::new(Code::GwOpenRelay, Severity::Blocking, &peer(d), d.started_at)
            .detail(&format!("{} accepted a recipient of a domain that the gateway does not serve: {}.", peer(d), say(r)))
            .remedy(
                Actor::Vendor,
                "Let the gateway accept only the domains it serves, before anything else: an open relay is listed within hours, \
                 and then no customer's mail gets through. See also that the probe comes from outside the gateway's trusted networks.",
            )
            .seen_by([d.vantage.id.as_str()]),
    )
}

fn tls_problem(d: &SmtpDialogue) -> Option<Finding> {
    let what = match &d.tls {
        Some(facts) => format!("its certificate would not pass a strict check: {}", tls::problem(d, facts)?),
        None => {
            let failed = [Stage::Starttls, Stage::Certificate].into_iter().filter_map(|s| record(d, s)).any(|r| {
                matches!(r.outcome, StageOutcome::TlsFailed { .. } | StageOutcome::TlsInjection | StageOutcome::Closed)
            });
            if failed {
                "it offers STARTTLS and then fails".to_owned()
            } else if tls::lacks(d) {
                "it does not offer STARTTLS".to_owned()
            } else {
                return None;
            }
        }
    };
    Some(
        Finding::new(Code::GwTls, Severity::Warning, &peer(d), d.started_at)
            .detail(&format!("{}: {what}.", peer(d)))
            .remedy(
                Actor::Vendor,
                &format!("Give the gateway's MX host STARTTLS with a valid certificate for {}: senders that honour MTA-STS refuse to deliver otherwise.", escape::clean(&d.host, 255)),
            )
            .seen_by([d.vantage.id.as_str()]),
    )
}
