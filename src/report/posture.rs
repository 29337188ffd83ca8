//! What the domain says of itself in DNS: MTA-STS, SPF, DMARC, TLS reports, DNSSEC. A look-up that failed is
//! not "no record".

use fencepost_checks::Code;
use fencepost_checks::escape::clean;
use fencepost_checks::lint::sts::{Mode, parse_policy};
use fencepost_checks::observation::lint::PolicyFetch;
use fencepost_checks::observation::{LintObservation, TextLookup};

use super::domain::moment;
use super::{About, DomainFacts, Facts, Row, Tone};

/// Characters of a record that are shown.
const MAX_RECORD: usize = 160;

pub(super) fn rows(facts: &Facts<'_>, of: &DomainFacts) -> Vec<Row> {
    let Some((at, seen)) = &of.lint else {
        let why = "the domain's policies have not been looked up";
        return [About::MtaSts, About::Spf, About::Dmarc, About::TlsRpt, About::Dnssec]
            .map(|about| Row::unknown(about, why))
            .to_vec();
    };
    let mut rows = vec![mta_sts(seen), spf(seen), dmarc(seen), tls_rpt(seen), dnssec(of)];
    for row in rows.iter_mut().filter(|row| row.note.is_empty()) {
        row.note = format!("as of {}", moment(facts, *at));
    }
    rows
}

/// The texts of a record, or the row that says why there are none.
fn texts<'a>(about: About, lookup: &'a TextLookup, absent: (Tone, &str)) -> Result<&'a [String], Row> {
    match lookup {
        TextLookup::Found { texts, .. } => Ok(texts),
        TextLookup::Absent => Err(Row::new(about, absent.0, absent.1)),
        TextLookup::NotAsked => Err(Row::unknown(about, "was not looked up")),
        TextLookup::Failed { detail } => {
            Err(Row::unknown(about, &format!("the look-up failed: {}", clean(detail, 100))))
        }
    }
}

fn mta_sts(seen: &LintObservation) -> Row {
    let about = About::MtaSts;
    if let Err(row) = texts(about, &seen.mta_sts.record, (Tone::Plain, "no policy")) {
        return row;
    }
    match &seen.mta_sts.policy {
        PolicyFetch::NotAsked => Row::unknown(about, "the policy was not fetched"),
        PolicyFetch::Failed { detail } => {
            Row::unknown(about, &format!("the policy could not be fetched: {}", clean(detail, 100)))
        }
        PolicyFetch::Fetched { body } => match parse_policy(body) {
            Ok(policy) => match policy.mode {
                Mode::Enforce => Row::new(about, Tone::Good, "enforced"),
                Mode::Testing => Row::new(about, Tone::Plain, "in testing: nothing is refused"),
                Mode::None => Row::new(about, Tone::Plain, "switched off by its policy"),
            },
            Err(why) => Row::new(about, Tone::Fair, "the policy is malformed").note(clean(&why, 120)),
        },
    }
}

fn spf(seen: &LintObservation) -> Row {
    let about = About::Spf;
    let texts = match texts(about, &seen.spf, (Tone::Fair, "no record: anybody may send in your name")) {
        Ok(texts) => texts,
        Err(row) => return row,
    };
    let [text] = texts else {
        return Row::new(about, Tone::Fair, "several records: receivers treat SPF as broken");
    };
    let lower = text.to_ascii_lowercase();
    let all = lower
        .split_whitespace()
        .find_map(|term| term.strip_suffix("all").filter(|q| matches!(*q, "" | "+" | "-" | "~" | "?")));
    let (tone, says) = match all {
        Some("-") => (Tone::Good, "others are to be refused (-all)"),
        Some("~") => (Tone::Good, "others are suspicious (~all)"),
        Some("?") => (Tone::Fair, "says nothing of others (?all)"),
        Some(_) => (Tone::Bad, "everybody may send in your name (+all)"),
        None if lower.contains("redirect=") => (Tone::Plain, "is another domain's (redirect)"),
        None => (Tone::Fair, "says nothing of others"),
    };
    Row::new(about, tone, says).note(clean(text, MAX_RECORD))
}

fn dmarc(seen: &LintObservation) -> Row {
    let about = About::Dmarc;
    let texts = match texts(about, &seen.dmarc, (Tone::Fair, "no policy")) {
        Ok(texts) => texts,
        Err(row) => return row,
    };
    let records: Vec<&String> = texts.iter().filter(|text| text.trim_start().starts_with("v=DMARC1")).collect();
    let [record] = records.as_slice() else {
        let says = if records.is_empty() { "no valid policy" } else { "several records: receivers ignore them" };
        return Row::new(about, Tone::Fair, says);
    };
    let tag = |name: &str| {
        record.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_ascii_lowercase())
        })
    };
    let (tone, says) = match tag("p").as_deref() {
        Some("reject") => (Tone::Good, "forgeries are to be refused (p=reject)"),
        Some("quarantine") => (Tone::Good, "forgeries are to be put aside (p=quarantine)"),
        Some("none") => (Tone::Fair, "only watches (p=none)"),
        _ => (Tone::Fair, "no valid policy"),
    };
    Row::new(about, tone, says).note(clean(record, MAX_RECORD))
}

fn tls_rpt(seen: &LintObservation) -> Row {
    match texts(About::TlsRpt, &seen.tls_rpt, (Tone::Plain, "not asked for")) {
        Ok(_) => Row::new(About::TlsRpt, Tone::Good, "asked for"),
        Err(row) => row,
    }
}

/// As it was judged: whether signatures hold is more than a record.
fn dnssec(of: &DomainFacts) -> Row {
    let found = |code: Code| of.findings.iter().any(|(_, finding)| finding.code == code);
    let known = [
        (Code::DnssecBogus, Tone::Bad, "broken: signatures do not hold"),
        (Code::DnssecOk, Tone::Good, "signed, and signatures hold"),
        (Code::DnssecNone, Tone::Plain, "not signed"),
    ];
    match known.into_iter().find(|(code, ..)| found(*code)) {
        Some((_, tone, says)) => Row::new(About::Dnssec, tone, says),
        None => Row::unknown(About::Dnssec, "could not be checked"),
    }
}
