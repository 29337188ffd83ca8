//! One look at a domain before it is ordered: who runs its name servers, where its mail goes now, what would stand
//! against a change, and whether its own server answers. Nothing is stored, and nothing follows from it.

use std::collections::BTreeSet;
use std::time::Duration;

use fencepost_checks::lint::{self, LintContext};
use fencepost_checks::observation::{DnsAnswer, DnsRound, SmtpDialogue};
use fencepost_checks::smtp::{self, SmtpContext};
use fencepost_checks::{Code, DomainName, Finding, Severity, Verdict, mx};
use jiff::SignedDuration;

use super::{Desk, DeskError, DeskResult};
use crate::engine::ports::ServerTask;
use crate::order::MailServer;
use crate::status::DnsProviderStatus;
use crate::store::Allowance;

/// Looks of one caller.
const LOOKS: Allowance = Allowance { count: 20, per: SignedDuration::from_mins(10) };
/// A look takes no longer: what is not known then is not said.
const LONGEST: Duration = Duration::from_secs(20);
/// Own servers that are talked to.
const SERVERS: usize = 4;

/// What was seen. Everything is as of one moment, and may be otherwise tomorrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precheck {
    pub domain: DomainName,
    /// `None`: not known by its name servers.
    pub dns_provider: Option<String>,
    /// Where mail goes now: exchanges by preference. Empty where nothing is published, or nobody answered.
    pub mx: Vec<String>,
    /// Seconds for which senders remember the present MX.
    pub ttl: Option<u32>,
    /// The platform that takes the mail now, by the names of its exchanges.
    pub platform: Option<&'static str>,
    /// The MX names the gateway already: mail comes before the domain is ordered.
    pub names_gateway: bool,
    /// What stands against the change or makes it slow; nothing that only an order can mend.
    pub findings: Vec<Finding>,
    /// Host and port, and what became of the dialogue.
    pub servers: Vec<(String, ServerSeen)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerSeen {
    /// It took part in a whole dialogue and accepts mail for the domain.
    Accepts,
    /// What it said, or did not say.
    Refuses(String),
    /// Nothing can be said: it was not reached, or asked us to come back later. A firewall that does not let the
    /// gateway in yet looks like this.
    Unclear(String),
}

impl Desk {
    /// Looks at a domain and at own servers that somebody means to order for. `who` is a key for how often.
    ///
    /// # Errors
    /// [`DeskError::Conflict`] where this process looks at nothing, or too often was asked; [`DeskError::Busy`]
    /// when the look took too long.
    pub async fn precheck(&self, domain: &DomainName, servers: &[MailServer], who: &str) -> DeskResult<Precheck> {
        let Some(observer) = &self.observer else {
            return Err(DeskError::Conflict(
                "this process looks at nothing: the checks begin with the order".to_owned(),
            ));
        };
        let now = self.clock.now();
        let drawn = self.store.draw(&format!("precheck {who}"), 1, LOOKS, now).await?;
        if drawn.granted == 0 {
            let wait = drawn.lasts.as_secs().max(1);
            let why = format!("{} looks in ten minutes are enough; the next one in {wait} seconds", LOOKS.count);
            return Err(DeskError::Conflict(why));
        }
        let task = ServerTask {
            domain: domain.clone(),
            servers: servers.iter().take(SERVERS).cloned().collect(),
            test_mailbox: format!("postmaster@{domain}"),
            hosted: false,
        };
        let talks = async { if task.servers.is_empty() { Vec::new() } else { observer.smtp(&task).await } };
        let looks = async { tokio::join!(observer.mx_round(domain), observer.lint(&task), talks) };
        let (round, policies, talks) = tokio::time::timeout(LONGEST, looks).await.map_err(|_| DeskError::Busy)?;

        let expected = self.config.gateway.expected_mx();
        let judged = mx::judge(&round, &expected);
        let context = LintContext {
            gateway_hosts: expected.gateway_hosts,
            suffixes: expected.suffixes,
            gateway_egress: self.config.gateway.asked(),
            dialogues: talks.clone(),
            now,
            ..LintContext::default()
        };
        let lint = lint::judge(&policies, Some(&round), &context);
        let (mx, ttl) = published(&round);
        Ok(Precheck {
            dns_provider: DnsProviderStatus::of(&round, Some(&policies)).map(|provider| provider.name),
            platform: platform(&mx),
            names_gateway: judged.ours_published,
            findings: worth_saying(judged.findings.into_iter().chain(lint.findings)),
            servers: seen(&talks, domain, now),
            domain: domain.clone(),
            mx,
            ttl,
        })
    }
}

/// Of the first server that gave an answer.
fn published(round: &DnsRound) -> (Vec<String>, Option<u32>) {
    let answers = round.servers.iter().map(|server| &server.answer);
    for answer in answers {
        if let DnsAnswer::Mx { records, ttl } | DnsAnswer::Cname { records, ttl, .. } = answer {
            let mut records = records.clone();
            records.sort_by(|a, b| (a.preference, &a.exchange).cmp(&(b.preference, &b.exchange)));
            return (records.into_iter().map(|record| record.exchange).collect(), Some(*ttl));
        }
    }
    (Vec::new(), None)
}

/// Platforms whose exchanges have names of their own.
fn platform(mx: &[String]) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 4] = [
        ("mail.protection.outlook.com", "Microsoft 365"),
        ("mx.microsoft", "Microsoft 365"),
        ("google.com", "Google Workspace"),
        ("googlemail.com", "Google Workspace"),
    ];
    let under = |name: &str, suffix: &str| {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'))
    };
    KNOWN.iter().find(|(suffix, _)| mx.iter().any(|name| under(name, suffix))).map(|(_, platform)| *platform)
}

/// One for each thing, the gravest first. That the MX is not the gateway's yet is no news before an order.
fn worth_saying(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut known: BTreeSet<(Code, String)> = BTreeSet::new();
    let news = |finding: &Finding| finding.severity != Severity::Info && !matches!(finding.code, Code::MxForeignOnly);
    let mut told: Vec<Finding> =
        findings.filter(news).filter(|finding| known.insert((finding.code, finding.subject.clone()))).collect();
    told.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    told
}

fn seen(talks: &[SmtpDialogue], domain: &DomainName, now: jiff::Timestamp) -> Vec<(String, ServerSeen)> {
    let context = SmtpContext { domain: domain.clone(), now };
    let mut told: Vec<(String, ServerSeen)> = Vec::new();
    for talk in talks {
        let name = format!("{}:{}", talk.host, talk.port);
        let judged = smtp::judge(std::slice::from_ref(talk), &context);
        let detail = judged.findings.first().map(|finding| finding.detail.clone()).unwrap_or_default();
        let new = match judged.verdict {
            Verdict::Pass => ServerSeen::Accepts,
            Verdict::Fail => ServerSeen::Refuses(detail),
            Verdict::Inconclusive => ServerSeen::Unclear(detail),
        };
        match told.iter_mut().find(|(known, _)| *known == name) {
            // One address that takes mail is enough.
            Some((_, before)) if new == ServerSeen::Accepts => *before = new,
            Some(_) => {}
            None => told.push((name, new)),
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_known_by_its_exchanges() {
        let of = |name: &str| platform(&[name.to_owned()]);
        assert_eq!(of("example-com.mail.protection.outlook.com."), Some("Microsoft 365"));
        assert_eq!(of("ASPMX.L.GOOGLE.COM"), Some("Google Workspace"));
        assert_eq!(of("mail.google.com.evil.example"), None);
        assert_eq!(of("notgoogle.com"), None);
        assert_eq!(of("mx.example.com"), None);
    }
}
