//! How each single address of the gateway is met by the own servers, and what has to be allowed before the
//! gateway begins to deliver from an announced one. Nothing here makes a gate fail.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::FirewallContext;
use super::cell::Met;
use super::row::{Cell, Row};
use super::words::{addresses, ids};
use crate::observation::SmtpDialogue;
use crate::{Actor, Code, Finding, Severity, escape};

/// Whether the own servers let an address of the gateway in. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Every server that counts greeted it, where it applies at all.
    Verified,
    /// It was tried or should have been, and nothing can be said.
    Unknown,
    /// Somebody else was greeted there at the same time, and it was not.
    Blocked,
}

/// One address of the gateway in front of all the servers of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressLook {
    pub address: IpAddr,
    pub entry: Entry,
    /// What it met, for people; empty where it got in.
    pub detail: String,
}

/// Every address of the gateway, active ones first. A silence alone never makes `Blocked`: it takes
/// somebody who is greeted. Empty for a hosted platform, where nothing can be verified.
#[must_use]
pub fn entries(dialogues: &[SmtpDialogue], context: &FirewallContext) -> Vec<AddressLook> {
    let rows = Row::all(dialogues);
    if context.hosted || rows.is_empty() {
        return Vec::new();
    }
    let all_standby = rows.iter().all(|row| row.standby);
    let counted: Vec<&Row<'_>> = rows.iter().filter(|row| !row.standby || all_standby).collect();
    let look = |address: IpAddr| {
        let mut worst = AddressLook { address, entry: Entry::Verified, detail: String::new() };
        for row in &counted {
            let (entry, detail) = row.entry(address, context);
            if entry > worst.entry {
                worst = AddressLook { address, entry, detail };
            }
        }
        worst
    };
    context.asked().map(look).collect()
}

/// What is asked of the customer before announced addresses become active, one finding a server.
pub(super) fn findings(rows: &[Row<'_>], context: &FirewallContext) -> Vec<Finding> {
    if context.hosted {
        return Vec::new();
    }
    let asked = |row: &Row<'_>| {
        let cells = row.cells();
        let good: Vec<&Cell<'_>> =
            cells.iter().filter(|c| c.met == Met::Banner && !context.is_announced(c.egress)).collect();
        let blocked = |address| row.entry(address, context).0 == Entry::Blocked;
        let bad: Vec<&Cell<'_>> = cells
            .iter()
            .filter(|c| context.is_announced(c.egress) && is_bad(c.met) && c.egress.is_some_and(blocked))
            .collect();
        if bad.is_empty() {
            return None;
        }
        let now =
            if good.is_empty() { String::new() } else { format!("{} lets {} in. ", row.server, addresses(&good)) };
        Some(
            row.finding(Code::FwAnnouncedBlocked, Severity::Warning)
                .detail(&format!("{now}The gateway is going to deliver from {} too. {}", addresses(&bad), row.met_words(&bad)))
                .remedy(
                    Actor::Customer,
                    &format!(
                        "Allow incoming TCP port {} from {} to {} as well, and change nothing else. No mail comes from there \
                         before it gets in.",
                        row.port,
                        addresses(&bad),
                        row.host()
                    ),
                )
                .allow(row.missing(&bad))
                .seen_by(ids(&bad)),
        )
    };
    rows.iter().filter_map(asked).collect()
}

impl Row<'_> {
    fn entry(&self, address: IpAddr, context: &FirewallContext) -> (Entry, String) {
        let cells = self.cells();
        let mine: Vec<&Cell<'_>> = cells.iter().filter(|c| c.egress == Some(address)).collect();
        let peers = self.peers();
        let applies = peers.is_empty() || peers.iter().any(|peer| peer.is_ipv4() == address.is_ipv4());
        if !applies {
            return (Entry::Verified, String::new());
        }
        let others_greeted = |to: Option<IpAddr>| {
            cells.iter().any(|c| c.met == Met::Banner && c.egress != Some(address) && c.to() == to)
                || self.outsiders(context).any(|(o, seen)| o.got_banner() && seen.peer.map(|p| p.ip()) == to)
        };
        let of_cell = |c: &&Cell<'_>| match c.met {
            Met::Banner => Entry::Verified,
            Met::Prohibited | Met::PolicyReject => Entry::Blocked,
            Met::NoBanner | Met::Refused | Met::TimedOut if others_greeted(c.to()) => Entry::Blocked,
            Met::NoBanner | Met::Refused | Met::TimedOut | Met::BlockedTarget | Met::Unresolvable | Met::Fault => {
                Entry::Unknown
            }
        };
        let untried =
            peers.iter().any(|peer| peer.is_ipv4() == address.is_ipv4() && !mine.iter().any(|c| c.to() == Some(*peer)));
        let worst = mine.iter().map(of_cell).max().unwrap_or(Entry::Unknown);
        let entry = if untried { worst.max(Entry::Unknown) } else { worst };
        if entry == Entry::Verified {
            return (entry, String::new());
        }
        let bad: Vec<&Cell<'_>> = mine.iter().copied().filter(|c| of_cell(c) == entry).collect();
        let detail =
            if bad.is_empty() { format!("{} was not tried from there.", self.server) } else { self.met_words(&bad) };
        (entry, escape::clean(&detail, escape::DETAIL))
    }
}

fn is_bad(met: Met) -> bool {
    matches!(met, Met::NoBanner | Met::Refused | Met::TimedOut | Met::Prohibited | Met::PolicyReject)
}
