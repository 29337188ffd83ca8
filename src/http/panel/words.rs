//! Words and times as pages show them. Times are in the business time zone, with how far away they
//! are; every word that a machine uses has one for people here.

use fencepost_checks::{Actor, Severity};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::lifecycle::connection::Phase;
use crate::status::AnswerKind;

/// Turns instants into text, as of one moment.
#[derive(Debug, Clone)]
pub(super) struct Times {
    zone: TimeZone,
    now: Timestamp,
}

/// An instant, ready for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// RFC 3339, for machines.
    pub machine: String,
    /// `Tue 24 Nov 2026, 14:05 EET`.
    pub full: String,
    /// `in 3 h`, `2 days ago`.
    pub distance: String,
}

impl Times {
    pub(super) fn new(zone: &str, now: Timestamp) -> Self {
        Self { zone: TimeZone::get(zone).unwrap_or(TimeZone::UTC), now }
    }

    pub(super) fn show(&self, at: Timestamp) -> When {
        When {
            machine: at.to_string(),
            full: at.to_zoned(self.zone.clone()).strftime("%a %-d %b %Y, %H:%M %Z").to_string(),
            distance: distance(at.as_second() - self.now.as_second()),
        }
    }
}

/// Seconds as people say them, in one unit, rounded down.
fn distance(seconds: i64) -> String {
    let amount = of_seconds(seconds.unsigned_abs());
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {amount}"),
        _ => format!("{amount} ago"),
    }
}

/// So long, in one unit.
pub(super) fn amount(duration: SignedDuration) -> String {
    of_seconds(duration.as_secs().unsigned_abs())
}

fn of_seconds(seconds: u64) -> String {
    match seconds {
        s @ 0..=59 => format!("{s} s"),
        s @ 60..=3_599 => format!("{} min", s / 60),
        s @ 3_600..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// A phase by the word that is stored; the word itself where it is not known.
pub(super) fn phase_named(word: &str) -> String {
    let known: Option<Phase> = serde_json::from_value(serde_json::Value::String(word.to_owned())).ok();
    known.map_or_else(|| word.to_owned(), |known| phase(known).to_owned())
}

pub(super) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Ordered => "Ordered",
        Phase::Allowlisting => "Allowlisting",
        Phase::Probing => "Probing",
        Phase::Provisioning => "Provisioning",
        Phase::Ready => "Ready",
        Phase::Confirming => "Confirming",
        Phase::Connected => "Connected",
        Phase::Drifted => "Drifted",
        Phase::Releasing => "Releasing",
        Phase::Released => "Released",
        Phase::Cancelled => "Cancelled",
    }
}

/// What a phase is for, in a few words.
pub(super) const fn phase_about(phase: Phase) -> &'static str {
    match phase {
        Phase::Ordered => "waiting to be registered",
        Phase::Allowlisting => "the customer's firewall must let the gateway in",
        Phase::Probing => "the customer's mail server must accept mail",
        Phase::Provisioning => "the gateway is learning the domain",
        Phase::Ready => "everything is prepared for the MX change",
        Phase::Confirming => "the MX change is being watched",
        Phase::Connected => "mail flows through the gateway",
        Phase::Drifted => "the MX has been changed again",
        Phase::Releasing => "the service is ending",
        Phase::Released => "the service has ended",
        Phase::Cancelled => "the order was withdrawn",
    }
}

pub(super) const fn answer(answer: AnswerKind) -> &'static str {
    match answer {
        AnswerKind::Wait => "Wait. Do not change the MX yet.",
        AnswerKind::ChangeNow => "Change the MX now.",
        AnswerKind::Stop => "Stop. Do not change the MX.",
        AnswerKind::RollBack => "Put the old MX back.",
        AnswerKind::Done => "Done. Nothing has to be changed.",
        AnswerKind::MoveAway => "Move the MX away from the gateway.",
    }
}

/// A short form for lists.
pub(super) const fn answer_short(answer: AnswerKind) -> &'static str {
    match answer {
        AnswerKind::Wait => "wait",
        AnswerKind::ChangeNow => "change now",
        AnswerKind::Stop => "stop",
        AnswerKind::RollBack => "roll back",
        AnswerKind::Done => "done",
        AnswerKind::MoveAway => "move away",
    }
}

/// The colour class of an answer.
pub(super) const fn tone(answer: AnswerKind) -> &'static str {
    match answer {
        AnswerKind::Wait => "wait",
        AnswerKind::ChangeNow => "go",
        AnswerKind::Stop | AnswerKind::RollBack => "stop",
        AnswerKind::Done => "done",
        AnswerKind::MoveAway => "move",
    }
}

pub(super) const fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Customer => "customer",
        Actor::Partner => "partner",
        Actor::DnsProvider => "DNS provider",
        Actor::Desk => "service desk",
        Actor::Vendor => "gateway",
        Actor::Time => "time",
        Actor::Nobody => "nobody",
    }
}

pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocking => "blocking",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_the_business_zone_and_say_how_far_away_they_are() {
        let times = Times::new("Europe/Helsinki", "2026-11-23T12:00:00Z".parse().unwrap());
        let when = times.show("2026-11-24T12:05:00Z".parse().unwrap());
        assert_eq!((when.full.as_str(), when.distance.as_str()), ("Tue 24 Nov 2026, 14:05 EET", "in 24 h"));
        assert_eq!(times.show("2026-11-23T11:59:30Z".parse().unwrap()).distance, "30 s ago");
        assert_eq!(times.show("2026-11-19T12:00:00Z".parse().unwrap()).distance, "4 days ago");
    }
}
