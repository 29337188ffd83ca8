//! One row of the matrix: an own server as every vantage met it. Chooses the line of the table that
//! applies (who got through, then what outsiders met); the findings are made in `through` and `shut`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::FirewallContext;
use super::cell::{Met, Outside, met, outside};
use crate::observation::VantageRole;
use crate::observation::smtp::SmtpDialogue;
use crate::smtp::dialogue::{from, server};
use crate::{Code, Finding, Severity, Verdict};

/// An outsider is compared with an egress address only if both tried within this time of each other.
const NEAR: SignedDuration = SignedDuration::from_mins(10);

/// A server with everything that was seen of it.
pub(super) struct Row<'a> {
    pub(super) standby: bool,
    /// `mail.example.com:25`.
    pub(super) server: String,
    pub(super) port: u16,
    dialogues: Vec<&'a SmtpDialogue>,
}

/// One egress address and one address of the server: the best of its tries.
pub(super) struct Cell<'a> {
    pub(super) egress: Option<IpAddr>,
    pub(super) met: Met,
    pub(super) seen: &'a SmtpDialogue,
}

impl Cell<'_> {
    /// The address of the server that was tried.
    pub(super) fn to(&self) -> Option<IpAddr> {
        self.seen.peer.map(|p| p.ip())
    }
}

/// What an outsider met, with the dialogue that shows it.
pub(super) type Outsider<'a> = (Outside<'a>, &'a SmtpDialogue);

pub(super) type Judged = (Verdict, Vec<Finding>);

impl<'a> Row<'a> {
    pub(super) fn all(dialogues: impl IntoIterator<Item = &'a SmtpDialogue>) -> Vec<Self> {
        let mut rows: Vec<Self> = Vec::new();
        for d in dialogues {
            let name = server(d);
            match rows.iter_mut().find(|r| r.server == name) {
                Some(row) => {
                    row.standby &= d.standby;
                    row.dialogues.push(d);
                }
                None => rows.push(Self { standby: d.standby, server: name, port: d.port, dialogues: vec![d] }),
            }
        }
        rows
    }

    pub(super) fn judge(&self, context: &FirewallContext) -> Judged {
        if context.hosted {
            return self.hosted(context);
        }
        let (blocked, cells): (Vec<Cell<'_>>, Vec<Cell<'_>>) =
            self.cells().into_iter().partition(|c| c.met == Met::BlockedTarget);
        if let Some(c) = blocked.first().filter(|_| cells.is_empty()) {
            return self.blocked_target(c);
        }
        let (verdict, mut findings) = self.of_cells(&cells, context);
        // Beside addresses that were tried: the gateway may meet it too, and never gets through there.
        if let Some(c) = blocked.first() {
            findings.push(self.blocked_beside(c));
        }
        (verdict, findings)
    }

    fn of_cells(&self, cells: &[Cell<'_>], context: &FirewallContext) -> Judged {
        let is = |m: Met| cells.iter().filter(move |c| c.met == m);
        if let Some(c) = is(Met::Unresolvable).next() {
            return self.unresolvable(c);
        }
        if let Some(lonely) = self.no_common_family(context) {
            return lonely;
        }
        let bad: Vec<&Cell<'_>> = cells.iter().filter(|c| !matches!(c.met, Met::Banner | Met::Fault)).collect();
        let good: Vec<&Cell<'_>> = is(Met::Banner).collect();
        match (good.is_empty(), bad.is_empty()) {
            (false, false) => self.partial(&bad, &good),
            (true, false) => self.none_through(&bad, context),
            (_, true) => {
                let unseen = self.unseen(cells, context);
                if good.is_empty() || !unseen.is_empty() { self.not_seen(&unseen) } else { self.open(&good, context) }
            }
        }
    }

    pub(super) fn cells(&self) -> Vec<Cell<'a>> {
        let mut best: BTreeMap<(String, Option<IpAddr>), Cell<'a>> = BTreeMap::new();
        for seen in self.by_egress() {
            let met = met(seen);
            let cell = Cell { egress: seen.vantage.address, met, seen };
            let key = (from(seen), seen.peer.map(|p| p.ip()));
            match best.get_mut(&key) {
                Some(known) if known.met <= met => {}
                Some(known) => *known = cell,
                None => {
                    best.insert(key, cell);
                }
            }
        }
        best.into_values().collect()
    }

    /// Egress addresses from which nothing was learnt about some address of the server of their family.
    fn unseen(&self, cells: &[Cell<'_>], context: &FirewallContext) -> Vec<IpAddr> {
        let peers = self.peers();
        let learnt = |egress: IpAddr, peer: Option<IpAddr>| {
            cells.iter().any(|c| c.met != Met::Fault && c.egress == Some(egress) && (peer.is_none() || c.to() == peer))
        };
        let complete = |egress: &IpAddr| {
            let applies = peers.iter().filter(|p| p.is_ipv4() == egress.is_ipv4());
            if peers.is_empty() { learnt(*egress, None) } else { applies.copied().all(|p| learnt(*egress, Some(p))) }
        };
        context.egress.iter().filter(|a| !complete(a)).copied().collect()
    }

    /// What the outsiders that count met: the most open of it.
    pub(super) fn outside(&self, context: &FirewallContext) -> Option<Outsider<'a>> {
        self.outsiders(context).min_by_key(|(o, _)| o.rank())
    }

    /// The outsiders that count: sound, and at the same time as the gateway's own tries.
    pub(super) fn outsiders(&self, context: &FirewallContext) -> impl Iterator<Item = Outsider<'a>> {
        let tried: Vec<Timestamp> = self.by_egress().map(|d| d.started_at).collect();
        let near = move |at: Timestamp| tried.is_empty() || tried.iter().any(|t| at.duration_since(*t).abs() <= NEAR);
        self.dialogues
            .iter()
            .copied()
            .filter(|d| d.vantage.role == VantageRole::Outsider && !context.unsound.contains(&d.vantage.id))
            .filter(move |d| near(d.started_at))
            .filter_map(|d| Some((outside(d)?, d)))
    }

    pub(super) fn by_egress(&self) -> impl Iterator<Item = &'a SmtpDialogue> {
        self.dialogues.iter().copied().filter(|d| d.vantage.role == VantageRole::Egress)
    }

    /// Every address of the server that was tried, by anybody.
    pub(super) fn peers(&self) -> BTreeSet<IpAddr> {
        let tried = self.dialogues.iter().filter(|d| met(d) != Met::BlockedTarget);
        tried.filter_map(|d| d.peer).map(|p| p.ip()).collect()
    }

    pub(super) fn finding(&self, code: Code, severity: Severity) -> Finding {
        Finding::new(code, severity, &self.server, self.observed_at())
    }

    pub(super) fn observed_at(&self) -> Timestamp {
        self.dialogues.iter().map(|d| d.started_at).min().unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
