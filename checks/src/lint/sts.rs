//! MTA-STS (RFC 8461) against a moving MX: a policy in `enforce` that does not name the gateway makes
//! senders refuse the new MX. The record and the policy are parsed here; they are fetched elsewhere.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::LintContext;
use crate::mx::history::Term;
use crate::observation::lint::{LintObservation, PolicyFetch, TextLookup};
use crate::{Actor, Code, DomainName, Finding, Severity, Verdict, escape, when};

/// How long a sender may go by an earlier policy before it looks for a new one, seconds, apart from
/// the TTL of the record.
const REFRESH: i64 = 86_400;
/// `mx:` lines read of one policy.
const MX_LINES: usize = 200;

/// A policy as parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub mode: Mode,
    /// Patterns as served, lower-case.
    pub mx: Vec<String>,
    /// Seconds.
    pub max_age: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Enforce,
    Testing,
    None,
}

/// Reads a policy file (RFC 8461 §3.2).
///
/// # Errors
/// A sentence that names the line that is missing or wrong.
pub fn parse_policy(body: &str) -> Result<Policy, String> {
    let mut version = None;
    let mut mode = None;
    let mut max_age = None;
    let mut mx = Vec::new();
    for line in body.lines().map(str::trim_end).filter(|l| !l.is_empty()).take(MX_LINES + 50) {
        let Some((key, value)) = line.split_once(':') else {
            return Err(format!("the line `{}` has no colon", escape::clean(line, 60)));
        };
        let value = value.trim();
        match key.trim() {
            // The first of several counts (§3.2), but for mx.
            "version" if version.is_none() => version = Some(value),
            "mode" if mode.is_none() => mode = Some(value),
            "max_age" if max_age.is_none() => max_age = Some(value),
            "mx" if mx.len() < MX_LINES => mx.push(value.trim_end_matches('.').to_ascii_lowercase()),
            _ => {}
        }
    }
    if version != Some("STSv1") {
        return Err("the line `version: STSv1` is missing".to_owned());
    }
    let mode = match mode {
        Some("enforce") => Mode::Enforce,
        Some("testing") => Mode::Testing,
        Some("none") => Mode::None,
        _ => return Err("the line `mode:` must be enforce, testing or none".to_owned()),
    };
    let max_age = max_age
        .and_then(|v| v.parse::<u32>().ok())
        .ok_or_else(|| "the line `max_age:` must be a number of seconds".to_owned())?;
    if mx.is_empty() && mode != Mode::None {
        return Err("there is no `mx:` line".to_owned());
    }
    Ok(Policy { mode, mx, max_age })
}

impl Policy {
    /// Whether a host matches a pattern: the same name, or `*.` for exactly one leftmost label (§4.1).
    #[must_use]
    pub fn allows(&self, host: &DomainName) -> bool {
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(rest) => host.parent().is_some_and(|parent| DomainName::parse(rest).is_ok_and(|r| r == parent)),
            None => DomainName::parse(pattern).is_ok_and(|p| p == *host),
        })
    }

    fn missing<'a>(&self, hosts: &'a [DomainName]) -> Vec<&'a DomainName> {
        hosts.iter().filter(|h| !self.allows(h)).collect()
    }
}

/// What a look at MTA-STS came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Absent,
    Unknown(String),
    Invalid(String),
    Read { policy: Policy, ttl: u32 },
}

fn look(seen: &LintObservation) -> Look {
    let (texts, ttl) = match &seen.mta_sts.record {
        TextLookup::Absent => return Look::Absent,
        TextLookup::Failed { detail } => {
            return Look::Unknown(format!("the record could not be looked up: {}", escape::quote(detail)));
        }
        TextLookup::Found { texts, ttl } => (texts, *ttl),
    };
    let records: Vec<&String> = texts.iter().filter(|t| is_record(t)).collect();
    match records.as_slice() {
        // Other TXT at this name are not for MTA-STS.
        [] => return Look::Absent,
        [record] if has_id(record) => {}
        [_] => return Look::Invalid("the record has no `id=`".to_owned()),
        several => {
            return Look::Invalid(format!("there are {} records, one is allowed (RFC 8461 §3.1)", several.len()));
        }
    }
    match &seen.mta_sts.policy {
        PolicyFetch::Fetched { body } => match parse_policy(body) {
            Ok(policy) => Look::Read { policy, ttl },
            Err(why) => Look::Invalid(why),
        },
        PolicyFetch::Failed { detail } => {
            Look::Unknown(format!("the policy could not be fetched: {}", escape::quote(detail)))
        }
        PolicyFetch::NotAsked => Look::Unknown("the policy was not fetched".to_owned()),
    }
}

fn is_record(text: &str) -> bool {
    text.split(';').next().is_some_and(|first| first.trim() == "v=STSv1")
}

fn has_id(text: &str) -> bool {
    let id = text.split(';').filter_map(|part| part.trim().strip_prefix("id=")).next();
    id.is_some_and(|id| (1..=32).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric()))
}

/// Judges MTA-STS. What blocks: a policy in `enforce` that does not name every gateway host, and,
/// once such a policy was seen and mended, the time in which senders may still go by the old one
/// (24 h and the TTL of the record). Where no wrong policy was ever seen, nobody knows since when
/// the right one is served: that only warns. Once the MX has moved (`moved`) the wait is over.
pub(super) fn judge(seen: &LintObservation, context: &LintContext, moved: bool) -> (Verdict, Vec<Finding>) {
    let about = About { seen, context };
    match look(seen) {
        Look::Absent | Look::Invalid(_) if !moved && about.still_waiting(0) => (Verdict::Pass, vec![about.removed()]),
        Look::Absent => (Verdict::Pass, vec![about.ok("There is no MTA-STS record.")]),
        Look::Unknown(why) => (Verdict::Inconclusive, vec![about.unknown(&why)]),
        Look::Invalid(why) => (Verdict::Pass, vec![about.invalid(&why)]),
        Look::Read { policy, .. } if policy.mode == Mode::None || context.gateway_hosts.is_empty() => {
            (Verdict::Pass, vec![about.ok("The MTA-STS policy asks nothing of senders.")])
        }
        Look::Read { policy, ttl } => {
            let missing = policy.missing(&context.gateway_hosts);
            if !missing.is_empty() {
                (Verdict::Pass, vec![about.mismatch(&policy, &missing)])
            } else if moved || policy.mode == Mode::Testing {
                (Verdict::Pass, vec![about.ok("The MTA-STS policy names every gateway host.")])
            } else {
                (Verdict::Pass, vec![about.wait(&policy, ttl)])
            }
        }
    }
}

struct About<'a> {
    seen: &'a LintObservation,
    context: &'a LintContext,
}

impl About<'_> {
    fn finding(&self, code: Code, severity: Severity) -> Finding {
        Finding::new(code, severity, self.seen.domain.as_str(), self.seen.observed_at)
    }

    fn ok(&self, why: &str) -> Finding {
        self.finding(Code::StsOk, Severity::Info).detail(why).remedy(Actor::Nobody, "Nothing to do.")
    }

    fn unknown(&self, why: &str) -> Finding {
        let domain = &self.seen.domain;
        self.finding(Code::StsUnknown, Severity::Warning)
            .detail(&format!("Whether MTA-STS of {domain} allows the gateway is not known: {why}."))
            .remedy(
                Actor::Customer,
                &format!(
                    "It is looked at again by itself. If it stays so, make https://mta-sts.{domain}/.well-known/mta-sts.txt answer \
                     again with status 200; only a policy with `mode: none` that was served for its max_age can simply be removed."
                ),
            )
    }

    fn invalid(&self, why: &str) -> Finding {
        let domain = &self.seen.domain;
        self.finding(Code::StsInvalid, Severity::Warning)
            .detail(&format!("MTA-STS of {domain} is set up, but malformed, so senders ignore it: {why}."))
            .remedy(
                Actor::Customer,
                &format!(
                    "Mend the TXT record _mta-sts.{domain} (`v=STSv1; id={};`) and the policy file, with the lines {}.",
                    self.next_id(),
                    self.lines()
                ),
            )
    }

    fn mismatch(&self, policy: &Policy, missing: &[&DomainName]) -> Finding {
        let domain = &self.seen.domain;
        let enforce = policy.mode == Mode::Enforce;
        let add: Vec<String> = missing.iter().map(|h| format!("`mx: {h}`")).collect();
        let served: Vec<String> = policy.mx.iter().take(8).map(|m| escape::clean(m, 100)).collect();
        let effect = if enforce {
            "Senders that honour it would refuse to deliver to the gateway"
        } else {
            "It is in testing mode, so mail flows, but senders will report failures"
        };
        self.finding(Code::StsMismatch, if enforce { Severity::Blocking } else { Severity::Warning })
            .detail(&format!("The MTA-STS policy of {domain} allows only {}. {effect}.", served.join(", ")))
            .remedy(
                Actor::Customer,
                &format!(
                    "In https://mta-sts.{domain}/.well-known/mta-sts.txt add {} {} and keep the old lines. Then change the TXT \
                     record _mta-sts.{domain} to `v=STSv1; id={};`. Senders need a day to notice; worst case {} s (max_age).",
                    if add.len() == 1 { "the line" } else { "the lines" },
                    add.join(" and "),
                    self.next_id(),
                    policy.max_age
                ),
            )
    }

    /// The policy is right; since when?
    fn wait(&self, policy: &Policy, ttl: u32) -> Finding {
        let domain = &self.seen.domain;
        let Some(since) = self.context.sts_ok_since else {
            return self.finding(Code::StsWait, Severity::Warning)
                .detail(&format!("The MTA-STS policy of {domain} names every gateway host. Since when is not known."))
                .remedy(
                    Actor::Nobody,
                    "If the policy was changed within the last day, wait until a day has passed before the MX is changed; otherwise nothing to do.",
                );
        };
        let until = old_until(since, ttl);
        if self.context.now >= until {
            return self.ok("The MTA-STS policy names every gateway host, and the earlier one has been waited out.");
        }
        self.finding(Code::StsWait, Severity::Blocking)
            .detail(&format!(
                "The MTA-STS policy of {domain} has named every gateway host since {}. Senders may go by the earlier one for a day \
                 and the time to live of the record ({ttl} s), in the worst case for {} s (max_age).",
                when(since),
                policy.max_age
            ))
            .remedy(
                Actor::Time,
                &format!("Leave policy and record as they are. The MX may be changed after {}, provided that the `id=` was changed too.", when(until)),
            )
    }

    fn still_waiting(&self, ttl: u32) -> bool {
        self.context.sts_ok_since.is_some_and(|since| self.context.now < old_until(since, ttl))
    }

    /// The wrong policy is no longer served, but nothing right took its place.
    fn removed(&self) -> Finding {
        let domain = &self.seen.domain;
        self.finding(Code::StsWait, Severity::Blocking)
            .detail(&format!("The MTA-STS policy of {domain} did not name the gateway and was then removed. Senders that hold a copy go by it on."))
            .remedy(
                Actor::Customer,
                &format!("Serve the policy again, with the lines {}, and the TXT record _mta-sts.{domain} as `v=STSv1; id={};`: only so senders learn that the old copy is void.", self.lines(), self.next_id()),
            )
    }

    fn next_id(&self) -> String {
        self.seen.observed_at.strftime("%Y%m%dT%H%M%S").to_string()
    }

    fn lines(&self) -> String {
        let mut lines = vec!["`version: STSv1`".to_owned(), "`mode: testing`".to_owned()];
        lines.extend(self.context.gateway_hosts.iter().map(|h| format!("`mx: {h}`")));
        lines.push("`max_age: 86400`".to_owned());
        lines.join(", ")
    }
}

fn old_until(since: Timestamp, ttl: u32) -> Timestamp {
    since.checked_add(SignedDuration::from_secs(REFRESH + i64::from(ttl))).unwrap_or(Timestamp::MAX)
}

/// Since when the policy has been right, after it was seen wrong. Kept beside the connection and
/// folded from every lint observation in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StsWatch {
    /// A policy in `enforce` without the gateway was seen.
    wrong_seen: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ok_since: Option<Timestamp>,
    /// TTL of the record when it was last seen, seconds.
    #[serde(default)]
    ttl: u32,
}

impl StsWatch {
    /// Takes in a look. What could not be read changes nothing.
    pub fn observe(&mut self, seen: &LintObservation, gateway_hosts: &[DomainName]) {
        match look(seen) {
            Look::Unknown(_) => {}
            Look::Read { policy, .. } if policy.mode == Mode::Enforce && !policy.missing(gateway_hosts).is_empty() => {
                self.wrong_seen = true;
                self.ok_since = None;
            }
            Look::Read { ttl, .. } => {
                self.ttl = self.ttl.max(ttl);
                self.ok_since.get_or_insert(seen.observed_at);
            }
            // Without a policy, senders go by the copy that they have.
            Look::Absent | Look::Invalid(_) => {
                self.ok_since.get_or_insert(seen.observed_at);
            }
        }
    }

    /// For [`LintContext::sts_ok_since`]: `None` where no wrong policy was ever seen.
    #[must_use]
    pub fn ok_since(&self) -> Option<Timestamp> {
        self.ok_since.filter(|_| self.wrong_seen)
    }

    /// The term of T* for [`crate::mx::history::RrsetHistory::t_star`].
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        let at = old_until(self.ok_since()?, self.ttl);
        let because = format!("Senders may go by the earlier MTA-STS policy until {}.", when(at));
        Some(Term { at, because })
    }
}
