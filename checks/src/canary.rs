//! The canary: one message sent through the gateway to the domain's test mailbox before the permit, and
//! the delivery notice (RFC 3461, RFC 3464) that comes back for it. What the two amount to, and when the
//! next one is due. Nothing is sent, read or remembered here.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, Stage};
use crate::smtp::dialogue::{Kind, connect_words, kind, peer, reply, say, stage_words};
use crate::{Actor, Code, DomainName, Finding, Judgement, Severity, Verdict, escape};

/// A notice that has not come by then is late.
pub const LATE: SignedDuration = SignedDuration::from_mins(30);
/// So long a token is good for a notice; then another message is sent.
pub const TOKEN_VALID: SignedDuration = SignedDuration::from_hours(24);
/// So long a delivery proves the path.
pub const PROOF_VALID: SignedDuration = SignedDuration::from_hours(7 * 24);
/// After a failure another message is sent no sooner than this.
pub const AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// A canary on its way. Kept with the connection from the moment its token exists, so that no notice
/// can come before somebody knows the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Names the connection and holds a secret. In the envelope and in the headers.
    pub token: String,
    /// What was tested: gateway host, own servers, mailbox. Another test needs another canary.
    pub about: String,
    pub planned_at: Timestamp,
    /// The dialogue of the last attempt to send it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialogue: Option<SmtpDialogue>,
}

/// What a mail server reports of one recipient (RFC 3464 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Delivered,
    /// Handed to a server that sends no notices.
    Relayed,
    /// Handed on to several addresses.
    Expanded,
    /// Still being tried; a final notice follows.
    Delayed,
    Failed,
}

/// A delivery notice about a canary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    pub token: String,
    pub action: Action,
    /// Enhanced status code (RFC 3463), as reported.
    pub status: String,
    /// Who reports.
    pub reporting_mta: String,
    pub diagnostic: String,
    pub received_at: Timestamp,
}

/// What a canary is judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryContext {
    pub domain: DomainName,
    pub mailbox: String,
    /// The permit waits for it.
    pub required: bool,
    pub now: Timestamp,
}

/// What has to be done about a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Make a token. It has to be stored before the message is sent.
    Plan,
    Send,
    /// The notice has not come yet, or the proof is good.
    Wait,
}

impl Canary {
    /// Whether the gateway took the message.
    #[must_use]
    pub fn sent_at(&self) -> Option<Timestamp> {
        let dialogue = self.dialogue.as_ref()?;
        let taken = reply(dialogue, Stage::Message).is_some_and(|r| kind(r) == Kind::Yes);
        taken.then_some(dialogue.started_at)
    }

    /// Whether a notice with this token still counts at `now`.
    #[must_use]
    pub fn is_expected(&self, now: Timestamp) -> bool {
        now.duration_since(self.planned_at) < TOKEN_VALID
    }
}

impl Notice {
    /// Nothing more is to be expected.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.action != Action::Delayed
    }
}

/// What is due. `about` is what a canary would test now.
#[must_use]
pub fn next(canary: Option<&Canary>, notice: Option<&Notice>, about: &str, now: Timestamp) -> Step {
    let Some(canary) = canary.filter(|c| c.about == about) else { return Step::Plan };
    let age = now.duration_since(canary.planned_at);
    match notice.filter(|n| n.token == canary.token).map(|n| n.action) {
        Some(Action::Delivered | Action::Relayed | Action::Expanded) if age < PROOF_VALID => Step::Wait,
        Some(Action::Failed) if age < AGAIN => Step::Wait,
        Some(Action::Delayed) | None if age < TOKEN_VALID => {
            if canary.sent_at().is_some() {
                Step::Wait
            } else {
                Step::Send
            }
        }
        _ => Step::Plan,
    }
}

/// Judges a canary and its notice.
///
/// `Pass`: a notice says that the message arrived. `Fail`: one says that it did not, or the gateway
/// refused it for good. `Inconclusive`: nothing is known yet.
#[must_use]
pub fn judge(canary: Option<&Canary>, notice: Option<&Notice>, context: &CanaryContext) -> Judgement {
    let about = About { context };
    let (verdict, finding) = match canary.and_then(|c| Some((c, c.dialogue.as_ref()?))) {
        None => (Verdict::Inconclusive, about.waiting("A test message is about to be sent through the gateway.")),
        Some((canary, dialogue)) => match (notice.filter(|n| n.token == canary.token), canary.sent_at()) {
            (Some(notice), _) => about.reported(notice),
            (None, Some(at)) => about.unanswered(dialogue, at),
            (None, None) => about.not_sent(dialogue),
        },
    };
    Judgement { verdict, findings: vec![finding], retry_after: None }
}

struct About<'a> {
    context: &'a CanaryContext,
}

impl About<'_> {
    fn finding(&self, code: Code, severity: Severity) -> Finding {
        Finding::new(code, severity, self.context.domain.as_str(), self.context.now)
    }

    /// What would be a failure of the path.
    fn grave(&self) -> Severity {
        if self.context.required { Severity::Blocking } else { Severity::Warning }
    }

    fn waiting(&self, detail: &str) -> Finding {
        self.finding(Code::CanaryWaiting, Severity::Info)
            .detail(detail)
            .remedy(Actor::Time, "Nothing to do: the delivery notice usually comes back within minutes.")
    }

    fn unanswered(&self, dialogue: &SmtpDialogue, at: Timestamp) -> (Verdict, Finding) {
        let mailbox = escape::clean(&self.context.mailbox, 320);
        let what = format!("A test message to {mailbox} was taken by {} at {}.", peer(dialogue), crate::when(at));
        if self.context.now.duration_since(at) < LATE {
            return (
                Verdict::Inconclusive,
                self.waiting(&format!("{what} Its delivery notice has not come back yet.")),
            );
        }
        let finding = self
            .finding(Code::CanaryLate, Severity::Warning)
            .detail(&format!("{what} No delivery notice has come back since."))
            .remedy(
                Actor::Vendor,
                &format!(
                    "See in the gateway's log what became of the message to {mailbox}, and whether mail to the address in \
                     probe.canary_sender reaches `fencepost intake` or the folder in intake.maildir."
                ),
            );
        (Verdict::Inconclusive, finding)
    }

    fn reported(&self, notice: &Notice) -> (Verdict, Finding) {
        let mailbox = escape::clean(&self.context.mailbox, 320);
        let by = escape::clean(&notice.reporting_mta, 255);
        let status = escape::clean(&notice.status, 40);
        let said = if notice.diagnostic.is_empty() {
            status
        } else {
            format!("{status}, {}", escape::quote(&notice.diagnostic))
        };
        let nothing = |finding: Finding| finding.remedy(Actor::Nobody, "Nothing to do.");
        match notice.action {
            Action::Delivered => {
                let detail =
                    format!("A test message through the gateway was delivered to {mailbox}, reports {by} ({said}).");
                (Verdict::Pass, nothing(self.finding(Code::CanaryOk, Severity::Info).detail(&detail)))
            }
            Action::Relayed | Action::Expanded => {
                let detail = format!(
                    "The customer's mail server took a test message for {mailbox} from the gateway, reports {by} ({said}). It \
                     sends no notices of its own, so what it did with the message is not known."
                );
                (Verdict::Pass, nothing(self.finding(Code::CanaryRelayed, Severity::Info).detail(&detail)))
            }
            Action::Delayed => {
                let detail = format!(
                    "The gateway could not yet deliver a test message to {mailbox} and keeps trying, reports {by} ({said})."
                );
                let finding = self.finding(Code::CanaryDelayed, Severity::Warning).detail(&detail).remedy(
                    Actor::Customer,
                    "See why the mail server asks the gateway to come back later: greylisting, a limit, or a disk that is full.",
                );
                (Verdict::Inconclusive, finding)
            }
            Action::Failed => {
                let detail = format!("A test message through the gateway to {mailbox} was returned by {by} ({said}).");
                let finding = self.finding(Code::CanaryFailed, self.grave()).detail(&detail).remedy(
                    Actor::Customer,
                    &format!(
                        "Make {mailbox} take mail from the gateway's addresses, or name another test mailbox in the order. Another \
                         message is sent by itself, an hour after this one."
                    ),
                );
                (Verdict::Fail, finding)
            }
        }
    }

    /// The gateway did not take the message.
    fn not_sent(&self, dialogue: &SmtpDialogue) -> (Verdict, Finding) {
        let host = peer(dialogue);
        let greeted = [Stage::EhloTls, Stage::Ehlo].into_iter().find_map(|s| reply(dialogue, s));
        let offers = dialogue.capabilities.iter().any(|c| c == "DSN" || c.starts_with("DSN "));
        if greeted.is_some_and(|r| kind(r) == Kind::Yes) && !offers && reply(dialogue, Stage::MailFrom).is_none() {
            let finding = self
                .finding(Code::CanaryNoDsn, Severity::Warning)
                .detail(&format!("{host} does not offer DSN (RFC 3461), so no delivery notice can be asked for."))
                .remedy(
                    Actor::Vendor,
                    "Let the gateway's MX hosts offer DSN to the probe's address, or set probe.canary to `off`.",
                );
            return (Verdict::Inconclusive, finding);
        }
        let refusal = dialogue.stages.iter().rev().find_map(|s| match reply(dialogue, s.stage) {
            Some(r) if kind(r) != Kind::Yes && !matches!(s.stage, Stage::Quit | Stage::Data) => Some(r),
            Some(r) if s.stage == Stage::Data && r.code != 354 => Some(r),
            _ => None,
        });
        let why = match (&dialogue.connect, refusal) {
            (ConnectOutcome::Connected { .. }, Some(r)) => format!("it answered {}", say(r)),
            (ConnectOutcome::Connected { .. }, None) => {
                let last = dialogue.stages.last().map_or("connecting", |r| stage_words(r.stage));
                format!("the dialogue ended at {last}")
            }
            (other, _) => format!("a connection {}", connect_words(other)),
        };
        let refused = refusal.is_some_and(|r| kind(r) == Kind::No);
        let finding = self
            .finding(Code::CanaryNotSent, if refused { self.grave() } else { Severity::Warning })
            .detail(&format!("{host} did not take a test message: {why}."))
            .remedy(
                Actor::Vendor,
                "See in the gateway's log why it does not take mail from the address in probe.canary_sender. It is tried again by itself.",
            );
        (if refused { Verdict::Fail } else { Verdict::Inconclusive }, finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::smtp::{SmtpReply, StageOutcome, StageRecord};
    use crate::observation::{Vantage, VantageRole};

    fn canary(age: SignedDuration, reply: Option<u16>, now: Timestamp) -> Canary {
        let at = now - age;
        let dialogue = reply.map(|code| SmtpDialogue {
            vantage: Vantage { id: "outsider".to_owned(), role: VantageRole::Outsider, address: None },
            host: "mx1.gateway.example".to_owned(),
            peer: None,
            port: 25,
            standby: false,
            started_at: at,
            connect: ConnectOutcome::Connected { elapsed_ms: 1 },
            stages: vec![StageRecord {
                stage: Stage::Message,
                elapsed_ms: 1,
                outcome: StageOutcome::Reply { reply: SmtpReply { code, enhanced: None, lines: Vec::new() } },
            }],
            capabilities: Vec::new(),
            tls: None,
            proof: None,
            transcript: Vec::new(),
        });
        Canary { token: "t".to_owned(), about: "a".to_owned(), planned_at: at, dialogue }
    }

    fn told(action: Action) -> Notice {
        Notice {
            token: "t".to_owned(),
            action,
            status: String::new(),
            reporting_mta: String::new(),
            diagnostic: String::new(),
            received_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn one_message_at_a_time_and_a_new_one_when_the_old_one_has_had_its_time() {
        let now: Timestamp = "2026-03-02T12:00:00Z".parse().unwrap();
        let minutes = SignedDuration::from_mins;
        let rows = [
            (minutes(1), None, None, Step::Send),
            (minutes(1), Some(450), None, Step::Send),
            (minutes(1), Some(250), None, Step::Wait),
            (TOKEN_VALID - minutes(1), Some(250), Some(Action::Delayed), Step::Wait),
            (TOKEN_VALID, Some(250), Some(Action::Delayed), Step::Plan),
            (TOKEN_VALID, None, None, Step::Plan),
            (minutes(59), Some(250), Some(Action::Failed), Step::Wait),
            (AGAIN, Some(250), Some(Action::Failed), Step::Plan),
            (TOKEN_VALID, Some(250), Some(Action::Delivered), Step::Wait),
            (PROOF_VALID, Some(250), Some(Action::Relayed), Step::Plan),
        ];
        for (age, reply, action, expected) in rows {
            let canary = canary(age, reply, now);
            let notice = action.map(told);
            assert_eq!(next(Some(&canary), notice.as_ref(), "a", now), expected, "{age:#} {reply:?} {action:?}");
            assert_eq!(next(Some(&canary), notice.as_ref(), "another mailbox", now), Step::Plan);
        }
        assert_eq!(next(None, None, "a", now), Step::Plan);
        // A notice of another message neither proves nor stops anything.
        let foreign = Notice { token: "u".to_owned(), ..told(Action::Delivered) };
        assert_eq!(next(Some(&canary(minutes(1), None, now)), Some(&foreign), "a", now), Step::Send);
    }
}
