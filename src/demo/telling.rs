//! The history of a connection in plain words: what fencepost saw and did, one line an event. What
//! says nothing to a reader of the story is left out.

use fencepost_checks::Code;

use crate::lifecycle::connection::{Event, Gate, Health, Phase, ReleaseCause, RouteMode};

/// A line about an event.
#[must_use]
pub fn tell(event: &Event) -> Option<String> {
    let text = match event {
        Event::PhaseEntered { phase, why } => format!("→ {}: {why}", phase_word(*phase)),
        Event::PermitIssued { number, .. } => format!("permit {number}: the MX change may be relayed"),
        Event::PermitRevoked { number, why } => format!("permit {number} is withdrawn: {why}"),
        Event::PermitExpired { number } => format!("permit {number} expires"),
        Event::EarlyCutover { names } => {
            format!("the MX names the gateway before it may ({}): the gateway defers the mail", names.join(", "))
        }
        Event::EarlyCutoverEnded => "the early change is over".to_owned(),
        Event::WindowOpened => "the confirmation window opens".to_owned(),
        Event::WindowBroken { by } => format!("the window is broken: {by}"),
        Event::MxChanged { verdict, names } => format!("sees the MX: {} ({verdict})", names.join(", ")),
        // What passes shows in the phase that follows.
        Event::GateChanged { verdict, .. } if verdict == "pass" => return None,
        Event::GateChanged { gate, verdict, blocking } => gate_line(*gate, verdict, blocking),
        Event::RouteConfirmed { mode } => format!("the gateway {}", mode_words(*mode)),
        Event::HealthChanged { health: Health::DeliveryFailing } => "the own server takes no mail any more".to_owned(),
        Event::HealthChanged { health: Health::Good } => "the own server takes mail again".to_owned(),
        Event::MxAccepted { accepted } => format!("{} accepts the MX as it is: {}", accepted.by, accepted.reason),
        Event::ToldOverdue => "72 hours since the change: desk and partner are told".to_owned(),
        Event::ReleaseStarted { cause } => format!("the release begins ({})", cause_word(*cause)),
        Event::ReleaseWithdrawn => "the release is taken back".to_owned(),
        Event::Departed { route_needed_until, .. } => {
            format!("the MX has left; the route stays until {route_needed_until:.0}, when every sender knows")
        }
        Event::Returned { .. } => "the MX names the gateway again".to_owned(),
        Event::ToldUndecidable => "nobody can say whether the MX has left: the desk decides".to_owned(),
        Event::CutOffAnnounced { cut_off, .. } => {
            format!(
                "the end is announced: mail is deferred from {:.0}, refused from {:.0}",
                cut_off.defer_at, cut_off.reject_at
            )
        }
        Event::Imported { .. } => "taken over; it is verified before it is called connected".to_owned(),
        Event::ServersReplaced { why, .. } => format!("other own servers ({why})"),
        Event::RouteChangeBegun { .. } => "other own servers are verified".to_owned(),
        Event::RouteSwitched => "mail goes to the new own servers".to_owned(),
        Event::RouteChanged => "the new own servers take the mail".to_owned(),
        Event::RouteRolledBack { why } => format!("mail goes to the old own servers again: {why}"),
        Event::RouteChangeDropped { why } => format!("the change of own servers is given up: {why}"),
        Event::Suspended { suspension } => format!("suspended: {}", suspension.reason),
        Event::DeferralEnded => "mail is delivered again".to_owned(),
        Event::Resumed { .. } => "the suspension ends".to_owned(),
        Event::AskedToLeave { names, retired } => {
            format!("asked to name other MX hosts than {}", [names.as_slice(), retired].concat().join(", "))
        }
        Event::AskedToAllow { addresses } => format!("asked to let in {addresses:?} too"),
        Event::ToldMayRemove { addresses } => format!("told that {addresses:?} may be forgotten"),
        Event::RouteDesired { .. }
        | Event::NewServerChanged { .. }
        | Event::WindowExtended { .. }
        | Event::OldPathNeeded { .. }
        | Event::ToldMayClose
        | Event::ToldToMove => return None,
    };
    Some(text)
}

fn gate_line(gate: Gate, verdict: &str, blocking: &[Code]) -> String {
    let gate = match gate {
        Gate::Allowlist => "firewall",
        Gate::Probe => "mail server",
        Gate::Gateway => "gateway",
        Gate::Lint => "policies",
    };
    let codes: Vec<&str> = blocking.iter().map(|code| code.as_str()).collect();
    let codes = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
    format!("checks the {gate}: {verdict}{codes}")
}

/// The phase as interfaces write it.
#[must_use]
pub fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Ordered => "ordered",
        Phase::Allowlisting => "allowlisting",
        Phase::Probing => "probing",
        Phase::Provisioning => "provisioning",
        Phase::Ready => "ready",
        Phase::Confirming => "confirming",
        Phase::Connected => "connected",
        Phase::Drifted => "drifted",
        Phase::Releasing => "releasing",
        Phase::Released => "released",
        Phase::Cancelled => "cancelled",
    }
}

fn mode_words(mode: RouteMode) -> &'static str {
    match mode {
        RouteMode::Defer => "defers the domain's mail",
        RouteMode::Deliver => "filters and delivers the domain's mail",
        RouteMode::Reject => "rejects the domain's mail",
        RouteMode::Absent => "does not know the domain any more",
    }
}

fn cause_word(cause: ReleaseCause) -> &'static str {
    match cause {
        ReleaseCause::Declined => "the trial ended with \"no\"",
        ReleaseCause::Terminated => "the service was ended",
        ReleaseCause::Withdrawn => "the order was withdrawn",
    }
}
