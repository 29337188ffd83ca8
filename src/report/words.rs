//! The words of a report: verdicts, lengths of time, and the sentence above everything else.

use fencepost_checks::mx::MxVerdict;
use jiff::SignedDuration;

use super::{About, DomainReport, Tone};

/// What an MX verdict means, as the end of a sentence that begins with "The MX".
pub(super) const fn verdict(verdict: MxVerdict) -> (&'static str, Tone) {
    match verdict {
        MxVerdict::OursOnly => ("the gateway alone", Tone::Good),
        MxVerdict::AsAccepted => ("is as agreed with the service desk", Tone::Good),
        MxVerdict::OursPlusForeign => ("names another server beside the gateway", Tone::Bad),
        MxVerdict::OursPartial => ("names only some of the gateway's hosts", Tone::Fair),
        MxVerdict::ForeignOnly => ("does not name the gateway", Tone::Bad),
        MxVerdict::None => ("does not exist", Tone::Bad),
        MxVerdict::NullMx => ("says that the domain takes no mail", Tone::Bad),
        MxVerdict::Invalid => ("names no usable host", Tone::Bad),
        MxVerdict::LookupError => ("could not be found out", Tone::Unknown),
    }
}

/// `5 h 20 min`, `3 days 2 h`; whole minutes.
pub(super) fn length(of: SignedDuration) -> String {
    let minutes = of.as_mins().max(0);
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let day_word = if days == 1 { "day" } else { "days" };
    match (days, hours, rest) {
        (0, 0, m) if m < 1 => "under a minute".to_owned(),
        (0, 0, m) => format!("{m} min"),
        (0, h, 0) => format!("{h} h"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, 0, _) => format!("{d} {day_word}"),
        (d, h, _) => format!("{d} {day_word} {h} h"),
    }
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(n: usize) -> String {
    match n {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    }
}

/// `1 domain`, `2 domains`.
pub(super) fn counted(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// How the month was, in one sentence.
pub(super) fn headline(domains: &[DomainReport]) -> (String, Tone) {
    let says =
        |of: &DomainReport, about: About, tone: Tone| of.rows.iter().any(|row| row.about == about && row.tone == tone);
    let count = |about: About, tone: Tone| domains.iter().filter(|of| says(of, about, tone)).count();
    let of_them =
        |n: usize| if domains.len() == 1 { String::new() } else { format!(" ({})", counted(n, "domain", "domains")) };
    if domains.is_empty() {
        return ("No domain was connected in this time.".to_owned(), Tone::Unknown);
    }
    let drifted = count(About::Drift, Tone::Bad);
    if drifted > 0 {
        return (
            format!("Mail could go past the filter for a while: the MX had left the gateway{}.", of_them(drifted)),
            Tone::Bad,
        );
    }
    for (about, words) in [
        (About::Mx, "The MX records are not as they should be"),
        (About::Delivery, "Your mail server does not take its mail"),
        (About::Certificate, "The certificate of your mail server has run out"),
        (About::Tls, "Encryption of your mail server is broken"),
    ] {
        let bad = count(about, Tone::Bad);
        if bad > 0 {
            return (format!("{words}{}.", of_them(bad)), Tone::Bad);
        }
    }
    let unknown = count(About::Mx, Tone::Unknown);
    if unknown > 0 {
        return (format!("Not everything is known: the MX could not be found out{}.", of_them(unknown)), Tone::Unknown);
    }
    let fair = domains.iter().flat_map(|of| &of.rows).filter(|row| row.tone == Tone::Fair).count();
    if fair > 0 {
        let points = counted(fair, "point", "points");
        return (format!("All mail went through the filter; {points} could be better."), Tone::Fair);
    }
    ("All mail went through the filter, and nothing needs to be done.".to_owned(), Tone::Good)
}
