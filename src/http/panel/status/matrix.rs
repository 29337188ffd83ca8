//! The firewall matrix: which address of the gateway gets through to which own server, in words.

use fencepost_checks::firewall::{MatrixCell, matrix};
use fencepost_checks::observation::{SmtpDialogue, Vantage, VantageRole};

use super::Audience;
use crate::http::panel::words::{Times, When};
use crate::store::Observation;

/// The matrix, ready for a page.
pub(in crate::http::panel) struct Firewall {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    pub seen: When,
    /// How many of the gateway's tries got through, and how many there were.
    pub through: usize,
    pub tries: usize,
}

pub(in crate::http::panel) struct Column {
    pub title: String,
    pub about: &'static str,
}

pub(in crate::http::panel) struct Row {
    pub server: String,
    pub address: String,
    pub cells: Vec<Cell>,
}

pub(in crate::http::panel) struct Cell {
    /// Of the column, for those who see one cell after the other.
    pub label: String,
    pub says: &'static str,
    /// `good`, `bad` or `plain`, and a sign for each.
    pub tone: &'static str,
    pub sign: &'static str,
}

impl Firewall {
    /// From the last look at the present own servers; `None` where there was none.
    pub(super) fn of(observations: &[Observation], audience: Audience, times: &Times) -> Option<Self> {
        let kept = observations.iter().find(|kept| kept.kind == "firewall")?;
        let mut dialogues: Vec<SmtpDialogue> = serde_json::from_str(&kept.body).ok()?;
        // Who else gets in is told to nobody who could make use of it.
        if audience == Audience::Link {
            dialogues.retain(|dialogue| dialogue.vantage.role == VantageRole::Egress);
        }
        let matrix = matrix(&dialogues);
        if matrix.rows.is_empty() {
            return None;
        }
        let tried = || matrix.rows.iter().flat_map(|row| &row.cells).flatten().filter_map(|cell| cell.through);
        let (through, tries) = (tried().filter(|through| *through).count(), tried().count());
        let columns: Vec<Column> = matrix.columns.iter().map(column).collect();
        let rows = matrix.rows.into_iter().map(|row| Row {
            cells: row.cells.iter().zip(&columns).map(|(met, column)| cell(met.as_ref(), column)).collect(),
            server: row.server,
            address: row.address.map(|address| address.to_string()).unwrap_or_default(),
        });
        Some(Self { rows: rows.collect(), columns, seen: times.show(kept.last_at), through, tries })
    }
}

fn column(vantage: &Vantage) -> Column {
    let title = vantage.address.map_or_else(|| vantage.id.clone(), |address| address.to_string());
    let about = match vantage.role {
        VantageRole::Egress => "the gateway",
        VantageRole::Outsider | VantageRole::Resolver => "somebody else",
    };
    Column { title, about }
}

fn cell(met: Option<&MatrixCell>, column: &Column) -> Cell {
    let label = format!("{} ({})", column.title, column.about);
    let Some(met) = met else { return Cell { label, says: "not tried", tone: "plain", sign: "–" } };
    let (tone, sign) = match met.through {
        Some(true) => ("good", "✓"),
        Some(false) => ("bad", "✗"),
        None => ("plain", "·"),
    };
    Cell { label, says: met.says, tone, sign }
}
