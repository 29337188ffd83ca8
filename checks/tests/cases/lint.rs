//! Cases of `lint::judge`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fencepost_checks::lint::sts::StsWatch;
use fencepost_checks::lint::{LintContext, judge};
use fencepost_checks::mx::Expected;
use fencepost_checks::observation::lint::{
    DnssecObservation, DsLookup, HeloLookup, LintObservation, MtaStsObservation, PolicyFetch, SenderTest, TextLookup,
    TlsaLookup, TlsaRecord, TlsaRecords, ValidationAnswer, ValidationSeen,
};
use jiff::SignedDuration;
use serde::Deserialize;

use crate::Case;
use crate::dialogue::DialogueSpec;
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
    /// Hours since what is seen now took the place of a wrong policy (max_age a week).
    #[serde(default)]
    mended_hours_ago: Option<i64>,
    /// The id of the wrong policy.
    #[serde(default)]
    wrong_id: Option<String>,
    #[serde(default)]
    spf: Vec<String>,
    #[serde(default)]
    own_servers: BTreeMap<String, String>,
    #[serde(default)]
    contacts: Vec<String>,
    /// TXT at `_dmarc` and `_smtp._tls`: not asked where left out, absent where empty.
    #[serde(default)]
    dmarc: Option<Vec<String>>,
    #[serde(default)]
    tls_rpt: Option<Vec<String>>,
    /// `found`, `absent` or `failed TEXT`.
    #[serde(default)]
    ds: Option<String>,
    /// By resolver: the answer with validation and, after a comma, without.
    #[serde(default)]
    resolvers: BTreeMap<String, String>,
    /// By host: `signed` or `unsigned` and the records, or `absent`, or `failed TEXT`.
    #[serde(default)]
    gateway_tlsa: BTreeMap<String, String>,
    #[serde(default)]
    exchange_tlsa: BTreeMap<String, String>,
    #[serde(default)]
    gateway_addresses: BTreeMap<String, String>,
    #[serde(default)]
    helo: Vec<HeloSpec>,
    /// Dialogues with `sender@spf-test.example`.
    #[serde(default)]
    sender_test: Option<Vec<DialogueSpec>>,
    /// The last dialogues with the gateway's hosts and the own servers.
    #[serde(default)]
    dialogues: Vec<DialogueSpec>,
    #[serde(default)]
    round: Option<RoundSpec>,
    /// In place of the two gateway hosts: every name below them.
    #[serde(default)]
    suffixes: Vec<String>,
    expect: Expect,
}

/// A gateway address and its EHLO name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeloSpec {
    /// Default: 192.0.2.10.
    #[serde(default)]
    address: Option<String>,
    /// Where probe.gateway.example leads: addresses, or why it leads nowhere.
    leads: String,
    /// Names in the PTR set: none, or `failed TEXT`.
    back: String,
}

impl HeloSpec {
    fn look(&self) -> Result<HeloLookup, String> {
        let addresses: Vec<IpAddr> = self.leads.split_whitespace().filter_map(|a| a.parse().ok()).collect();
        let address = self.address.as_deref().unwrap_or("192.0.2.10");
        let back: Vec<String> = match self.back.strip_prefix("failed ") {
            Some(_) => vec![self.back.clone()],
            None => self.back.split_whitespace().map(str::to_owned).collect(),
        };
        Ok(HeloLookup {
            name: names(&["probe.gateway.example"]).remove(0),
            address: address.parse().map_err(|_| format!("helo: `{address}` is no address"))?,
            error: addresses.is_empty().then(|| self.leads.clone()),
            addresses,
            reverse: texts(&back),
        })
    }
}

impl Case for LintCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let addresses = |text: &String| text.split_whitespace().filter_map(|a| a.parse().ok()).collect();
        let visited = |specs: &[DialogueSpec]| specs.iter().map(DialogueSpec::dialogue).collect::<Result<Vec<_>, _>>();
        let asked = |list: &Option<Vec<String>>| list.as_deref().map_or(TextLookup::NotAsked, texts);
        let seen = LintObservation {
            domain: names(&["example.com"]).remove(0),
            observed_at: noon(),
            mta_sts: MtaStsObservation { record: texts(&self.sts), policy: policy(self.policy.as_deref()) },
            spf: texts(&self.spf),
            dmarc: asked(&self.dmarc),
            own_servers: self.own_servers.iter().map(|(n, a)| (n.clone(), addresses(a))).collect(),
            gateway_addresses: self.gateway_addresses.iter().map(|(n, a)| (n.clone(), addresses(a))).collect(),
            tls_rpt: asked(&self.tls_rpt),
            domain_connect: TextLookup::NotAsked,
            dnssec: self.dnssec()?,
            gateway_tlsa: tlsa(&self.gateway_tlsa)?,
            exchange_tlsa: tlsa(&self.exchange_tlsa)?,
            helo: self.helo.iter().map(HeloSpec::look).collect::<Result<_, _>>()?,
            sender_test: match &self.sender_test {
                Some(specs) => {
                    Some(SenderTest { sender: "sender@spf-test.example".to_owned(), dialogues: visited(specs)? })
                }
                None => None,
            },
        };
        let context = LintContext {
            gateway_hosts: if self.suffixes.is_empty() { gateway() } else { Vec::new() },
            suffixes: names(&self.suffixes.iter().map(String::as_str).collect::<Vec<_>>()),
            gateway_egress: vec!["192.0.2.10".parse().expect("an address"), "192.0.2.11".parse().expect("an address")],
            contacts: self.contacts.clone(),
            sts: self.watch(&seen),
            dialogues: visited(&self.dialogues)?,
            now: noon(),
        };
        let round = self.round.as_ref().map(|r| r.round(noon())).transpose()?;
        let got = Got::of(judge(&seen, round.as_ref(), &context));
        let difference = self.expect.difference(&got);
        Ok((got, difference))
    }
}

impl LintCase {
    /// The present look, made before too where the policy was mended some time ago.
    fn watch(&self, seen: &LintObservation) -> StsWatch {
        let mut watch = StsWatch::default();
        if let Some(hours) = self.mended_hours_ago {
            let mended_at = noon() - SignedDuration::from_hours(hours);
            let id = self.wrong_id.as_deref().unwrap_or("wrong");
            let wrong = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 604800\n";
            let mta_sts =
                MtaStsObservation { record: texts(&[format!("v=STSv1; id={id};")]), policy: policy(Some(wrong)) };
            let before = mended_at - SignedDuration::from_hours(1);
            watch.observe(&LintObservation { observed_at: before, mta_sts, ..seen.clone() }, &self.expected());
            watch.observe(&LintObservation { observed_at: mended_at, ..seen.clone() }, &self.expected());
        }
        watch.observe(seen, &self.expected());
        watch
    }

    fn expected(&self) -> Expected {
        let suffixes = names(&self.suffixes.iter().map(String::as_str).collect::<Vec<_>>());
        Expected {
            gateway_hosts: if suffixes.is_empty() { gateway() } else { Vec::new() },
            suffixes,
            ..Expected::default()
        }
    }

    fn dnssec(&self) -> Result<DnssecObservation, String> {
        let ds = match self.ds.as_deref() {
            None => DsLookup::NotAsked,
            Some("found") => DsLookup::Found,
            Some("absent") => DsLookup::Absent,
            Some(other) => DsLookup::Failed { detail: other.trim_start_matches("failed ").to_owned() },
        };
        let answer = |text: &str| match text.trim() {
            "" => Ok(ValidationAnswer::NotAsked),
            "authenticated" => Ok(ValidationAnswer::Authenticated),
            "answered" => Ok(ValidationAnswer::Answered),
            "servfail" => Ok(ValidationAnswer::ServFail),
            "timeout" => Ok(ValidationAnswer::Failed { detail: "timeout".to_owned() }),
            other => Err(format!("resolvers: `{other}` is not known")),
        };
        let resolvers = self.resolvers.iter().map(|(address, text)| {
            let (checked, unchecked) = text.split_once(',').unwrap_or((text, ""));
            let resolver = address.parse::<std::net::IpAddr>().map_err(|_| format!("`{address}` is no address"))?;
            Ok::<_, String>(ValidationSeen {
                resolver: (resolver, 53).into(),
                checked: answer(checked)?,
                unchecked: answer(unchecked)?,
            })
        });
        Ok(DnssecObservation { ds, resolvers: resolvers.collect::<Result<_, _>>()? })
    }
}

fn tlsa(hosts: &BTreeMap<String, String>) -> Result<Vec<TlsaLookup>, String> {
    let record = |text: &str| {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let number = |i: usize| fields.get(i).and_then(|f| f.parse().ok()).ok_or_else(|| format!("TLSA `{text}`"));
        let data = fields.get(3).map(|d| (*d).to_owned()).ok_or_else(|| format!("TLSA `{text}`"))?;
        Ok::<_, String>(TlsaRecord { usage: number(0)?, selector: number(1)?, matching: number(2)?, data })
    };
    let one = |(host, text): (&String, &String)| {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let records = match word {
            "absent" => TlsaRecords::Absent,
            "failed" => TlsaRecords::Failed { detail: rest.to_owned() },
            "signed" | "unsigned" => {
                TlsaRecords::Found { records: rest.split(',').map(record).collect::<Result<_, _>>()?, ttl: 3600 }
            }
            other => return Err(format!("TLSA: `{other}` is not known")),
        };
        Ok(TlsaLookup { host: host.clone(), authenticated: word == "signed", records })
    };
    hosts.iter().map(one).collect()
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
