//! What one dialogue came to, stage by stage, each stage with its own finding.

use std::net::IpAddr;

use super::dialogue::{Kind, connect_words, from, kind, peer, record, reply, say, server, stage_words};
use super::meaning::{self, Meaning};
use super::{looks_temporary, strangers, tls};
use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, SmtpReply, Stage, StageOutcome};
use crate::{Actor, Code, DomainName, Finding, Severity, escape};

/// A stage that took this long is slow on purpose or overloaded, milliseconds.
const SLOW_MS: u32 = 20_000;

/// What a dialogue came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A recipient of the domain was accepted.
    Accepted,
    /// A definite no.
    Refused,
    /// Nothing definite: try again.
    Open,
}

/// The outcome and every finding of one dialogue.
pub(super) fn of(d: &SmtpDialogue, domain: &DomainName) -> (Outcome, Vec<Finding>) {
    let about = About { d, domain };
    let (outcome, mut findings) = about.path();
    if matches!(d.connect, ConnectOutcome::Connected { .. }) {
        findings.extend(about.slow());
        findings.extend(about.odd_greeting());
        findings.extend(about.masked());
        findings.extend(strangers::accepted(d));
        findings.extend(tls::findings(d));
    }
    (outcome, findings)
}

struct About<'a> {
    d: &'a SmtpDialogue,
    domain: &'a DomainName,
}

type Came = (Outcome, Vec<Finding>);

impl About<'_> {
    fn path(&self) -> Came {
        if self.d.port == 0 || !usable_host(&self.d.host) {
            return self.refused(
                Code::BadInput,
                &format!("`{}` is no usable host name or address with a port.", escape::quote(&server(self.d))),
                Actor::Desk,
                "Correct how the mail server is given: a host name such as mail.example.com or an address, and a port from 1 to 65535.",
            );
        }
        let to = self.d.peer.map_or_else(|| server(self.d), |p| p.to_string());
        let said = format!("A connection from {} to {to} {}.", from(self.d), connect_words(&self.d.connect));
        match &self.d.connect {
            ConnectOutcome::Connected { .. } => self.greeting(),
            ConnectOutcome::TimedOut { .. } | ConnectOutcome::Unreachable { .. } => {
                self.open(Code::SmtpUnreachable, &said, &self.reach())
            }
            ConnectOutcome::Refused | ConnectOutcome::Prohibited => {
                self.refused(Code::SmtpUnreachable, &said, Actor::Customer, &self.reach())
            }
            ConnectOutcome::Unresolvable { detail } => {
                let remedy = format!(
                    "Give {} an A or AAAA record, or correct the name of the server where it was given to us.",
                    escape::clean(&self.d.host, 255)
                );
                if looks_temporary(detail) {
                    self.open(Code::SmtpUnresolvable, &said, &remedy)
                } else {
                    self.refused(Code::SmtpUnresolvable, &said, Actor::Customer, &remedy)
                }
            }
            ConnectOutcome::BlockedTarget { .. } => self.refused(
                Code::BlockedTarget,
                &said,
                Actor::Desk,
                &format!("Give another server or address: {} must be reachable from the internet.", server(self.d)),
            ),
            ConnectOutcome::VantageFault { .. } => (
                Outcome::Open,
                vec![self.finding(Code::VantageFault, Severity::Warning).detail(&said).remedy(
                    Actor::Vendor,
                    "Nothing for the customer to do: the operator of fencepost mends the vantage.",
                )],
            ),
        }
    }

    fn reach(&self) -> String {
        format!(
            "See whether the mail service runs, and whether TCP port {} of {} is open for {}.",
            self.d.port,
            peer(self.d),
            from(self.d)
        )
    }

    /// Banner, EHLO, STARTTLS and MAIL FROM: the first of them that is no yes decides.
    fn greeting(&self) -> Came {
        let Some(banner) = record(self.d, Stage::Banner) else {
            return self.no_banner("no SMTP greeting was recorded");
        };
        match &banner.outcome {
            StageOutcome::Reply { .. } => {}
            StageOutcome::Closed => return self.no_banner("the connection was closed before any greeting"),
            StageOutcome::TimedOut { after_ms } => {
                return self.no_banner(&format!("no greeting came within {} s", after_ms.div_ceil(1000)));
            }
            // It speaks SMTP, and wrongly: no other service listens there.
            StageOutcome::Protocol { detail, smtp: true } => return self.odd(Stage::Banner, detail),
            StageOutcome::Protocol { detail, smtp: false } => {
                return self.refused(
                    Code::SmtpWrongProtocol,
                    &format!("{} does not answer with SMTP: {}.", peer(self.d), escape::quote(detail)),
                    Actor::Customer,
                    &format!("Find out what listens on TCP port {} of {}; start the mail service there, or give the right port.", self.d.port, peer(self.d)),
                );
            }
            StageOutcome::Done
            | StageOutcome::Failed { .. }
            | StageOutcome::TlsFailed { .. }
            | StageOutcome::TlsInjection => {
                return self.no_banner("no SMTP greeting was recorded");
            }
        }
        for stage in [Stage::Banner, Stage::Ehlo, Stage::Starttls, Stage::Certificate, Stage::EhloTls, Stage::MailFrom]
        {
            if let Some(end) = self.ends_at(stage) {
                return end;
            }
        }
        self.recipients()
    }

    /// What a stage before RCPT ends the dialogue with, `None` where it goes on.
    fn ends_at(&self, stage: Stage) -> Option<Came> {
        let last = self.d.stages.last().map(|r| r.stage);
        match &record(self.d, stage)?.outcome {
            StageOutcome::Reply { reply: r } => match kind(r) {
                Kind::Yes => None,
                // STARTTLS refused: the dialogue goes on in the clear; the TLS findings tell it.
                _ if stage == Stage::Starttls && r.code != 421 => None,
                Kind::Later if says_why(r) => Some(self.policy(r, stage)),
                Kind::Later => Some(self.later(r, stage)),
                Kind::No => Some(self.policy(r, stage)),
                Kind::Odd => Some(self.odd(stage, &say(r))),
            },
            StageOutcome::Done => None,
            // A failed handshake says that TLS is broken; whether mail is accepted stays open.
            StageOutcome::TlsFailed { .. } => (last == Some(stage)).then(|| (Outcome::Open, Vec::new())),
            StageOutcome::TlsInjection => Some((Outcome::Refused, Vec::new())),
            StageOutcome::Closed
            | StageOutcome::Failed { .. }
            | StageOutcome::TimedOut { .. }
            | StageOutcome::Protocol { .. } => Some(self.broke_off(stage)),
        }
    }

    fn broke_off(&self, stage: Stage) -> Came {
        let at = stage_words(stage);
        match record(self.d, stage).map(|r| &r.outcome) {
            Some(StageOutcome::TimedOut { after_ms }) => self.open(
                Code::SmtpTarpit,
                &format!("{} gave no answer to {at} within {} s.", peer(self.d), after_ms.div_ceil(1000)),
                "Slow is not down. If it stays so, look into delays (tarpitting, DNS look-ups) on the server.",
            ),
            Some(StageOutcome::Protocol { detail, .. }) => self.odd(stage, detail),
            _ => self.open(
                Code::SmtpEarlyClose,
                &format!("{} closed the connection at {at}.", peer(self.d)),
                &format!(
                    "Look into the server's log for the connection from {}: a filter or a limit may cut it off.",
                    from(self.d)
                ),
            ),
        }
    }

    fn odd(&self, stage: Stage, what: &str) -> Came {
        self.refused(
            Code::SmtpProtocolError,
            &format!(
                "The answer of {} to {} breaks the protocol: {}.",
                peer(self.d),
                stage_words(stage),
                escape::quote(what)
            ),
            Actor::Customer,
            "Look into the mail server and into every proxy or firewall in front of it that alters SMTP.",
        )
    }

    fn no_banner(&self, what: &str) -> Came {
        self.open(
            Code::SmtpNoBanner,
            &format!("The port of {} is open, but {what}.", peer(self.d)),
            &format!("See whether the mail service hangs, and whether a proxy in front of it holds back connections from {}.", from(self.d)),
        )
    }

    /// RCPT of the test mailbox and of postmaster: one accepted is a pass.
    fn recipients(&self) -> Came {
        let test = reply(self.d, Stage::RcptTest);
        let postmaster = reply(self.d, Stage::RcptPostmaster);
        let yes = |r: Option<&SmtpReply>| r.is_some_and(|r| kind(r) == Kind::Yes);
        let no = |r: Option<&SmtpReply>| r.filter(|r| kind(r) == Kind::No).cloned();
        if yes(test) || yes(postmaster) {
            let mut findings = vec![
                self.finding(Code::SmtpOk, Severity::Info)
                    .detail(&format!("{} accepts mail for {}.", peer(self.d), self.domain))
                    .remedy(Actor::Nobody, "Nothing to do."),
            ];
            if let Some(r) = no(test) {
                findings.push(
                    self.finding(Code::SmtpRcptRejected, Severity::Warning)
                        .detail(&format!("The test mailbox was refused, postmaster was accepted: {}.", say(&r)))
                        .remedy(Actor::Desk, "Name a mailbox that exists as the test mailbox."),
                );
            }
            if let Some(r) = no(postmaster) {
                findings.push(
                    self.finding(Code::SmtpPostmasterMissing, Severity::Warning)
                        .detail(&format!("{} refuses postmaster@{}: {}.", peer(self.d), self.domain, say(&r)))
                        .remedy(
                            Actor::Customer,
                            &format!("Create postmaster@{} or an alias of that name.", self.domain),
                        ),
                );
            }
            return (Outcome::Accepted, findings);
        }
        let both: Vec<(Stage, &SmtpReply)> = [(Stage::RcptTest, test), (Stage::RcptPostmaster, postmaster)]
            .into_iter()
            .filter_map(|(s, r)| Some((s, r?)))
            .collect();
        if let Some((stage, r)) = both.iter().find(|(_, r)| says_why(r)) {
            return self.policy(r, *stage);
        }
        if let Some((stage, r)) = both.iter().find(|(_, r)| kind(r) == Kind::Later) {
            return self.later(r, *stage);
        }
        if let Some((_, r)) = both.iter().find(|(_, r)| kind(r) == Kind::No) {
            return self.refused(
                Code::SmtpRcptRejected,
                &format!("{} refuses mail for {}: {}.", peer(self.d), self.domain, say(r)),
                Actor::Customer,
                &format!(
                    "Set the server up to accept mail for {} from {}, and see whether the test mailbox exists.",
                    self.domain,
                    from(self.d)
                ),
            );
        }
        if let Some((stage, r)) = both.first() {
            return self.odd(*stage, &say(r));
        }
        for stage in [Stage::RcptTest, Stage::RcptPostmaster] {
            if record(self.d, stage).is_some() {
                return self.broke_off(stage);
            }
        }
        self.open(
            Code::SmtpEarlyClose,
            &format!("The dialogue with {} ended before a recipient was named.", peer(self.d)),
            "Nothing to do now: it has to be tried again later. If it stays so, look into the server's log.",
        )
    }

    /// A 4xx reply: greylisting, a limit, or a temporary error.
    fn later(&self, r: &SmtpReply, stage: Stage) -> Came {
        let text = r.lines.join(" ").to_ascii_lowercase();
        let at_recipient = matches!(stage, Stage::RcptTest | Stage::RcptPostmaster | Stage::MailFrom);
        let (code, remedy) = if meaning::of(r) == Some(Meaning::Throttled) {
            (
                Code::SmtpRateLimited,
                format!(
                    "Nothing to do now: it has to be tried again later. Raise the limit for {} if this stays.",
                    from(self.d)
                ),
            )
        } else if text.contains("greylist")
            || text.contains("graylist")
            || (at_recipient && matches!(r.code, 450 | 451))
        {
            (
                Code::SmtpGreylisted,
                format!(
                    "Nothing to do now: mail servers try again after some minutes, and a test must do so from the same address. Take {} out of greylisting, so that mail is not delayed.",
                    from(self.d)
                ),
            )
        } else if at_recipient && text.contains("relay") {
            // Postfix defers relaying by default, so a domain that it was never told of looks temporary.
            (
                Code::SmtpRcptRejected,
                format!(
                    "Most likely the server does not know {0} as its own: set it up to accept mail for {0}.",
                    self.domain
                ),
            )
        } else {
            (
                Code::SmtpTempFail,
                "Nothing to do now: it has to be tried again later. If it stays so, look into the server's log."
                    .to_owned(),
            )
        };
        self.open(code, &format!("{} answered {} with {}.", peer(self.d), stage_words(stage), say(r)), &remedy)
    }

    /// The server does not want mail from this address: a 5xx reply before RCPT, or one that says why.
    fn policy(&self, r: &SmtpReply, stage: Stage) -> Came {
        let detail = format!("{} answered {} with {}.", peer(self.d), stage_words(stage), say(r));
        let allow = format!("The port is open, but the server's policy refuses {}.", from(self.d));
        let (who, remedy) = match meaning::of(r) {
            Some(Meaning::LockedDown(platform)) => (
                Actor::Customer,
                format!(
                    "{allow} {} takes mail for {} from listed addresses only. Add {} to that list, {}.",
                    platform.name(),
                    self.domain,
                    from(self.d),
                    platform.setting()
                ),
            ),
            Some(Meaning::Blocklisted) => {
                (Actor::Vendor, format!("{allow} Allow this address in the server's access rules.{}", meaning::ALARM))
            }
            _ => (Actor::Customer, format!("{allow} Allow this address in the server's access rules.")),
        };
        if kind(r) == Kind::Later {
            let finding = self.finding(Code::SmtpPolicyReject, Severity::Warning).detail(&detail).remedy(who, &remedy);
            return (Outcome::Open, vec![finding]);
        }
        self.refused(Code::SmtpPolicyReject, &detail, who, &remedy)
    }

    fn slow(&self) -> Option<Finding> {
        let slowest = self
            .d
            .stages
            .iter()
            .filter(|r| matches!(r.outcome, StageOutcome::Reply { .. }))
            .max_by_key(|r| r.elapsed_ms)?;
        (slowest.elapsed_ms >= SLOW_MS).then(|| {
            self.finding(Code::SmtpTarpit, Severity::Warning)
                .detail(&format!(
                    "{} took {} s for {}.",
                    peer(self.d),
                    slowest.elapsed_ms / 1000,
                    stage_words(slowest.stage)
                ))
                .remedy(
                    Actor::Customer,
                    &format!("Slow is not down, but take {} out of deliberate delays.", from(self.d)),
                )
        })
    }

    /// The greeting is 220 and no other number (RFC 5321 §4.3.2); most senders are lenient here.
    fn odd_greeting(&self) -> Option<Finding> {
        let r = reply(self.d, Stage::Banner).filter(|r| kind(r) == Kind::Yes && r.code != 220)?;
        Some(
            self.finding(Code::SmtpProtocolError, Severity::Warning)
                .detail(&format!("{} greets with {}; the protocol asks for 220.", peer(self.d), say(r)))
                .remedy(
                    Actor::Customer,
                    "Look into the mail server and into every proxy or firewall in front of it: the greeting must begin with 220.",
                ),
        )
    }

    /// A firewall that "inspects" SMTP masks the greeting with asterisks and EHLO keywords with X.
    fn masked(&self) -> Option<Finding> {
        let banner = reply(self.d, Stage::Banner).map(|r| r.lines.join(" ")).unwrap_or_default();
        let stars = banner.chars().filter(|c| *c == '*').count() >= 8;
        let masked =
            self.d.capabilities.iter().find(|c| {
                c.len() >= 4 && c.trim_end_matches(char::is_alphanumeric).is_empty() && c.starts_with("XXXX")
            });
        if !stars && masked.is_none() {
            return None;
        }
        let what = masked.map_or_else(
            || format!("the greeting is masked: {}", escape::quote(&banner)),
            |m| format!("an EHLO keyword is masked: {}", escape::quote(m)),
        );
        Some(
            self.finding(Code::SmtpMiddlebox, Severity::Warning)
                .detail(&format!("Something in front of {} rewrites SMTP: {what}.", peer(self.d)))
                .remedy(Actor::Customer, "Switch off SMTP inspection (\"fixup\", \"ESMTP inspect\", \"mailguard\") in the firewall: it breaks STARTTLS."),
        )
    }

    fn refused(&self, code: Code, detail: &str, who: Actor, remedy: &str) -> Came {
        (Outcome::Refused, vec![self.finding(code, Severity::Blocking).detail(detail).remedy(who, remedy)])
    }

    fn open(&self, code: Code, detail: &str, remedy: &str) -> Came {
        let who = match code {
            Code::SmtpGreylisted | Code::SmtpRateLimited | Code::SmtpTempFail => Actor::Time,
            _ => Actor::Customer,
        };
        (Outcome::Open, vec![self.finding(code, Severity::Warning).detail(detail).remedy(who, remedy)])
    }

    fn finding(&self, code: Code, severity: Severity) -> Finding {
        Finding::new(code, severity, &server(self.d), self.d.started_at).seen_by([self.d.vantage.id.as_str()])
    }
}

/// Whether the reply itself names the reason why this address may not deliver.
fn says_why(r: &SmtpReply) -> bool {
    matches!(meaning::of(r), Some(Meaning::LockedDown(_) | Meaning::Blocklisted))
}

fn usable_host(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || DomainName::parse(host).is_ok()
}
