//! Cases of `mx::judge`.

use std::collections::BTreeSet;

use fencepost_checks::mx::{Expected, early_cutover, judge};
use serde::Deserialize;

use crate::Case;
use crate::dns::{RoundSpec, gateway, names, noon};
use crate::expect::{Expect, Got, word};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MxCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    #[serde(default)]
    accepted: Option<Vec<String>>,
    /// Preferences that the gateway wants of mx1 and mx2, where the order shall be judged.
    #[serde(default)]
    preferences: Vec<u16>,
    /// Names below which every host is the gateway's.
    #[serde(default)]
    suffixes: Vec<String>,
    /// Gateway hosts that are going to be retired, and that are.
    #[serde(default)]
    leaving: Vec<String>,
    #[serde(default)]
    retired: Vec<String>,
    /// Names that counted as the gateway's when they were published last.
    #[serde(default)]
    held: Vec<String>,
    /// The set that was in order last.
    #[serde(default)]
    whole: Vec<String>,
    /// No permit was given yet: the MX may not name the gateway.
    #[serde(default)]
    before_permit: bool,
    round: RoundSpec,
    expect: Expect,
}

impl Case for MxCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let list = |texts: &[String]| names(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let expected = Expected {
            gateway_hosts: gateway(),
            preferences: self.preferences.clone(),
            suffixes: list(&self.suffixes),
            accepted: self.accepted.as_deref().map(list),
            leaving: list(&self.leaving),
            retired: list(&self.retired),
            held: list(&self.held),
            whole: list(&self.whole),
        };
        let round = self.round.round(noon())?;
        let mut judged = judge(&round, &expected);
        if self.before_permit && judged.ours_published {
            judged.findings.push(early_cutover(&round.domain, &judged.names, noon()));
        }
        let all = [
            ("ours", judged.ours_published),
            ("old", judged.old_published),
            ("complete", judged.complete),
            ("clean", judged.clean),
            ("gone", judged.gone),
            ("stale", judged.resolvers_stale),
        ];
        let flags: BTreeSet<String> = all.iter().filter(|(_, set)| *set).map(|(name, _)| (*name).to_owned()).collect();
        let got = Got {
            verdict: word(&judged.verdict),
            findings: judged.findings,
            retry: None,
            flags,
            more: judged.broken_by.unwrap_or_default(),
        };
        let difference = self.expect.difference(&got);
        Ok((got, difference))
    }
}
