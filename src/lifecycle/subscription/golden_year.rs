//! A golden year: customers with every kind of event, through the machine, the ledger and the invoicing
//! runs of 2027. The expected lines were worked out by hand; the reasoning stands beside them.

use jiff::Timestamp;
use jiff::civil::{Date, date};

use super::event::{Effect, Fact};
use super::state::{OrderKind, Subscription, TimerKind};
use super::{Terms, decide, evolve, open, timers};
use crate::config::{self, CommerceConfig};
use crate::ledger::chain::Head;
use crate::ledger::invoice::{InvoiceLine, LineKind, run_customer};
use crate::ledger::period::ProRating;
use crate::ledger::{EntryDraft, EntryKind, Evidence, Money, PriceMode, StoredEntry};
use crate::lifecycle::calendar::{Calendar, group_of_run};
use crate::order::Order;

/// Something that reaches the service desk at ten in the morning, UTC.
enum Mail {
    Connected,
    /// The MX names the gateway no more.
    Left,
    Yes,
    No,
    /// A "no" that was received on another day than it was entered.
    NoOf(&'static str),
    Notice,
    /// The trial goes on until that day.
    Extended(&'static str),
    /// Set in the panel.
    Mailboxes(u32),
    /// Entered and approved by the desk, valid from a day.
    Entry(&'static str, EntryKind),
}

use Mail::{Connected, Entry, Extended, Left, Mailboxes, No, NoOf, Notice, Yes};

fn per_mailbox(amount: &str) -> EntryKind {
    EntryKind::PriceSet { mode: PriceMode::PerMailbox, amount: amount.parse().unwrap() }
}

fn mailboxes(mailboxes: u32) -> EntryKind {
    EntryKind::MailboxBasisSet { mailboxes }
}

fn group(group: u8) -> EntryKind {
    EntryKind::GroupSet { group }
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn morning(text: &str) -> Timestamp {
    format!("{text}T10:00:00Z").parse().unwrap()
}

/// One order through time.
struct Account {
    calendar: Calendar,
    order: Order,
    sub: Subscription,
    head: Head,
    entries: Vec<StoredEntry>,
    closed: Vec<InvoiceLine>,
    rule: ProRating,
}

impl Account {
    fn new(kind: OrderKind, group: Option<u8>, rule: ProRating, at: Timestamp) -> Self {
        let order = serde_json::from_str(
            r#"{ "partner": "Acme IT", "customer_name": "Customer Ltd", "business_id": null, "billing_address": null,
                 "vat_id": null, "bill_to": "customer", "contacts": [], "domains": ["a.example"], "servers": [],
                 "hosted": true, "test_mailbox": "postmaster", "mailboxes": 5, "kind": "trial",
                 "price": "120.00 EUR", "sales_rep": null, "invoicing_group": null, "language": "en" }"#,
        )
        .unwrap();
        let (sub, decision) = open(kind, group, 1, at);
        let pro_rating = match rule {
            ProRating::None => config::ProRating::None,
            ProRating::Daily => config::ProRating::Daily,
        };
        Self {
            calendar: Calendar::from_config(&CommerceConfig { pro_rating, ..CommerceConfig::default() }).unwrap(),
            order,
            sub: evolve(&sub, &decision, at),
            head: Head::EMPTY,
            entries: Vec::new(),
            closed: Vec::new(),
            rule,
        }
    }

    fn append(&mut self, drafts: Vec<EntryDraft>, now: Timestamp) {
        self.entries.extend(self.head.append(now, drafts));
    }

    fn take(&mut self, now: Timestamp, fact: &Fact) {
        let terms = Terms { customer_id: "c", order_id: "o", order: &self.order, calendar: &self.calendar };
        let decision = decide(&self.sub, &terms, fact, now);
        self.sub = evolve(&self.sub, &decision, now);
        let drafts = decision.effects.into_iter().filter_map(|effect| match effect {
            Effect::Ledger { entry } => Some(entry),
            _ => None,
        });
        self.append(drafts.collect(), now);
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let calendar = |(kind, _): &(TimerKind, Timestamp)| *kind == TimerKind::Calendar;
        timers(&self.sub, &self.calendar, now).into_iter().find(calendar).map(|(_, due)| due)
    }

    /// Follows the timers up to an instant.
    fn wait(&mut self, until: Timestamp) {
        let mut now = self.sub.phase_since;
        while let Some(due) = self.next(now).filter(|due| *due <= until) {
            now = due;
            self.take(now, &Fact::Due);
        }
    }

    fn mail(&mut self, entered: &str, mail: &Mail) {
        let now = morning(entered);
        self.wait(now);
        let by = || "desk".to_owned();
        let decided = |customer, received| {
            let evidence = format!("mail of {received}");
            Fact::Decided { customer, group: None, by: by(), received, evidence }
        };
        match mail {
            Connected => self.take(now, &Fact::DomainConnected { domain: "a.example".to_owned(), at: now }),
            Left => self.take(now, &Fact::DomainUse { domain: "a.example".to_owned(), in_use: false, at: now }),
            Yes => self.take(now, &decided(true, now)),
            No => self.take(now, &decided(false, now)),
            NoOf(received) => self.take(now, &decided(false, morning(received))),
            Notice => {
                self.take(
                    now,
                    &Fact::NoticeGiven { by: by(), received: now, evidence: format!("notice of {entered}") },
                );
            }
            Extended(until) => {
                let evidence = format!("mail of {entered}");
                self.take(now, &Fact::TrialExtended { until: day(until), by: by(), received: now, evidence });
            }
            Mailboxes(count) => self.take(now, &Fact::MailboxesSeen { count: *count, charged: 5, by: by() }),
            Entry(valid_from, kind) => {
                let evidence =
                    Evidence::Mail { sha256: "ab".repeat(32), message_id: None, received: now, authentication: None };
                let draft = EntryDraft {
                    customer_id: "c".to_owned(),
                    kind: kind.clone(),
                    valid_from: day(valid_from),
                    evidence,
                    recorded_by: by(),
                    approved_by: Some("accounting".to_owned()),
                    supersedes: None,
                };
                self.append(vec![draft], now);
            }
        }
    }

    fn close(&mut self, on: Date) {
        let run = run_customer(&self.entries, on, self.head.seq, &self.closed, self.rule).unwrap();
        assert_eq!(run.problems, [], "run of {on}");
        // The same run from the same head gives the same lines.
        assert_eq!(run_customer(&self.entries, on, self.head.seq, &self.closed, self.rule).unwrap(), run);
        self.closed.extend(run.lines);
    }
}

/// A customer with these mails, and what the runs of 2027 charged: each line as `run: period amount`, an
/// adjustment with a sign before it.
struct Lived {
    rule: ProRating,
    entries: Vec<StoredEntry>,
    lines: Vec<String>,
}

/// Entries with the times at which they were recorded.
pub(crate) type Recorded = Vec<(Timestamp, EntryDraft)>;

/// Lets a customer live, and tells its lines.
type Year<'a> = &'a mut dyn FnMut(ProRating, OrderKind, Option<u8>, &[(&str, Mail)]) -> Vec<String>;

fn live(rule: ProRating, kind: OrderKind, group: Option<u8>, mails: &[(&str, Mail)]) -> Lived {
    let begin = morning("2025-12-01");
    let mut account = Account::new(kind, group, rule, begin);
    let mut left = mails.iter().peekable();
    let mut on = date(2026, 1, 1);
    while on < date(2028, 1, 1) {
        while let Some((entered, mail)) = left.next_if(|(entered, _)| day(entered) <= on) {
            account.mail(entered, mail);
        }
        if group_of_run(on).is_some() {
            account.wait(morning(&on.to_string()));
            account.close(on);
        }
        on = on.tomorrow().unwrap();
    }
    assert!(left.next().is_none(), "a mail after the year");
    let lines = account.closed.iter().filter(|line| line.run.year() == 2027).map(shown).collect();
    Lived { rule, entries: account.entries, lines }
}

/// A line as it is written down here.
pub(crate) fn shown(line: &InvoiceLine) -> String {
    let sign = if line.kind == LineKind::Adjustment && line.amount.minor > 0 { "+" } else { "" };
    format!("{}: {} {sign}{}", line.run, line.period.from, line.amount)
}

/// Everybody of the year who is charged by a rule: what was recorded and when, each under an id of its own, and
/// the lines of 2027.
pub(crate) fn everybody(rule: ProRating) -> Vec<(Recorded, Vec<String>)> {
    let mut all: Vec<Lived> = Vec::new();
    let mut year = |rule: ProRating, kind: OrderKind, group: Option<u8>, mails: &[(&str, Mail)]| -> Vec<String> {
        let lived = live(rule, kind, group, mails);
        let lines = lived.lines.clone();
        all.push(lived);
        lines
    };
    for customer in CUSTOMERS {
        customer(&mut year);
    }
    let chosen = all.into_iter().filter(|lived| lived.rule == rule);
    let named = |(n, lived): (usize, Lived)| {
        let draft =
            |entry: StoredEntry| (entry.recorded_at, EntryDraft { customer_id: format!("c{n:02}"), ..entry.draft });
        (lived.entries.into_iter().map(draft).collect(), lived.lines)
    };
    chosen.enumerate().map(named).collect()
}

/// Each is a test of its own, and all of them are customers of one ledger.
macro_rules! customers {
    ($($name:ident),+ $(,)?) => {
        const CUSTOMERS: &[fn(Year<'_>)] = &[$($name),+];

        mod tests {
            $(#[test]
            fn $name() {
                super::$name(&mut |rule, kind, group, mails| super::live(rule, kind, group, mails).lines);
            })+
        }
    };
}

customers! {
    a_paid_order_is_charged_from_its_connection,
    a_trial_without_an_answer_is_charged_from_n,
    a_connection_on_the_30th_is_charged_from_the_first_and_february_has_a_run,
    a_switch_to_the_later_group_in_the_middle_of_a_period,
    a_switch_to_the_earlier_group_in_the_middle_of_a_period,
    a_mail_that_comes_after_the_run_makes_an_adjustment_in_the_next,
    fewer_mailboxes_count_from_the_next_period,
    notice_at_eleven_months,
    notice_at_twelve_months,
    notice_at_thirteen_months,
    a_late_yes_in_negotiation_is_charged_from_its_day,
    a_no_received_in_time_and_entered_after_the_run_is_given_back,
    a_no_in_the_trial_costs_nothing_and_an_order_after_it_begins_anew,
    use_after_a_no_is_charged_a_week_after_it_was_said_until_the_mx_leaves,
    use_after_a_notice_is_charged_in_periods_of_its_own,
    use_after_the_end_that_stops_within_the_week_costs_nothing,
    by_days_the_last_period_ends_with_the_notice,
    by_days_a_charge_that_begins_on_the_30th_has_a_first_period_of_its_days,
    by_days_an_end_that_is_heard_of_after_the_run_gives_its_days_back,
    an_extended_trial_is_charged_from_its_own_n,
    a_trial_extended_in_negotiation_is_free_again_until_a_yes,
    what_the_panel_says_of_mailboxes_is_charged_to_nobody_until_an_entry_says_so,
}

/// One line for each run, its period beginning on a day of the same month or, where the day comes after
/// the run, of the month before.
fn lines(runs: &[&str], begins: &[&str], amount: &str) -> Vec<String> {
    assert_eq!(runs.len(), begins.len());
    let amount: Money = amount.parse().unwrap();
    runs.iter().zip(begins).map(|(run, begin)| format!("2027-{run}: 2027-{begin} {amount}")).collect()
}

const FIFTEENTHS: [&str; 12] =
    ["01-15", "02-15", "03-15", "04-15", "05-15", "06-15", "07-15", "08-15", "09-15", "10-15", "11-15", "12-15"];
const THIRTIETHS: [&str; 12] =
    ["01-30", "02-28", "03-30", "04-30", "05-30", "06-30", "07-30", "08-30", "09-30", "10-30", "11-30", "12-30"];

/// The same day of each month.
fn monthly(day: &str, months: std::ops::RangeInclusive<u8>) -> Vec<String> {
    months.map(|month| format!("{month:02}-{day}")).collect()
}

fn expected(runs: &[&str], day: &str, months: std::ops::RangeInclusive<u8>, amount: &str) -> Vec<String> {
    let begins = monthly(day, months);
    lines(runs, &begins.iter().map(String::as_str).collect::<Vec<_>>(), amount)
}

fn a_paid_order_is_charged_from_its_connection(year: Year<'_>) {
    // B is the 12th of January; each period begins on a 12th and falls to the run three days later.
    let got = year(ProRating::None, OrderKind::Paid, Some(15), &[("2027-01-12", Connected)]);
    assert_eq!(got, expected(&FIFTEENTHS, "12", 1..=12, "120.00 EUR"));
}

fn a_trial_without_an_answer_is_charged_from_n(year: Year<'_>) {
    // 31 January + 30 days = 2 March; one month to negotiate; N = B = 2 April. Periods begin on the 2nd and
    // wait for the 30th: nine until the year is over.
    let got = year(ProRating::None, OrderKind::Trial, Some(30), &[("2027-01-31", Connected)]);
    assert_eq!(got, expected(&THIRTIETHS[3..], "02", 4..=12, "120.00 EUR"));
}

fn a_connection_on_the_30th_is_charged_from_the_first_and_february_has_a_run(year: Year<'_>) {
    // Day 30: group 30 by rule; B moves to 1 February, whose run is on the 28th.
    let got = year(ProRating::None, OrderKind::Paid, None, &[("2027-01-30", Connected)]);
    assert_eq!(got, expected(&THIRTIETHS[1..], "01", 2..=12, "120.00 EUR"));
}

fn a_switch_to_the_later_group_in_the_middle_of_a_period(year: Year<'_>) {
    // The period of 10 May began in group 15 and stays there. That of 10 June begins in group 30.
    let mails = [("2027-03-10", Connected), ("2027-05-20", Entry("2027-05-20", group(30)))];
    let got = year(ProRating::None, OrderKind::Paid, Some(15), &mails);
    let mut wanted = expected(&FIFTEENTHS[2..5], "10", 3..=5, "120.00 EUR");
    wanted.extend(expected(&THIRTIETHS[5..], "10", 6..=12, "120.00 EUR"));
    assert_eq!(got, wanted);
}

fn a_switch_to_the_earlier_group_in_the_middle_of_a_period(year: Year<'_>) {
    // From 1 March in group 15: the period of 20 March comes after the run of 15 March, so it falls to that
    // of April. Nothing is charged in March, nothing twice; the period of 20 December is of next year.
    let mails = [("2027-01-20", Connected), ("2027-03-01", Entry("2027-03-01", group(15)))];
    let got = year(ProRating::None, OrderKind::Paid, Some(30), &mails);
    let mut wanted = expected(&THIRTIETHS[..2], "20", 1..=2, "120.00 EUR");
    wanted.extend(expected(&FIFTEENTHS[3..], "20", 3..=11, "120.00 EUR"));
    assert_eq!(got, wanted);
}

fn a_mail_that_comes_after_the_run_makes_an_adjustment_in_the_next(year: Year<'_>) {
    // 40 mailboxes at 1.50 are 60.00. On 20 February a mail says that there are 50 since 1 February: January
    // (begun on the 5th with 40) stays, February is 15.00 short and gets it in March; then 75.00.
    let mails = [
        ("2027-01-05", Connected),
        ("2027-01-06", Entry("2027-01-05", per_mailbox("1.50 EUR"))),
        ("2027-01-06", Entry("2027-01-05", mailboxes(40))),
        ("2027-02-20", Entry("2027-02-01", mailboxes(50))),
    ];
    let got = year(ProRating::None, OrderKind::Paid, Some(15), &mails);
    let mut wanted = expected(&FIFTEENTHS[..2], "05", 1..=2, "60.00 EUR");
    wanted.push("2027-03-15: 2027-03-05 75.00 EUR".to_owned());
    wanted.push("2027-03-15: 2027-02-05 +15.00 EUR".to_owned());
    wanted.extend(expected(&FIFTEENTHS[3..], "05", 4..=12, "75.00 EUR"));
    assert_eq!(got, wanted);
}

fn fewer_mailboxes_count_from_the_next_period(year: Year<'_>) {
    // 30 mailboxes at 2.00; 20 from 15 June. The period of June is charged whole (no pro-rating).
    let mails = [
        ("2027-02-01", Connected),
        ("2027-02-02", Entry("2027-02-01", per_mailbox("2.00 EUR"))),
        ("2027-02-02", Entry("2027-02-01", mailboxes(30))),
        ("2027-06-15", Entry("2027-06-15", mailboxes(20))),
    ];
    let got = year(ProRating::None, OrderKind::Paid, Some(30), &mails);
    let mut wanted = expected(&THIRTIETHS[1..6], "01", 2..=6, "60.00 EUR");
    wanted.extend(expected(&THIRTIETHS[6..], "01", 7..=12, "40.00 EUR"));
    assert_eq!(got, wanted);
}

fn notice_at_eleven_months(year: Year<'_>) {
    // B 10 June 2026; notice on 10 May 2027: one month, so 9 June is the last day.
    let got = year(
        ProRating::None,
        OrderKind::Paid,
        Some(15),
        &[("2026-06-10", Connected), ("2027-05-10", Notice), ("2027-06-10", Left)],
    );
    assert_eq!(got, expected(&FIFTEENTHS[..5], "10", 1..=5, "120.00 EUR"));
}

fn notice_at_twelve_months(year: Year<'_>) {
    // Up to and including twelve months: still one month. 10 February + 1 month; 9 March is the last day.
    let got = year(
        ProRating::None,
        OrderKind::Paid,
        Some(15),
        &[("2026-02-10", Connected), ("2027-02-10", Notice), ("2027-03-10", Left)],
    );
    assert_eq!(got, expected(&FIFTEENTHS[..2], "10", 1..=2, "120.00 EUR"));
}

fn notice_at_thirteen_months(year: Year<'_>) {
    // Beyond twelve months: six. 10 March + 6 months; 9 September is the last day, the period of August the
    // last one.
    let got = year(
        ProRating::None,
        OrderKind::Paid,
        Some(15),
        &[("2026-02-10", Connected), ("2027-03-10", Notice), ("2027-09-10", Left)],
    );
    assert_eq!(got, expected(&FIFTEENTHS[..8], "10", 1..=8, "120.00 EUR"));
}

fn a_late_yes_in_negotiation_is_charged_from_its_day(year: Year<'_>) {
    // 1 April + 30 days = 1 May; the yes comes on 20 May: negotiation was free, B is 20 May.
    let got = year(ProRating::None, OrderKind::Trial, Some(15), &[("2027-04-01", Connected), ("2027-05-20", Yes)]);
    assert_eq!(got, expected(&FIFTEENTHS[5..], "20", 5..=11, "120.00 EUR"));
}

fn a_no_received_in_time_and_entered_after_the_run_is_given_back(year: Year<'_>) {
    // 5 January + 30 days = 4 February; N = B = 4 March; charged on the 15th. The no had been received on
    // the 3rd and was entered on the 20th: all of it comes back in April, and nothing follows.
    let mails = [("2027-01-05", Connected), ("2027-03-20", NoOf("2027-03-03")), ("2027-03-22", Left)];
    let got = year(ProRating::None, OrderKind::Trial, Some(15), &mails);
    assert_eq!(got, ["2027-03-15: 2027-03-04 120.00 EUR", "2027-04-15: 2027-03-04 -120.00 EUR"]);
}

fn a_no_in_the_trial_costs_nothing_and_an_order_after_it_begins_anew(year: Year<'_>) {
    let declined = year(
        ProRating::None,
        OrderKind::Trial,
        Some(15),
        &[("2027-02-01", Connected), ("2027-02-20", No), ("2027-03-01", Left)],
    );
    assert_eq!(declined, [] as [&str; 0]);
    // The second order is paid: B is the day of its connection.
    let again = year(ProRating::None, OrderKind::Paid, Some(15), &[("2027-08-03", Connected)]);
    assert_eq!(again, expected(&FIFTEENTHS[7..], "03", 8..=12, "120.00 EUR"));
}

fn use_after_a_no_is_charged_a_week_after_it_was_said_until_the_mx_leaves(year: Year<'_>) {
    // 5 January + 30 days = 4 February; N = 4 March, the first day without service. On 5 March the MX is still
    // there and the partner is told; a week on, 12 March, is B. The MX leaves on 20 May: the period of 12 May has
    // begun and stays whole, that of 12 June does not begin.
    let mails = [("2027-01-05", Connected), ("2027-02-20", No), ("2027-05-20", Left)];
    let got = year(ProRating::None, OrderKind::Trial, Some(15), &mails);
    assert_eq!(got, expected(&FIFTEENTHS[2..5], "12", 3..=5, "120.00 EUR"));
}

fn use_after_a_notice_is_charged_in_periods_of_its_own(year: Year<'_>) {
    // B 10 June 2026; notice on 10 May 2027: 9 June is the last day, the period of 10 May the last one. On 11 June
    // the partner is told; 18 June is the new B. The run of 15 June is over by then, so 18 June falls to that of
    // July and 18 July to that of August. The MX leaves on 25 July.
    let mails = [("2026-06-10", Connected), ("2027-05-10", Notice), ("2027-07-25", Left)];
    let got = year(ProRating::None, OrderKind::Paid, Some(15), &mails);
    let mut wanted = expected(&FIFTEENTHS[..5], "10", 1..=5, "120.00 EUR");
    wanted.extend(expected(&FIFTEENTHS[6..8], "18", 6..=7, "120.00 EUR"));
    assert_eq!(got, wanted);
}

fn use_after_the_end_that_stops_within_the_week_costs_nothing(year: Year<'_>) {
    // Told on 5 March, charged from 12 March; the MX leaves on 11 March.
    let mails = [("2027-01-05", Connected), ("2027-02-20", No), ("2027-03-11", Left)];
    assert_eq!(year(ProRating::None, OrderKind::Trial, Some(15), &mails), [] as [&str; 0]);
}

fn by_days_the_last_period_ends_with_the_notice(year: Year<'_>) {
    // B 10 February 2026; notice on 15 March 2027, thirteen months on: six months, so 14 September is the last day. The
    // period of 10 September has 30 days, of which 5 are charged: 120.00 * 5 / 30 = 20.00.
    let mails = [("2026-02-10", Connected), ("2027-03-15", Notice), ("2027-09-15", Left)];
    let got = year(ProRating::Daily, OrderKind::Paid, Some(15), &mails);
    let mut wanted = expected(&FIFTEENTHS[..8], "10", 1..=8, "120.00 EUR");
    wanted.push("2027-09-15: 2027-09-10 20.00 EUR".to_owned());
    assert_eq!(got, wanted);
}

fn by_days_a_charge_that_begins_on_the_30th_has_a_first_period_of_its_days(year: Year<'_>) {
    // B stays 30 January. Its two days are charged of the 31 of January: 120.00 * 2 / 31 = 7.7419, so 7.74, in the run of
    // that very day. Then whole months from 1 February, whose run is on the 28th.
    let got = year(ProRating::Daily, OrderKind::Paid, None, &[("2027-01-30", Connected)]);
    let mut wanted = vec!["2027-01-30: 2027-01-30 7.74 EUR".to_owned()];
    wanted.extend(expected(&THIRTIETHS[1..], "01", 2..=12, "120.00 EUR"));
    assert_eq!(got, wanted);
}

fn by_days_an_end_that_is_heard_of_after_the_run_gives_its_days_back(year: Year<'_>) {
    // 5 January + 30 days = 4 February; the trial is negotiated until 4 March = B. Charged whole on the 15th, because
    // nobody has said that it ends. Entered on 20 March: it was agreed to end with 24 March. From 4 March there are 20
    // days of 31: due 120.00 * 20 / 31 = 77.42, so 42.58 come back in April.
    let mails = [("2027-01-05", Connected), ("2027-03-20", Entry("2027-03-24", EntryKind::Deactivated))];
    let got = year(ProRating::Daily, OrderKind::Trial, Some(15), &mails);
    assert_eq!(got, ["2027-03-15: 2027-03-04 120.00 EUR", "2027-04-15: 2027-03-04 -42.58 EUR"]);
    // Charged whole, it is charged whole.
    let whole = year(
        ProRating::None,
        OrderKind::Trial,
        Some(15),
        &[("2027-01-05", Connected), ("2027-03-20", Entry("2027-03-24", EntryKind::Deactivated))],
    );
    assert_eq!(whole, ["2027-03-15: 2027-03-04 120.00 EUR"]);
}

fn an_extended_trial_is_charged_from_its_own_n(year: Year<'_>) {
    // 31 January + 30 days = 2 March, N = 2 April. On 20 February the trial is extended until 15 April, and N moves to
    // 15 May: nobody decides, so that is B. Group 30: the period of 15 May falls to the run of 30 May; eight periods.
    let mails = [("2027-01-31", Connected), ("2027-02-20", Extended("2027-04-15"))];
    let got = year(ProRating::None, OrderKind::Trial, Some(30), &mails);
    assert_eq!(got, expected(&THIRTIETHS[4..], "15", 5..=12, "120.00 EUR"));
}

fn a_trial_extended_in_negotiation_is_free_again_until_a_yes(year: Year<'_>) {
    // 1 April + 30 days = 1 May, N = 1 June. On 20 May, in negotiation, the trial is extended until 10 June; the yes of
    // 25 May lies in the trial, so B is its end, 10 June. Group 15: the run of 15 June is the first.
    let mails = [("2027-04-01", Connected), ("2027-05-20", Extended("2027-06-10")), ("2027-05-25", Yes)];
    let got = year(ProRating::None, OrderKind::Trial, Some(15), &mails);
    assert_eq!(got, expected(&FIFTEENTHS[5..], "10", 6..=12, "120.00 EUR"));
}

fn what_the_panel_says_of_mailboxes_is_charged_to_nobody_until_an_entry_says_so(year: Year<'_>) {
    // 30 mailboxes at 2.00 are charged. The panel says 45 in March and 20 in April; only the mail of 15 June changes
    // the basis, to 45, from that day: the period of June began with 30.
    let mails = [
        ("2027-02-01", Connected),
        ("2027-02-02", Entry("2027-02-01", per_mailbox("2.00 EUR"))),
        ("2027-02-02", Entry("2027-02-01", mailboxes(30))),
        ("2027-03-10", Mailboxes(45)),
        ("2027-04-10", Mailboxes(20)),
        ("2027-06-15", Entry("2027-06-15", mailboxes(45))),
    ];
    let got = year(ProRating::None, OrderKind::Paid, Some(30), &mails);
    let mut wanted = expected(&THIRTIETHS[1..6], "01", 2..=6, "60.00 EUR");
    wanted.extend(expected(&THIRTIETHS[6..], "01", 7..=12, "90.00 EUR"));
    assert_eq!(got, wanted);
}
