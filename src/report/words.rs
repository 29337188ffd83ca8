//! The words of a report: verdicts, lengths of time, and the sentence above everything else.

use fencepost_checks::mx::MxVerdict;
use jiff::SignedDuration;

use super::{About, DomainReport, Tone};
use crate::words::Language;

/// What an MX verdict means, as the end of a sentence that begins with "The MX".
pub(super) const fn verdict(verdict: MxVerdict, l: Language) -> (&'static str, Tone) {
    match verdict {
        MxVerdict::OursOnly => (l.say("the gateway alone", "vain suodatuspalvelu"), Tone::Good),
        MxVerdict::AsAccepted => {
            (l.say("is as agreed with the service desk", "kuten asiakaspalvelun kanssa on sovittu"), Tone::Good)
        }
        MxVerdict::OursPlusForeign => {
            (l.say("names another server beside the gateway", "suodatuspalvelun lisäksi toinen palvelin"), Tone::Bad)
        }
        MxVerdict::OursPartial => {
            (l.say("names only some of the gateway's hosts", "vain osa suodatuspalvelun palvelimista"), Tone::Fair)
        }
        MxVerdict::ForeignOnly => (l.say("does not name the gateway", "ei suodatuspalvelua"), Tone::Bad),
        MxVerdict::None => (l.say("does not exist", "ei MX-tietueita"), Tone::Bad),
        MxVerdict::NullMx => {
            (l.say("says that the domain takes no mail", "verkkotunnus ei ota postia vastaan"), Tone::Bad)
        }
        MxVerdict::Invalid => (l.say("names no usable host", "ei käyttökelpoista palvelinta"), Tone::Bad),
        MxVerdict::LookupError => (l.say("could not be found out", "ei saatu selville"), Tone::Unknown),
    }
}

/// `5 h 20 min`, `3 days 2 h`; whole minutes.
pub(super) fn length(of: SignedDuration, l: Language) -> String {
    let minutes = of.as_mins().max(0);
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let day_word = if days == 1 { l.say("day", "päivä") } else { l.say("days", "päivää") };
    let hour = l.say("h", "t");
    match (days, hours, rest) {
        (0, 0, m) if m < 1 => l.say("under a minute", "alle minuutti").to_owned(),
        (0, 0, m) => format!("{m} min"),
        (0, h, 0) => format!("{h} {hour}"),
        (0, h, m) => format!("{h} {hour} {m} min"),
        (d, 0, _) => format!("{d} {day_word}"),
        (d, h, _) => format!("{d} {day_word} {h} {hour}"),
    }
}

/// `once`, `twice`, `3 times`.
pub(super) fn times(n: usize, l: Language) -> String {
    match n {
        1 => l.say("once", "kerran").to_owned(),
        2 => l.say("twice", "kahdesti").to_owned(),
        n => format!("{n} {}", l.say("times", "kertaa")),
    }
}

/// How the month was, in one sentence.
pub(super) fn headline(domains: &[DomainReport], l: Language) -> (String, Tone) {
    let says =
        |of: &DomainReport, about: About, tone: Tone| of.rows.iter().any(|row| row.about == about && row.tone == tone);
    let count = |about: About, tone: Tone| domains.iter().filter(|of| says(of, about, tone)).count();
    let of_them = |n: usize| match domains.len() {
        1 => String::new(),
        _ => format!(" ({})", l.counted(n, ("domain", "domains"), ("verkkotunnus", "verkkotunnusta"))),
    };
    if domains.is_empty() {
        let none = l.say("No domain was connected in this time.", "Yhtään verkkotunnusta ei ollut yhdistettynä.");
        return (none.to_owned(), Tone::Unknown);
    }
    for (about, en, fi) in [
        (
            About::Drift,
            "Mail could go past the filter for a while: the MX had left the gateway",
            "Posti saattoi ohittaa suodatuksen jonkin aikaa: MX-tietueet eivät osoittaneet suodatuspalveluun",
        ),
        (About::Mx, "The MX records are not as they should be", "MX-tietueet eivät ole kunnossa"),
        (About::Delivery, "Your mail server does not take its mail", "Oma sähköpostipalvelin ei ota postia vastaan"),
        (
            About::Certificate,
            "The certificate of your mail server has run out",
            "Sähköpostipalvelimen varmenne on vanhentunut",
        ),
        (About::Tls, "Encryption of your mail server is broken", "Sähköpostipalvelimen salaus on rikki"),
    ] {
        let bad = count(about, Tone::Bad);
        if bad > 0 {
            return (format!("{}{}.", l.say(en, fi), of_them(bad)), Tone::Bad);
        }
    }
    let unknown = count(About::Mx, Tone::Unknown);
    if unknown > 0 {
        let says = l.say(
            "Not everything is known: the MX could not be found out",
            "Kaikkea ei tiedetä: MX-tietueita ei saatu selville",
        );
        return (format!("{says}{}.", of_them(unknown)), Tone::Unknown);
    }
    let fair = domains.iter().flat_map(|of| &of.rows).filter(|row| row.tone == Tone::Fair).count();
    if fair > 0 {
        let points = l.counted(fair, ("point", "points"), ("kohta", "kohtaa"));
        let says = match l {
            Language::En => format!("All mail went through the filter; {points} could be better."),
            Language::Fi => format!("Kaikki posti kulki suodatuksen kautta; parannettavaa: {points}."),
        };
        return (says, Tone::Fair);
    }
    let good = l.say(
        "All mail went through the filter, and nothing needs to be done.",
        "Kaikki posti kulki suodatuksen kautta, eikä mitään tarvitse tehdä.",
    );
    (good.to_owned(), Tone::Good)
}
