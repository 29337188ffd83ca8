//! From a fact to a decision. Time first runs up to the moment of which the fact speaks, then the
//! fact counts, then time runs up to now: so a mail received before a deadline counts as received
//! before it, however late it is entered.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::advance::{advance, deadline};
use super::entries::{Word, by_rule, by_word, from_order};
use super::event::{Decision, Effect, Event, Fact, Notice};
use super::evolve::apply;
use super::report;
use super::state::{OrderKind, Phase, Subscription};
use crate::ledger::{EntryDraft, EntryKind};
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::connection::ReleaseCause;
use crate::order::{BillTo, Order};

/// What was agreed, beside the state.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    pub customer_id: &'a str,
    pub order_id: &'a str,
    pub order: &'a Order,
    pub calendar: &'a Calendar,
}

/// A new subscription over so many ordered domains.
#[must_use]
pub fn open(kind: OrderKind, preferred_group: Option<u8>, domains: u32, at: Timestamp) -> (Subscription, Decision) {
    let subscription = Subscription {
        kind,
        phase: Phase::Requested,
        phase_since: at,
        preferred_group,
        group: None,
        dates: None,
        charged_from: None,
        notice_ends: None,
        decided: None,
        last_word: None,
        acted_on: Vec::new(),
        reminded: Vec::new(),
        warned_at: None,
        reported: None,
        domains_ordered: domains,
        after_end: None,
        partner: None,
        mailboxes_seen: None,
        discrepancies: Vec::new(),
        domains: std::collections::BTreeMap::new(),
    };
    let entered = Event::PhaseEntered { phase: Phase::Requested, why: "The order was accepted.".to_owned() };
    (subscription, Decision { events: vec![entered], effects: Vec::new() })
}

/// What follows from a fact.
#[must_use]
pub fn decide(s: &Subscription, terms: &Terms<'_>, fact: &Fact, now: Timestamp) -> Decision {
    let mut work = Work { s: s.clone(), terms: *terms, now, decision: Decision::default() };
    if let Some(of) = speaks_of(fact) {
        advance(&mut work, of.min(now), false);
    }
    work.take(fact);
    advance(&mut work, now, true);
    work.watch_discrepancies();
    work.decision
}

/// The moment of which a fact speaks.
fn speaks_of(fact: &Fact) -> Option<Timestamp> {
    match fact {
        Fact::Decided { received, .. }
        | Fact::NoticeGiven { received, .. }
        | Fact::NoticeWithdrawn { received, .. }
        | Fact::TrialExtended { received, .. }
        | Fact::MailApproved { received, .. } => Some(*received),
        Fact::DomainConnected { at, .. }
        | Fact::DomainReleased { at, .. }
        | Fact::DomainCancelled { at, .. }
        | Fact::DomainUse { at, .. } => Some(*at),
        Fact::Registered { .. }
        | Fact::DomainsOrdered { .. }
        | Fact::PartnerChanged { .. }
        | Fact::MailboxesSeen { .. }
        | Fact::ReportDue
        | Fact::Due => None,
    }
}

/// A decision in the making; the state follows every event at once.
pub(super) struct Work<'a> {
    pub s: Subscription,
    pub terms: Terms<'a>,
    pub now: Timestamp,
    pub decision: Decision,
}

impl Work<'_> {
    pub(super) fn event(&mut self, event: Event) {
        apply(&mut self.s, &event, self.now);
        self.decision.events.push(event);
    }

    pub(super) fn enter(&mut self, phase: Phase, why: impl Into<String>) {
        self.event(Event::PhaseEntered { phase, why: why.into() });
    }

    pub(super) fn notify(&mut self, notice: Notice) {
        self.decision.effects.push(Effect::Notify { notice });
    }

    pub(super) fn record(&mut self, entry: EntryDraft) {
        self.decision.effects.push(Effect::Ledger { entry });
    }

    pub(super) fn release(&mut self, cause: ReleaseCause) {
        self.decision.effects.push(Effect::ReleaseDomains { cause });
    }

    pub(super) fn no_domain_left(&self) -> bool {
        self.s.domains_connected() == 0 && self.s.domains_open() == 0
    }

    /// Begins the charge. B never lies before the trial's end, whoever asks.
    pub(super) fn activate(&mut self, from: Date, why: &str, entry: impl FnOnce(EntryKind, Date) -> EntryDraft) {
        let free_until = match (self.s.kind, &self.s.dates) {
            (OrderKind::Trial, Some(dates)) => dates.trial_end,
            _ => Date::MIN,
        };
        let charged_from = self.terms.calendar.first_charged_day(from.max(free_until));
        self.event(Event::Activated { charged_from, why: why.to_owned() });
        self.enter(Phase::Active, why);
        self.record(entry(EntryKind::Activated, charged_from));
        self.notify(Notice::Invoiced);
    }

    fn take(&mut self, fact: &Fact) {
        match fact {
            // What time brings about comes first: whoever is no customer any more gets no report.
            Fact::ReportDue => {
                advance(self, self.now, true);
                report::step(self);
            }
            Fact::Due => {}
            Fact::Registered { by } => {
                if self.s.phase == Phase::Requested {
                    self.enter(Phase::Onboarding, format!("Registered by {by}."));
                }
            }
            Fact::DomainUse { domain, in_use, at } => self.use_seen(domain, *in_use, (*at).min(self.now)),
            Fact::DomainsOrdered { domains, .. } => self.domains_ordered(domains),
            Fact::PartnerChanged { partner, from, by, evidence } => {
                self.partner_changed(partner, *from, Word { by, evidence });
            }
            Fact::TrialExtended { until, by, received, evidence } => {
                self.trial_extended(*until, (*received).min(self.now), Word { by, evidence });
            }
            Fact::MailboxesSeen { count, charged, by } => self.mailboxes_seen(*count, *charged, by),
            Fact::DomainConnected { domain, at } => self.domain_connected(domain, (*at).min(self.now)),
            Fact::DomainReleased { domain, at } | Fact::DomainCancelled { domain, at } => {
                let at = (*at).min(self.now);
                self.count(domain, false, at);
                self.use_ended(at);
            }
            Fact::Decided { customer, group, by, received, evidence } => {
                let kind = if *customer { "customer" } else { "no customer" };
                if self.is_news(*received, kind, evidence) {
                    self.decided(*customer, *group, (*received).min(self.now), kind, Word { by, evidence });
                }
            }
            Fact::NoticeGiven { by, received, evidence } => {
                if self.is_news(*received, "notice", evidence) {
                    // Outside of a paid relationship a notice is a "no".
                    self.decided(false, None, (*received).min(self.now), "notice", Word { by, evidence });
                }
            }
            Fact::MailApproved { decision, notice, terms, by, received, evidence } => {
                let (at, word) = ((*received).min(self.now), Word { by, evidence });
                let said = decision.map(|customer| (customer, if customer { "customer" } else { "no customer" }));
                let said = said.or_else(|| notice.then_some((false, "notice")));
                if let Some((customer, kind)) = said.filter(|(_, kind)| self.is_news(*received, kind, evidence)) {
                    self.decided(customer, None, at, kind, word);
                }
                self.terms_changed(terms, word);
            }
            Fact::NoticeWithdrawn { by, received, evidence } => {
                let news = self.is_news(*received, "withdrawn", evidence);
                if news && self.s.phase == Phase::Notice {
                    self.notice_withdrawn((*received).min(self.now), "withdrawn", Word { by, evidence });
                }
            }
        }
    }

    /// Counts a domain. `false` when this was known, or is older than what is known.
    fn count(&mut self, domain: &str, connected: bool, at: Timestamp) -> bool {
        let known = self.s.domains.get(domain);
        if known.is_some_and(|k| (k.connected == connected && !k.awaited) || k.at > at) {
            return false;
        }
        self.event(Event::DomainCounted { domain: domain.to_owned(), connected, at });
        true
    }

    /// Further domains join a relationship that goes on; one that ends takes none.
    fn domains_ordered(&mut self, domains: &[String]) {
        if matches!(self.s.phase, Phase::Declined | Phase::Notice | Phase::Ended | Phase::Cancelled) {
            return;
        }
        let under_way = |domain: &String| self.s.domains.get(domain).is_some_and(|seen| seen.connected || seen.awaited);
        let news: Vec<String> = domains.iter().filter(|domain| !under_way(domain)).cloned().collect();
        if news.is_empty() {
            return;
        }
        let counted = |domain: &&String| {
            !self.s.domains.contains_key(*domain) && !self.terms.order.domains.iter().any(|d| d.as_str() == **domain)
        };
        let further = u32::try_from(news.iter().filter(counted).count()).unwrap_or(u32::MAX);
        self.event(Event::DomainsOrdered { domains: news, further });
    }

    /// What was agreed stays; from that day on invoices name the new partner, and are addressed to it where
    /// they went to the old one.
    fn partner_changed(&mut self, partner: &str, from: Date, word: Word<'_>) {
        let order = self.terms.order;
        let present = self.s.partner.as_ref().unwrap_or(&order.partner);
        if self.s.phase.is_final() || present == partner {
            return;
        }
        let partner = partner.to_owned();
        self.event(Event::PartnerChanged { partner: partner.clone(), from, by: word.by.to_owned() });
        if order.bill_to == BillTo::Partner {
            let party = EntryKind::BillingPartySet { party: partner.clone() };
            self.record(by_word(&self.terms, party, from, &word));
        }
        self.record(by_word(&self.terms, EntryKind::PartnerSet { partner }, from, &word));
        self.notify(Notice::PartnerChanged);
    }

    fn domain_connected(&mut self, domain: &str, at: Timestamp) {
        if !self.count(domain, true, at) {
            return;
        }
        match self.s.phase {
            Phase::Requested | Phase::Onboarding => self.start(domain, at),
            Phase::Declined => self.release(ReleaseCause::Declined),
            Phase::Ended => self.release(ReleaseCause::Terminated),
            Phase::Trial | Phase::Negotiation | Phase::Active | Phase::Notice | Phase::Cancelled => {}
        }
    }

    /// The first domain is connected: dates are promised, and the order's terms go to the ledger.
    fn start(&mut self, domain: &str, at: Timestamp) {
        if self.s.phase == Phase::Requested {
            self.enter(Phase::Onboarding, "A domain was connected before the registration was entered.");
        }
        let dates = self.terms.calendar.dates(at);
        let by_rule_group = self.terms.calendar.group_by_rule(dates.connected);
        let group = self.s.group.or(self.s.preferred_group).unwrap_or(by_rule_group);
        for entry in from_order(&self.s, &self.terms, &dates, group) {
            self.record(entry);
        }
        self.event(Event::DatesPromised { dates: dates.clone(), group });
        let terms = self.terms;
        match (self.s.decided, self.s.kind) {
            (Some(false), _) => {
                self.enter(Phase::Declined, "The customer had withdrawn before the domain was connected.");
                self.release(ReleaseCause::Declined);
            }
            (_, OrderKind::Paid) => {
                let facts = format!("order {}; {domain} connected {at}, day {}", terms.order_id, dates.connected);
                self.activate(dates.connected, "A paid order starts when its first domain is connected.", |k, b| {
                    by_rule(&terms, k, b, "paid_order_starts_at_connection", facts)
                });
            }
            (None, OrderKind::Trial) => {
                self.enter(Phase::Trial, format!("{domain} is connected; the trial runs until {}.", dates.trial_end));
                self.notify(Notice::TrialStarted);
            }
            (Some(true), OrderKind::Trial) => {
                self.enter(Phase::Trial, format!("{domain} is connected; the trial runs until {}.", dates.trial_end));
                let facts = format!("decided before the connection; trial ends {}", dates.trial_end);
                self.activate(dates.trial_end, "The customer had decided before the connection.", |k, b| {
                    by_rule(&terms, k, b, "early_decision", facts)
                });
            }
        }
    }

    /// Whether a word is neither a repetition nor overtaken by a later one.
    fn is_news(&self, received: Timestamp, kind: &str, evidence: &str) -> bool {
        let stale = self.s.last_word.is_some_and(|last| received < last);
        !stale && !self.s.acted_on.contains(&acted_on(kind, evidence))
    }

    fn word(&mut self, customer: bool, received: Timestamp, kind: &str, word: Word<'_>) {
        let evidence = acted_on(kind, word.evidence);
        self.event(Event::Decided { customer, by: word.by.to_owned(), received, evidence });
    }

    fn decided(&mut self, customer: bool, group: Option<u8>, received: Timestamp, kind: &str, word: Word<'_>) {
        match (self.s.phase, customer) {
            (Phase::Ended | Phase::Cancelled, _) | (Phase::Notice | Phase::Declined, false) => return,
            (Phase::Notice, true) => self.notice_withdrawn(received, kind, word),
            (Phase::Active, false) => {
                if self.was_in_time(received) {
                    self.word(false, received, kind, word);
                    self.record_decision(false, received, word);
                    self.take_back(word);
                } else {
                    self.notice_given(received, kind, word);
                }
            }
            (Phase::Active, true) => {
                let known = self.s.decided == Some(true);
                self.word(true, received, kind, word);
                if !known {
                    self.record_decision(true, received, word);
                }
            }
            (Phase::Requested | Phase::Onboarding, _) => self.decided_early(customer, received, kind, word),
            (Phase::Trial | Phase::Negotiation, true) => self.becomes_customer(received, kind, word),
            (Phase::Trial | Phase::Negotiation, false) => {
                self.word(false, received, kind, word);
                self.record_decision(false, received, word);
                self.decline("The customer does not stay.");
            }
            (Phase::Declined, true) => {
                self.word(true, received, kind, word);
                self.record_decision(true, received, word);
                self.decision.effects.push(Effect::KeepDomains);
                if self.s.after_end.and_then(|after_end| after_end.charged_from).is_some() {
                    // It is charged already: the periods go on as they are.
                    self.event(Event::UseEnded { charged_until: None });
                    self.enter(Phase::Active, "The customer stays after all.");
                    return;
                }
                if self.s.after_end.is_some() {
                    self.event(Event::UseEnded { charged_until: None });
                }
                let day = self.terms.calendar.day_of(received);
                let terms = self.terms;
                self.activate(day, "The customer stays after all.", |k, b| by_word(&terms, k, b, &word));
            }
        }
        if let Some(group) = group.filter(|g| customer && [15, 30].contains(g) && self.s.group != Some(*g)) {
            let day = self.terms.calendar.day_of(received);
            self.event(Event::GroupSet { group });
            self.record(by_word(&self.terms, EntryKind::GroupSet { group }, day, &word));
        }
    }

    /// Before a connection there is nothing to charge: a yes is kept, a no withdraws the order.
    fn decided_early(&mut self, customer: bool, received: Timestamp, kind: &str, word: Word<'_>) {
        let before = self.s.decided;
        self.word(customer, received, kind, word);
        self.record_decision(customer, received, word);
        match (before, customer) {
            (Some(false), true) => self.decision.effects.push(Effect::KeepDomains),
            (Some(false), false) | (_, true) => {}
            (_, false) => self.release(ReleaseCause::Withdrawn),
        }
    }

    /// B of a customer who says yes: the later of the trial's end and the day on which the yes was
    /// received. Negotiation is free (`negotiation_charge: free`), and the yes is what ends it, so a
    /// day is never charged that was still under negotiation, and never free that was not. Were B
    /// always the trial's end, negotiation would be charged after all; were it always N, a yes on the
    /// last day of the trial would cost a month more than a yes a day later. Silence ends at N.
    fn becomes_customer(&mut self, received: Timestamp, kind: &str, word: Word<'_>) {
        self.word(true, received, kind, word);
        self.record_decision(true, received, word);
        let day = self.terms.calendar.day_of(received);
        let terms = self.terms;
        self.activate(day, "The customer stays.", |k, b| by_word(&terms, k, b, &word));
    }

    pub(super) fn decline(&mut self, why: &str) {
        self.enter(Phase::Declined, why);
        self.notify(Notice::ThankYou);
        self.release(ReleaseCause::Declined);
    }

    /// Invoiced for silence, while a "no" had been received in time and was only entered late.
    fn was_in_time(&self, received: Timestamp) -> bool {
        self.s.kind == OrderKind::Trial
            && self.s.decided.is_none()
            && deadline(&self.s, self.terms.calendar).is_some_and(|d| received < d)
    }

    fn take_back(&mut self, word: Word<'_>) {
        let Some(from) = self.s.charged_from else { return };
        let why = "The customer had declined in time; it was entered late.";
        self.event(Event::Deactivated { why: why.to_owned() });
        self.record(by_word(&self.terms, EntryKind::Deactivated, from, &word));
        self.decline(why);
    }

    /// Notice: one month for a relationship of up to and including 12 months from B, six beyond.
    fn notice_given(&mut self, received: Timestamp, kind: &str, word: Word<'_>) {
        let day = self.terms.calendar.day_of(received);
        let first_year_until = self.s.charged_from.unwrap_or(day).saturating_add(12.months());
        let months = if day <= first_year_until { 1 } else { 6 };
        let ends = day.saturating_add(months.months());
        self.word(false, received, kind, word);
        self.event(Event::NoticeRuns { ends });
        self.enter(Phase::Notice, format!("Notice was received on {day}; the service ends on {ends}."));
        self.record(by_word(&self.terms, EntryKind::NoticeGiven { ends }, day, &word));
        self.notify(Notice::NoticeConfirmed);
    }

    fn notice_withdrawn(&mut self, received: Timestamp, kind: &str, word: Word<'_>) {
        let day = self.terms.calendar.day_of(received);
        self.word(true, received, kind, word);
        self.event(Event::NoticeWithdrawn);
        self.enter(Phase::Active, "The customer stays after all.");
        self.record(by_word(&self.terms, EntryKind::NoticeWithdrawn, day, &word));
        self.notify(Notice::NoticeWithdrawn);
    }

    /// Terms of a customer whose order is in the ledger already; before that, the order's own would come
    /// after them.
    fn terms_changed(&mut self, terms: &[(EntryKind, Date)], word: Word<'_>) {
        let evidence = acted_on("terms", word.evidence);
        if terms.is_empty() || self.s.dates.is_none() || self.s.phase.is_final() || self.s.acted_on.contains(&evidence)
        {
            return;
        }
        self.event(Event::TermsChanged { terms: terms.to_vec(), by: word.by.to_owned(), evidence });
        for (kind, valid_from) in terms {
            self.record(by_word(&self.terms, kind.clone(), *valid_from, &word));
        }
        self.basis_decided(terms);
    }

    fn record_decision(&mut self, customer: bool, received: Timestamp, word: Word<'_>) {
        let day = self.terms.calendar.day_of(received);
        self.record(by_word(&self.terms, EntryKind::Decision { customer }, day, &word));
    }
}

pub(super) fn acted_on(kind: &str, evidence: &str) -> String {
    format!("{kind}:{evidence}")
}
