//! What a dialogue showed about TLS. Opportunistic TLS survives nearly everything, so these findings
//! warn; only an injection ends the dialogue.

use super::dialogue::{Kind, kind, peer, record, reply, say, server, stage_words};
use crate::observation::smtp::{SmtpDialogue, Stage, StageOutcome, TlsFacts};
use crate::{Actor, Code, Finding, Severity, escape, when};

/// Every TLS finding of one dialogue that got as far as EHLO.
pub(crate) fn findings(d: &SmtpDialogue) -> Vec<Finding> {
    let mut found = Vec::new();
    for stage in [Stage::Starttls, Stage::Certificate, Stage::EhloTls] {
        match record(d, stage).map(|r| &r.outcome) {
            Some(StageOutcome::TlsInjection) => found.push(injection(d)),
            Some(StageOutcome::TlsFailed { detail }) => found.push(failed(d, detail)),
            Some(StageOutcome::Reply { reply: r }) if stage == Stage::Starttls && kind(r) != Kind::Yes => {
                found.push(broken(d, &format!("answers STARTTLS with {}", say(r))));
            }
            Some(StageOutcome::Closed) if stage != Stage::EhloTls => {
                found.push(broken(d, &format!("closes the connection at {}", stage_words(stage))));
            }
            _ => {}
        }
    }
    match &d.tls {
        Some(facts) => found.extend(of_session(d, facts)),
        None if found.is_empty() => found.extend(absent(d)),
        None => {}
    }
    found
}

/// STARTTLS at one vantage and not at another, at the same address of the same server.
pub(crate) fn stripped(dialogues: &[SmtpDialogue]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for d in dialogues.iter().filter(|d| lacks(d)) {
        let other = dialogues.iter().find(|o| o.host == d.host && o.port == d.port && o.peer == d.peer && offers(o));
        if let Some(other) = other {
            found.push(
                finding(d, Code::TlsStripped)
                    .detail(&format!(
                        "{} offers STARTTLS to {} and not to {}.",
                        peer(d),
                        escape::quote(&other.vantage.id),
                        escape::quote(&d.vantage.id)
                    ))
                    .remedy(Actor::Customer, "Look for a firewall or proxy on the path from this vantage that removes STARTTLS, or for a rule of the server that offers it to some addresses only."),
            );
        }
    }
    found
}

/// Whether the certificate, the handshake and the name are all as a strict sender wants them.
pub(crate) fn problem(d: &SmtpDialogue, facts: &TlsFacts) -> Option<String> {
    let mut parts = Vec::new();
    if !facts.name_matches {
        let names: Vec<String> = facts.names.iter().take(5).map(|n| escape::clean(n, 100)).collect();
        let names = if names.is_empty() { escape::quote(&facts.subject) } else { names.join(", ") };
        parts.push(format!("it is for {names} and not for {}", escape::clean(&d.host, 255)));
    }
    if facts.not_after < d.started_at {
        parts.push(format!("it expired on {}", when(facts.not_after)));
    }
    if facts.not_before > d.started_at {
        parts.push(format!("it is not valid before {}", when(facts.not_before)));
    }
    if let Some(error) = &facts.chain_error {
        parts.push(format!("its chain does not lead to a trusted root ({})", escape::quote(error)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Whether the last EHLO was answered and STARTTLS was not on offer.
pub(crate) fn lacks(d: &SmtpDialogue) -> bool {
    let answered = reply(d, Stage::Ehlo).is_some_and(|r| kind(r) == Kind::Yes);
    answered && record(d, Stage::Starttls).is_none() && d.tls.is_none() && !announces(d)
}

fn offers(d: &SmtpDialogue) -> bool {
    d.tls.is_some() || record(d, Stage::Starttls).is_some() || announces(d)
}

fn announces(d: &SmtpDialogue) -> bool {
    d.capabilities.iter().any(|c| c.trim().eq_ignore_ascii_case("STARTTLS"))
}

fn of_session(d: &SmtpDialogue, facts: &TlsFacts) -> Vec<Finding> {
    let mut found = Vec::new();
    if !matches!(facts.version.as_str(), "TLSv1.2" | "TLSv1.3" | "TLSv1_2" | "TLSv1_3") {
        found.push(too_old(d, &facts.version));
    }
    if let Some(problem) = problem(d, facts) {
        found.push(
            finding(d, Code::TlsPkix)
                .detail(&format!("The certificate of {} would not pass a strict check: {problem}.", peer(d)))
                .remedy(
                    Actor::Customer,
                    &format!("Mail still flows encrypted. To pass strict checks, install a certificate of a public authority for {} and renew it in time.", escape::clean(&d.host, 255)),
                ),
        );
    }
    found
}

fn absent(d: &SmtpDialogue) -> Option<Finding> {
    lacks(d).then(|| {
        finding(d, Code::TlsAbsent).detail(&format!("{} does not offer STARTTLS.", peer(d))).remedy(
            Actor::Customer,
            "Mail is delivered without encryption. Give the mail server a certificate and switch STARTTLS on.",
        )
    })
}

fn failed(d: &SmtpDialogue, detail: &str) -> Finding {
    let lower = detail.to_ascii_lowercase();
    if ["protocol version", "protocol_version", "protocolversion", "unsupported protocol", "peerincompatible"]
        .iter()
        .any(|w| lower.contains(w))
    {
        too_old(d, detail)
    } else {
        broken(d, &format!("fails the handshake: {}", escape::quote(detail)))
    }
}

fn too_old(d: &SmtpDialogue, what: &str) -> Finding {
    finding(d, Code::TlsTooOld)
        .detail(&format!("{} does not speak TLS 1.2 or 1.3 ({}).", peer(d), escape::quote(what)))
        .remedy(Actor::Customer, "Update the mail server, or allow TLS 1.2 and 1.3 in its settings; older versions are no longer safe (RFC 8996).")
}

fn broken(d: &SmtpDialogue, what: &str) -> Finding {
    finding(d, Code::TlsBroken)
        .detail(&format!("{} offers STARTTLS and then {what}.", peer(d)))
        .remedy(Actor::Customer, "Look into the certificate, its key and the TLS settings of the mail server; until then some senders cannot deliver.")
}

fn injection(d: &SmtpDialogue) -> Finding {
    Finding::new(Code::TlsInjection, Severity::Blocking, &server(d), d.started_at)
        .detail(&format!("After the reply to STARTTLS, {} sent plain text that would have entered the encrypted session.", peer(d)))
        .remedy(Actor::Customer, "Update the mail server or the proxy in front of it: it must throw away what came before the TLS handshake (RFC 3207 §4.2).")
        .seen_by([d.vantage.id.as_str()])
}

fn finding(d: &SmtpDialogue, code: Code) -> Finding {
    Finding::new(code, Severity::Warning, &server(d), d.started_at).seen_by([d.vantage.id.as_str()])
}
