//! Keeps count of what every vantage sees, and takes what cannot be believed for a fault of the vantage,
//! before anything is judged. When to believe is decided in `fencepost_checks::vantage`; here the
//! counts are kept and the quarantine is written down.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fencepost_checks::observation::{SmtpDialogue, VantageRole};
use fencepost_checks::vantage::{Health, Standing, WINDOW, decide, discount, fault, look};
use jiff::Timestamp;

use super::EngineParts;
use crate::store::{ProofNote, Store, StoreResult, VantageNote, VantageRow};

/// Who quarantines and releases by itself, in lists.
const ITSELF: &str = "fencepost";

/// The dialogues of one look at one subject as they count.
pub(super) async fn weigh(
    parts: &EngineParts,
    subject_id: &str,
    dialogues: Vec<SmtpDialogue>,
) -> StoreResult<Vec<SmtpDialogue>> {
    let egress: Vec<IpAddr> = parts.config.gateway.egress.iter().map(|egress| egress.address).collect();
    let now = parts.clock.now();
    let notes = notes(subject_id, &dialogues, &egress);
    if notes.is_empty() {
        return Ok(discount(dialogues, &egress, &BTreeMap::new()));
    }
    let rows = parts.store.note_looks(notes, now, now - WINDOW).await?;
    let mut distrusted = BTreeMap::new();
    for row in rows {
        if let Some(why) = settle(parts.store.as_ref(), &row, now).await? {
            distrusted.insert(row.id, why);
        }
    }
    Ok(discount(dialogues, &egress, &distrusted))
}

/// Vantages that are not believed now, with the reason.
pub(super) async fn distrusted(store: &dyn Store, now: Timestamp) -> BTreeMap<String, String> {
    let rows = store.vantages(now - WINDOW).await.unwrap_or_else(|error| {
        tracing::error!(%error, "how the vantages are doing is not known");
        Vec::new()
    });
    rows.into_iter().filter_map(|row| Some((row.id.clone(), distrust(&row, now)?))).collect()
}

/// How a vantage stands by its counts.
pub fn standing(row: &VantageRow, now: Timestamp) -> Standing {
    let health = Health {
        good: row.good,
        bad: row.bad,
        turned: row.turned,
        quarantined_since: row.quarantine.as_ref().map(|mark| mark.at),
        good_after: row.good_after,
        bad_after: row.bad_after,
        reaches_reference: row.outside.map(|_| row.unreached_since.is_none()),
    };
    decide(&health, now)
}

fn distrust(row: &VantageRow, now: Timestamp) -> Option<String> {
    match standing(row, now) {
        Standing::Sound | Standing::Release { .. } => None,
        Standing::Suspect { why } | Standing::Quarantine { why } => Some(why),
        Standing::Quarantined => Some(row.quarantine.as_ref().map_or_else(String::new, |mark| mark.why.clone())),
    }
}

/// Writes down what its counts come to; the reason not to believe it, if there is one.
async fn settle(store: &dyn Store, row: &VantageRow, now: Timestamp) -> StoreResult<Option<String>> {
    match standing(row, now) {
        Standing::Quarantine { why } => {
            if store.quarantine_vantage(&row.id, ITSELF, &why, now).await? {
                tracing::error!(vantage = row.id, "quarantined: {why}");
            }
            Ok(Some(why))
        }
        Standing::Release { why } => {
            if store.release_vantage(&row.id, ITSELF, &why, now).await? {
                tracing::warn!(vantage = row.id, "released from quarantine: {why}");
            }
            Ok(None)
        }
        Standing::Sound | Standing::Suspect { .. } | Standing::Quarantined => Ok(distrust(row, now)),
    }
}

/// One note a vantage. Only the gateway's addresses are counted: that outsiders are shut out is what
/// customers shall do in the end.
fn notes(subject_id: &str, dialogues: &[SmtpDialogue], egress: &[IpAddr]) -> Vec<VantageNote> {
    let mut notes: BTreeMap<&str, VantageNote> = BTreeMap::new();
    let nobody = BTreeMap::new();
    for dialogue in dialogues {
        let Some(peer) = dialogue.peer else { continue };
        let counts = dialogue.vantage.role == VantageRole::Egress && fault(dialogue, egress, &nobody).is_none();
        let good = if counts { look(dialogue) } else { None };
        let proof = dialogue.proof.as_ref().map(|proof| proof.outside.map_or(ProofNote::NotReached, ProofNote::SeenAs));
        let note = notes.entry(&dialogue.vantage.id).or_insert_with(|| VantageNote {
            vantage: dialogue.vantage.id.clone(),
            subject_id: subject_id.to_owned(),
            target: peer.ip().to_string(),
            good: None,
            proof: None,
        });
        // One server that answers is enough for the way there to be sound.
        note.good = note.good.into_iter().chain(good).max();
        note.proof = proof.or(note.proof);
    }
    notes.into_values().filter(|note| note.good.is_some() || note.proof.is_some()).collect()
}
