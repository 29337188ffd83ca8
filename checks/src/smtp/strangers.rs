//! What an own server says to strangers: whether it takes a mailbox that cannot exist, and a domain that
//! is not its own. Asked only where somebody wants to know, never from a gateway address, and part of no
//! gate: without a message, an acceptance proves nothing.

use super::SmtpContext;
use super::dialogue::{Kind, connect_words, from, kind, peer, record, reply, say, server, stage_words};
use super::meaning::{self, Meaning};
use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, SmtpReply, Stage, StageOutcome};
use crate::{Actor, Code, Finding, Judgement, Severity, Verdict};

/// The two questions, as a finding names them.
const QUESTIONS: [(Stage, &str); 2] =
    [(Stage::RcptRandom, "mail for a mailbox that cannot exist"), (Stage::RcptForeign, "mail for a foreign domain")];

/// Judges dialogues that ask for strangers.
///
/// `Pass`: every server refused whatever it was asked. `Inconclusive`: something was accepted, which is no proof
/// without a message, or not answered. Never `Fail`.
#[must_use]
pub fn judge(dialogues: &[SmtpDialogue], context: &SmtpContext) -> Judgement {
    let findings: Vec<Finding> = dialogues.iter().flat_map(|d| of(d, context)).collect();
    let refused = findings.iter().all(|f| f.code == Code::StrangersRefused);
    let verdict = if refused && !findings.is_empty() { Verdict::Pass } else { Verdict::Inconclusive };
    Judgement { verdict, findings, retry_after: None }
}

fn of(d: &SmtpDialogue, context: &SmtpContext) -> Vec<Finding> {
    let mut findings = accepted(d);
    let (refused, open): (Vec<_>, Vec<_>) = QUESTIONS
        .into_iter()
        .filter(|(stage, _)| reply(d, *stage).is_none_or(|r| kind(r) != Kind::Yes))
        .partition(|(stage, _)| reply(d, *stage).is_some_and(|r| is_refusal(*stage, r)));
    let names = |questions: &[(Stage, &str)]| questions.iter().map(|(_, what)| *what).collect::<Vec<_>>().join(" and ");
    if !refused.is_empty() {
        findings.push(
            finding(d, Code::StrangersRefused, Severity::Info)
                .detail(&format!("{} refuses {}, asked from {}.", peer(d), names(&refused), from(d)))
                .remedy(Actor::Nobody, "Nothing to do."),
        );
    }
    if let Some((stage, _)) = open.first() {
        findings.push(
            finding(d, Code::StrangersUntested, Severity::Info)
                .detail(&format!(
                    "Whether {} takes {} could not be told: {}.",
                    peer(d),
                    names(&open),
                    why_open(d, *stage)
                ))
                .remedy(
                    Actor::Nobody,
                    &format!(
                        "Nothing to do for the change: nothing depends on it. To know, ask again later, or from an address that {} \
                         lets in and that is none of the gateway's (mail for {} goes on as before).",
                        server(d),
                        context.domain
                    ),
                ),
        );
    }
    findings
}

/// Strangers that were accepted in a dialogue, whatever it was for.
pub(super) fn accepted(d: &SmtpDialogue) -> Vec<Finding> {
    let yes = |stage| reply(d, stage).filter(|r| kind(r) == Kind::Yes);
    let everything = yes(Stage::RcptRandom).map(|r| {
        finding(d, Code::SmtpAcceptsAll, Severity::Info)
            .detail(&format!("{} accepted a mailbox that cannot exist, asked from {}: {}.", peer(d), from(d), say(r)))
            .remedy(
                Actor::Customer,
                "Let the server refuse unknown mailboxes at RCPT. One that accepts them and sends them back later sends its \
                 notices to forged senders (back-scatter), and gets itself onto block lists.",
            )
    });
    let relay = yes(Stage::RcptForeign).map(|r| {
        finding(d, Code::RelaySuspect, Severity::Warning)
            .detail(&format!("{} accepted a recipient of a domain that is not its own: {}. Without sending a message this is no proof.", peer(d), say(r)))
            .remedy(Actor::Customer, "See whether the server relays mail for anybody; allow relaying only for own networks and after authentication.")
    });
    everything.into_iter().chain(relay).collect()
}

/// A refusal of who asks, not of whom he asks for, says nothing about mailboxes; for relaying it is enough.
fn is_refusal(stage: Stage, r: &SmtpReply) -> bool {
    let of_the_asker = matches!(meaning::of(r), Some(Meaning::LockedDown(_) | Meaning::Blocklisted));
    kind(r) == Kind::No && (stage == Stage::RcptForeign || !of_the_asker)
}

fn why_open(d: &SmtpDialogue, stage: Stage) -> String {
    if !matches!(d.connect, ConnectOutcome::Connected { .. }) {
        return format!("a connection from {} {}", from(d), connect_words(&d.connect));
    }
    let reached = record(d, stage).or(d.stages.iter().rev().find(|s| s.stage != Stage::Quit && s.stage != Stage::Rset));
    match reached.map(|r| (r.stage, &r.outcome)) {
        Some((stage, StageOutcome::Reply { reply })) => {
            format!("{} was answered with {}", stage_words(stage), say(reply))
        }
        Some((stage, _)) => format!("the dialogue ended at {}", stage_words(stage)),
        None => "no dialogue came about".to_owned(),
    }
}

fn finding(d: &SmtpDialogue, code: Code, severity: Severity) -> Finding {
    Finding::new(code, severity, &server(d), d.started_at).seen_by([d.vantage.id.as_str()])
}
