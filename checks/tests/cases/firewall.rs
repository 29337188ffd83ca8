//! Cases of `firewall::judge`: a matrix in a few words a cell.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fencepost_checks::firewall::{FirewallContext, entries, judge};
use fencepost_checks::observation::SmtpDialogue;
use serde::Deserialize;

use crate::Case;
use crate::dialogue::DialogueSpec;
use crate::dns::{names, noon};
use crate::expect::{Expect, Got, word};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirewallCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    /// What each egress address met at mail.example.com.
    #[serde(default)]
    egress: BTreeMap<String, String>,
    #[serde(default)]
    outsiders: BTreeMap<String, String>,
    /// What egress addresses met at further addresses of the same server, by address of the server.
    #[serde(default)]
    also_at: BTreeMap<String, BTreeMap<String, String>>,
    /// Minutes by which the outsiders tried later than the gateway's addresses.
    #[serde(default)]
    outsiders_later: i64,
    /// What they met at a standby server.
    #[serde(default)]
    standby: BTreeMap<String, String>,
    /// What outsiders met there.
    #[serde(default)]
    standby_outsiders: BTreeMap<String, String>,
    /// The address of the standby server, where it is not as usual.
    #[serde(default)]
    standby_at: Option<IpAddr>,
    /// Egress addresses of the gateway that were not tried.
    #[serde(default)]
    untried: Vec<IpAddr>,
    /// Those from which it is going to deliver, and does not yet.
    #[serde(default)]
    announced: Vec<IpAddr>,
    /// How each address is met, where that is asked: `verified`, `unknown`, `blocked`.
    #[serde(default)]
    entries: BTreeMap<IpAddr, String>,
    #[serde(default)]
    hosted: bool,
    #[serde(default)]
    own_server_in_mx: bool,
    #[serde(default)]
    drained: bool,
    #[serde(default)]
    unsound: Vec<String>,
    expect: Expect,
}

impl Case for FirewallCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let mut dialogues = Vec::new();
        for (from, met) in &self.egress {
            dialogues.extend(cell(from, met, "mail.example.com", false)?);
        }
        for (peer, cells) in &self.also_at {
            for (from, met) in cells {
                let at = peer.parse().map_err(|_| format!("also_at: `{peer}` is no address"))?;
                let mut there = cell(from, met, "mail.example.com", false)?;
                there.iter_mut().for_each(|d| d.peer = d.peer.map(|p| std::net::SocketAddr::new(at, p.port())));
                dialogues.extend(there);
            }
        }
        for (name, met) in &self.outsiders {
            let mut there = cell(&format!("outsider {name}"), met, "mail.example.com", false)?;
            there.iter_mut().for_each(|d| d.started_at += jiff::SignedDuration::from_mins(self.outsiders_later));
            dialogues.extend(there);
        }
        for (from, met) in &self.standby {
            let mut there = cell(from, met, "backup.example.com", true)?;
            if let Some(at) = self.standby_at {
                there.iter_mut().for_each(|d| d.peer = d.peer.map(|p| std::net::SocketAddr::new(at, p.port())));
            }
            dialogues.extend(there);
        }
        for (name, met) in &self.standby_outsiders {
            dialogues.extend(cell(&format!("outsider {name}"), met, "backup.example.com", true)?);
        }
        let mut egress: Vec<IpAddr> = self.egress.keys().filter_map(|a| a.parse().ok()).collect();
        egress.extend(&self.untried);
        egress.retain(|address| !self.announced.contains(address));
        let context = FirewallContext {
            domain: names(&["example.com"]).remove(0),
            egress,
            announced: self.announced.clone(),
            hosted: self.hosted,
            own_server_in_mx: self.own_server_in_mx,
            old_path_drained: self.drained,
            unsound: self.unsound.iter().map(|n| format!("outsider-{n}")).collect(),
            now: noon(),
        };
        let got = Got::of(judge(&dialogues, &context));
        let mut difference = self.expect.difference(&got);
        let seen: BTreeMap<IpAddr, String> =
            entries(&dialogues, &context).into_iter().map(|look| (look.address, word(&look.entry))).collect();
        for (address, wanted) in &self.entries {
            if seen.get(address) != Some(wanted) {
                difference.push_str(&format!("{address} is {:?}, expected {wanted}\n", seen.get(address)));
            }
        }
        Ok((got, difference))
    }
}

/// One try or several (`timeout then banner`): `banner`, `no banner`, `closed`, `accepted`, `mail REPLY`,
/// `rcpt REPLY`, a greeting such as `554 no`, or what became of the connection.
fn cell(from: &str, met: &str, to: &str, standby: bool) -> Result<Vec<SmtpDialogue>, String> {
    met.split(" then ")
        .map(|one| {
            let v6 = from.contains(':');
            let mut spec = DialogueSpec {
                from: Some(from.to_owned()),
                to: Some(to.to_owned()),
                peer: v6.then(|| "2001:db8::5".to_owned()),
                standby,
                short: true,
                ..DialogueSpec::default()
            };
            let words = one.split_once(' ');
            match (one, words) {
                ("banner", _) => {}
                ("no banner", _) => spec.banner = Some("timeout".to_owned()),
                ("closed", _) => spec.banner = Some("closed".to_owned()),
                ("accepted", _) => spec.short = false,
                (_, Some(("rcpt", reply))) => {
                    spec.short = false;
                    spec.test = Some(reply.to_owned());
                    spec.postmaster = Some(reply.to_owned());
                }
                (_, Some(("mail", reply))) => {
                    spec.short = false;
                    spec.mail = Some(reply.to_owned());
                }
                (text, _) if text.starts_with(|c: char| c.is_ascii_digit()) => spec.banner = Some(text.to_owned()),
                (text, _) => spec.connect = Some(text.to_owned()),
            }
            spec.dialogue()
        })
        .collect()
}
