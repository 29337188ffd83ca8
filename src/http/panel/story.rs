//! The timeline: each event of a connection as one sentence. An event that this program does not
//! know is shown by its name, never hidden.

use jiff::Timestamp;

use crate::http::panel::words::{self, Times, When};
use crate::lifecycle::connection::{Departure, Event, Gate, Health, ReleaseCause, RouteMode};
use crate::order::MailServer;
use crate::store::EventRow;

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub at: When,
    pub text: String,
    /// Further words, or empty.
    pub detail: String,
    /// `good`, `bad` or `plain`.
    pub tone: &'static str,
    pub cause: String,
}

/// An event as the API gives it, as a sentence with its details; times in UTC.
#[must_use]
pub fn event_in_words(kind: &str, body: &serde_json::Value) -> String {
    let times = Times::new("UTC", jiff::Timestamp::UNIX_EPOCH);
    let Ok(event) = serde_json::from_value::<Event>(body.clone()) else { return kind.replace('_', " ") };
    let (text, detail, _) = sentence(event, &times);
    if detail.is_empty() { text } else { format!("{text}: {detail}") }
}

/// Newest first.
pub(super) fn timeline(rows: &[EventRow], times: &Times) -> Vec<Line> {
    rows.iter().rev().map(|row| line(row, times)).collect()
}

/// As [`timeline`], for whoever holds a link: what happened to the MX and on the way, and nobody's name, nobody's
/// words, nothing of the contract.
pub(super) fn timeline_for_all(rows: &[EventRow], times: &Times) -> Vec<Line> {
    rows.iter().rev().filter_map(|row| line_for_all(row, times)).collect()
}

fn line_for_all(row: &EventRow, times: &Times) -> Option<Line> {
    let event: Event = serde_json::from_str(&row.body).ok()?;
    let whole = matches!(event, Event::WindowBroken { .. } | Event::MxChanged { .. } | Event::EarlyCutover { .. });
    let told = whole
        || matches!(
            event,
            Event::PhaseEntered { .. }
                | Event::PermitIssued { .. }
                | Event::PermitRevoked { .. }
                | Event::PermitExpired { .. }
                | Event::EarlyCutoverEnded
                | Event::WindowOpened
                | Event::WindowExtended { .. }
                | Event::GateChanged { .. }
                | Event::RouteConfirmed { .. }
                | Event::HealthChanged { .. }
                | Event::OldPathNeeded { .. }
                | Event::Returned { .. }
        );
    let line = line(row, times);
    told.then(|| Line { detail: if whole { line.detail.clone() } else { String::new() }, cause: String::new(), ..line })
}

/// One event in words, its details after a colon.
pub(in crate::http) fn in_words(row: &EventRow, zone: &str, now: Timestamp) -> String {
    let Line { text, detail, .. } = line(row, &Times::new(zone, now));
    if detail.is_empty() { text } else { format!("{text}: {detail}") }
}

fn line(row: &EventRow, times: &Times) -> Line {
    let (text, detail, tone) = match serde_json::from_str::<Event>(&row.body) {
        Ok(event) => sentence(event, times),
        Err(_) => (row.kind.replace('_', " "), String::new(), "plain"),
    };
    Line { at: times.show(row.at), text, detail, tone, cause: row.cause.clone() }
}

fn sentence(event: Event, times: &Times) -> (String, String, &'static str) {
    let plain = |text: &str| (text.to_owned(), String::new(), "plain");
    let good = |text: String| (text, String::new(), "good");
    let bad = |text: String, detail: String| (text, detail, "bad");
    match event {
        Event::PhaseEntered { phase, why } => (format!("Now {}", words::phase(phase).to_lowercase()), why, "plain"),
        Event::PermitIssued { number, valid_until, .. } => {
            good(format!("Permit {number} issued, valid until {}", times.show(valid_until).full))
        }
        Event::PermitRevoked { number, why } => bad(format!("Permit {number} revoked"), why),
        Event::PermitExpired { number } => bad(format!("Permit {number} expired"), String::new()),
        Event::EarlyCutover { names } => {
            bad("The MX was changed before it may be; the gateway defers the mail".to_owned(), names.join(", "))
        }
        Event::EarlyCutoverEnded => plain("The early MX change is over"),
        Event::WindowOpened => good("The new MX is published; the confirmation window is open".to_owned()),
        Event::WindowBroken { by } => bad("The confirmation window was broken".to_owned(), by),
        Event::WindowExtended { by } => {
            (format!("The confirmation window is longer by {} min", by.as_mins()), String::new(), "plain")
        }
        // Not knowing is not the same as no MX.
        Event::MxChanged { verdict, names } if names.is_empty() && verdict == "lookup_error" => {
            plain("The MX could not be found out")
        }
        Event::MxChanged { verdict, names } => {
            let names = if names.is_empty() { "no MX".to_owned() } else { names.join(", ") };
            (format!("The MX is now {names}"), verdict.replace('_', " "), "plain")
        }
        Event::GateChanged { gate, verdict, blocking } => {
            let tone = match verdict.as_str() {
                "pass" => "good",
                "fail" => "bad",
                _ => "plain",
            };
            let codes: Vec<&str> = blocking.iter().map(|code| code.as_str()).collect();
            (format!("{}: {verdict}", gate_word(gate)), codes.join(", "), tone)
        }
        Event::RouteDesired { mode } => (format!("The gateway shall {}", route_word(mode)), String::new(), "plain"),
        Event::RouteConfirmed { mode } => {
            (format!("The gateway confirmed: it will {}", route_word(mode)), String::new(), "plain")
        }
        Event::MxAccepted { accepted } => {
            let names: Vec<&str> = accepted.names.iter().map(fencepost_checks::DomainName::as_str).collect();
            (format!("{} accepted this MX: {}", accepted.by, names.join(", ")), accepted.reason, "plain")
        }
        Event::HealthChanged { health: Health::Good } => good("The customer's server takes mail again".to_owned()),
        Event::HealthChanged { health: Health::DeliveryFailing } => {
            bad("The customer's server does not take mail".to_owned(), String::new())
        }
        Event::ToldOverdue => bad("The MX change has taken longer than 72 hours".to_owned(), String::new()),
        Event::OldPathNeeded { until } => {
            (format!("The old path is needed until {}", times.show(until).full), String::new(), "plain")
        }
        Event::ToldMayClose => good("The customer was told that the old path may be closed".to_owned()),
        Event::ReleaseStarted { cause } => (format!("Release begun: {}", cause_word(cause)), String::new(), "plain"),
        Event::ReleaseWithdrawn => good("The release was withdrawn: the domain stays".to_owned()),
        Event::ToldToMove => plain("The customer was told to move the MX away"),
        Event::Departed { route_needed_until, how, why } => {
            let until = times.show(route_needed_until).full;
            let what = match how {
                Departure::Moved => "Nothing names the gateway any more",
                Departure::Nxdomain => "The domain does not exist any more",
                Departure::Decided => "The service desk decided that the domain has left",
            };
            (format!("{what}; the route stays until {until}"), why.unwrap_or_default(), "plain")
        }
        Event::ToldUndecidable => {
            bad("The name servers have been silent for 14 days; the desk decides".to_owned(), String::new())
        }
        Event::CutOffAnnounced { cut_off, why } => {
            let (defer, reject) = (times.show(cut_off.defer_at).full, times.show(cut_off.reject_at).full);
            bad(format!("The end was announced: mail is deferred from {defer} and refused from {reject}"), why)
        }
        Event::Imported { connected_at, .. } => {
            (format!("Taken over; connected since {}", times.show(connected_at).full), String::new(), "plain")
        }
        Event::ServersReplaced { servers, why, .. } => {
            (format!("The own server is now {}", hosts(&servers)), why, "plain")
        }
        Event::RouteChangeBegun { change } => {
            let why = format!("{}: {}", change.by, change.reason);
            (format!("The own server shall be {}; it is verified first", hosts(&change.servers)), why, "plain")
        }
        Event::NewServerChanged { gate, verdict, blocking } => {
            let codes: Vec<&str> = blocking.iter().map(|code| code.as_str()).collect();
            (format!("New server, {}: {verdict}", gate_word(gate).to_lowercase()), codes.join(", "), "plain")
        }
        Event::RouteSwitched => plain("Mail goes to the new server; the old one stays ready"),
        Event::RouteChanged => good("The new server takes the mail; the old one is forgotten".to_owned()),
        Event::RouteRolledBack { why } => bad("Mail goes to the old server again".to_owned(), why),
        Event::RouteChangeDropped { why } => ("The change of the own server is given up".to_owned(), why, "plain"),
        Event::Suspended { suspension } => {
            bad(format!("{} suspended the connection", suspension.by), suspension.reason)
        }
        Event::DeferralEnded => plain("Mail is delivered again, although the connection is suspended"),
        Event::Resumed { by } => good(format!("{by} ended the suspension")),
        Event::AskedToLeave { retired, .. } if !retired.is_empty() => {
            bad(format!("The MX names {}, which is retired", retired.join(", ")), String::new())
        }
        Event::AskedToLeave { names, .. } if names.is_empty() => {
            good("The MX names no host that is to be retired".to_owned())
        }
        Event::AskedToLeave { names, .. } => {
            plain(&format!("The MX names {}, which is to be retired", names.join(", ")))
        }
        Event::AskedToAllow { addresses } if addresses.is_empty() => {
            good("The firewall lets in every announced address".to_owned())
        }
        Event::AskedToAllow { addresses } => {
            plain(&format!("The firewall shall let in {} too, before mail comes from there", listed(&addresses)))
        }
        Event::ToldMayRemove { addresses } => {
            plain(&format!("The firewall may forget {}: no mail comes from there any more", listed(&addresses)))
        }
        Event::Returned { .. } => bad("The MX names the gateway again".to_owned(), String::new()),
    }
}

fn listed(addresses: &[std::net::IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn hosts(servers: &[MailServer]) -> String {
    servers.iter().map(|server| format!("{}:{}", server.host, server.port)).collect::<Vec<_>>().join(", ")
}

const fn gate_word(gate: Gate) -> &'static str {
    match gate {
        Gate::Allowlist => "Firewall",
        Gate::Probe => "Mail server",
        Gate::Gateway => "Gateway",
        Gate::Lint => "Hazards of the change",
    }
}

pub(super) const fn route_word(mode: RouteMode) -> &'static str {
    match mode {
        RouteMode::Defer => "defer mail for the domain (451)",
        RouteMode::Deliver => "filter and deliver mail for the domain",
        RouteMode::Reject => "reject mail for the domain",
        RouteMode::Absent => "forget the domain",
    }
}

const fn cause_word(cause: ReleaseCause) -> &'static str {
    match cause {
        ReleaseCause::Declined => "the trial ended with no customer",
        ReleaseCause::Terminated => "the notice period ended",
        ReleaseCause::Withdrawn => "the order was withdrawn",
    }
}
