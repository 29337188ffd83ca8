//! Numbers, amounts of money and dates as people write them in English and Finnish mails. What can be
//! read in two ways is not read at all. Only ASCII digits count.

use jiff::civil::Date;

use crate::ledger::Money;

/// More mailboxes than this are a slip of the finger.
const MOST_MAILBOXES: u32 = 10_000_000;

/// A whole number, its thousands marked or not: `1250`, `1 250`, `1,250`, `1.250`, `1'250`.
#[must_use]
pub fn whole(text: &str) -> Option<u32> {
    let groups: Vec<&str> = text.split([' ', '\u{a0}', '\u{202f}', ',', '.', '\'']).collect();
    let mut marks = text.chars().filter(|c| !c.is_ascii_digit());
    let first = marks.next();
    // One kind of mark in a number.
    if marks.any(|mark| Some(mark) != first) || !in_thousands(&groups) {
        return None;
    }
    groups.concat().parse().ok().filter(|n| *n <= MOST_MAILBOXES)
}

/// An amount as it stands before or after its currency, with a comma or a point before the decimals:
/// `180`, `180,50`, `1.250,00`, `1 250,5`, `180,-`. Three digits after a single mark are thousands: no
/// currency here has three decimals.
#[must_use]
pub fn amount(text: &str, currency: &str) -> Option<Money> {
    let text = text.strip_suffix(",-").or_else(|| text.strip_suffix(".-")).unwrap_or(text);
    let (whole, decimals) = match text.rfind([',', '.']) {
        Some(at) if text.len() - at - 1 <= 2 => (text.get(..at)?, text.get(at + 1..)?),
        _ => (text, ""),
    };
    if text.len() > whole.len() && (decimals.is_empty() || !decimals.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let mark = text.get(whole.len()..).and_then(|rest| rest.chars().next());
    // The mark before the decimals cannot mark thousands as well.
    if mark.is_some_and(|mark| whole.contains(mark)) {
        return None;
    }
    let mut marks = whole.chars().filter(|c| !c.is_ascii_digit());
    let first = marks.next();
    let groups: Vec<&str> = whole.split([' ', '\u{a0}', '\u{202f}', ',', '.', '\'']).collect();
    if marks.any(|mark| Some(mark) != first) || !in_thousands(&groups) {
        return None;
    }
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{}{point}{decimals} {currency}", groups.concat()).parse().ok()
}

/// The first group has one to three digits where others follow, the others have three.
fn in_thousands(groups: &[&str]) -> bool {
    let digits = |group: &&str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let Some((first, rest)) = groups.split_first() else { return false };
    digits(first)
        && first.len() <= 9
        && (rest.is_empty() || first.len() <= 3)
        && rest.iter().all(|g| digits(g) && g.len() == 3)
}

/// A day with its year, written so that day and month cannot be mistaken: `2026-12-01`, `1.12.2026`,
/// `1 December 2026`, `December 1, 2026`, `1. joulukuuta 2026`. `words` are lower case; the number of
/// words that were used comes with it.
#[must_use]
pub fn date(words: &[&str]) -> Option<(Date, usize)> {
    let first = words.first()?.trim_end_matches([',', ';', ')']);
    if let Ok(day) = first.parse::<Date>() {
        return Some((day, 1));
    }
    let dotted: Vec<&str> = first.trim_end_matches('.').split('.').collect();
    if let [day, month, year] = dotted.as_slice() {
        return Some((civil(year, month.parse().ok()?, day)?, 1));
    }
    let second = words.get(1)?;
    let year = words.get(2)?;
    if let Some(month) = month(second) {
        let day = first.trim_end_matches(|c: char| !c.is_ascii_digit());
        return Some((civil(year, month, day)?, 3));
    }
    let month = month(first)?;
    let day = second.trim_end_matches(|c: char| !c.is_ascii_digit());
    Some((civil(year, month, day)?, 3))
}

fn civil(year: &str, month: i8, day: &str) -> Option<Date> {
    let year = year.trim_end_matches(|c: char| !c.is_ascii_digit());
    if year.len() != 4 {
        return None;
    }
    Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()
}

/// Full and usual short names; Finnish ones in any case (`joulukuuta`, `joulukuun`).
fn month(word: &str) -> Option<i8> {
    const ENGLISH: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    const FINNISH: [&str; 12] = [
        "tammikuu",
        "helmikuu",
        "maaliskuu",
        "huhtikuu",
        "toukokuu",
        "kesäkuu",
        "heinäkuu",
        "elokuu",
        "syyskuu",
        "lokakuu",
        "marraskuu",
        "joulukuu",
    ];
    let word = word.trim_end_matches(['.', ',']);
    let short = |name: &str| name == word || (word.len() == 3 && name.starts_with(word));
    let at = ENGLISH
        .iter()
        .position(|name| short(name))
        .or_else(|| FINNISH.iter().position(|name| word.starts_with(name)))?;
    i8::try_from(at + 1).ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_with_and_without_marks() {
        for (text, expected) in [
            ("25", Some(25)),
            ("1250", Some(1250)),
            ("1 250", Some(1250)),
            ("1\u{a0}250", Some(1250)),
            ("1,250", Some(1250)),
            ("1.250", Some(1250)),
            ("1'250", Some(1250)),
            ("1.250.000", Some(1_250_000)),
            ("1,25", None),
            ("12,50", None),
            ("1.250,000", None),
            ("1250,000", None),
            ("", None),
            (",250", None),
            ("٢٥", None),
            ("２５", None),
            ("99999999999", None),
            ("-5", None),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    #[test]
    fn amounts_with_comma_and_point() {
        for (text, expected) in [
            ("180", "180.00 EUR"),
            ("180,50", "180.50 EUR"),
            ("180.50", "180.50 EUR"),
            ("180,5", "180.50 EUR"),
            ("1.250", "1250.00 EUR"),
            ("1,250", "1250.00 EUR"),
            ("1.250,00", "1250.00 EUR"),
            ("1,250.00", "1250.00 EUR"),
            ("1 250,00", "1250.00 EUR"),
            ("12 250", "12250.00 EUR"),
            ("180,-", "180.00 EUR"),
        ] {
            assert_eq!(amount(text, "EUR").map(|m| m.to_string()).as_deref(), Some(expected), "{text}");
        }
        for text in ["", ",50", "180,", "1,250,00", "1.250.00", "1.2.3", "12.34.56", "1e3", "1 25", "１８０"] {
            assert_eq!(amount(text, "EUR"), None, "{text}");
        }
        assert_eq!(amount("180", "XYZ"), None);
        assert_eq!(amount("180,50", "JPY"), None, "yen have no decimals");
    }

    #[test]
    fn days_that_can_be_read_in_one_way() {
        for (text, expected) in [
            ("2026-12-01", Some(day(2026, 12, 1))),
            ("1.12.2026", Some(day(2026, 12, 1))),
            ("01.12.2026.", Some(day(2026, 12, 1))),
            ("1 december 2026", Some(day(2026, 12, 1))),
            ("1st december 2026", Some(day(2026, 12, 1))),
            ("december 1, 2026", Some(day(2026, 12, 1))),
            ("dec 1, 2026", Some(day(2026, 12, 1))),
            ("1. joulukuuta 2026", Some(day(2026, 12, 1))),
            ("12/01/2026", None),
            ("1.12.26", None),
            ("1.12.", None),
            ("30.2.2026", None),
            ("31. huhtikuuta 2026", None),
        ] {
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(date(&words).map(|(day, _)| day), expected, "{text}");
        }
    }

    proptest! {
        /// However the thousands are marked, the number is the same, and decimals never become part of it.
        #[test]
        fn marks_change_nothing(n in 0_u32..10_000_000, cents in 0_u8..100, mark in prop::sample::select(vec![" ", ".", ",", "'", "\u{a0}", ""])) {
            let digits = n.to_string();
            let mut marked = String::new();
            for (at, c) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at) % 3 == 0 {
                    marked.push_str(mark);
                }
                marked.push(c);
            }
            prop_assert_eq!(whole(&marked), Some(n));
            for point in [",", "."].into_iter().filter(|point| *point != mark) {
                let read = amount(&format!("{marked}{point}{cents:02}"), "EUR").map(|m| m.minor);
                prop_assert_eq!(read, Some(i64::from(n) * 100 + i64::from(cents)));
            }
        }

        #[test]
        fn no_text_breaks_it(text in "\\PC{0,40}") {
            let _ = (whole(&text), amount(&text, "EUR"), date(&text.split(' ').collect::<Vec<_>>()));
        }
    }
}
