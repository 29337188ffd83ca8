//! The own mail servers: whether the filter can be bypassed, how mail to them is encrypted, and how long
//! their certificates last.

use std::collections::BTreeMap;

use fencepost_checks::escape::clean;
use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, TlsFacts};
use fencepost_checks::{Code, Severity};
use jiff::{SignedDuration, Timestamp};

use super::domain::{day_of, moment};
use super::{About, DomainFacts, Facts, Row, Tone};
use crate::words::Language;

/// A certificate with less time left is told.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Servers that are named.
const MAX_SERVERS: usize = 6;

/// Whether others than the gateway reach the own servers.
pub(super) fn lock_down(facts: &Facts<'_>, of: &DomainFacts) -> Row {
    let found = |code: Code| of.findings.iter().find(|(_, finding)| finding.code == code);
    let l = facts.language;
    let tried = l.say("last tried from outside", "viimeksi kokeiltu ulkopuolelta");
    let as_of = |at: Timestamp| format!("{tried} {}", moment(facts, of.outsiders_at.unwrap_or(at)));
    let row = |tone, says: &str, at| Row::new(About::LockDown, tone, says).note(as_of(at));
    // The worst server counts.
    if let Some((at, finding)) = found(Code::FwOpenWorld) {
        if finding.severity == Severity::Warning {
            return row(
                Tone::Fair,
                l.say("open: mail can go past the filter", "auki: posti voi ohittaa suodatuksen"),
                *at,
            );
        }
        let until = of.connection.old_path_needed_until;
        let until = until.map(|until| day_of(facts, until)).map(|until| match l {
            Language::En => format!(", as it may be until {until}"),
            Language::Fi => format!(", kuten saa olla {until} asti"),
        });
        return row(Tone::Plain, &format!("{}{}", l.say("still open", "vielä auki"), until.unwrap_or_default()), *at);
    }
    if let Some((at, _)) = found(Code::FwLockdownVerified) {
        let says =
            l.say("on: only the gateway reaches your server", "käytössä: vain suodatuspalvelu pääsee palvelimelle");
        return row(Tone::Good, says, *at);
    }
    if let Some((at, _)) = found(Code::FwLockdownApplication) {
        let says = l.say("on: your server refuses mail from others", "käytössä: palvelin torjuu muiden postin");
        return row(Tone::Good, says, *at);
    }
    if of.connection.hosted || found(Code::FwUnverifiable).is_some() {
        return Row::new(About::LockDown, Tone::Unknown, l.say("cannot be tested", "ei testattavissa")).note(l.say(
            "mail is hosted on a platform that cannot be firewalled",
            "posti on pilvipalvelussa, jota ei voi suojata palomuurilla",
        ));
    }
    let why = l.say("nobody but the gateway has been sent to knock yet", "ulkopuolisten pääsyä ei ole vielä kokeiltu");
    Row::unknown(l, About::LockDown, why)
}

/// TLS and certificate.
pub(super) fn tls(facts: &Facts<'_>, of: &DomainFacts) -> [Row; 2] {
    let Some((at, dialogues)) = &of.smtp else {
        let l = facts.language;
        let why = l.say("no dialogue with the mail server is known", "palvelimen kanssa ei ole vielä keskusteltu");
        return [Row::unknown(l, About::Tls, why), Row::unknown(l, About::Certificate, why)];
    };
    let seen = by_host(dialogues);
    [encryption(facts, of, &seen, *at), certificate(facts, &seen)]
}

/// The best look at each server that was reached.
fn by_host(dialogues: &[SmtpDialogue]) -> BTreeMap<&str, Option<&TlsFacts>> {
    let mut seen = BTreeMap::new();
    for dialogue in dialogues.iter().filter(|d| matches!(d.connect, ConnectOutcome::Connected { .. })) {
        let tls = seen.entry(dialogue.host.as_str()).or_insert(None);
        *tls = tls.or(dialogue.tls.as_ref());
    }
    seen
}

fn encryption(facts: &Facts<'_>, of: &DomainFacts, seen: &BTreeMap<&str, Option<&TlsFacts>>, at: Timestamp) -> Row {
    let found = |code: Code| of.findings.iter().any(|(_, finding)| finding.code == code);
    let l = facts.language;
    let note = format!("{} {}", l.say("as of", "tilanne"), moment(facts, at));
    for (code, tone, en, fi) in [
        (
            Code::TlsInjection,
            Tone::Bad,
            "can be injected into: plain text is taken after STARTTLS",
            "altis ujuttamiselle: palvelin hyväksyy salaamatonta tekstiä STARTTLS:n jälkeen",
        ),
        (
            Code::TlsBroken,
            Tone::Bad,
            "broken: STARTTLS is offered and fails",
            "rikki: STARTTLS on tarjolla mutta ei toimi",
        ),
        (
            Code::TlsStripped,
            Tone::Bad,
            "taken away on the way from one of our places",
            "poistuu matkalla yhdestä mittauspisteestämme",
        ),
        (Code::TlsAbsent, Tone::Fair, "none: mail travels in the clear", "ei salausta: posti kulkee selväkielisenä"),
        (Code::TlsTooOld, Tone::Fair, "too old to be safe", "liian vanha ollakseen turvallinen"),
    ] {
        if found(code) {
            return Row::new(About::Tls, tone, l.say(en, fi)).note(note);
        }
    }
    let mut versions: Vec<&str> = seen.values().flatten().map(|tls| tls.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    if versions.is_empty() {
        let why = l.say("no encrypted dialogue has been seen", "salattua yhteyttä ei ole nähty");
        return Row::unknown(l, About::Tls, why);
    }
    let versions: Vec<String> = versions.into_iter().map(|v| clean(v, 20).replace("TLSv", "TLS ")).collect();
    let hosts: Vec<String> = seen.keys().take(MAX_SERVERS).map(|host| clean(host, 100)).collect();
    Row::new(About::Tls, Tone::Good, versions.join(", ")).note(format!("{}; {note}", hosts.join(", ")))
}

/// Of the certificate that ends first.
fn certificate(facts: &Facts<'_>, seen: &BTreeMap<&str, Option<&TlsFacts>>) -> Row {
    let mut known: Vec<(&str, &TlsFacts)> = seen.iter().filter_map(|(host, tls)| Some((*host, (*tls)?))).collect();
    known.sort_by_key(|(_, tls)| tls.not_after);
    let Some((host, tls)) = known.first() else {
        let why = facts.language.say("no certificate has been seen", "varmennetta ei ole nähty");
        return Row::unknown(facts.language, About::Certificate, why);
    };
    let l = facts.language;
    let (until, left) = (day_of(facts, tls.not_after), tls.not_after.duration_since(facts.now));
    let issuer = clean(&tls.issuer, 100);
    let mut note = format!("{}, {} {issuer}", clean(host, 100), l.say("issued by", "myöntäjä"));
    let says = match (l, left.is_negative()) {
        (Language::En, true) => format!("ran out on {until}"),
        (Language::En, false) => format!("valid until {until}"),
        (Language::Fi, true) => format!("vanhentui {until}"),
        (Language::Fi, false) => format!("voimassa {until} asti"),
    };
    if !left.is_negative() {
        let days = usize::try_from(left.as_hours() / 24).unwrap_or_default();
        let days = l.counted(days, ("day", "days"), ("päivä", "päivää"));
        note = match l {
            Language::En => format!("{days} left; {note}"),
            Language::Fi => format!("jäljellä {days}; {note}"),
        };
    }
    let strict = known.iter().find_map(|(host, tls)| {
        let why = if tls.name_matches {
            tls.chain_error.as_deref().map(|e| clean(e, 120))
        } else {
            Some(l.say("it names another host", "sen nimi on toinen").to_owned())
        };
        let fails = l.say("a strict check fails", "tiukka tarkistus epäonnistuu");
        why.map(|why| format!("{}: {fails}, {why}", clean(host, 100)))
    });
    let tone = match (&strict, left) {
        (_, left) if left.is_negative() => Tone::Bad,
        (_, left) if left < SOON => Tone::Fair,
        (Some(_), _) => Tone::Fair,
        (None, _) => Tone::Good,
    };
    if let Some(strict) = strict {
        note = format!("{note}; {strict}");
    }
    Row::new(About::Certificate, tone, says).note(note)
}
