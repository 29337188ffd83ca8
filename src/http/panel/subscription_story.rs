//! Events of a subscription as sentences, for whoever follows how it came to be what it is. An event that
//! this program does not know is shown by its name, never hidden.

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
            dates.connected, dates.trial_end, dates.negotiation_end
        ),
        Event::TrialExtended { dates, by, evidence, .. } => format!(
            "Trial extended by {by} until before {}, decision until before {}, by the evidence {evidence}",
            dates.trial_end, dates.negotiation_end
        ),
        Event::MailboxesSeen { count, charged, by } => {
            format!("{count} mailboxes in operation, says {by}; {charged} are charged")
        }
        Event::DiscrepancyOpened { what } => format!("Discrepancy {} opened", what.as_str()),
        Event::DiscrepancyClosed { what, why } => format!("Discrepancy {} closed: {why}", what.as_str()),
        Event::Reminded { key } => format!("Reminded: {}", key.replace('_', " ")),
        Event::Decided { customer, by, received, evidence } => {
            let word = if *customer { "customer" } else { "no customer" };
            format!("The word is `{word}`, from {by}, received {received}, by the evidence {evidence}")
        }
        Event::Activated { charged_from, why } => format!("Charged from {charged_from} on: {why}"),
        Event::Deactivated { why } => format!("Not charged after all: {why}"),
        Event::GroupSet { group } => format!("Invoiced on the {group}th of each month"),
        Event::NoticeRuns { ends } => format!("A notice runs; the service ends before {ends}"),
        Event::NoticeWithdrawn => "The notice was withdrawn".to_owned(),
        Event::TermsChanged { terms, by, evidence } => {
            let from: Vec<String> = terms.iter().map(|(_, from)| from.to_string()).collect();
            format!("Terms changed by {by} (valid from {}), by the evidence {evidence}", from.join(", "))
        }
        Event::DomainsOrdered { domains, further } => {
            format!("Ordered as well: {} ({further} more than before)", domains.join(", "))
        }
        Event::PartnerChanged { partner, from, by } => format!("With the partner {partner} from {from} on, by {by}"),
        Event::DomainCounted { domain, connected: true, at } => format!("{domain} is connected since {at}"),
        Event::DomainCounted { domain, connected: false, at } => format!("{domain} is gone since {at}"),
        Event::UseSeen { domain, in_use: true, .. } => format!("The MX of {domain} names the gateway again"),
        Event::UseSeen { domain, in_use: false, .. } => format!("The MX of {domain} names the gateway no more"),
        Event::UsedAfterEnd { ended, charge_from } => {
            let follows = charge_from.map_or_else(String::new, |from| format!(": charged from {from} on, if it stays"));
            format!("The service ended before {ended}, and the MX still names the gateway{follows}")
        }
        Event::UseCharged { charged_from } => format!("Use after the end is charged from {charged_from} on"),
        Event::UseEnded { charged_until: Some(until) } => {
            format!("Use after the end is over; charged until before {until}")
        }
        Event::ReportsBegin { after } => format!("Monthly security reports begin with the month after {after}"),
        Event::Reported { on } => format!("The security report of {on} was made"),
        Event::UseEnded { charged_until: None } => "Use after the end is over".to_owned(),
    }
}
