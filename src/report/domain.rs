//! The section of one domain: its rows, each compared with what the report before said.

use jiff::Timestamp;

use fencepost_checks::escape::clean;
use fencepost_checks::explain::in_finnish;
use fencepost_checks::{Actor, Finding, Severity};

use super::days::{self, MAX_CHANGES, Past};
use super::words::{length, times, verdict};
use super::{About, Advice, DomainFacts, DomainReport, Facts, Report, Row, Tone, actor, posture, servers};
use crate::lifecycle::connection::Health;
use crate::words::{Language, day as day_in, short_moment};

/// Pieces of advice for a domain.
const MAX_ADVICE: usize = 5;
const MAX_ADVICE_TEXT: usize = 600;

pub(super) fn make(facts: &Facts<'_>, of: &DomainFacts, before: Option<&Report>) -> DomainReport {
    let domain = of.connection.domain.clone();
    let before = before.and_then(|report| report.domains.iter().find(|known| known.domain == domain));
    let mut past = days::past(facts, of);
    let mut rows =
        vec![checks(facts, of, before), mx(facts, of), drift(of, &past, facts.language), delivery(of, facts.language)];
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
        advice: advice(of, facts.language),
        looks: of.tally.as_ref().map(|tally| tally.looks),
    }
}

/// Looks since the report before; since they are counted, where it knows of none.
fn checks(facts: &Facts<'_>, of: &DomainFacts, before: Option<&DomainReport>) -> Row {
    let l = facts.language;
    let Some(tally) = &of.tally else {
        let why = l.say("checks of this domain are not counted yet", "tarkistuksia ei vielä lasketa");
        return Row::unknown(l, About::Checks, why);
    };
    let earlier = before.and_then(|before| before.looks);
    let looks = earlier.map_or(tally.looks, |earlier| tally.looks.since(&earlier));
    let mut note = match l {
        Language::En => format!(
            "MX {}, mail server {}, firewall {}, gateway {}, policies {}",
            looks.mx, looks.mail_server, looks.firewall, looks.gateway, looks.policies
        ),
        Language::Fi => format!(
            "MX {}, oma palvelin {}, palomuuri {}, suodatuspalvelu {}, käytännöt {}",
            looks.mx, looks.mail_server, looks.firewall, looks.gateway, looks.policies
        ),
    };
    if earlier.is_none() {
        let since = day_of(facts, tally.since);
        note.push_str(&match l {
            Language::En => format!("; counted since {since}"),
            Language::Fi => format!("; laskettu {since} alkaen"),
        });
    }
    let tone = if looks.sum() == 0 { Tone::Unknown } else { Tone::Plain };
    Row::new(About::Checks, tone, looks.sum().to_string()).note(note)
}

fn mx(facts: &Facts<'_>, of: &DomainFacts) -> Row {
    let Some(seen) = &of.connection.observed.mx else {
        let why = facts.language.say("the MX has not been looked at", "MX-tietueita ei ole tarkistettu");
        return Row::unknown(facts.language, About::Mx, why);
    };
    let (says, tone) = verdict(seen.verdict, facts.language);
    let names: Vec<String> = seen.names.iter().take(8).map(|name| clean(name, 100)).collect();
    let names = if names.is_empty() { String::new() } else { format!("{}; ", names.join(", ")) };
    Row::new(About::Mx, tone, says).note(format!(
        "{names}{} {}",
        facts.language.say("last seen", "viimeksi nähty"),
        moment(facts, seen.last_at)
    ))
}

fn drift(of: &DomainFacts, past: &Past, l: Language) -> Row {
    let cut = if of.history_cut {
        l.say("the history is longer than what was read", "historia on pidempi kuin mitä luettiin")
    } else {
        ""
    };
    let Some(last) = past.drifts.last() else {
        let tone = if of.history_cut { Tone::Unknown } else { Tone::Good };
        return Row::new(About::Drift, tone, l.say("none", "ei lainkaan")).note(cut);
    };
    let goes_on = if last.until.is_none() { l.say(", and it goes on", ", ja se jatkuu") } else { "" };
    let (often, long) = (times(past.drifts.len(), l), length(past.drifted_for, l));
    let says = match l {
        Language::En => format!("{often}, {long} in all{goes_on}"),
        Language::Fi => format!("{often}, yhteensä {long}{goes_on}"),
    };
    Row::new(About::Drift, Tone::Bad, says).note(cut)
}

fn delivery(of: &DomainFacts, l: Language) -> Row {
    match (of.connection.health, &of.connection.observed.probe) {
        (Health::DeliveryFailing, _) => {
            Row::new(About::Delivery, Tone::Bad, l.say("does not take its mail", "ei ota postia vastaan"))
        }
        (Health::Good, None) => {
            let why = l.say("the mail server has not been looked at", "palvelinta ei ole tarkistettu");
            Row::unknown(l, About::Delivery, why)
        }
        (Health::Good, Some(seen)) => match seen.verdict {
            fencepost_checks::Verdict::Pass => {
                Row::new(About::Delivery, Tone::Good, l.say("takes its mail", "ottaa postia vastaan"))
            }
            fencepost_checks::Verdict::Inconclusive => {
                let why = l.say("its last answer said nothing for certain", "viimeisin vastaus ei ollut selvä");
                Row::unknown(l, About::Delivery, why)
            }
            fencepost_checks::Verdict::Fail => {
                let says = l.say("refused a test at the last look", "torjui testin viime tarkistuksessa");
                Row::new(About::Delivery, Tone::Fair, says)
            }
        },
    }
}

/// What somebody may do about it, the graver first. What waits for us is not the reader's.
fn advice(of: &DomainFacts, l: Language) -> Vec<Advice> {
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
            who: actor(finding.who, l).to_owned(),
            text: remedy(finding, l),
        })
        .collect();
    if more > 0 {
        all.push(Advice {
            code: String::new(),
            who: actor(Actor::Desk, l).to_owned(),
            text: match (l, more) {
                (Language::En, 1) => "There is 1 more point; the status page of the domain lists them.".to_owned(),
                (Language::En, n) => format!("There are {n} more points; the status page of the domain lists them."),
                (Language::Fi, n) => format!("Muita kohtia: {n}; ne luetellaan verkkotunnuksen tilasivulla."),
            },
        });
    }
    all
}

/// The checks give exact values in English alone: in Finnish those stand beside the translation.
fn remedy(finding: &Finding, l: Language) -> String {
    let original = clean(&finding.remedy, MAX_ADVICE_TEXT);
    match l {
        Language::En => original,
        Language::Fi => format!("{} Englanniksi: \"{original}\"", in_finnish(finding.code).remedy),
    }
}

/// `15 October 2026 at 09:00`.
pub(super) fn moment(facts: &Facts<'_>, at: Timestamp) -> String {
    short_moment(facts.language, at, facts.zone)
}

pub(super) fn day_of(facts: &Facts<'_>, at: Timestamp) -> String {
    day_in(facts.language, at.to_zoned(facts.zone.clone()).date())
}
