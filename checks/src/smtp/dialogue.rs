//! Reading a dialogue: what became of a stage, and how to say it. No judgement here.

use crate::escape;
use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, SmtpReply, Stage, StageOutcome, StageRecord};

/// The last record of a stage (EHLO and its fall-back HELO share one).
pub(crate) fn record(d: &SmtpDialogue, stage: Stage) -> Option<&StageRecord> {
    d.stages.iter().rev().find(|r| r.stage == stage)
}

/// The last reply of a stage.
pub(crate) fn reply(d: &SmtpDialogue, stage: Stage) -> Option<&SmtpReply> {
    match &record(d, stage)?.outcome {
        StageOutcome::Reply { reply } => Some(reply),
        _ => None,
    }
}

/// The kinds of reply that matter, by the first digit (RFC 5321 §4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Yes,
    Later,
    No,
    /// No legal reply code for this place.
    Odd,
}

pub(crate) const fn kind(reply: &SmtpReply) -> Kind {
    match reply.code {
        200..=299 => Kind::Yes,
        400..=499 => Kind::Later,
        500..=599 => Kind::No,
        _ => Kind::Odd,
    }
}

/// A reply for people: `550 5.7.1 Relaying denied`, bounded.
pub(crate) fn say(reply: &SmtpReply) -> String {
    let text = reply.lines.iter().take(4).map(|l| l.trim()).collect::<Vec<_>>().join(" / ");
    let code = reply.code.to_string();
    // Some observers keep the code or the enhanced code in the line, some do not.
    let text = text.strip_prefix(code.as_str()).map_or(text.as_str(), |rest| rest.trim_start_matches(['-', ' ']));
    let enhanced = reply.enhanced.as_deref().filter(|e| !text.starts_with(e)).unwrap_or_default();
    let parts: Vec<&str> = [code.as_str(), enhanced, text].into_iter().filter(|p| !p.is_empty()).collect();
    escape::quote(&parts.join(" "))
}

/// `mail.example.com:25`.
pub(crate) fn server(d: &SmtpDialogue) -> String {
    format!("{}:{}", escape::clean(&d.host, 255), d.port)
}

/// Server and address for people: `mail.example.com:25 (198.51.100.5)`.
pub(crate) fn peer(d: &SmtpDialogue) -> String {
    match d.peer {
        Some(p) if p.ip().to_string() != d.host => format!("{} ({})", server(d), p.ip()),
        _ => server(d),
    }
}

/// The vantage for people: its source address where known, its id otherwise.
pub(crate) fn from(d: &SmtpDialogue) -> String {
    d.vantage.address.map_or_else(|| escape::clean(&d.vantage.id, 100), |a| a.to_string())
}

/// What became of the connection, to complete "a connection from … ".
pub(crate) fn connect_words(outcome: &ConnectOutcome) -> String {
    match outcome {
        ConnectOutcome::Connected { elapsed_ms } => format!("was accepted within {elapsed_ms} ms"),
        ConnectOutcome::TimedOut { after_ms } => format!("got no answer within {} s", after_ms.div_ceil(1000)),
        ConnectOutcome::Refused => "was refused".to_owned(),
        ConnectOutcome::Prohibited => {
            "was answered by a firewall with \"administratively prohibited\" (ICMP)".to_owned()
        }
        ConnectOutcome::Unreachable { detail } => {
            format!(
                "was answered by a router with \"unreachable\" (ICMP: {})",
                escape::quote(detail.trim_start_matches("ICMP: "))
            )
        }
        ConnectOutcome::Unresolvable { detail } => {
            format!("was not possible, the name has no address: {}", escape::quote(detail))
        }
        ConnectOutcome::BlockedTarget { detail } => {
            format!("was not tried, the address is not allowed: {}", escape::quote(detail))
        }
        ConnectOutcome::VantageFault { detail } => {
            format!("was not possible for a fault on our side: {}", escape::quote(detail))
        }
    }
}

/// A stage for people.
pub(crate) const fn stage_words(stage: Stage) -> &'static str {
    match stage {
        Stage::Resolve => "looking up the address",
        Stage::Connect => "connecting",
        Stage::Banner => "waiting for the greeting",
        Stage::Ehlo => "EHLO",
        Stage::Starttls => "STARTTLS",
        Stage::Certificate => "the TLS handshake",
        Stage::EhloTls => "EHLO inside TLS",
        Stage::MailFrom => "MAIL FROM",
        Stage::RcptTest => "RCPT TO of the test mailbox",
        Stage::RcptPostmaster => "RCPT TO of postmaster",
        Stage::RcptRandom => "RCPT TO of a mailbox that cannot exist",
        Stage::RcptForeign => "RCPT TO of a foreign domain",
        Stage::Rset => "RSET",
        Stage::Data => "DATA",
        Stage::Message => "the message",
        Stage::Quit => "QUIT",
    }
}
