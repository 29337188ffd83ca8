//! Walks the machine: exhaustively over short histories (stateright), at random over long ones
//! (proptest). Facts come in any order, late, repeated and contradictory. Kept bad machines show that
//! the walk can fail.

use std::collections::{BTreeSet, HashSet};
use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use stateright::{Checker, HasDiscoveries, Model, Property};

use super::event::{Decision, Effect, Event, Fact, Notice};
use super::state::{DiscrepancyKind, OrderKind, Phase, Subscription, TimerKind};
use super::{Source, Terms, decide, evolve, open, table, take_over, timers, waiting_for};
use crate::config::{CommerceConfig, OnNoDecision};
use crate::ledger::chain::Head;
use crate::ledger::{EntryDraft, EntryKind, StoredEntry, fold};
use crate::lifecycle::calendar::Calendar;
use crate::order::Order;
use crate::order::base::Standing;

type Decide = fn(&Subscription, &Terms<'_>, &Fact, Timestamp) -> Decision;

/// The machine in its surroundings.
#[derive(Debug, Clone)]
struct Walk {
    kind: OrderKind,
    on_no_decision: OnNoDecision,
    decide: Decide,
    /// Words in one history; bounds the exhaustive walk.
    words: u8,
    /// Taken over from an existing base.
    taken_over: bool,
    /// Begins where a customer in its trial has said no.
    said_no: bool,
}

impl Walk {
    fn of((kind, on_no_decision): (OrderKind, OnNoDecision)) -> Self {
        Self { kind, on_no_decision, decide, words: 4, taken_over: false, said_no: false }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    now: Timestamp,
    sub: Subscription,
    /// What the ledger was asked to record.
    entries: Vec<EntryDraft>,
    /// Words spoken so far, to give each its own evidence.
    words: u8,
    last: Option<Fact>,
    broken: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    /// To the next timer, as the engine does.
    NextTimer,
    /// To the next monthly report.
    Report,
    /// The engine was away.
    Away {
        days: i16,
    },
    Registered,
    Connected(&'static str),
    Gone(&'static str),
    /// "Customer" or "no customer", received so many days ago.
    Word {
        customer: bool,
        days_ago: i16,
    },
    Notice {
        days_ago: i16,
    },
    Withdrawn,
    /// A further domain, or one that comes again.
    Ordered(&'static str),
    /// Whether the MX of a domain that is being released names the gateway.
    Use(&'static str, bool),
    /// Another partner takes over.
    Transferred(&'static str),
    /// The desk extends the trial until so many days from now.
    Extended {
        days: i16,
    },
    /// So many mailboxes are set in the panel; 5 are charged.
    Mailboxes(u32),
    /// The last fact is delivered once more.
    Again,
}

const ACTIONS: &[Action] = &[
    Action::NextTimer,
    Action::Report,
    Action::Away { days: 3 },
    Action::Away { days: 45 },
    Action::Registered,
    Action::Connected("a.example"),
    Action::Connected("b.example"),
    Action::Gone("a.example"),
    Action::Gone("b.example"),
    Action::Word { customer: true, days_ago: 0 },
    Action::Word { customer: false, days_ago: 0 },
    Action::Word { customer: false, days_ago: 20 },
    Action::Notice { days_ago: 0 },
    Action::Withdrawn,
    Action::Ordered("c.example"),
    Action::Connected("c.example"),
    Action::Gone("c.example"),
    Action::Ordered("a.example"),
    Action::Use("a.example", false),
    Action::Use("a.example", true),
    Action::Transferred("Other IT"),
    Action::Transferred("Acme IT"),
    Action::Extended { days: 20 },
    Action::Mailboxes(7),
    Action::Mailboxes(5),
    Action::Again,
];

static ORDER: LazyLock<Order> = LazyLock::new(|| {
    serde_json::from_str(
        r#"{ "partner": "Acme IT", "customer_name": "Customer Ltd", "business_id": null, "billing_address": null,
             "vat_id": null, "bill_to": "customer", "contacts": [], "domains": ["a.example", "b.example"],
             "servers": [], "hosted": true, "test_mailbox": "postmaster", "mailboxes": 5, "kind": "trial",
             "price": "120.00 EUR", "sales_rep": null, "invoicing_group": null, "language": "en" }"#,
    )
    .unwrap()
});

fn calendar(on_no_decision: OnNoDecision) -> &'static Calendar {
    static ALL: LazyLock<[Calendar; 3]> = LazyLock::new(|| {
        [OnNoDecision::Invoice, OnNoDecision::Escalate, OnNoDecision::Release].map(|on_no_decision| {
            Calendar::from_config(&CommerceConfig { on_no_decision, ..CommerceConfig::default() }).unwrap()
        })
    });
    match on_no_decision {
        OnNoDecision::Invoice => &ALL[0],
        OnNoDecision::Escalate => &ALL[1],
        OnNoDecision::Release => &ALL[2],
    }
}

impl Walk {
    fn calendar(&self) -> &'static Calendar {
        calendar(self.on_no_decision)
    }

    fn terms(&self) -> Terms<'static> {
        Terms { customer_id: "c1", order_id: "o1", order: &ORDER, calendar: self.calendar() }
    }

    fn start(&self) -> World {
        let now = "2026-01-20T09:00:00Z".parse().unwrap();
        if self.taken_over {
            let day = jiff::civil::date;
            let since = match self.kind {
                OrderKind::Paid => Standing::Charged { connected: None, from: day(2025, 10, 20), invoiced_until: None },
                OrderKind::Trial => Standing::Trial { connected: None, ends: day(2026, 2, 10) },
            };
            let source = Source { evidence: "base.csv line 2", by: "desk" };
            let (sub, decision) = take_over(&self.terms(), &since, source, now);
            let entries = ledger_of(&decision);
            return World { now, sub, entries, words: 0, last: None, broken: None };
        }
        let (sub, decision) = open(self.kind, None, 2, now);
        let sub = evolve(&sub, &decision, now);
        let world = World { now, sub, entries: Vec::new(), words: 0, last: None, broken: None };
        if !self.said_no {
            return world;
        }
        let no = Action::Word { customer: false, days_ago: 0 };
        let before = [Action::Connected("a.example"), no];
        before.into_iter().fold(world, |world, action| self.step(&world, action).unwrap_or(world))
    }

    fn timer(&self, world: &World, kind: TimerKind) -> Option<Timestamp> {
        timers(&world.sub, self.calendar(), world.now).into_iter().find(|(k, _)| *k == kind).map(|(_, due)| due)
    }

    fn fact(&self, world: &mut World, action: Action) -> Option<Fact> {
        let ago = |now: Timestamp, days: i16| now - SignedDuration::from_hours(24 * i64::from(days));
        let by = || "desk".to_owned();
        let at = world.now;
        Some(match action {
            Action::NextTimer => {
                world.now = self.timer(world, TimerKind::Calendar)?;
                Fact::Due
            }
            Action::Report => {
                world.now = self.timer(world, TimerKind::Report)?;
                Fact::ReportDue
            }
            Action::Away { days } => {
                world.now += SignedDuration::from_hours(24 * i64::from(days));
                Fact::Due
            }
            Action::Registered => Fact::Registered { by: by() },
            Action::Connected(domain) => Fact::DomainConnected { domain: domain.to_owned(), at },
            Action::Gone(domain) => Fact::DomainReleased { domain: domain.to_owned(), at },
            Action::Word { .. } | Action::Notice { .. } | Action::Withdrawn if world.words >= self.words => {
                return None;
            }
            Action::Word { customer, days_ago } => {
                world.words += 1;
                let evidence = format!("mail {}", world.words);
                Fact::Decided { customer, group: None, by: by(), received: ago(at, days_ago), evidence }
            }
            Action::Notice { days_ago } => {
                world.words += 1;
                let evidence = format!("mail {}", world.words);
                Fact::NoticeGiven { by: by(), received: ago(at, days_ago), evidence }
            }
            Action::Withdrawn => {
                world.words += 1;
                Fact::NoticeWithdrawn { by: by(), received: at, evidence: format!("mail {}", world.words) }
            }
            Action::Ordered(domain) => Fact::DomainsOrdered { domains: vec![domain.to_owned()], by: by() },
            Action::Use(domain, in_use) => Fact::DomainUse { domain: domain.to_owned(), in_use, at },
            Action::Transferred(partner) => Fact::PartnerChanged {
                partner: partner.to_owned(),
                from: self.calendar().day_of(at),
                by: by(),
                evidence: format!("mail of {partner}"),
            },
            Action::Extended { days } => {
                let until = self.calendar().day_of(at).saturating_add(i64::from(days).days());
                Fact::TrialExtended { until, by: by(), received: at, evidence: format!("mail of {at}") }
            }
            Action::Mailboxes(count) => Fact::MailboxesSeen { count, charged: 5, by: by() },
            Action::Again => world.last.clone()?,
        })
    }

    fn step(&self, before: &World, action: Action) -> Option<World> {
        let mut world = before.clone();
        let fact = self.fact(&mut world, action)?;
        let terms = self.terms();
        let decision = (self.decide)(&before.sub, &terms, &fact, world.now);
        world.sub = evolve(&before.sub, &decision, world.now);
        world.entries.extend(ledger_of(&decision));
        world.broken = self.broken(before, &world, &fact, &decision);
        world.last = Some(fact);
        Some(world)
    }

    /// What one step must not do.
    fn broken(&self, before: &World, after: &World, fact: &Fact, decision: &Decision) -> Option<&'static str> {
        let mut from = before.sub.phase;
        for event in &decision.events {
            if let Event::PhaseEntered { phase, .. } = event {
                if !table().iter().any(|r| r.from == from.as_str() && r.to == phase.as_str()) {
                    return Some("a change of phase that the table does not have");
                }
                from = *phase;
            }
        }
        let notices: Vec<Notice> = decision
            .effects
            .iter()
            .filter_map(|e| if let Effect::Notify { notice } = e { Some(*notice) } else { None })
            .collect();
        if notices.iter().collect::<BTreeSet<_>>().len() != notices.len() {
            return Some("a notice twice in one decision");
        }
        if !notices.is_empty() && decision.events.is_empty() {
            return Some("a notice without a transition");
        }
        let a_week_on = self.calendar().day_of(after.now).saturating_add(7.days());
        let hasty =
            |event: &Event| matches!(event, Event::UsedAfterEnd { charge_from: Some(from), .. } if *from < a_week_on);
        if decision.events.iter().any(hasty) {
            return Some("use that is charged less than a week after it was said");
        }
        if matches!(fact, Fact::MailboxesSeen { .. }) {
            let without = (self.decide)(&before.sub, &self.terms(), &Fact::Due, after.now);
            if ledger_of(&without) != ledger_of(decision) {
                return Some("a number of mailboxes from the panel that reaches the ledger");
            }
        }
        if let (Some(old), Some(new)) = (&before.sub.dates, &after.sub.dates)
            && (new.trial_end < old.trial_end || new.negotiation_end < old.negotiation_end)
        {
            return Some("a promised date that moves to an earlier day");
        }
        let again = (self.decide)(&after.sub, &self.terms(), fact, after.now);
        if !again.events.is_empty() || !again.effects.is_empty() {
            return Some("the same fact once more has an effect");
        }
        // A report that has become due meanwhile waits for its own fact.
        let answers = |kind: TimerKind| kind == TimerKind::Calendar || *fact == Fact::ReportDue;
        if timers(&after.sub, self.calendar(), after.now).iter().any(|(kind, at)| answers(*kind) && *at <= after.now) {
            return Some("a timer that is due at once for ever");
        }
        let months = |events: &[Event]| events.iter().filter(|e| matches!(e, Event::Reported { .. })).count();
        let reported = |effects: &[Effect]| effects.iter().filter(|e| matches!(e, Effect::Report { .. })).count();
        if months(&decision.events) != reported(&decision.effects) || reported(&decision.effects) > 1 {
            return Some("a report without its event, or twice");
        }
        if let Some(Event::Reported { on }) = decision.events.iter().find(|e| matches!(e, Event::Reported { .. })) {
            let before = before.sub.reported.is_some_and(|last| last.first_of_month() >= on.first_of_month());
            let connected = after.sub.dates.as_ref().is_none_or(|dates| dates.connected >= *on);
            let serves = matches!(after.sub.phase, Phase::Trial | Phase::Negotiation | Phase::Active | Phase::Notice);
            if before || connected || !serves || self.calendar().start_of(*on) > after.now {
                return Some("a second report of a month, or one that nobody should get");
            }
        }
        None
    }
}

fn ledger_of(decision: &Decision) -> Vec<EntryDraft> {
    let entry = |effect: &Effect| if let Effect::Ledger { entry } = effect { Some(entry.clone()) } else { None };
    decision.effects.iter().filter_map(entry).collect()
}

impl World {
    fn ledger(&self) -> Vec<StoredEntry> {
        let mut head = Head::EMPTY;
        head.append(Timestamp::UNIX_EPOCH, self.entries.clone())
    }
}

fn no_charged_day_before_the_trials_end(walk: &Walk, world: &World) -> bool {
    let (OrderKind::Trial, Some(dates)) = (walk.kind, &world.sub.dates) else { return true };
    let entries = world.ledger();
    let in_force = fold::active(&entries, u64::MAX);
    fold::spans(&in_force).iter().all(|s| s.from >= dates.trial_end)
}

fn charged_as_the_phase_says(walk: &Walk, world: &World) -> bool {
    let entries = world.ledger();
    let today = walk.calendar().day_of(world.now);
    let charged = |day| fold::state(&entries, day, u64::MAX).charged;
    let later = today.saturating_add(40.days()).max(world.sub.charged_from.unwrap_or(today));
    match world.sub.phase {
        Phase::Active => charged(later),
        Phase::Notice => world.sub.notice_ends.is_some_and(|e| {
            let eve = e.saturating_sub(1.day());
            charged(eve) == (world.sub.charged_from.is_some_and(|b| b <= eve))
        }),
        Phase::Declined | Phase::Ended if world.sub.after_end.is_some_and(|a| a.charged_from.is_some()) => {
            charged(later)
        }
        Phase::Ended => !charged(later),
        Phase::Requested
        | Phase::Onboarding
        | Phase::Trial
        | Phase::Negotiation
        | Phase::Declined
        | Phase::Cancelled => !charged(today) && !charged(later),
    }
}

fn silence_is_charged_only_after_a_weeks_warning(walk: &Walk, world: &World) -> bool {
    let silent = walk.kind == OrderKind::Trial && world.sub.phase == Phase::Active && world.sub.decided.is_none();
    let week_later = |t| walk.calendar().start_of(walk.calendar().day_of(t).saturating_add(7.days()));
    !silent || world.sub.warned_at.is_some_and(|t| world.sub.phase_since >= week_later(t))
}

fn somebody_or_something_is_waited_for(walk: &Walk, world: &World) -> bool {
    world.sub.phase.is_final()
        || !timers(&world.sub, walk.calendar(), world.now).is_empty()
        || !waiting_for(&world.sub, walk.calendar()).is_empty()
}

fn no_reminder_twice(_: &Walk, world: &World) -> bool {
    let keys: BTreeSet<_> = world.sub.reminded.iter().collect();
    keys.len() == world.sub.reminded.len()
}

fn use_after_the_end_is_charged_from_the_day_that_was_said(walk: &Walk, world: &World) -> bool {
    let Some(after_end) = world.sub.after_end else { return true };
    let today = walk.calendar().day_of(world.now);
    after_end.charged_from.is_none_or(|from| from <= today && Some(from) == after_end.charge_from)
}

fn invoices_name_the_partner_that_has_the_customer(walk: &Walk, world: &World) -> bool {
    let state = fold::state(&world.ledger(), walk.calendar().day_of(world.now), u64::MAX);
    let present = world.sub.partner.as_deref().unwrap_or("Acme IT");
    state.partner.is_none_or(|named| named.value == present)
}

fn charged_without_a_domain_is_told(_: &Walk, world: &World) -> bool {
    let s = &world.sub;
    let without = s.phase == Phase::Active && s.domains_connected() + s.domains_open() == 0;
    without == s.is_open(DiscrepancyKind::ChargedWithoutDomain)
}

fn another_number_of_mailboxes_stays_open(_: &Walk, world: &World) -> bool {
    let s = &world.sub;
    let differs = s.mailboxes_seen.as_ref().is_some_and(|seen| seen.count != 5);
    s.phase.is_final() || !differs || s.is_open(DiscrepancyKind::MailboxesDiffer)
}

fn every_step_keeps_the_rules(_: &Walk, world: &World) -> bool {
    world.broken.is_none()
}

type Rule = (&'static str, fn(&Walk, &World) -> bool);

const RULES: &[Rule] = &[
    ("no charged day before the trial's end", no_charged_day_before_the_trials_end),
    ("charged as the phase says", charged_as_the_phase_says),
    ("silence is charged only after a week's warning", silence_is_charged_only_after_a_weeks_warning),
    ("somebody or something is waited for", somebody_or_something_is_waited_for),
    ("no reminder twice", no_reminder_twice),
    (
        "use after the end is charged from the day that was said",
        use_after_the_end_is_charged_from_the_day_that_was_said,
    ),
    ("invoices name the partner that has the customer", invoices_name_the_partner_that_has_the_customer),
    ("charged without a domain is told", charged_without_a_domain_is_told),
    ("another number of mailboxes stays open", another_number_of_mailboxes_stays_open),
    ("every step keeps the rules", every_step_keeps_the_rules),
];

impl Model for Walk {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.start()]
    }

    fn actions(&self, _: &World, actions: &mut Vec<Action>) {
        // The old number again is for the histories at random: the exhaustive walk stays short enough.
        actions.extend(ACTIONS.iter().filter(|action| **action != Action::Mailboxes(5)));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        self.step(world, action)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        RULES.iter().map(|(name, holds)| Property::always(name, *holds)).collect()
    }
}

const ALL: [(OrderKind, OnNoDecision); 4] = [
    (OrderKind::Trial, OnNoDecision::Invoice),
    (OrderKind::Trial, OnNoDecision::Escalate),
    (OrderKind::Trial, OnNoDecision::Release),
    (OrderKind::Paid, OnNoDecision::Invoice),
];

#[test]
fn every_short_history_keeps_the_rules() {
    for which in ALL {
        let checked = Walk::of(which).checker().target_max_depth(5).spawn_bfs().join();
        checked.assert_properties();
        assert!(checked.unique_state_count() > 5_000, "only {} states", checked.unique_state_count());
    }
}

#[test]
fn every_short_history_of_a_taken_over_customer_keeps_the_rules() {
    for which in [ALL[0], ALL[3]] {
        let walk = Walk { taken_over: true, ..Walk::of(which) };
        let checked = walk.checker().target_max_depth(5).spawn_bfs().join();
        checked.assert_properties();
        assert!(checked.unique_state_count() > 5_000, "only {} states", checked.unique_state_count());
    }
}

#[test]
fn every_short_history_after_a_no_with_the_mx_left_as_it_is_keeps_the_rules() {
    let walk = Walk { said_no: true, ..Walk::of(ALL[0]) };
    let checked = walk.clone().checker().target_max_depth(5).spawn_bfs().join();
    checked.assert_properties();
    assert!(checked.unique_state_count() > 5_000, "only {} states", checked.unique_state_count());
    let told_and_charged = [Action::NextTimer, Action::NextTimer];
    let end = told_and_charged.into_iter().fold(walk.start(), |world, action| walk.step(&world, action).unwrap());
    assert!(end.sub.after_end.unwrap().charged_from.is_some(), "{:?}", end.sub);
}

/// Yes and then no, both while the trial runs, and the MX stays: free to the end that was promised.
#[test]
fn a_trial_left_early_is_free_to_its_promised_end() {
    let walk = Walk { words: u8::MAX, ..Walk::of(ALL[0]) };
    let no = Action::Word { customer: false, days_ago: 20 };
    let yes = Action::Word { customer: true, days_ago: 0 };
    let away = Action::Away { days: 45 };
    let mut world = walk.start();
    for action in [yes, away, Action::Connected("a.example"), no, Action::NextTimer, Action::NextTimer, away, away] {
        let Some(next) = walk.step(&world, action) else { continue };
        assert!(no_charged_day_before_the_trials_end(&walk, &next), "after {action:?}: {:?}", next.sub);
        world = next;
    }
    let charged_from = world.sub.after_end.unwrap().charged_from.unwrap();
    assert!(charged_from > world.sub.dates.unwrap().trial_end, "the use is charged after it");
}

#[test]
fn every_row_of_the_table_can_happen() {
    let rows: BTreeSet<_> = table().iter().filter(|row| row.from != "-").map(|row| (row.from, row.to)).collect();
    let mut seen = BTreeSet::new();
    for (which, depth) in [(ALL[3], 2), (ALL[0], 5)] {
        let walk = Walk::of(which);
        let mut level = HashSet::from([walk.start()]);
        for _ in 0..depth {
            let mut next = HashSet::new();
            for before in &level {
                for after in ACTIONS.iter().filter_map(|action| walk.step(before, *action)) {
                    // A step may pass through a phase; what it enters directly is enough here.
                    seen.insert((before.sub.phase.as_str(), after.sub.phase.as_str()));
                    next.insert(after);
                }
                if rows.is_subset(&seen) {
                    return;
                }
            }
            level = next;
        }
    }
    panic!("rows that never happen: {:?}", rows.difference(&seen));
}

/// Charges from the connection on, as if there were no trial.
fn charges_the_trial(s: &Subscription, terms: &Terms<'_>, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(s, terms, fact, now);
    let day = terms.calendar.day_of(now);
    for effect in &mut decision.effects {
        if let Effect::Ledger { entry } = effect
            && entry.kind == EntryKind::Activated
        {
            entry.valid_from = day;
        }
    }
    decision
}

/// Forgets which reminders it has sent.
fn forgets_reminders(s: &Subscription, terms: &Terms<'_>, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(s, terms, fact, now);
    decision.events.retain(|e| !matches!(e, Event::Reminded { .. }));
    decision
}

/// Charges for silence without having warned.
fn never_warns(s: &Subscription, terms: &Terms<'_>, fact: &Fact, now: Timestamp) -> Decision {
    let warned = Subscription { warned_at: Some(Timestamp::UNIX_EPOCH), ..s.clone() };
    decide(&warned, terms, fact, now)
}

/// Charges use after the end at once.
fn charges_use_at_once(s: &Subscription, terms: &Terms<'_>, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(s, terms, fact, now);
    for event in &mut decision.events {
        if let Event::UsedAfterEnd { ended, charge_from: Some(from) } = event {
            *from = *ended;
        }
    }
    decision
}

/// Keeps charging after the end of the notice.
fn never_stops(s: &Subscription, terms: &Terms<'_>, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(s, terms, fact, now);
    decision.effects.retain(|e| match e {
        Effect::Ledger { entry } => !matches!(entry.kind, EntryKind::Deactivated | EntryKind::NoticeGiven { .. }),
        _ => true,
    });
    decision
}

#[test]
fn a_bad_machine_is_caught() {
    let bad: [(Decide, bool, &'static str); 5] = [
        (charges_the_trial, false, "no charged day before the trial's end"),
        (forgets_reminders, false, "every step keeps the rules"),
        (never_warns, false, "silence is charged only after a week's warning"),
        (never_stops, false, "charged as the phase says"),
        (charges_use_at_once, true, "every step keeps the rules"),
    ];
    for (decide, said_no, rule) in bad {
        let walk = Walk { decide, said_no, ..Walk::of(ALL[0]) };
        let caught = HasDiscoveries::AnyOf(BTreeSet::from([rule]));
        let checked = walk.checker().target_max_depth(6).finish_when(caught).spawn_bfs().join();
        assert!(checked.discovery(rule).is_some(), "not caught: {rule}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn long_histories_keep_the_rules(which in 0..4_usize, taken_over: bool, picks in proptest::collection::vec(0..ACTIONS.len(), 1..60)) {
        let walk = Walk { words: u8::MAX, taken_over, ..Walk::of(ALL[which]) };
        let mut world = walk.start();
        for pick in picks {
            let Some(next) = walk.step(&world, ACTIONS[pick]) else { continue };
            for (name, holds) in RULES {
                prop_assert!(holds(&walk, &next), "{name}: {:?} after {:?}: {:?}", next.broken, ACTIONS[pick], next.sub);
            }
            world = next;
        }
    }

    /// Whatever the panel says in between, the ledger is asked for the very same entries.
    #[test]
    fn panel_facts_in_between_change_no_entry(which in 0..4_usize, picks in proptest::collection::vec(0..ACTIONS.len(), 1..60)) {
        let walk = Walk { words: u8::MAX, ..Walk::of(ALL[which]) };
        let panel = |action: &Action| matches!(action, Action::Mailboxes(_));
        let actions: Vec<Action> = picks.into_iter().map(|pick| ACTIONS[pick]).filter(|a| *a != Action::Again).collect();
        let run = |actions: Vec<Action>| {
            actions.into_iter().fold(walk.start(), |world, action| walk.step(&world, action).unwrap_or(world))
        };
        let with = run(actions.clone());
        let without = run(actions.into_iter().filter(|action| !panel(action)).collect());
        prop_assert_eq!(with.entries, without.entries);
        prop_assert_eq!((with.sub.phase, with.sub.charged_from), (without.sub.phase, without.sub.charged_from));
    }
}
