//! The matrix as people see it: a row an address of an own server, a column a vantage, and in each cell what was
//! met there, in words. Says what was seen; what it means is judged elsewhere.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;

use super::cell::{Met, Outside, met, outside};
use crate::observation::{SmtpDialogue, Vantage, VantageRole};
use crate::smtp::dialogue::server;

/// Rows and columns that are shown, at most.
const MOST: usize = 64;

/// Who was let in, and who was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// Addresses of the gateway first, then outsiders.
    pub columns: Vec<Vantage>,
    pub rows: Vec<MatrixRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixRow {
    /// `mail.example.com:25`.
    pub server: String,
    /// `None` where there is none.
    pub address: Option<IpAddr>,
    /// A spare server: its failures only warn.
    pub standby: bool,
    /// One for each column; `None` where that vantage did not try this address.
    pub cells: Vec<Option<MatrixCell>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixCell {
    /// A few words.
    pub says: &'static str,
    /// Whether the gateway gets through; `None` of outsiders, and where nothing was learnt.
    pub through: Option<bool>,
    pub at: Timestamp,
}

/// What every vantage met; of several tries of one vantage at one address, the best.
#[must_use]
pub fn matrix(dialogues: &[SmtpDialogue]) -> Matrix {
    let mut columns: Vec<Vantage> = Vec::new();
    let mut rows: Vec<MatrixRow> = Vec::new();
    let seen = dialogues.iter().filter(|d| d.vantage.role != VantageRole::Resolver);
    let mut best: BTreeMap<(String, Option<SocketAddr>, Vantage), &SmtpDialogue> = BTreeMap::new();
    for dialogue in seen {
        let key = (server(dialogue), dialogue.peer, dialogue.vantage.clone());
        best.entry(key).and_modify(|known| *known = better(known, dialogue)).or_insert(dialogue);
    }
    for (_, _, vantage) in best.keys() {
        if !columns.contains(vantage) && columns.len() < MOST {
            columns.push(vantage.clone());
        }
    }
    columns.sort_by(|a, b| (a.role, a.address, &a.id).cmp(&(b.role, b.address, &b.id)));
    for ((server, peer, vantage), dialogue) in best {
        let address = peer.map(|peer| peer.ip());
        let place = rows.iter().position(|row| row.server == server && row.address == address);
        let index = match place {
            Some(index) => index,
            None if rows.len() < MOST => {
                let cells = columns.iter().map(|_| None).collect();
                rows.push(MatrixRow { server, address, standby: dialogue.standby, cells });
                rows.len() - 1
            }
            None => continue,
        };
        let column = columns.iter().position(|column| *column == vantage);
        if let Some(cell) = column.and_then(|column| rows.get_mut(index)?.cells.get_mut(column)) {
            *cell = Some(told(dialogue));
        }
    }
    Matrix { columns, rows }
}

fn better<'a>(known: &'a SmtpDialogue, other: &'a SmtpDialogue) -> &'a SmtpDialogue {
    if met(other) < met(known) { other } else { known }
}

fn told(dialogue: &SmtpDialogue) -> MatrixCell {
    let (says, through) = match dialogue.vantage.role {
        VantageRole::Egress => gateway(met(dialogue)),
        VantageRole::Outsider | VantageRole::Resolver => (stranger(dialogue), None),
    };
    MatrixCell { says, through, at: dialogue.started_at }
}

const fn gateway(met: Met) -> (&'static str, Option<bool>) {
    match met {
        Met::Banner => ("gets through", Some(true)),
        Met::PolicyReject => ("turned away by the server", Some(false)),
        Met::NoBanner => ("connected, but no mail server speaks", Some(false)),
        Met::Refused => ("refused: the port is closed", Some(false)),
        Met::Prohibited => ("forbidden by a firewall", Some(false)),
        Met::TimedOut => ("no answer", Some(false)),
        Met::BlockedTarget => ("not tried: no public address", None),
        Met::Unresolvable => ("the name has no address", Some(false)),
        Met::Fault => ("not tried: a fault on our side", None),
    }
}

fn stranger(dialogue: &SmtpDialogue) -> &'static str {
    match outside(dialogue) {
        Some(Outside::Accepted) => "mail is taken",
        Some(Outside::Spoke) => "the server speaks",
        Some(Outside::Listed) => "turned away by a block list",
        Some(Outside::Rejected(_)) => "mail is refused",
        Some(Outside::Refused) => "refused: the port is closed",
        Some(Outside::Dropped) => "no answer",
        None => "says nothing",
    }
}
