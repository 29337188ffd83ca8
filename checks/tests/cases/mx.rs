//! Cases of `mx::judge`.

use std::collections::BTreeSet;

use fencepost_checks::mx::{Expected, judge};
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
    round: RoundSpec,
    expect: Expect,
}

impl Case for MxCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let accepted = self.accepted.as_ref().map(|a| names(&a.iter().map(String::as_str).collect::<Vec<_>>()));
        let judged = judge(&self.round.round(noon())?, &Expected { gateway_hosts: gateway(), accepted });
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
