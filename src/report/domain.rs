//! The section of one domain: its rows, each compared with what the report before said.

use jiff::Timestamp;

use fencepost_checks::escape::clean;
use fencepost_checks::{Actor, Severity};

use super::days::{self, MAX_CHANGES, Past};
use super::words::{counted, length, times, verdict};
use super::{About, Advice, DomainFacts, DomainReport, Facts, Report, Row, Tone, actor, posture, servers};
use crate::lifecycle::connection::Health;

/// Pieces of advice for a domain.
const MAX_ADVICE: usize = 5;
const MAX_ADVICE_TEXT: usize = 600;

pub(super) fn make(facts: &Facts<'_>, of: &DomainFacts, before: Option<&Report>) -> DomainReport {
    let domain = of.connection.domain.clone();
    let before = before.and_then(|report| report.domains.iter().find(|known| known.domain == domain));
    let mut past = days::past(facts, of);
    let mut rows = vec![checks(facts, of, before), mx(facts, of), drift(of, &past), delivery(of)];
    rows.push(servers::lock_down(facts, of));
    rows.extend(servers::tls(facts, of));
    rows.extend(posture::rows(facts, of));
    for row in &mut rows {
        let known = before.and_then(|before| before.rows.iter().find(|old| old.about == row.about));
        row.before = known.map(|old| old.says.clone());
    }
    let more_changes = past.changes.len().saturating_sub(MAX_CHANGES);
    past.changes.drain(..more_changes);
    DomainReport {
        domain,
        rows,
        changes: past.changes,
        more_changes,
        drifts: past.drifts,
        lanes: past.lanes,
        advice: advice(of),
        looks: of.tally.as_ref().map(|tally| tally.looks),
    }
}

/// Looks since the report before; since they are counted, where it knows of none.
fn checks(facts: &Facts<'_>, of: &DomainFacts, before: Option<&DomainReport>) -> Row {
    let Some(tally) = &of.tally else {
        return Row::unknown(About::Checks, "checks of this domain are not counted yet");
    };
    let earlier = before.and_then(|before| before.looks);
    let looks = earlier.map_or(tally.looks, |earlier| tally.looks.since(&earlier));
    let mut note = format!(
        "MX {}, mail server {}, firewall {}, gateway {}, policies {}",
        looks.mx, looks.mail_server, looks.firewall, looks.gateway, looks.policies
    );
    if earlier.is_none() {
        note.push_str(&format!("; counted since {}", day_of(facts, tally.since)));
    }
    let tone = if looks.sum() == 0 { Tone::Unknown } else { Tone::Plain };
    Row::new(About::Checks, tone, looks.sum().to_string()).note(note)
}

fn mx(facts: &Facts<'_>, of: &DomainFacts) -> Row {
    let Some(seen) = &of.connection.observed.mx else {
        return Row::unknown(About::Mx, "the MX has not been looked at");
    };
    let (says, tone) = verdict(seen.verdict);
    let names: Vec<String> = seen.names.iter().take(8).map(|name| clean(name, 100)).collect();
    let names = if names.is_empty() { String::new() } else { format!("{}; ", names.join(", ")) };
    Row::new(About::Mx, tone, says).note(format!("{names}last seen {}", moment(facts, seen.last_at)))
}

fn drift(of: &DomainFacts, past: &Past) -> Row {
    let cut = if of.history_cut { "the history is longer than what was read" } else { "" };
    let Some(last) = past.drifts.last() else {
        let tone = if of.history_cut { Tone::Unknown } else { Tone::Good };
        return Row::new(About::Drift, tone, "none").note(cut);
    };
    let goes_on = if last.until.is_none() { ", and it goes on" } else { "" };
    let says = format!("{}, {} in all{goes_on}", times(past.drifts.len()), length(past.drifted_for));
    Row::new(About::Drift, Tone::Bad, says).note(cut)
}

fn delivery(of: &DomainFacts) -> Row {
    match (of.connection.health, &of.connection.observed.probe) {
        (Health::DeliveryFailing, _) => Row::new(About::Delivery, Tone::Bad, "does not take its mail"),
        (Health::Good, None) => Row::unknown(About::Delivery, "the mail server has not been looked at"),
        (Health::Good, Some(seen)) => match seen.verdict {
            fencepost_checks::Verdict::Pass => Row::new(About::Delivery, Tone::Good, "takes its mail"),
            fencepost_checks::Verdict::Inconclusive => {
                Row::new(About::Delivery, Tone::Unknown, "not known").note("its last answer said nothing for certain")
            }
            fencepost_checks::Verdict::Fail => Row::new(About::Delivery, Tone::Fair, "refused a test at the last look"),
        },
    }
}

/// What somebody may do about it, the graver first. What waits for us is not the reader's.
fn advice(of: &DomainFacts) -> Vec<Advice> {
    let mut findings: Vec<_> = of
        .findings
        .iter()
        .map(|(_, finding)| finding)
        .filter(|finding| {
            matches!(finding.severity, Severity::Blocking | Severity::Warning) && !finding.remedy.is_empty()
        })
        .filter(|finding| matches!(finding.who, Actor::Customer | Actor::Partner | Actor::DnsProvider))
        .collect();
    findings.sort_by_key(|finding| (finding.severity != Severity::Blocking, finding.code));
    findings.dedup_by_key(|finding| (finding.code, finding.remedy.clone()));
    let more = findings.len().saturating_sub(MAX_ADVICE);
    let mut all: Vec<Advice> = findings
        .into_iter()
        .take(MAX_ADVICE)
        .map(|finding| Advice {
            code: finding.code.as_str().to_owned(),
            who: actor(finding.who).to_owned(),
            text: clean(&finding.remedy, MAX_ADVICE_TEXT),
        })
        .collect();
    if more > 0 {
        all.push(Advice {
            code: String::new(),
            who: actor(Actor::Desk).to_owned(),
            text: format!("There {}; the status page of the domain lists them.", {
                let points = counted(more, "more point", "more points");
                if more == 1 { format!("is {points}") } else { format!("are {points}") }
            }),
        });
    }
    all
}

/// `Thursday 15 October 2026 at 09:00`.
pub(super) fn moment(facts: &Facts<'_>, at: Timestamp) -> String {
    at.to_zoned(facts.zone.clone()).strftime("%-d %B %Y at %H:%M").to_string()
}

pub(super) fn day_of(facts: &Facts<'_>, at: Timestamp) -> String {
    at.to_zoned(facts.zone.clone()).strftime("%-d %B %Y").to_string()
}
