//! MTA-STS (RFC 8461) against a moving MX: a policy in `enforce` that does not name the gateway makes
//! senders refuse the new MX. The record and the policy are parsed here; they are fetched elsewhere.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::LintContext;
use crate::mx::Expected;
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
            "mx" if mx.len() < MX_LINES => mx.push(pattern(value)),
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

/// The name of an `mx:` line without its final dot, and without the blanks that stood before that dot.
fn pattern(value: &str) -> String {
    value.trim_end_matches(|c: char| c == '.' || c.is_whitespace()).to_ascii_lowercase()
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

    /// Hosts of the gateway that no line names. Below a suffix any name will do: which one the domain will
    /// get is not known here, so a line for some name below it, or for all, counts.
    fn missing(&self, expected: &Expected) -> Vec<String> {
        let below = |suffix: &DomainName| {
            self.mx.iter().any(|pattern| {
                let wildcard = pattern.strip_prefix("*.");
                DomainName::parse(wildcard.unwrap_or(pattern))
                    .is_ok_and(|name| name.is_at_or_below(suffix) && (wildcard.is_some() || name != *suffix))
            })
        };
        let hosts = expected.gateway_hosts.iter().filter(|h| !self.allows(h)).map(ToString::to_string);
        hosts.chain(expected.suffixes.iter().filter(|s| !below(s)).map(|s| format!("*.{s}"))).collect()
    }
}

/// What a look at MTA-STS came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Look {
    Absent,
    Unknown(String),
    Invalid(String),
    Read { policy: Policy, ttl: u32, id: String },
}

fn look(seen: &LintObservation) -> Look {
    let (texts, ttl) = match &seen.mta_sts.record {
        TextLookup::Absent => return Look::Absent,
        TextLookup::NotAsked => return Look::Unknown("the record was not looked up".to_owned()),
        TextLookup::Failed { detail } => {
            return Look::Unknown(format!("the record could not be looked up: {}", escape::quote(detail)));
        }
        TextLookup::Found { texts, ttl } => (texts, *ttl),
    };
    let records: Vec<&String> = texts.iter().filter(|t| is_record(t)).collect();
    let id = match records.as_slice() {
        // Other TXT at this name are not for MTA-STS.
        [] => return Look::Absent,
        [record] => match id_of(record) {
            Some(id) => id.to_owned(),
            None => return Look::Invalid("the record has no `id=`".to_owned()),
        },
        several => {
            return Look::Invalid(format!("there are {} records, one is allowed (RFC 8461 §3.1)", several.len()));
        }
    };
    match &seen.mta_sts.policy {
        PolicyFetch::Fetched { body } => match parse_policy(body) {
            Ok(policy) => Look::Read { policy, ttl, id },
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

fn id_of(text: &str) -> Option<&str> {
    let id = text.split(';').filter_map(|part| part.trim().strip_prefix("id=")).next()?;
    ((1..=32).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric())).then_some(id)
}

/// Judges MTA-STS. What blocks: a policy in `enforce` that does not name every gateway host, and,
/// once such a policy was seen, the time in which senders may still go by it: 24 h and the TTL of the
/// record after a right one with another id took its place, its whole `max_age` where it was only
/// removed or kept its id (RFC 8461 §5, §3.1). Where no wrong policy was ever seen, nobody knows since
/// when the right one is served: that only warns. Once the MX has moved (`moved`) the wait is over.
pub(super) fn judge(seen: &LintObservation, context: &LintContext, moved: bool) -> (Verdict, Vec<Finding>) {
    let about = About { seen, context };
    let waiting = (!moved).then(|| context.sts.wait()).flatten().filter(|wait| context.now < wait.until);
    let finding = match (look(seen), waiting) {
        (Look::Unknown(why), _) => return (Verdict::Inconclusive, vec![about.unknown(&why)]),
        (Look::Absent | Look::Invalid(_), Some(wait)) => about.removed(&wait),
        (Look::Absent, None) => about.ok("There is no MTA-STS record."),
        (Look::Invalid(why), None) => about.invalid(&why),
        (Look::Read { .. }, _) if context.gateway_hosts.is_empty() && context.suffixes.is_empty() => {
            about.ok("There is an MTA-STS policy; no gateway is configured to compare it with.")
        }
        (Look::Read { policy, ttl, .. }, waiting) => {
            let missing = policy.missing(&context.expected());
            match waiting {
                _ if policy.mode != Mode::None && !missing.is_empty() => about.mismatch(&policy, &missing),
                Some(wait) => about.wait(&wait, ttl),
                None if policy.mode == Mode::None => about.ok("The MTA-STS policy asks nothing of senders."),
                None if moved || policy.mode == Mode::Testing => {
                    about.ok("The MTA-STS policy names every gateway host.")
                }
                None if context.sts.wrong.is_some() => {
                    about.ok("The MTA-STS policy names every gateway host, and the earlier one has been waited out.")
                }
                None => about.since_unknown(),
            }
        }
    };
    (Verdict::Pass, vec![finding])
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
                    "If it stays so, make https://mta-sts.{domain}/.well-known/mta-sts.txt answer \
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

    fn mismatch(&self, policy: &Policy, missing: &[String]) -> Finding {
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

    /// The policy is right, and nobody has seen since when.
    fn since_unknown(&self) -> Finding {
        let domain = &self.seen.domain;
        self.finding(Code::StsWait, Severity::Warning)
            .detail(&format!("The MTA-STS policy of {domain} names every gateway host. Since when is not known."))
            .remedy(
                Actor::Nobody,
                "If the policy was changed within the last day, wait until a day has passed before the MX is changed; otherwise nothing to do.",
            )
    }

    /// The policy is right, and senders may still hold the earlier one.
    fn wait(&self, wait: &Wait, ttl: u32) -> Finding {
        let domain = &self.seen.domain;
        if wait.same_id {
            return self
                .finding(Code::StsIdUnchanged, Severity::Blocking)
                .detail(&format!(
                    "The MTA-STS policy of {domain} names every gateway host now, but its record still has the id of the earlier \
                     policy: senders do not fetch it anew, and may go by the earlier one until {} (max_age {} s).",
                    when(wait.until),
                    wait.max_age
                ))
                .remedy(
                    Actor::Customer,
                    &format!(
                        "Change the TXT record _mta-sts.{domain} to `v=STSv1; id={};`. A day and {ttl} s after that the MX may be changed.",
                        self.next_id()
                    ),
                );
        }
        self.finding(Code::StsWait, Severity::Blocking)
            .detail(&format!(
                "The MTA-STS policy of {domain} has named every gateway host since {}. Senders may go by the earlier one for a day \
                 and the time to live of the record ({} s), in the worst case for {} s (max_age).",
                when(wait.since),
                self.context.sts.ttl,
                wait.max_age
            ))
            .remedy(
                Actor::Time,
                &format!("Leave policy and record as they are. The MX may be changed after {}.", when(wait.until)),
            )
    }

    /// The wrong policy is no longer served, but nothing right took its place.
    fn removed(&self, wait: &Wait) -> Finding {
        let domain = &self.seen.domain;
        self.finding(Code::StsRemoved, Severity::Blocking)
            .detail(&format!(
                "The MTA-STS policy of {domain} did not name the gateway and was then removed. Senders that hold a copy go by it \
                 until it expires: in the worst case until {} (max_age {} s).",
                when(wait.until),
                wait.max_age
            ))
            .remedy(
                Actor::Customer,
                &format!(
                    "Serve the policy again, with the lines {}, and the TXT record _mta-sts.{domain} as `v=STSv1; id={};`: only so \
                     senders learn that the old copy is void. A day later the MX may be changed.",
                    self.lines(),
                    self.next_id()
                ),
            )
    }

    fn next_id(&self) -> String {
        self.seen.observed_at.strftime("%Y%m%dT%H%M%S").to_string()
    }

    fn lines(&self) -> String {
        let mut lines = vec!["`version: STSv1`".to_owned(), "`mode: testing`".to_owned()];
        lines.extend(self.context.gateway_hosts.iter().map(|h| format!("`mx: {h}`")));
        lines.extend(self.context.suffixes.iter().map(|s| format!("`mx: *.{s}`")));
        lines.push("`max_age: 86400`".to_owned());
        lines.join(", ")
    }
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// What became of a policy that was seen wrong. Kept beside the connection and folded from every lint
/// observation in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StsWatch {
    /// The last policy in `enforce` that did not name the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrong: Option<Wrong>,
    /// Since when, without a break, a right policy with another id has been served after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ok_since: Option<Timestamp>,
    /// Largest TTL of the record that was seen, seconds.
    #[serde(default)]
    ttl: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Wrong {
    id: String,
    /// Seconds; the largest that was served.
    max_age: u32,
    /// The first look that no longer showed it: until then a sender may have fetched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_at: Option<Timestamp>,
}

/// How long senders may hold the earlier policy.
struct Wait {
    /// Since when another one, or none, is seen.
    since: Timestamp,
    until: Timestamp,
    max_age: u32,
    /// The right policy has the id of the wrong one.
    same_id: bool,
}

impl StsWatch {
    /// Takes in a look. What could not be read changes nothing.
    pub fn observe(&mut self, seen: &LintObservation, expected: &Expected) {
        let looked = look(seen);
        match &looked {
            Look::Unknown(_) => return,
            Look::Read { policy, ttl, id } if policy.mode == Mode::Enforce && !policy.missing(expected).is_empty() => {
                let before = self.wrong.as_ref().map_or(0, |wrong| wrong.max_age);
                self.wrong = Some(Wrong { id: id.clone(), max_age: policy.max_age.max(before), gone_at: None });
                self.ok_since = None;
                self.ttl = self.ttl.max(*ttl);
                return;
            }
            Look::Read { .. } | Look::Absent | Look::Invalid(_) => {}
        }
        let Some(wrong) = &mut self.wrong else { return };
        wrong.gone_at.get_or_insert(seen.observed_at);
        match looked {
            Look::Read { ttl, id, .. } if id != wrong.id => {
                self.ttl = self.ttl.max(ttl);
                self.ok_since.get_or_insert(seen.observed_at);
            }
            // Without a policy, or without a new id, senders go by the copy that they have.
            _ => self.ok_since = None,
        }
    }

    fn wait(&self) -> Option<Wait> {
        let wrong = self.wrong.as_ref()?;
        let gone_at = wrong.gone_at?;
        let expired = later(gone_at, i64::from(wrong.max_age));
        let (since, until, same_id) = match self.ok_since {
            Some(since) => (since, later(since, REFRESH + i64::from(self.ttl)).min(expired), false),
            None => (gone_at, expired, true),
        };
        Some(Wait { since, until, max_age: wrong.max_age, same_id })
    }

    /// The term of T* for [`crate::mx::history::RrsetHistory::t_star`]; `None` where no wrong policy
    /// was ever seen, or while it is still served.
    #[must_use]
    pub fn term(&self) -> Option<Term> {
        let wait = self.wait()?;
        let because = format!(
            "The MTA-STS policy did not name the gateway until {}. Senders may go by that copy until {} (max_age {} s in the \
             worst case).",
            when(wait.since),
            when(wait.until),
            wait.max_age
        );
        Some(Term { at: wait.until, because })
    }
}
