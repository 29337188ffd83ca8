//! The customer's own server as a receiver from the gateway: does it hold the sender's SPF record against
//! the gateway's addresses? Asked with a sender whose record forbids everybody; DMARC cannot be asked
//! about, because it looks at the message, and no message is sent.

use super::LintContext;
use crate::observation::lint::SenderTest;
use crate::observation::smtp::{SmtpReply, StageOutcome};
use crate::observation::{LintObservation, SmtpDialogue, Stage};
use crate::{Actor, Code, Finding, Severity, escape};

/// Dialogues that are looked at.
const DIALOGUES: usize = 64;

pub(super) fn findings(seen: &LintObservation, context: &LintContext) -> Vec<Finding> {
    if seen.own_servers.is_empty() {
        return Vec::new();
    }
    let mut findings: Vec<Finding> = unverifiable(seen, context).into_iter().collect();
    let Some(test) = &seen.sender_test else { return findings };
    let mut told: Vec<(Code, String)> = Vec::new();
    for dialogue in test.dialogues.iter().take(DIALOGUES) {
        let Some(finding) = one(seen, test, dialogue, context) else { continue };
        let key = (finding.code, finding.subject.clone());
        if !told.contains(&key) {
            told.push(key);
            findings.push(finding);
        }
    }
    findings
}

fn one(seen: &LintObservation, test: &SenderTest, dialogue: &SmtpDialogue, context: &LintContext) -> Option<Finding> {
    let host = escape::clean(&dialogue.host, 255);
    let subject = format!("{host}:{}", dialogue.port);
    let sender = escape::clean(&test.sender, 255);
    let finding = |code, severity| Finding::new(code, severity, &subject, dialogue.started_at.max(seen.observed_at));
    let without_sender = context
        .dialogues
        .iter()
        .find(|d| d.host == dialogue.host && d.peer == dialogue.peer && end(d) == End::Accepted);
    match end(dialogue) {
        End::Accepted => Some(
            finding(Code::TargetSpfOk, Severity::Info)
                .detail(&format!("{host} takes mail of {sender} from the gateway's address, although the SPF record of that domain forbids everybody."))
                .remedy(Actor::Nobody, "Nothing to do."),
        ),
        End::Refused(reply) if without_sender.is_some() => {
            let addresses: Vec<String> = context.gateway_egress.iter().take(20).map(ToString::to_string).collect();
            Some(
                finding(Code::TargetSpfEnforced, Severity::Blocking)
                    .detail(&format!(
                        "{host} accepts mail without a sender from the gateway's address, and refuses mail of {sender}: `{}`. It holds \
                         the SPF record of the sender against the gateway, so most mail would be refused after the change.",
                        quote(&reply)
                    ))
                    .remedy(
                        Actor::Customer,
                        &format!(
                            "On {host}, exempt the gateway's addresses {} from SPF and DMARC checks and from block lists: list them as \
                             trusted relays or as an inbound gateway. The gateway checks SPF and DMARC itself.",
                            addresses.join(", ")
                        ),
                    )
                    .seen_by([dialogue.vantage.id.as_str()]),
            )
        }
        // Refused either way is for the SMTP check to tell, and a temporary error proves nothing.
        End::Refused(_) | End::Unknown => Some(
            finding(Code::TargetSpfUntested, Severity::Info)
                .detail(&format!("Whether {host} holds SPF against the gateway could not be told: the test with the sender {sender} came to no answer that can be compared."))
                .remedy(Actor::Nobody, "Nothing to do now: it has to be tested again later."),
        ),
    }
}

/// Of the servers that have an address: where there is none, there is nothing that could check anything.
fn unverifiable(seen: &LintObservation, context: &LintContext) -> Option<Finding> {
    let found = seen.own_servers.iter().filter(|(_, addresses)| !addresses.is_empty());
    let hosts: Vec<String> = found.take(5).map(|(host, _)| escape::clean(host, 100)).collect();
    if hosts.is_empty() {
        return None;
    }
    let hosts = hosts.join(", ");
    let addresses: Vec<String> = context.gateway_egress.iter().take(20).map(ToString::to_string).collect();
    let spf = if seen.sender_test.is_none() {
        " SPF was not tested either, because no sender domain is configured for it."
    } else {
        ""
    };
    Some(
        Finding::new(Code::TargetDmarcUnverifiable, Severity::Info, &hosts, seen.observed_at)
            .detail(&format!("Whether {hosts} refuses mail for DMARC cannot be seen from outside without sending a message.{spf}"))
            .remedy(
                Actor::Customer,
                &if addresses.is_empty() {
                    format!("See to it that {hosts} does no SPF and DMARC checks on mail that comes from the gateway: the gateway does them.")
                } else {
                    format!("See to it that {hosts} does no SPF and DMARC checks on mail from the gateway's addresses {}: the gateway does them.", addresses.join(", "))
                },
            ),
    )
}

#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Some recipient was accepted.
    Accepted,
    /// For good, at MAIL or at every RCPT.
    Refused(SmtpReply),
    Unknown,
}

fn end(dialogue: &SmtpDialogue) -> End {
    let reply = |stage: Stage| {
        dialogue.stages.iter().rev().find(|s| s.stage == stage).and_then(|s| match &s.outcome {
            StageOutcome::Reply { reply } => Some(reply),
            _ => None,
        })
    };
    match reply(Stage::MailFrom) {
        Some(mail) if (500..600).contains(&mail.code) => return End::Refused(mail.clone()),
        Some(mail) if (200..300).contains(&mail.code) => {}
        _ => return End::Unknown,
    }
    let recipients: Vec<&SmtpReply> = [Stage::RcptTest, Stage::RcptPostmaster].into_iter().filter_map(reply).collect();
    if recipients.iter().any(|r| (200..300).contains(&r.code)) {
        return End::Accepted;
    }
    match recipients.first() {
        Some(first) if recipients.iter().all(|r| (500..600).contains(&r.code)) => End::Refused((*first).clone()),
        _ => End::Unknown,
    }
}

fn quote(reply: &SmtpReply) -> String {
    escape::clean(&format!("{} {}", reply.code, reply.lines.join(" ")), 300)
}
