//! Single customers through time, with the dates and entries that each must get.

use jiff::Timestamp;
use jiff::civil::date;

use super::event::{Effect, Fact};
use super::state::{DiscrepancyKind, OrderKind, Phase, Subscription, TimerKind};
use super::{Terms, decide, evolve, open, timers};
use crate::config::{CommerceConfig, OnNoDecision};
use crate::ledger::EntryKind;
use crate::lifecycle::calendar::Calendar;
use crate::order::Order;

/// One customer, and everything that was asked of others.
struct Story {
    calendar: Calendar,
    order: Order,
    sub: Subscription,
    told: Vec<String>,
}

fn at(text: &str) -> Timestamp {
    format!("{text}:00Z").parse().unwrap()
}

impl Story {
    fn new(kind: OrderKind) -> Self {
        Self::with(kind, OnNoDecision::Invoice)
    }

    fn with(kind: OrderKind, on_no_decision: OnNoDecision) -> Self {
        let order = serde_json::from_str(
            r#"{ "partner": "Acme IT", "customer_name": "Customer Ltd", "business_id": null, "billing_address": null,
                 "vat_id": null, "bill_to": "customer", "contacts": [], "domains": ["a.example"], "servers": [],
                 "hosted": true, "test_mailbox": "postmaster", "mailboxes": 5, "kind": "trial",
                 "price": "120.00 EUR", "sales_rep": null, "invoicing_group": null, "language": "en" }"#,
        )
        .unwrap();
        let (sub, decision) = open(kind, None, 1, at("2026-01-20T09:00"));
        let sub = evolve(&sub, &decision, at("2026-01-20T09:00"));
        let calendar = Calendar::from_config(&CommerceConfig { on_no_decision, ..CommerceConfig::default() }).unwrap();
        Self { calendar, order, sub, told: Vec::new() }
    }

    fn fact(&mut self, now: &str, fact: &Fact) -> &mut Self {
        self.take(at(now), fact);
        self
    }

    fn take(&mut self, now: Timestamp, fact: &Fact) {
        let terms = Terms { customer_id: "c1", order_id: "o1", order: &self.order, calendar: &self.calendar };
        let decision = decide(&self.sub, &terms, fact, now);
        self.sub = evolve(&self.sub, &decision, now);
        let day = self.calendar.day_of(now);
        self.told.extend(decision.effects.iter().map(|e| match e {
            Effect::Ledger { entry } => format!("{day} entry {:?} from {}", entry.kind, entry.valid_from),
            other => format!("{day} {other:?}"),
        }));
    }

    fn connected(&mut self, now: &str) -> &mut Self {
        self.fact(now, &Fact::DomainConnected { domain: "a.example".to_owned(), at: at(now) })
    }

    fn word(&mut self, now: &str, customer: bool) -> &mut Self {
        let evidence = format!("mail of {now}");
        self.fact(now, &Fact::Decided { customer, group: None, by: "desk".to_owned(), received: at(now), evidence })
    }

    fn notice(&mut self, now: &str) -> &mut Self {
        let evidence = format!("notice of {now}");
        self.fact(now, &Fact::NoticeGiven { by: "desk".to_owned(), received: at(now), evidence })
    }

    /// Follows the timers until none is left.
    fn wait(&mut self) -> &mut Self {
        let mut now = self.sub.phase_since;
        let calendar = |(kind, _): &(TimerKind, Timestamp)| *kind == TimerKind::Calendar;
        while let Some((_, due)) = timers(&self.sub, &self.calendar, now).into_iter().find(calendar) {
            now = due;
            self.take(now, &Fact::Due);
        }
        self
    }
}

#[test]
fn one_that_never_decides_is_warned_and_invoiced_from_n() {
    let mut story = Story::new(OrderKind::Trial);
    story.connected("2026-01-31T10:00").wait();
    assert_eq!((story.sub.phase, story.sub.charged_from), (Phase::Active, Some(date(2026, 4, 2))));
    insta::assert_snapshot!(story.told.join("\n"));
}

#[test]
fn silence_is_escalated_to_the_desk_a_week_after_it_was_said() {
    let mut story = Story::with(OrderKind::Trial, OnNoDecision::Escalate);
    story.connected("2026-01-31T10:00").wait();
    assert_eq!((story.sub.phase, story.sub.charged_from), (Phase::Negotiation, None));
    insta::assert_snapshot!(story.told.join("\n"));
}

#[test]
fn silence_releases_the_customer_a_week_after_it_was_said() {
    let mut story = Story::with(OrderKind::Trial, OnNoDecision::Release);
    story.connected("2026-01-31T10:00").wait();
    // This MX never moves: its use after the end is another matter.
    insta::assert_snapshot!(story.told.join("\n"));
    assert_eq!(story.sub.phase, Phase::Declined);
}

/// Follows the monthly reports up to an instant.
fn reports(story: &mut Story, until: &str) -> Vec<String> {
    let mut now = story.sub.phase_since;
    story.told.clear();
    let report = |(kind, _): &(TimerKind, Timestamp)| *kind == TimerKind::Report;
    while let Some((_, due)) = timers(&story.sub, &story.calendar, now).into_iter().find(report) {
        if due > at(until) {
            break;
        }
        now = due;
        story.take(now, &Fact::ReportDue);
    }
    story.told.iter().filter(|told| told.contains("Report")).map(|told| told[..10].to_owned()).collect()
}

#[test]
fn a_report_comes_on_the_day_of_the_group_once_a_month_while_the_service_goes_on() {
    // Connected on the 31st: group 30, which falls on the last day of February.
    let mut story = Story::new(OrderKind::Paid);
    story.connected("2027-01-31T10:00");
    assert_eq!(reports(&mut story, "2027-05-01T00:00"), ["2027-02-28", "2027-03-30", "2027-04-30"]);
    // To group 15 in May: one in each month all the same.
    let yes = Fact::Decided {
        customer: true,
        group: Some(15),
        by: "desk".to_owned(),
        received: at("2027-05-03T10:00"),
        evidence: "mail".to_owned(),
    };
    story.fact("2027-05-03T10:00", &yes);
    assert_eq!(reports(&mut story, "2027-06-20T00:00"), ["2027-05-15", "2027-06-15"]);
    // And back after the 15th: the one of June has gone out, the next comes at the end of July.
    let back = Fact::Decided {
        customer: true,
        group: Some(30),
        by: "desk".to_owned(),
        received: at("2027-06-21T10:00"),
        evidence: "another mail".to_owned(),
    };
    story.fact("2027-06-21T10:00", &back);
    story.notice("2027-07-05T10:00");
    assert_eq!(story.sub.notice_ends, Some(date(2027, 8, 5)));
    assert_eq!(reports(&mut story, "2028-01-01T00:00"), ["2027-07-30"], "none after the end");
}

#[test]
fn a_report_that_was_missed_for_a_week_is_left_out_and_the_day_of_the_connection_is_too_soon() {
    let mut story = Story::new(OrderKind::Paid);
    story.connected("2027-01-15T10:00");
    assert_eq!(story.sub.group, Some(15));
    let told = |story: &Story| story.told.iter().filter(|told| told.contains("Report")).count();
    story.fact("2027-01-15T11:00", &Fact::ReportDue);
    assert_eq!(told(&story), 0, "nothing was seen yet");
    story.fact("2027-02-21T10:00", &Fact::ReportDue);
    assert_eq!(told(&story), 1, "six days late");
    story.fact("2027-03-23T10:00", &Fact::ReportDue);
    assert_eq!(told(&story), 1, "a week late");
    story.fact("2027-04-14T20:59", &Fact::ReportDue);
    assert_eq!(told(&story), 1, "the 15th has not begun in Helsinki");
    story.fact("2027-04-14T21:00", &Fact::ReportDue).fact("2027-04-14T21:00", &Fact::ReportDue);
    assert_eq!(told(&story), 2);
}

#[test]
fn a_notice_that_is_taken_back_is_confirmed_and_the_charge_goes_on() {
    let mut story = Story::new(OrderKind::Paid);
    story.connected("2026-02-01T10:00").notice("2026-05-31T10:00");
    story.told.clear();
    let withdrawn =
        Fact::NoticeWithdrawn { by: "desk".to_owned(), received: at("2026-06-10T10:00"), evidence: "mail".to_owned() };
    story.fact("2026-06-10T10:00", &withdrawn).fact("2026-06-11T10:00", &withdrawn).wait();
    assert_eq!((story.sub.phase, story.sub.notice_ends), (Phase::Active, None));
    insta::assert_snapshot!(story.told.join("\n"));
}

#[test]
fn the_first_charged_day_follows_the_decision() {
    let cases = [
        ("2026-02-10T10:00", date(2026, 3, 2)),  // in the trial: from its end
        ("2026-03-01T21:59", date(2026, 3, 2)),  // the last minute of the trial in Helsinki
        ("2026-03-10T10:00", date(2026, 3, 10)), // negotiation was free until the yes
        ("2026-03-30T10:00", date(2026, 4, 1)),  // day 29 to 31 moves to the 1st
    ];
    for (yes, charged_from) in cases {
        let mut story = Story::new(OrderKind::Trial);
        story.connected("2026-01-31T10:00").word(yes, true);
        assert_eq!((story.sub.phase, story.sub.charged_from), (Phase::Active, Some(charged_from)), "{yes}");
    }
    let mut paid = Story::new(OrderKind::Paid);
    paid.connected("2026-01-31T10:00");
    assert_eq!((paid.sub.phase, paid.sub.charged_from), (Phase::Active, Some(date(2026, 2, 1))));
}

#[test]
fn notice_is_one_month_through_the_twelfth_and_six_beyond() {
    for (given, ends) in [
        ("2026-05-31T10:00", date(2026, 6, 30)),
        ("2027-02-01T10:00", date(2027, 3, 1)),
        ("2027-02-02T10:00", date(2027, 8, 2)),
    ] {
        let mut story = Story::new(OrderKind::Paid);
        story.connected("2026-02-01T10:00").notice(given).notice(given);
        assert_eq!((story.sub.phase, story.sub.notice_ends), (Phase::Notice, Some(ends)), "{given}");
        story.wait();
        assert_eq!(story.sub.phase, Phase::Ended);
        let deactivated = story.told.iter().filter(|t| t.contains(&format!("{:?}", EntryKind::Deactivated))).count();
        assert_eq!(deactivated, 1);
    }
}

#[test]
fn a_no_received_in_time_and_entered_late_takes_the_charge_back() {
    let mut story = Story::new(OrderKind::Trial);
    story.connected("2026-01-31T10:00").wait();
    let no = Fact::Decided {
        customer: false,
        group: None,
        by: "desk".to_owned(),
        received: at("2026-04-01T10:00"),
        evidence: "mail".to_owned(),
    };
    story.told.clear();
    story.fact("2026-04-05T10:00", &no).fact("2026-04-06T10:00", &no);
    assert_eq!((story.sub.phase, story.sub.charged_from), (Phase::Declined, None));
    insta::assert_snapshot!(story.told.join("\n"));
}

#[test]
fn an_older_word_that_comes_late_changes_nothing() {
    let mut story = Story::new(OrderKind::Trial);
    story.connected("2026-01-31T10:00").word("2026-02-10T10:00", false);
    let yes = Fact::Decided {
        customer: true,
        group: None,
        by: "desk".to_owned(),
        received: at("2026-02-09T10:00"),
        evidence: "older mail".to_owned(),
    };
    story.fact("2026-02-11T10:00", &yes);
    assert_eq!(story.sub.phase, Phase::Declined);
    story.word("2026-02-12T10:00", true);
    assert_eq!((story.sub.phase, story.sub.charged_from), (Phase::Active, Some(date(2026, 3, 2))));
}

#[test]
fn reminders_move_with_an_extended_trial() {
    let mut story = Story::new(OrderKind::Trial);
    // The trial ends on 2 March; in the negotiation after it the desk extends it until 1 April.
    story.connected("2026-01-31T10:00").fact("2026-03-12T10:00", &Fact::Due);
    story.told.clear();
    let extended = |until, received: &str| Fact::TrialExtended {
        until,
        by: "desk".to_owned(),
        received: at(received),
        evidence: "mail that asks for it".to_owned(),
    };
    story.fact("2026-03-12T11:00", &extended(date(2026, 4, 1), "2026-03-12T11:00"));
    story.fact("2026-03-12T11:05", &extended(date(2026, 4, 1), "2026-03-12T11:00"));
    assert_eq!(story.sub.phase, Phase::Trial);
    story.wait();
    assert_eq!((story.sub.phase, story.sub.charged_from), (Phase::Active, Some(date(2026, 5, 1))));
    insta::assert_snapshot!(story.told.join("\n"));
}

#[test]
fn a_difference_ends_with_an_entry_and_with_nothing_else() {
    let mut story = Story::new(OrderKind::Paid);
    story.connected("2026-02-01T10:00");
    let seen = |count| Fact::MailboxesSeen { count, charged: 5, by: "anna".to_owned() };
    let open = |story: &Story| story.sub.is_open(DiscrepancyKind::MailboxesDiffer);
    story.told.clear();
    assert!(!open(story.fact("2026-02-02T10:00", &seen(5))));
    assert!(open(story.fact("2026-02-03T10:00", &seen(9))));
    assert!(open(story.fact("2026-02-04T10:00", &seen(5))), "setting the old number again hides nothing");
    assert_eq!(story.told, [""; 0], "nothing is recorded, nobody is written to");
    let approved = |mailboxes, evidence: &str| Fact::MailApproved {
        decision: None,
        notice: false,
        terms: vec![(EntryKind::MailboxBasisSet { mailboxes }, date(2026, 2, 5))],
        by: "desk".to_owned(),
        received: at("2026-02-05T10:00"),
        evidence: evidence.to_owned(),
    };
    assert!(open(story.fact("2026-02-05T10:00", &approved(7, "one"))), "7 are charged, 5 are in operation");
    assert!(!open(story.fact("2026-02-06T10:00", &approved(5, "other"))));
}

#[test]
fn charged_without_a_domain_is_told_until_notice_is_given() {
    let mut story = Story::new(OrderKind::Paid);
    story.connected("2026-02-01T10:00");
    let gone = Fact::DomainReleased { domain: "a.example".to_owned(), at: at("2026-03-01T10:00") };
    let open = |story: &Story| story.sub.is_open(DiscrepancyKind::ChargedWithoutDomain);
    assert!(!open(&story));
    assert!(open(story.fact("2026-03-01T10:00", &gone)));
    assert_eq!(story.sub.phase, Phase::Active, "it is charged as before");
    assert!(!open(story.notice("2026-03-05T10:00")));
}
