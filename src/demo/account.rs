//! The final account of one customer: gathers what fencepost says about it, completes the story,
//! and compares everything with how it had to end.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::accounting;
use super::cast::{Notes, Profile, Stage};
use super::lab::{Mail, MailServer};
use super::notice::notice_of;
use super::story::Story;
use super::telling::{phase_word, tell};
use super::traffic::Report;
use super::trouble::{Doing, Outcome};
use crate::ledger::invoice::InvoiceLine;
use crate::lifecycle::connection::{Event, Phase};
use crate::lifecycle::subscription;

/// Events read at once; a whole run has fewer pages than [`PAGES`].
const PAGE: usize = 200;
const PAGES: usize = 50;

/// How a customer ended.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: &'static str,
    pub domain: &'static str,
    pub title: &'static str,
    pub connection: Phase,
    pub subscription: subscription::Phase,
    pub invoiced: Vec<(String, String)>,
    pub sent: usize,
    pub arrived: usize,
    pub deferred: u32,
    /// What is not as it should be.
    pub failures: Vec<String>,
}

/// What the account is made from, beside what the API says.
pub struct Sources<'a> {
    pub profile: &'static Profile,
    pub story: &'a Story,
    pub notes: Notes,
    pub report: Report,
    pub server: &'a MailServer,
    pub lines: Vec<InvoiceLine>,
}

#[derive(Debug, Clone, Deserialize)]
struct EventRow {
    seq: u64,
    at: Timestamp,
    kind: String,
    body: Value,
}

/// Gathers, completes the story and compares.
///
/// # Errors
/// When fencepost cannot be asked.
pub async fn settle(stage: &Stage, sources: Sources<'_>) -> Outcome<Account> {
    let Sources { profile, story, notes, report, server, lines } = sources;
    let status: Value = stage.desk.read(&format!("/v1/domains/{}/status", profile.domain)).await?;
    let customer: Value = stage.desk.read(&format!("/v1/customers/{}", notes.customer_id)).await?;
    let events = events(stage, profile.domain).await?;
    let ledger = ledger(stage, &notes.customer_id).await?;
    let mails = mails(stage, profile);
    complete(stage, story, &events, &mails, &lines)?;

    let received: BTreeSet<String> = server.received().into_iter().map(|mail| mail.message_id).collect();
    let missing: Vec<&String> = report.sent.iter().filter(|id| !received.contains(*id)).collect();
    let account = Account {
        name: profile.name,
        domain: profile.domain,
        title: profile.title,
        connection: field(&status, "phase")?,
        subscription: field(&customer, "phase")?,
        invoiced: lines.iter().map(|line| (line.run.to_string(), line.amount.to_string())).collect(),
        sent: report.sent.len(),
        arrived: report.sent.len() - missing.len(),
        deferred: report.deferred,
        failures: Vec::new(),
    };
    let mut failures = compare(profile, &account, &events, &mails, &ledger);
    failures.extend(findings(profile, &notes, &events));
    failures.extend(permits(&notes, &events));
    failures.extend(report.lost.iter().map(|lost| format!("mail was lost: {lost}")));
    failures.extend(missing.iter().map(|id| format!("{id} never arrived at the customer's server")));
    if report.sent.is_empty() {
        failures.push("nobody sent any mail".to_owned());
    }
    Ok(Account { failures, ..account })
}

fn field<T: for<'de> Deserialize<'de>>(value: &Value, name: &str) -> Outcome<T> {
    serde_json::from_value(value.get(name).cloned().unwrap_or(Value::Null)).doing(&format!("reading `{name}`"))
}

async fn events(stage: &Stage, domain: &str) -> Outcome<Vec<EventRow>> {
    let mut all: Vec<EventRow> = Vec::new();
    for _ in 0..PAGES {
        let after = all.last().map_or(0, |row| row.seq);
        let path = format!("/v1/domains/{domain}/events?after={after}&limit={PAGE}");
        let page: Value = stage.desk.read(&path).await?;
        let items: Vec<EventRow> = field(&page, "items")?;
        let last = items.len() < PAGE;
        all.extend(items);
        if last {
            break;
        }
    }
    Ok(all)
}

/// The kinds of a customer's ledger entries, in their order.
async fn ledger(stage: &Stage, customer_id: &str) -> Outcome<Vec<String>> {
    let path = format!("/v1/ledger/entries?customer={customer_id}&limit={PAGE}");
    let page: Value = stage.accounting.read(&path).await?;
    let items: Vec<Value> = field(&page, "items")?;
    let kind = |item: &Value| item.pointer("/kind/kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(items.iter().map(kind).collect())
}

fn mails(stage: &Stage, profile: &Profile) -> Vec<Arc<Mail>> {
    let about = |mail: &Arc<Mail>| mail.text.contains(profile.domain) || mail.text.contains(profile.name);
    stage.lab.mailbox.mails().into_iter().filter(about).collect()
}

/// Adds what fencepost did, wrote and invoiced to what people did.
fn complete(
    stage: &Stage,
    story: &Story,
    events: &[EventRow],
    mails: &[Arc<Mail>],
    lines: &[InvoiceLine],
) -> Outcome<()> {
    for row in events {
        let event: Event = serde_json::from_value(row.body.clone()).doing("reading an event")?;
        if let Some(text) = tell(&event) {
            story.add(row.at, "fencepost", text);
        }
    }
    // A notice is delivered to each recipient by itself; the story tells it once.
    let mut told: Vec<(Timestamp, &str, &str, Vec<&str>)> = Vec::new();
    for mail in mails {
        let to = mail.to.iter().map(String::as_str);
        match told.iter_mut().find(|(_, id, ..)| *id == mail.message_id) {
            Some((.., known)) => known.extend(to),
            None => told.push((mail.at, &mail.message_id, &mail.subject, to.collect())),
        }
    }
    for (at, _, subject, to) in told {
        story.add(at, "mail", format!("to {}: {subject}", to.join(", ")));
    }
    for line in lines {
        let at = accounting::closing_time(line.run, &stage.zone)?;
        let period = format!("{} to {}", line.period.from, line.period.to);
        story.add(at, "accounting", format!("invoices {} for {period}", line.amount));
    }
    Ok(())
}

fn compare(
    profile: &Profile,
    account: &Account,
    events: &[EventRow],
    mails: &[Arc<Mail>],
    ledger: &[String],
) -> Vec<String> {
    let expected = &profile.expected;
    let mut failures = Vec::new();
    if account.connection != expected.connection {
        let (is, should) = (phase_word(account.connection), phase_word(expected.connection));
        failures.push(format!("the connection ended {is}, it should be {should}"));
    }
    if account.subscription != expected.subscription {
        let (is, should) = (account.subscription, expected.subscription);
        failures.push(format!("the subscription ended {is:?}, it should be {should:?}"));
    }
    let happened = |kind: &str| events.iter().any(|row| row.kind == kind);
    failures.extend(expected.events.iter().filter(|k| !happened(k)).map(|k| format!("`{k}` never happened")));
    failures.extend(expected.never.iter().filter(|k| happened(k)).map(|k| format!("`{k}` must not happen")));
    let came = |notice: &str| mails.iter().any(|mail| notice_of(mail) == notice);
    failures.extend(expected.notices.iter().filter(|n| !came(n)).map(|n| format!("the mail `{n}` never came")));
    let ids: BTreeSet<(&str, &[String])> = mails.iter().map(|m| (m.message_id.as_str(), m.to.as_slice())).collect();
    if ids.len() != mails.len() {
        failures.push(format!("{} mails came twice", mails.len() - ids.len()));
    }
    if !expected.ledger.iter().copied().eq(ledger.iter().map(String::as_str)) {
        failures.push(format!("the ledger has {ledger:?}, it should have {:?}", expected.ledger));
    }
    let invoiced: Vec<(&str, &str)> = account.invoiced.iter().map(|(r, a)| (r.as_str(), a.as_str())).collect();
    if invoiced != expected.invoices {
        failures.push(format!("invoiced was {invoiced:?}, it should be {:?}", expected.invoices));
    }
    failures
}

/// Findings count when somebody read them on the page, or when a gate was blocked by them.
fn findings(profile: &Profile, notes: &Notes, events: &[EventRow]) -> Vec<String> {
    let reported = |code: &str| {
        let blocking = |row: &EventRow| {
            let codes = row.body.get("blocking").and_then(Value::as_array);
            codes.is_some_and(|codes| codes.iter().any(|c| c.as_str() == Some(code)))
        };
        events.iter().any(blocking)
    };
    let unseen = profile.expected.findings.iter().filter(|code| !notes.seen.contains(code) && !reported(code.as_str()));
    unseen.map(|code| format!("the finding {code} was never seen")).collect()
}

fn permits(notes: &Notes, events: &[EventRow]) -> Vec<String> {
    let Some(right_from) = notes.no_permit_before else { return Vec::new() };
    let early = events.iter().filter(|row| row.kind == "permit_issued" && row.at < right_from);
    early.map(|row| format!("a permit was issued at {}, before it was right at {right_from}", row.at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::cast::PROFILES;

    fn event(kind: &str, at: &str, body: Value) -> EventRow {
        EventRow { seq: 1, at: at.parse().unwrap(), kind: kind.to_owned(), body }
    }

    fn account(profile: &Profile, connection: Phase) -> Account {
        let own = |(run, amount): &(&str, &str)| ((*run).to_owned(), (*amount).to_owned());
        Account {
            name: profile.name,
            domain: profile.domain,
            title: profile.title,
            connection,
            subscription: profile.expected.subscription,
            invoiced: profile.expected.invoices.iter().map(own).collect(),
            sent: 1,
            arrived: 1,
            deferred: 0,
            failures: Vec::new(),
        }
    }

    #[test]
    fn an_account_fails_for_every_kind_of_difference() {
        let profile = &PROFILES[1];
        let ledger: Vec<String> = profile.expected.ledger.iter().map(|kind| (*kind).to_owned()).collect();
        let at = "2027-01-05T07:01:00Z";
        let events: Vec<EventRow> = profile.expected.events.iter().map(|kind| event(kind, at, Value::Null)).collect();
        let mail = |notice: &&str| {
            let headers = vec![(crate::demo::notice::HEADER.to_owned(), (*notice).to_owned())];
            let at = at.parse().unwrap();
            let (to, subject, text) = (vec!["a@b.example".to_owned()], String::new(), String::new());
            Arc::new(Mail { at, to, subject, text, message_id: (*notice).to_owned(), headers })
        };
        let mut mails: Vec<Arc<Mail>> = profile.expected.notices.iter().map(mail).collect();
        let good = account(profile, Phase::Connected);
        assert_eq!(compare(profile, &good, &events, &mails, &ledger), Vec::<String>::new());

        assert_eq!(compare(profile, &account(profile, Phase::Ready), &events, &mails, &ledger).len(), 1);
        assert_eq!(compare(profile, &good, &[], &mails, &ledger).len(), profile.expected.events.len());
        assert_eq!(compare(profile, &good, &events, &mails[1..], &ledger).len(), 1);
        assert_eq!(compare(profile, &good, &events, &mails, &ledger[1..]).len(), 1);
        mails.push(Arc::clone(&mails[0]));
        assert_eq!(compare(profile, &good, &events, &mails, &ledger), ["1 mails came twice"]);
        let uninvoiced = Account { invoiced: Vec::new(), ..good };
        assert!(compare(profile, &uninvoiced, &events, &mails[..3], &ledger)[0].starts_with("invoiced was []"));
    }

    #[test]
    fn a_finding_counts_when_it_was_read_or_blocked_and_a_permit_before_its_time_is_a_failure() {
        let profile = &PROFILES[1];
        let at = "2027-01-05T07:01:00Z";
        let mut notes = Notes::default();
        assert_eq!(findings(profile, &notes, &[]), ["the finding FW_PARTIAL was never seen"]);
        let blocked = event("gate_changed", at, serde_json::json!({ "blocking": ["FW_PARTIAL"] }));
        assert_eq!(findings(profile, &notes, &[blocked]), Vec::<String>::new());
        notes.no_permit_before = Some("2027-01-05T07:02:00Z".parse().unwrap());
        assert_eq!(permits(&notes, &[event("permit_issued", at, Value::Null)]).len(), 1);
        assert_eq!(permits(&notes, &[event("permit_issued", "2027-01-05T07:02:00Z", Value::Null)]).len(), 0);
    }
}
