//! The commercial calendar: trial, negotiation, reminders and invoicing groups as civil dates of the
//! business time zone, and the instants at which those days begin. Nothing here knows the present,
//! and nothing moves a date that was promised: promised dates are kept in the subscription.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::subscription::{Dates, Notice};
use crate::config::{CommerceConfig, OnNoDecision, OnUseAfterEnd, ProRating};
use crate::ledger::period;
pub use crate::ledger::period::{Part, Period, group_of_run, next_run, parts, run_day};

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
    on_use_after_end: OnUseAfterEnd,
    pro_rating: ProRating,
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
            on_use_after_end: config.on_use_after_end,
            pro_rating: config.pro_rating,
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

    /// The dates of a trial whose end was promised elsewhere.
    #[must_use]
    pub fn dates_of_trial(&self, connected: Option<Date>, trial_end: Date) -> Dates {
        let connected = connected.unwrap_or_else(|| trial_end.saturating_sub(i64::from(self.trial_days).days()));
        let negotiation_end = trial_end.saturating_add(i64::from(self.negotiation_months).months());
        Dates { connected, trial_end, negotiation_end }
    }

    /// The dates of a trial that goes on until another day. The negotiation after it is as long as it is for a
    /// trial that begins now; nothing moves to an earlier day.
    #[must_use]
    pub fn extended(&self, dates: &Dates, until: Date) -> Dates {
        let negotiation_end = until.saturating_add(i64::from(self.negotiation_months).months());
        Dates { trial_end: until, negotiation_end: negotiation_end.max(dates.negotiation_end), ..dates.clone() }
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

    #[must_use]
    pub fn on_use_after_end(&self) -> OnUseAfterEnd {
        self.on_use_after_end
    }

    /// B of a charge that may begin on `day`. Where periods are charged whole, a day from 29 to 31 moves to the
    /// 1st of the next month; where days count, its days until then are charged.
    #[must_use]
    pub fn first_charged_day(&self, day: Date) -> Date {
        match self.pro_rating {
            ProRating::None => period::first_charged_day(day),
            ProRating::Daily => day,
        }
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
            OnNoDecision::Escalate | OnNoDecision::Release => Notice::LastCall,
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn calendar(zone: &str) -> Calendar {
        Calendar::from_config(&CommerceConfig { time_zone: zone.to_owned(), ..CommerceConfig::default() }).unwrap()
    }

    fn shown(connected: Date) -> String {
        let c = calendar("Europe/Helsinki");
        let d = c.dates_from(connected);
        format!("{} {} {} group {}", d.connected, d.trial_end, d.negotiation_end, c.group_by_rule(connected))
    }

    #[test]
    fn golden_dates() {
        let all: Vec<String> = [
            date(2026, 1, 1),
            date(2026, 1, 15),
            date(2026, 1, 16),
            date(2026, 1, 29),
            date(2026, 1, 30),
            date(2026, 1, 31),
            date(2026, 2, 28),
            date(2026, 3, 1),
            date(2026, 7, 2),
            date(2026, 8, 1),
            date(2026, 12, 1),
            date(2026, 12, 31),
            date(2028, 1, 30),
            date(2028, 1, 31),
            date(2028, 2, 29),
            date(2027, 12, 30),
            date(2027, 12, 31),
        ]
        .into_iter()
        .map(shown)
        .collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn the_end_of_negotiation_is_clamped_to_its_month() {
        // 1 January + 30 days = 31 January; a calendar month later there is no 31st.
        assert_eq!(calendar("UTC").dates_from(date(2026, 1, 1)).negotiation_end, date(2026, 2, 28));
        assert_eq!(calendar("UTC").dates_from(date(2028, 1, 1)).negotiation_end, date(2028, 2, 29));
    }

    #[test]
    fn days_begin_in_the_business_zone_and_daylight_saving_moves_no_date() {
        let c = calendar("Europe/Helsinki");
        // 22:30 UTC on 31 January is already February in Helsinki.
        assert_eq!(c.day_of("2026-01-31T22:30:00Z".parse().unwrap()), date(2026, 2, 1));
        // Clocks go forward on 29 March 2026 and back on 25 October 2026, both between these days.
        let trial = c.dates("2026-03-10T08:00:00Z".parse().unwrap());
        assert_eq!(trial.trial_end, date(2026, 4, 9));
        assert_eq!(c.start_of(date(2026, 3, 29)).to_string(), "2026-03-28T22:00:00Z");
        assert_eq!(c.start_of(date(2026, 3, 30)).to_string(), "2026-03-29T21:00:00Z");
        assert_eq!(c.start_of(date(2026, 10, 25)).to_string(), "2026-10-24T21:00:00Z");
        assert_eq!(c.start_of(date(2026, 10, 26)).to_string(), "2026-10-25T22:00:00Z");
    }

    #[test]
    fn a_day_without_midnight_begins_at_its_first_moment() {
        // Santiago skips midnight: on 2026-09-06 the day begins at 01:00.
        let c = calendar("America/Santiago");
        let start = c.start_of(date(2026, 9, 6));
        assert_eq!(start.to_string(), "2026-09-06T04:00:00Z");
        assert_eq!(c.day_of(start), date(2026, 9, 6));
    }

    #[test]
    fn reminders_of_a_trial_that_begins_on_31_january() {
        let c = calendar("Europe/Helsinki");
        let list: Vec<String> = c
            .reminders(&c.dates_from(date(2026, 1, 31)))
            .into_iter()
            .map(|r| format!("{} {:?} {}", r.on, r.notice, r.key))
            .collect();
        insta::assert_snapshot!(list.join("\n"));
    }

    #[test]
    fn no_two_reminders_on_a_day_and_always_a_warning() {
        for (days, months) in [(30, 1), (1, 0), (3, 1), (7, 0), (14, 2), (366, 24)] {
            let config = CommerceConfig { trial_days: days, negotiation_months: months, ..CommerceConfig::default() };
            let c = Calendar::from_config(&config).unwrap();
            for n in 0..366 {
                let dates = c.dates_from(date(2027, 6, 1).saturating_add(n.days()));
                let all = c.reminders(&dates);
                assert!(all.is_sorted_by(|a, b| a.on < b.on), "{days} {months} {dates:?}");
                assert!(all.iter().any(|r| r.key == WARNING_KEY && r.notice == Notice::WillBeInvoiced));
                assert!(all.iter().all(|r| r.on >= dates.connected));
                assert!(all.iter().all(|r| r.on < dates.negotiation_end || r.key == "trial_end"));
            }
        }
    }

    #[test]
    fn a_configuration_that_cannot_be_meant_is_refused() {
        let bad = |change: fn(&mut CommerceConfig)| {
            let mut config = CommerceConfig::default();
            change(&mut config);
            Calendar::from_config(&config).unwrap_err().to_string()
        };
        assert_eq!(
            bad(|c| c.time_zone = "Helsinki".to_owned()),
            "commerce.time_zone: `Helsinki` is no time zone; write an IANA name such as Europe/Helsinki"
        );
        assert_eq!(bad(|c| c.trial_days = 0), "commerce.trial_days: 0 is not between 1 and 366");
        assert!(bad(|c| c.negotiation_months = 25).starts_with("commerce.negotiation_months"));
        assert!(bad(|c| c.group_15_until_day = -1).starts_with("commerce.group_15_until_day"));
    }
}
