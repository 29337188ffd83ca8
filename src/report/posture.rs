//! What the domain says of itself in DNS: MTA-STS, SPF, DMARC, TLS reports, DNSSEC. A look-up that failed is
//! not "no record".

use fencepost_checks::Code;
use fencepost_checks::escape::clean;
use fencepost_checks::lint::sts::{Mode, parse_policy};
use fencepost_checks::observation::lint::PolicyFetch;
use fencepost_checks::observation::{LintObservation, TextLookup};

use super::domain::moment;
use super::{About, DomainFacts, Facts, Row, Tone};
use crate::words::Language;

/// Characters of a record that are shown.
const MAX_RECORD: usize = 160;

pub(super) fn rows(facts: &Facts<'_>, of: &DomainFacts) -> Vec<Row> {
    let Some((at, seen)) = &of.lint else {
        let l = facts.language;
        let why = l.say("the domain's policies have not been looked up", "verkkotunnuksen käytäntöjä ei ole haettu");
        return [About::MtaSts, About::Spf, About::Dmarc, About::TlsRpt, About::Dnssec]
            .map(|about| Row::unknown(l, about, why))
            .to_vec();
    };
    let l = facts.language;
    let mut rows = vec![mta_sts(seen, l), spf(seen, l), dmarc(seen, l), tls_rpt(seen, l), dnssec(of, l)];
    for row in rows.iter_mut().filter(|row| row.note.is_empty()) {
        row.note = format!("{} {}", l.say("as of", "tilanne"), moment(facts, *at));
    }
    rows
}

/// The texts of a record, or the row that says why there are none.
fn texts<'a>(l: Language, about: About, lookup: &'a TextLookup, absent: (Tone, &str)) -> Result<&'a [String], Row> {
    match lookup {
        TextLookup::Found { texts, .. } => Ok(texts),
        TextLookup::Absent => Err(Row::new(about, absent.0, absent.1)),
        TextLookup::NotAsked => Err(Row::unknown(l, about, l.say("was not looked up", "ei haettu"))),
        TextLookup::Failed { detail } => {
            let failed = l.say("the look-up failed", "haku epäonnistui");
            Err(Row::unknown(l, about, &format!("{failed}: {}", clean(detail, 100))))
        }
    }
}

fn mta_sts(seen: &LintObservation, l: Language) -> Row {
    let about = About::MtaSts;
    if let Err(row) = texts(l, about, &seen.mta_sts.record, (Tone::Plain, l.say("no policy", "ei käytäntöä"))) {
        return row;
    }
    match &seen.mta_sts.policy {
        PolicyFetch::NotAsked => Row::unknown(l, about, l.say("the policy was not fetched", "käytäntöä ei haettu")),
        PolicyFetch::Failed { detail } => {
            let failed = l.say("the policy could not be fetched", "käytäntöä ei voitu hakea");
            Row::unknown(l, about, &format!("{failed}: {}", clean(detail, 100)))
        }
        PolicyFetch::Fetched { body } => match parse_policy(body) {
            Ok(policy) => match policy.mode {
                Mode::Enforce => Row::new(about, Tone::Good, l.say("enforced", "pakottava")),
                Mode::Testing => Row::new(
                    about,
                    Tone::Plain,
                    l.say("in testing: nothing is refused", "kokeilussa: mitään ei torjuta"),
                ),
                Mode::None => Row::new(about, Tone::Plain, l.say("switched off by its policy", "poissa käytöstä")),
            },
            Err(why) => Row::new(about, Tone::Fair, l.say("the policy is malformed", "käytäntö on virheellinen"))
                .note(clean(&why, 120)),
        },
    }
}

fn spf(seen: &LintObservation, l: Language) -> Row {
    let about = About::Spf;
    let absent = l.say("no record: anybody may send in your name", "ei tietuetta: kuka tahansa voi lähettää nimissäsi");
    let texts = match texts(l, about, &seen.spf, (Tone::Fair, absent)) {
        Ok(texts) => texts,
        Err(row) => return row,
    };
    let [text] = texts else {
        let says = l.say(
            "several records: receivers treat SPF as broken",
            "useita tietueita: vastaanottajat pitävät rikkinäisenä",
        );
        return Row::new(about, Tone::Fair, says);
    };
    let lower = text.to_ascii_lowercase();
    let all = lower
        .split_whitespace()
        .find_map(|term| term.strip_suffix("all").filter(|q| matches!(*q, "" | "+" | "-" | "~" | "?")));
    let (tone, says) = match all {
        Some("-") => (Tone::Good, l.say("others are to be refused (-all)", "muut torjutaan (-all)")),
        Some("~") => (Tone::Good, l.say("others are suspicious (~all)", "muut ovat epäilyttäviä (~all)")),
        Some("?") => (Tone::Fair, l.say("says nothing of others (?all)", "ei sano muista mitään (?all)")),
        Some(_) => {
            (Tone::Bad, l.say("everybody may send in your name (+all)", "kuka tahansa saa lähettää nimissäsi (+all)"))
        }
        None if lower.contains("redirect=") => {
            (Tone::Plain, l.say("is another domain's (redirect)", "toisen verkkotunnuksen (redirect)"))
        }
        None => (Tone::Fair, l.say("says nothing of others", "ei sano muista mitään")),
    };
    Row::new(about, tone, says).note(clean(text, MAX_RECORD))
}

fn dmarc(seen: &LintObservation, l: Language) -> Row {
    let about = About::Dmarc;
    let texts = match texts(l, about, &seen.dmarc, (Tone::Fair, l.say("no policy", "ei käytäntöä"))) {
        Ok(texts) => texts,
        Err(row) => return row,
    };
    let records: Vec<&String> = texts.iter().filter(|text| text.trim_start().starts_with("v=DMARC1")).collect();
    let [record] = records.as_slice() else {
        let says = if records.is_empty() {
            l.say("no valid policy", "ei kelvollista käytäntöä")
        } else {
            l.say("several records: receivers ignore them", "useita tietueita: vastaanottajat eivät välitä niistä")
        };
        return Row::new(about, Tone::Fair, says);
    };
    let tag = |name: &str| {
        record.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_ascii_lowercase())
        })
    };
    let (tone, says) = match tag("p").as_deref() {
        Some("reject") => {
            (Tone::Good, l.say("forgeries are to be refused (p=reject)", "väärennökset torjutaan (p=reject)"))
        }
        Some("quarantine") => (
            Tone::Good,
            l.say("forgeries are to be put aside (p=quarantine)", "väärennökset eristetään (p=quarantine)"),
        ),
        Some("none") => (Tone::Fair, l.say("only watches (p=none)", "vain tarkkailee (p=none)")),
        _ => (Tone::Fair, l.say("no valid policy", "ei kelvollista käytäntöä")),
    };
    Row::new(about, tone, says).note(clean(record, MAX_RECORD))
}

fn tls_rpt(seen: &LintObservation, l: Language) -> Row {
    match texts(l, About::TlsRpt, &seen.tls_rpt, (Tone::Plain, l.say("not asked for", "ei pyydetty"))) {
        Ok(_) => Row::new(About::TlsRpt, Tone::Good, l.say("asked for", "pyydetty")),
        Err(row) => row,
    }
}

/// As it was judged: whether signatures hold is more than a record.
fn dnssec(of: &DomainFacts, l: Language) -> Row {
    let found = |code: Code| of.findings.iter().any(|(_, finding)| finding.code == code);
    let known = [
        (Code::DnssecBogus, Tone::Bad, l.say("broken: signatures do not hold", "rikki: allekirjoitukset eivät pidä")),
        (Code::DnssecOk, Tone::Good, l.say("signed, and signatures hold", "allekirjoitettu ja kelvollinen")),
        (Code::DnssecNone, Tone::Plain, l.say("not signed", "ei allekirjoitettu")),
    ];
    match known.into_iter().find(|(code, ..)| found(*code)) {
        Some((_, tone, says)) => Row::new(About::Dnssec, tone, says),
        None => Row::unknown(l, About::Dnssec, l.say("could not be checked", "ei voitu tarkistaa")),
    }
}
