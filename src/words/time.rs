//! Instants and days as people write them. Finnish uses figures alone, so that no case ending is needed:
//! `3.12.2026 klo 14.00 EET`.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Language;

/// `Thursday 3 December 2026 at 14:00 (EET)`, `3.12.2026 klo 14.00 EET`.
#[must_use]
pub fn moment(language: Language, at: Timestamp, zone: &TimeZone) -> String {
    let format = language.say("%A %-d %B %Y at %H:%M (%Z)", "%-d.%-m.%Y klo %-H.%M %Z");
    at.to_zoned(zone.clone()).strftime(format).to_string()
}

/// Without weekday and zone: `3 December 2026 at 14:00`, `3.12.2026 klo 14.00`.
#[must_use]
pub fn short_moment(language: Language, at: Timestamp, zone: &TimeZone) -> String {
    let format = language.say("%-d %B %Y at %H:%M", "%-d.%-m.%Y klo %-H.%M");
    at.to_zoned(zone.clone()).strftime(format).to_string()
}

/// `3 December 2026`, `3.12.2026`.
#[must_use]
pub fn day(language: Language, date: Date) -> String {
    date.strftime(language.say("%-d %B %Y", "%-d.%-m.%Y")).to_string()
}

/// `December 2026`, `joulukuu 2026`; the Finnish genitive ends in `n`: `joulukuun 2026`.
#[must_use]
pub fn month(language: Language, of: Date) -> String {
    match language {
        Language::En => of.strftime("%B %Y").to_string(),
        Language::Fi => {
            let name = match of.month() {
                1 => "tammikuu",
                2 => "helmikuu",
                3 => "maaliskuu",
                4 => "huhtikuu",
                5 => "toukokuu",
                6 => "kesäkuu",
                7 => "heinäkuu",
                8 => "elokuu",
                9 => "syyskuu",
                10 => "lokakuu",
                11 => "marraskuu",
                _ => "joulukuu",
            };
            format!("{name} {}", of.year())
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn instants_and_days_in_both_languages() {
        let zone = TimeZone::get("Europe/Helsinki").unwrap();
        let at: Timestamp = "2026-12-03T12:00:00Z".parse().unwrap();
        assert_eq!(moment(Language::En, at, &zone), "Thursday 3 December 2026 at 14:00 (EET)");
        assert_eq!(moment(Language::Fi, at, &zone), "3.12.2026 klo 14.00 EET");
        let summer: Timestamp = "2026-07-03T05:05:00Z".parse().unwrap();
        assert_eq!(moment(Language::Fi, summer, &zone), "3.7.2026 klo 8.05 EEST");
        assert_eq!(short_moment(Language::Fi, at, &zone), "3.12.2026 klo 14.00");
        assert_eq!(day(Language::En, date(2026, 12, 3)), "3 December 2026");
        assert_eq!(day(Language::Fi, date(2026, 12, 3)), "3.12.2026");
        assert_eq!(month(Language::Fi, date(2026, 1, 31)), "tammikuu 2026");
        assert_eq!(month(Language::En, date(2026, 1, 31)), "January 2026");
    }
}
