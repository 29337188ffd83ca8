//! Billing periods and the days on which they are invoiced. Civil dates only: which instant a day
//! begins at is the calendar's to know, so daylight saving cannot reach an invoice.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// No relationship lasts longer (a hundred years): a B that far back is an error in an entry.
pub(super) const MAX_PERIODS: u32 = 1_200;

/// A billing period `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    pub from: Date,
    /// The first day of the next period.
    pub to: Date,
}

/// What a period costs that is not charged on all of its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProRating {
    /// A period that has begun is charged whole.
    #[default]
    None,
    /// The days that are charged, of the days that the price is for.
    Daily,
}

/// Charged days, of the days that the price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    pub charged: u16,
    pub of: u16,
}

/// A period of a relationship, with the days that its price is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub period: Period,
    pub of: u16,
}

impl Part {
    /// Days before the first of a month, on which no period can begin: they are charged by days or not at all.
    #[must_use]
    pub fn is_beginning(&self) -> bool {
        length(self.period) < self.of
    }

    /// Its charged days in a relationship that ends on `until`.
    #[must_use]
    pub fn days(&self, until: Option<Date>) -> Days {
        let to = until.map_or(self.period.to, |until| until.min(self.period.to));
        Days { charged: length(Period { from: self.period.from, to }), of: self.of }
    }
}

fn length(period: Period) -> u16 {
    let days = period.from.until(period.to).map_or(0, |span| span.get_days());
    u16::try_from(days).unwrap_or_default()
}

/// The periods of a customer charged from `from`, in order. Where that is a day from 29 to 31, the days until
/// the 1st come first.
pub fn parts(from: Date) -> impl Iterator<Item = Part> {
    let regular = first_charged_day(from);
    let of = u16::from(from.days_in_month().unsigned_abs());
    let beginning = (regular > from).then_some(Part { period: Period { from, to: regular }, of });
    let whole = move |n| {
        let period = period(regular, n);
        Part { period, of: length(period) }
    };
    beginning.into_iter().chain((0..=MAX_PERIODS).map(whole))
}

/// Period `n` (from 0) of a customer charged from `first_charged_day`.
#[must_use]
pub fn period(first_charged_day: Date, n: u32) -> Period {
    let months = |n: u32| first_charged_day.saturating_add(i64::from(n).months());
    Period { from: months(n), to: months(n.saturating_add(1)) }
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
    fn a_charge_that_begins_late_in_a_month_has_its_days_until_the_first() {
        let shown = |from| -> Vec<String> {
            let days = |part: Part| part.days(None);
            parts(from).take(2).map(|p| format!("{} {}/{}", p.period.from, days(p).charged, days(p).of)).collect()
        };
        assert_eq!(shown(date(2027, 1, 30)), ["2027-01-30 2/31", "2027-02-01 28/28"]);
        assert_eq!(shown(date(2028, 2, 29)), ["2028-02-29 1/29", "2028-03-01 31/31"]);
        assert_eq!(shown(date(2027, 1, 28)), ["2027-01-28 31/31", "2027-02-28 28/28"]);
        let part = parts(date(2027, 3, 10)).next().unwrap();
        assert_eq!(part.days(Some(date(2027, 3, 25))), Days { charged: 15, of: 31 });
        assert_eq!(part.days(Some(date(2027, 5, 1))), Days { charged: 31, of: 31 });
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
