//! The short spelling of SMTP dialogues: only what differs from a healthy one is written.

use std::net::{IpAddr, SocketAddr};

use fencepost_checks::observation::smtp::{
    CertificateDigests, ConnectOutcome, SmtpDialogue, SmtpReply, Stage, StageOutcome, StageRecord, TlsFacts,
};
use fencepost_checks::observation::{Vantage, VantageRole};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::dns::noon;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DialogueSpec {
    /// An egress address, or `outsider NAME`. Default: 192.0.2.10.
    pub from: Option<String>,
    /// Default: mail.example.com.
    pub to: Option<String>,
    /// Default: 198.51.100.5.
    pub peer: Option<String>,
    pub port: Option<u16>,
    pub standby: bool,
    /// `timeout`, `refused`, `prohibited`, `unreachable`, `unresolvable TEXT`, `blocked`, `fault`.
    pub connect: Option<String>,
    pub banner: Option<String>,
    pub ehlo: Option<String>,
    /// EHLO keywords. Default: STARTTLS, SIZE 10240000.
    pub offers: Option<Vec<String>>,
    pub starttls: Option<String>,
    /// `ok`, `expired`, `other name`, `self-signed`, a TLS version, `key DIGEST…` (of the
    /// server and its issuers), or `fails TEXT`.
    pub tls: Option<String>,
    pub mail: Option<String>,
    pub test: Option<String>,
    pub postmaster: Option<String>,
    pub random: Option<String>,
    pub foreign: Option<String>,
    /// Seconds that the greeting took.
    pub slow: u32,
    /// Only greeting and QUIT, as the firewall matrix asks for.
    pub short: bool,
    /// Asks for strangers alone, as a test of its own does; both are refused unless given.
    #[serde(skip)]
    pub strangers: bool,
}

impl DialogueSpec {
    pub fn dialogue(&self) -> Result<SmtpDialogue, String> {
        let from = self.from.as_deref().unwrap_or("192.0.2.10");
        let (id, role, address) = match from.strip_prefix("outsider ") {
            Some(name) => (format!("outsider-{name}"), VantageRole::Outsider, None),
            None => {
                let address: IpAddr = from.parse().map_err(|_| format!("from: `{from}` is no address"))?;
                (format!("egress-{from}"), VantageRole::Egress, Some(address))
            }
        };
        let port = self.port.unwrap_or(25);
        let peer: IpAddr = self.peer.as_deref().unwrap_or("198.51.100.5").parse().map_err(|_| "peer: no address")?;
        let connect = connect(self.connect.as_deref())?;
        let named = !matches!(connect, ConnectOutcome::Unresolvable { .. });
        let mut d = SmtpDialogue {
            vantage: Vantage { id, role, address },
            host: self.to.clone().unwrap_or_else(|| "mail.example.com".to_owned()),
            peer: named.then(|| SocketAddr::new(peer, port)),
            port,
            standby: self.standby,
            started_at: noon(),
            connect,
            stages: Vec::new(),
            capabilities: Vec::new(),
            tls: None,
            proof: None,
            transcript: Vec::new(),
        };
        if matches!(d.connect, ConnectOutcome::Connected { .. }) {
            self.talk(&mut d);
        }
        Ok(d)
    }

    /// Goes through the stages as a real observer would, and stops where it would.
    fn talk(&self, d: &mut SmtpDialogue) {
        if !step(d, Stage::Banner, self.banner.as_deref().unwrap_or("220 mail.example.com ESMTP"), self.slow * 1000) {
            return;
        }
        if self.short {
            step(d, Stage::Quit, "221 bye", 0);
            return;
        }
        if !step(d, Stage::Ehlo, self.ehlo.as_deref().unwrap_or("250 mail.example.com"), 0) {
            return;
        }
        let default = || vec!["STARTTLS".to_owned(), "SIZE 10240000".to_owned()];
        d.capabilities = self.offers.clone().unwrap_or_else(default);
        if d.capabilities.iter().any(|c| c == "STARTTLS") {
            let ok = step(d, Stage::Starttls, self.starttls.as_deref().unwrap_or("220 go ahead"), 0);
            let refused = matches!(d.stages.last().map(|s| &s.outcome), Some(StageOutcome::Reply { .. }));
            if !ok && !refused {
                return;
            }
            if ok {
                let tls = self.tls.as_deref().unwrap_or("ok");
                if let Some(detail) = tls.strip_prefix("fails ") {
                    let outcome = StageOutcome::TlsFailed { detail: detail.to_owned() };
                    d.stages.push(StageRecord { stage: Stage::Certificate, elapsed_ms: 5, outcome });
                    return;
                }
                d.tls = Some(facts(tls));
                d.stages.push(StageRecord { stage: Stage::Certificate, elapsed_ms: 5, outcome: StageOutcome::Done });
                step(d, Stage::EhloTls, "250 mail.example.com", 0);
                d.capabilities.retain(|c| c != "STARTTLS");
            }
        }
        if !step(d, Stage::MailFrom, self.mail.as_deref().unwrap_or("250 2.1.0 ok"), 0) {
            return;
        }
        if self.strangers {
            return self.ask_strangers(d);
        }
        for (stage, text) in [(Stage::RcptTest, &self.test), (Stage::RcptPostmaster, &self.postmaster)] {
            step(d, stage, text.as_deref().unwrap_or("250 2.1.5 ok"), 0);
            if !matches!(d.stages.last().map(|s| &s.outcome), Some(StageOutcome::Reply { .. })) {
                return;
            }
        }
        if let Some(text) = &self.foreign {
            step(d, Stage::RcptForeign, text, 0);
        }
        step(d, Stage::Rset, "250 ok", 0);
        step(d, Stage::Quit, "221 bye", 0);
    }

    /// Two tests, with RSET between them.
    fn ask_strangers(&self, d: &mut SmtpDialogue) {
        step(d, Stage::RcptRandom, self.random.as_deref().unwrap_or("550 5.1.1 no such user"), 0);
        if !matches!(d.stages.last().map(|s| &s.outcome), Some(StageOutcome::Reply { .. })) {
            return;
        }
        step(d, Stage::Rset, "250 ok", 0);
        step(d, Stage::MailFrom, "250 2.1.0 ok", 0);
        step(d, Stage::RcptForeign, self.foreign.as_deref().unwrap_or("554 5.7.1 relay access denied"), 0);
        step(d, Stage::Rset, "250 ok", 0);
        step(d, Stage::Quit, "221 bye", 0);
    }
}

/// Adds a stage and says whether the dialogue goes on. `closed`, `timeout`, `injection`,
/// `garbage TEXT`, or a reply such as `550 5.7.1 no`.
fn step(d: &mut SmtpDialogue, stage: Stage, text: &str, elapsed_ms: u32) -> bool {
    let outcome = match text.split(' ').next().unwrap_or_default() {
        "closed" => StageOutcome::Closed,
        "timeout" => StageOutcome::TimedOut { after_ms: 30_000 },
        "injection" => StageOutcome::TlsInjection,
        "garbage" => {
            let detail = text.trim_start_matches("garbage ").to_owned();
            StageOutcome::Protocol { smtp: detail.starts_with(|c: char| c.is_ascii_digit()), detail }
        }
        _ => StageOutcome::Reply { reply: reply(text) },
    };
    let on = matches!(&outcome, StageOutcome::Reply { reply } if (200..300).contains(&reply.code));
    d.stages.push(StageRecord { stage, elapsed_ms, outcome });
    on
}

fn reply(text: &str) -> SmtpReply {
    let (code, rest) = text.split_once(' ').unwrap_or((text, ""));
    let enhanced = rest.split(' ').next().filter(|e| e.split('.').count() == 3 && e.starts_with(['2', '4', '5']));
    SmtpReply { code: code.parse().unwrap_or(0), enhanced: enhanced.map(str::to_owned), lines: vec![rest.to_owned()] }
}

pub fn connect(text: Option<&str>) -> Result<ConnectOutcome, String> {
    let text = text.unwrap_or("ok");
    let detail = |word: &str| text.trim_start_matches(word).trim().to_owned();
    Ok(match text.split(' ').next().unwrap_or_default() {
        "ok" => ConnectOutcome::Connected { elapsed_ms: 20 },
        "timeout" => ConnectOutcome::TimedOut { after_ms: 30_000 },
        "refused" => ConnectOutcome::Refused,
        "prohibited" => ConnectOutcome::Prohibited,
        "unreachable" => ConnectOutcome::Unreachable { detail: "host unreachable".to_owned() },
        "unresolvable" => ConnectOutcome::Unresolvable { detail: detail("unresolvable") },
        "blocked" => ConnectOutcome::BlockedTarget { detail: "10.0.0.5 is a private address (RFC 1918)".to_owned() },
        "fault" => ConnectOutcome::VantageFault { detail: "cannot assign the source address".to_owned() },
        _ => return Err(format!("connect: `{text}` is not known")),
    })
}

fn facts(text: &str) -> TlsFacts {
    let days = |n: i64| noon() + SignedDuration::from_hours(24 * n);
    let mut facts = TlsFacts {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS13_AES_256_GCM_SHA384".to_owned(),
        subject: "CN=mail.example.com".to_owned(),
        names: vec!["mail.example.com".to_owned()],
        issuer: "CN=Example CA".to_owned(),
        not_before: days(-30),
        not_after: days(60),
        name_matches: true,
        chain_error: None,
        chain: Vec::new(),
    };
    match text {
        "expired" => facts.not_after = days(-1),
        "other name" => {
            facts.name_matches = false;
            facts.names = vec!["localhost".to_owned()];
        }
        // The digest of the server's key, as TLSA 3 1 1 has it; of the other digests, short stand-ins.
        key if key.starts_with("key ") => {
            let digests = |key: &str| CertificateDigests {
                certificate_sha256: format!("c256{key}"),
                certificate_sha512: format!("c512{key}"),
                key_sha256: key.to_owned(),
                key_sha512: format!("k512{key}"),
            };
            facts.chain = key.split(' ').skip(1).map(digests).collect();
        }
        "self-signed" => facts.chain_error = Some("self-signed certificate".to_owned()),
        version if version.starts_with("TLSv") || version.starts_with("SSLv") => version.clone_into(&mut facts.version),
        _ => {}
    }
    facts
}
