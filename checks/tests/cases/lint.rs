//! Cases of `lint::judge`.

use std::collections::BTreeMap;

use fencepost_checks::lint::{LintContext, judge};
use fencepost_checks::observation::lint::{LintObservation, MtaStsObservation, PolicyFetch, TextLookup};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::Case;
use crate::dns::{RoundSpec, gateway, names, noon};
use crate::expect::{Expect, Got};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LintCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    /// TXT at `_mta-sts`: texts, or `failed TEXT`. Absent where it is not given.
    #[serde(default)]
    sts: Vec<String>,
    /// The policy file, or `failed TEXT`.
    #[serde(default)]
    policy: Option<String>,
    /// Hours since the policy is right, after it was seen wrong.
    #[serde(default)]
    mended_hours_ago: Option<i64>,
    #[serde(default)]
    spf: Vec<String>,
    #[serde(default)]
    own_servers: BTreeMap<String, String>,
    #[serde(default)]
    contacts: Vec<String>,
    #[serde(default)]
    round: Option<RoundSpec>,
    expect: Expect,
}

impl Case for LintCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let addresses = |text: &String| text.split_whitespace().filter_map(|a| a.parse().ok()).collect();
        let seen = LintObservation {
            domain: names(&["example.com"]).remove(0),
            observed_at: noon(),
            mta_sts: MtaStsObservation { record: texts(&self.sts), policy: policy(self.policy.as_deref()) },
            spf: texts(&self.spf),
            dmarc: TextLookup::Absent,
            own_servers: self.own_servers.iter().map(|(n, a)| (n.clone(), addresses(a))).collect(),
        };
        let context = LintContext {
            gateway_hosts: gateway(),
            gateway_egress: vec!["192.0.2.10".parse().expect("an address"), "192.0.2.11".parse().expect("an address")],
            contacts: self.contacts.clone(),
            sts_ok_since: self.mended_hours_ago.map(|h| noon() - SignedDuration::from_hours(h)),
            now: noon(),
        };
        let round = self.round.as_ref().map(|r| r.round(noon())).transpose()?;
        let got = Got::of(judge(&seen, round.as_ref(), &context));
        let difference = self.expect.difference(&got);
        Ok((got, difference))
    }
}

fn texts(list: &[String]) -> TextLookup {
    match list {
        [] => TextLookup::Absent,
        [one] if one.starts_with("failed ") => {
            TextLookup::Failed { detail: one.trim_start_matches("failed ").to_owned() }
        }
        several => TextLookup::Found { texts: several.to_vec(), ttl: 3600 },
    }
}

fn policy(text: Option<&str>) -> PolicyFetch {
    match text {
        None => PolicyFetch::NotAsked,
        Some(text) => match text.strip_prefix("failed ") {
            Some(detail) => PolicyFetch::Failed { detail: detail.to_owned() },
            None => PolicyFetch::Fetched { body: text.to_owned() },
        },
    }
}
