//! Events of a subscription as sentences, for whoever follows how it came to be what it is. An event that
//! this program does not know is shown by its name, never hidden.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::lifecycle::subscription::Event;
use crate::store::EventRow;

/// One event in words.
pub(in crate::http) fn subscription_in_words(row: &EventRow) -> String {
    serde_json::from_str(&row.body).map_or_else(|_| row.kind.replace('_', " "), |event| sentence(&event))
}

fn sentence(event: &Event) -> String {
    match event {
        Event::PhaseEntered { phase, why } => format!("Now {}: {why}", phase.as_str()),
        Event::DatesPromised { dates, group } => format!(
            "Dates promised: connected on {}, trial until before {}, decision until before {}; invoiced on the {group}th",
            day(dates.connected),
            day(dates.trial_end),
            day(dates.negotiation_end)
        ),
        Event::TrialExtended { dates, by, evidence, .. } => format!(
            "Trial extended by {by} until before {}, decision until before {}; evidence: {}",
            day(dates.trial_end),
            day(dates.negotiation_end),
            short(evidence)
        ),
        Event::MailboxesSeen { count, charged, by } => {
            format!("{count} mailboxes in operation, says {by}; {charged} are charged")
        }
        Event::DiscrepancyOpened { what } => format!("Discrepancy {} opened", what.as_str()),
        Event::DiscrepancyClosed { what, why } => format!("Discrepancy {} closed: {why}", what.as_str()),
        Event::Reminded { key } => reminder(key),
        Event::Decided { customer, by, received, evidence } => {
            let word = if *customer { "customer" } else { "no customer" };
            format!("Decided: {word}; entered by {by}, received {}; evidence: {}", moment(*received), short(evidence))
        }
        Event::Activated { charged_from, why } => format!("Charged from {} on: {why}", day(*charged_from)),
        Event::Deactivated { why } => format!("Not charged after all: {why}"),
        Event::GroupSet { group } => format!("Invoiced on the {group}th of each month"),
        Event::NoticeRuns { ends } => format!("A notice runs; the service ends before {}", day(*ends)),
        Event::NoticeWithdrawn => "The notice was withdrawn".to_owned(),
        Event::TermsChanged { terms, by, evidence } => {
            let from: Vec<String> = terms.iter().map(|(_, from)| day(*from)).collect();
            format!("Terms changed by {by}, valid from {}; evidence: {}", from.join(", "), short(evidence))
        }
        Event::DomainsOrdered { domains, further } => {
            format!("Ordered as well: {} ({further} more than before)", domains.join(", "))
        }
        Event::PartnerChanged { partner, from, by } => {
            format!("With the partner {partner} from {} on, by {by}", day(*from))
        }
        Event::DomainCounted { domain, connected: true, at } => format!("{domain} is connected since {}", moment(*at)),
        Event::DomainCounted { domain, connected: false, at } => format!("{domain} is gone since {}", moment(*at)),
        Event::UseSeen { domain, in_use: true, .. } => format!("The MX of {domain} names the gateway again"),
        Event::UseSeen { domain, in_use: false, .. } => format!("The MX of {domain} names the gateway no more"),
        Event::UsedAfterEnd { ended, charge_from } => {
            let follows =
                charge_from.map_or_else(String::new, |from| format!(": charged from {} on, if it stays", day(from)));
            format!("The service ended before {}, and the MX still names the gateway{follows}", day(*ended))
        }
        Event::UseCharged { charged_from } => format!("Use after the end is charged from {} on", day(*charged_from)),
        Event::UseEnded { charged_until: Some(until) } => {
            format!("Use after the end is over; charged until before {}", day(*until))
        }
        Event::ReportsBegin { after } => format!("Monthly security reports begin with the month after {}", day(*after)),
        Event::Reported { on } => format!("The security report of {} was made", day(*on)),
        Event::UseEnded { charged_until: None } => "Use after the end is over".to_owned(),
    }
}

fn day(date: Date) -> String {
    date.strftime("%-d %b %Y").to_string()
}

fn moment(at: Timestamp) -> String {
    at.strftime("%-d %b %Y, %H:%M UTC").to_string()
}

/// The digest of kept evidence is long; its beginning is enough to find it by.
fn short(evidence: &str) -> String {
    let digest = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words = evidence.split_inclusive([':', ' ']);
    let shown = words.map(|word| match word.get(..12).filter(|_| digest(word.trim_end())) {
        Some(begin) => format!("{begin}… "),
        None => word.to_owned(),
    });
    shown.collect::<String>().trim_end().to_owned()
}

/// What a reminder was about, by the key under which it is remembered.
fn reminder(key: &str) -> String {
    let about = match key {
        "trial_end-7" => "the trial ends in a week",
        "trial_end" => "the trial has ended; a decision is needed",
        "n-7" => "without a decision the charge begins in a week",
        "n-1" => "the decision is due tomorrow",
        "n-escalated" => "the decision is overdue",
        weekly if weekly.starts_with("negotiation+") => "a decision is still needed",
        other => return format!("Reminded: {}", other.replace('_', " ")),
    };
    format!("Reminded: {about}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_named_by_the_beginning_of_its_digest() {
        let digest = "7541f3321b96b310ffd443caa9f1ca90a3006c6e5f20d810d1c6d4f7beba8d17";
        assert_eq!(short(&format!("customer:{digest} decision.eml")), "customer:7541f3321b96… decision.eml");
        assert_eq!(short("mail of 4 January"), "mail of 4 January");
    }

    #[test]
    fn reminders_say_what_they_are_about() {
        assert_eq!(reminder("negotiation+3w"), "Reminded: a decision is still needed");
        assert_eq!(reminder("of_old"), "Reminded: of old");
    }
}
