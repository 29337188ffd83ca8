//! The own mail servers: whether the filter can be bypassed, how mail to them is encrypted, and how long
//! their certificates last.

use std::collections::BTreeMap;

use fencepost_checks::escape::clean;
use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, TlsFacts};
use fencepost_checks::{Code, Severity};
use jiff::{SignedDuration, Timestamp};

use super::domain::{day_of, moment};
use super::words::counted;
use super::{About, DomainFacts, Facts, Row, Tone};

/// A certificate with less time left is told.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Servers that are named.
const MAX_SERVERS: usize = 6;

/// Whether others than the gateway reach the own servers.
pub(super) fn lock_down(facts: &Facts<'_>, of: &DomainFacts) -> Row {
    let found = |code: Code| of.findings.iter().find(|(_, finding)| finding.code == code);
    let as_of = |at: Timestamp| format!("last tried from outside {}", moment(facts, of.outsiders_at.unwrap_or(at)));
    let row = |tone, says: &str, at| Row::new(About::LockDown, tone, says).note(as_of(at));
    // The worst server counts.
    if let Some((at, finding)) = found(Code::FwOpenWorld) {
        if finding.severity == Severity::Warning {
            return row(Tone::Fair, "open: mail can go past the filter", *at);
        }
        let until = of.connection.old_path_needed_until;
        let until = until.map(|until| format!(", as it may be until {}", day_of(facts, until))).unwrap_or_default();
        return row(Tone::Plain, &format!("still open{until}"), *at);
    }
    if let Some((at, _)) = found(Code::FwLockdownVerified) {
        return row(Tone::Good, "on: only the gateway reaches your server", *at);
    }
    if let Some((at, _)) = found(Code::FwLockdownApplication) {
        return row(Tone::Good, "on: your server refuses mail from others", *at);
    }
    if of.connection.hosted || found(Code::FwUnverifiable).is_some() {
        return Row::new(About::LockDown, Tone::Unknown, "cannot be tested")
            .note("mail is hosted on a platform that cannot be firewalled");
    }
    Row::unknown(About::LockDown, "nobody but the gateway has been sent to knock yet")
}

/// TLS and certificate.
pub(super) fn tls(facts: &Facts<'_>, of: &DomainFacts) -> [Row; 2] {
    let Some((at, dialogues)) = &of.smtp else {
        let why = "no dialogue with the mail server is known";
        return [Row::unknown(About::Tls, why), Row::unknown(About::Certificate, why)];
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
    let note = format!("as of {}", moment(facts, at));
    for (code, tone, says) in [
        (Code::TlsInjection, Tone::Bad, "can be injected into: plain text is taken after STARTTLS"),
        (Code::TlsBroken, Tone::Bad, "broken: STARTTLS is offered and fails"),
        (Code::TlsStripped, Tone::Bad, "taken away on the way from one of our places"),
        (Code::TlsAbsent, Tone::Fair, "none: mail travels in the clear"),
        (Code::TlsTooOld, Tone::Fair, "too old to be safe"),
    ] {
        if found(code) {
            return Row::new(About::Tls, tone, says).note(note);
        }
    }
    let mut versions: Vec<&str> = seen.values().flatten().map(|tls| tls.version.as_str()).collect();
    versions.sort_unstable();
    versions.dedup();
    if versions.is_empty() {
        return Row::unknown(About::Tls, "no encrypted dialogue has been seen");
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
        return Row::unknown(About::Certificate, "no certificate has been seen");
    };
    let (until, left) = (day_of(facts, tls.not_after), tls.not_after.duration_since(facts.now));
    let issuer = clean(&tls.issuer, 100);
    let mut note = format!("{}, issued by {issuer}", clean(host, 100));
    let says = if left.is_negative() { format!("ran out on {until}") } else { format!("valid until {until}") };
    if !left.is_negative() {
        let days = usize::try_from(left.as_hours() / 24).unwrap_or_default();
        note = format!("{} left; {note}", counted(days, "day", "days"));
    }
    let strict = known.iter().find_map(|(host, tls)| {
        let why = if tls.name_matches {
            tls.chain_error.as_deref().map(|e| clean(e, 120))
        } else {
            Some("it names another host".to_owned())
        };
        why.map(|why| format!("{}: a strict check fails, {why}", clean(host, 100)))
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
