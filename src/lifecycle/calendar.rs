//! The commercial calendar: trial, negotiation, reminders and invoicing groups as civil dates of the
//! business time zone, and the instants at which those days begin. Nothing here knows the present,
//! and nothing moves a date that was promised: promised dates are kept in the subscription.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::subscription::{Dates, Notice};
use crate::config::{CommerceConfig, OnNoDecision};
pub use crate::ledger::period::{Period, first_charged_day, group_of_run, next_run, period, run_day};

/// Days between the warning that a silent customer will be invoiced and the charge.
pub const WARNING_DAYS: i64 = 7;

/// The checked `commerce` section.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    trial_days: u16,
    negotiation_months: u8,
    group_15_until_day: i8,
    on_no_decision: OnNoDecision,
}

/// Why the `commerce` section cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    #[error("commerce.time_zone: `{0}` is no time zone; write an IANA name such as Europe/Helsinki")]
    Zone(String),
    #[error("commerce.{key}: {value} is not between {least} and {most}")]
    Range { key: &'static str, value: i64, least: i64, most: i64 },
}

/// One reminder on its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reminder {
    /// Unique within a subscription; sent once.
    pub key: String,
    pub on: Date,
    pub notice: Notice,
}

impl Calendar {
    /// Checks the configuration.
    ///
    /// # Errors
    /// [`CalendarError`] names the key and what it may be.
    pub fn from_config(config: &CommerceConfig) -> Result<Self, CalendarError> {
        let zone = TimeZone::get(&config.time_zone).map_err(|_| {
            CalendarError::Zone(config.time_zone.chars().take(60).filter(|c| !c.is_control()).collect())
        })?;
        let within = |key, value: i64, least, most| {
            if (least..=most).contains(&value) { Ok(()) } else { Err(CalendarError::Range { key, value, least, most }) }
        };
        within("trial_days", config.trial_days.into(), 1, 366)?;
        within("negotiation_months", config.negotiation_months.into(), 0, 24)?;
        within("group_15_until_day", config.group_15_until_day.into(), 0, 31)?;
        Ok(Self {
            zone,
            trial_days: config.trial_days,
            negotiation_months: config.negotiation_months,
            group_15_until_day: config.group_15_until_day,
            on_no_decision: config.on_no_decision,
        })
    }

    /// The dates promised to a customer whose first domain was connected at that instant. They are
    /// promised once, from the first connection; N is clamped to the end of its month.
    #[must_use]
    pub fn dates(&self, connected_at: Timestamp) -> Dates {
        self.dates_from(self.day_of(connected_at))
    }

    /// As [`Calendar::dates`], for a connection on a civil day.
    #[must_use]
    pub fn dates_from(&self, connected: Date) -> Dates {
        let trial_end = connected.saturating_add(i64::from(self.trial_days).days());
        let negotiation_end = trial_end.saturating_add(i64::from(self.negotiation_months).months());
        Dates { connected, trial_end, negotiation_end }
    }

    /// The invoicing group of a customer that did not ask for one.
    #[must_use]
    pub fn group_by_rule(&self, connected: Date) -> u8 {
        if connected.day() <= self.group_15_until_day { 15 } else { 30 }
    }

    /// The rule above in words, for the evidence of an entry.
    #[must_use]
    pub fn group_rule(&self) -> String {
        format!("connected on day 1 to {} of a month: group 15, later: group 30", self.group_15_until_day)
    }

    /// The business day in which an instant lies.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone.clone()).date()
    }

    /// The instant at which a business day begins (its first moment where midnight is skipped).
    #[must_use]
    pub fn start_of(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone()).and_then(|z| z.start_of_day()).map_or(Timestamp::MAX, |z| z.timestamp())
    }

    #[must_use]
    pub fn on_no_decision(&self) -> OnNoDecision {
        self.on_no_decision
    }

    /// Every reminder of a trial and its negotiation, by day. Where a weekly one would fall on the day
    /// of another, the other is enough. Lengths so short that a reminder would come before what it
    /// reminds of leave it out.
    #[must_use]
    pub fn reminders(&self, dates: &Dates) -> Vec<Reminder> {
        let mut all = Vec::new();
        let mut add = |key: &str, on: Date, not_before: Date, notice| {
            if on >= not_before && !all.iter().any(|r: &Reminder| r.on == on) {
                all.push(Reminder { key: key.to_owned(), on, notice });
            }
        };
        let before = |day: Date, days: i64| day.saturating_sub(days.days());
        let warning = match self.on_no_decision {
            OnNoDecision::Invoice => Notice::WillBeInvoiced,
            OnNoDecision::Escalate | OnNoDecision::Release => Notice::DecisionNeeded,
        };
        // First, because nobody is charged without it: it may displace another, never be displaced.
        let warn_on = before(dates.negotiation_end, WARNING_DAYS).max(dates.connected);
        add(WARNING_KEY, warn_on, dates.connected, warning);
        add("trial_end-7", before(dates.trial_end, 7), dates.connected, Notice::TrialReminder);
        add("trial_end", dates.trial_end, dates.connected, Notice::TrialEnded);
        add("n-1", before(dates.negotiation_end, 1), dates.trial_end, Notice::DecisionNeeded);
        for week in 1..=104_i64 {
            let on = dates.trial_end.saturating_add((7 * week).days());
            if on >= dates.negotiation_end {
                break;
            }
            add(&format!("negotiation+{week}w"), on, dates.trial_end, Notice::DecisionNeeded);
        }
        all.sort_by_key(|r| r.on);
        all
    }
}

/// Key of the reminder that gives a week's notice of the charge.
pub const WARNING_KEY: &str = "n-7";
