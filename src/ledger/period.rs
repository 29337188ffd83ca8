//! Billing periods and the days on which they are invoiced. Civil dates only: which instant a day
//! begins at is the calendar's to know, so daylight saving cannot reach an invoice.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A billing period `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    pub from: Date,
    /// The first day of the next period.
    pub to: Date,
}

/// Period `n` (from 0) of a customer charged from `first_charged_day`.
#[must_use]
pub fn period(first_charged_day: Date, n: u32) -> Period {
    let months = |n: u32| first_charged_day.saturating_add(i64::from(n).months());
    Period { from: months(n), to: months(n.saturating_add(1)) }
}

/// The period of a customer charged from `first_charged_day` in which `day` lies; none before it, nor
/// more than a hundred years after it.
#[must_use]
pub fn period_with(first_charged_day: Date, day: Date) -> Option<Period> {
    (0..1_200).map(|n| period(first_charged_day, n)).find(|p| day < p.to).filter(|p| p.from <= day)
}

/// The first charged day for a charge that may begin on `day`: a day from 29 to 31 moves to the 1st of
/// the next month, so that every period begins on the same day of the month.
#[must_use]
pub fn first_charged_day(day: Date) -> Date {
    if day.day() < 29 { day } else { day.first_of_month().saturating_add(1.month()) }
}

/// The day of a group's run in the month of `day`; group 30 falls on the last day of February.
#[must_use]
pub fn run_day(group: u8, day: Date) -> Date {
    let last = day.days_in_month();
    let wanted = if group == 15 { 15 } else { 30 };
    day.first_of_month().saturating_add(i64::from(wanted.min(last) - 1).days())
}

/// The first run of a group on or after `day`.
#[must_use]
pub fn next_run(group: u8, day: Date) -> Date {
    let this_month = run_day(group, day);
    if this_month >= day { this_month } else { run_day(group, day.first_of_month().saturating_add(1.month())) }
}

/// Which group is invoiced on `day`, `None` when none is.
#[must_use]
pub fn group_of_run(day: Date) -> Option<u8> {
    [15, 30].into_iter().find(|&group| run_day(group, day) == day)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_charge_from_the_end_of_a_month_begins_on_the_first() {
        assert_eq!(first_charged_day(date(2026, 3, 28)), date(2026, 3, 28));
        assert_eq!(first_charged_day(date(2026, 3, 29)), date(2026, 4, 1));
        assert_eq!(first_charged_day(date(2026, 12, 31)), date(2027, 1, 1));
        assert_eq!(first_charged_day(date(2028, 2, 29)), date(2028, 3, 1));
    }

    #[test]
    fn group_30_falls_on_the_last_day_of_february() {
        assert_eq!(next_run(30, date(2026, 2, 3)), date(2026, 2, 28));
        assert_eq!(next_run(30, date(2028, 2, 29)), date(2028, 2, 29));
        assert_eq!(next_run(30, date(2026, 1, 31)), date(2026, 2, 28));
        assert_eq!(next_run(30, date(2026, 3, 30)), date(2026, 3, 30));
        assert_eq!(next_run(15, date(2026, 12, 16)), date(2027, 1, 15));
        assert_eq!(group_of_run(date(2026, 2, 28)), Some(30));
        assert_eq!(group_of_run(date(2028, 2, 28)), None);
        assert_eq!(group_of_run(date(2026, 1, 31)), None);
        assert_eq!(group_of_run(date(2026, 2, 15)), Some(15));
    }

    #[test]
    fn periods_touch_and_never_overlap() {
        let b = date(2026, 1, 28);
        for n in 0..36 {
            assert_eq!(period(b, n).to, period(b, n + 1).from);
            assert_eq!(period(b, n).from.day(), 28);
        }
    }
}
