//! Keeps count of what every vantage sees, and takes what cannot be believed for a fault of the vantage,
//! before anything is judged. When to believe is decided in `fencepost_checks::vantage`; here the
//! counts are kept and the quarantine is written down.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fencepost_checks::observation::{SmtpDialogue, VantageRole};
use fencepost_checks::vantage::{Health, Standing, WINDOW, decide, discount, fault, look};
use jiff::Timestamp;

use super::EngineParts;
use super::payload::VantageItem;
use crate::store::{Mark, ProofNote, Store, StoreResult, VantageNote, VantageRow};

/// Who quarantines and releases by itself, in lists.
const ITSELF: &str = "fencepost";

/// The dialogues of one look at one subject as they count.
pub(super) async fn weigh(
    parts: &EngineParts,
    subject_id: &str,
    dialogues: Vec<SmtpDialogue>,
) -> StoreResult<Vec<SmtpDialogue>> {
    let gateway = &parts.config.gateway;
    let (ours, announced) = (gateway.every_egress(), gateway.announced());
    weigh_at(parts.store.as_ref(), (&ours, &announced), subject_id, dialogues, parts.clock.now()).await
}

async fn weigh_at(
    store: &dyn Store,
    (egress, announced): (&[IpAddr], &[IpAddr]),
    subject_id: &str,
    dialogues: Vec<SmtpDialogue>,
    now: Timestamp,
) -> StoreResult<Vec<SmtpDialogue>> {
    let notes = notes(subject_id, &dialogues, (egress, announced));
    let mut distrusted = BTreeMap::new();
    if !notes.is_empty() {
        for row in store.note_looks(notes, now, now - WINDOW).await? {
            if let Some(why) = settle(store, &row, now).await? {
                distrusted.insert(row.id, why);
            }
        }
    }
    Ok(discount(dialogues, egress, &distrusted))
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
            if quarantine(store, &row.id, Mark { at: now, by: ITSELF.to_owned(), why: why.clone() }).await? {
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

/// Takes a vantage out of use, and tells the desk. `false` when it was already.
pub(super) async fn quarantine(store: &dyn Store, id: &str, mark: Mark) -> StoreResult<bool> {
    let tell = VantageItem { vantage: id.to_owned(), since: mark.at };
    store.quarantine_vantage(id, mark, tell.outbox()).await
}

/// The quarantine that a vantage is in.
pub(super) async fn mark(store: &dyn Store, id: &str, now: Timestamp) -> StoreResult<Option<Mark>> {
    let rows = store.vantages(now - WINDOW).await?;
    Ok(rows.into_iter().find(|row| row.id == id).and_then(|row| row.quarantine))
}

/// One note a vantage. Only the addresses that deliver are counted: that outsiders are shut out is what
/// customers shall do in the end.
fn notes(
    subject_id: &str,
    dialogues: &[SmtpDialogue],
    (egress, announced): (&[IpAddr], &[IpAddr]),
) -> Vec<VantageNote> {
    let mut notes: BTreeMap<&str, VantageNote> = BTreeMap::new();
    let nobody = BTreeMap::new();
    for dialogue in dialogues {
        let Some(peer) = dialogue.peer else { continue };
        let counts = dialogue.vantage.role == VantageRole::Egress && fault(dialogue, egress, &nobody).is_none();
        // An announced address is shut out until customers let it in: that is no fault of the way there.
        let awaited = dialogue.vantage.address.is_some_and(|address| announced.contains(&address));
        let good = if counts && !awaited { look(dialogue) } else { None };
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

#[cfg(test)]
mod tests {
    use fencepost_checks::observation::smtp::{SmtpReply, StageOutcome, StageRecord};
    use fencepost_checks::observation::{ConnectOutcome, Proof, Stage, Vantage};
    use fencepost_checks::smtp::{SmtpContext, judge};
    use fencepost_checks::{DomainName, Verdict};

    use super::*;
    use crate::config::StoreConfig;
    use crate::store::VantageStore;
    use crate::store::conformance::fixture::request;
    use crate::store::sqlite::SqliteStore;

    const V: &str = "egress-192.0.2.10";

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn seen(customer: u8, reaches: bool, now: Timestamp) -> SmtpDialogue {
        let reply = SmtpReply { code: 554, enhanced: None, lines: vec!["no mail from you".to_owned()] };
        let good = SmtpReply { code: 220, enhanced: None, lines: vec!["hello".to_owned()] };
        let reply = if reaches { good } else { reply };
        SmtpDialogue {
            vantage: Vantage { id: V.to_owned(), role: VantageRole::Egress, address: Some([192, 0, 2, 10].into()) },
            host: "mail.example.com".to_owned(),
            peer: Some(([203, 0, 113, customer], 25).into()),
            port: 25,
            standby: false,
            started_at: now,
            connect: ConnectOutcome::Connected { elapsed_ms: 1 },
            stages: vec![StageRecord { stage: Stage::Banner, elapsed_ms: 1, outcome: StageOutcome::Reply { reply } }],
            capabilities: Vec::new(),
            tls: None,
            proof: Some(Proof { at: now, outside: Some([192, 0, 2, 10].into()), detail: String::new() }),
            transcript: Vec::new(),
        }
    }

    /// Looks at a customer; how it is judged.
    async fn look_at(store: &SqliteStore, customer: u8, reaches: bool, minutes: i64) -> Verdict {
        let now = at(minutes);
        let egress = [[192, 0, 2, 10].into()];
        let dialogues = vec![seen(customer, reaches, now)];
        let weighed = weigh_at(store, (&egress, &[]), &format!("c{customer}"), dialogues, now).await.unwrap();
        let domain = DomainName::parse("customer.example").unwrap();
        judge(&weighed, &SmtpContext { domain, now }).verdict
    }

    /// The gateway's address gets on a block list: every server turns it away, and it is not the
    /// customers' doing.
    #[tokio::test]
    async fn what_goes_wrong_everywhere_at_once_is_the_vantage_s_fault() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&StoreConfig::sqlite(folder.path().join("t.db"))).unwrap();
        for customer in 1..=8 {
            look_at(&store, customer, true, 0).await;
        }
        assert_eq!(look_at(&store, 1, false, 300).await, Verdict::Fail, "one is one customer's matter");
        for customer in 2..=8 {
            let verdict = look_at(&store, customer, false, 300 + i64::from(customer)).await;
            assert_eq!(verdict, Verdict::Inconclusive, "customer {customer}");
        }
        let row = store.vantages(at(300)).await.unwrap().remove(0);
        let mark = row.quarantine.unwrap();
        let told = store.claim_outbox(request(310 * 60)).await.unwrap();
        assert_eq!(told.len(), 1, "the desk is told once, however many customers it concerns: {told:?}");
        assert_eq!((told[0].kind.as_str(), told[0].subject_id.as_str()), ("vantage", "vantage/egress-192.0.2.10"));
        assert_eq!((mark.at, mark.by.as_str()), (at(303), "fencepost"), "with the third");
        assert!(mark.why.starts_with("3 of 3 targets"), "{}", mark.why);
        assert_eq!(look_at(&store, 9, false, 310).await, Verdict::Inconclusive, "new customers, too");
        assert!(distrusted(&store, at(310)).await.contains_key(V));

        // It gets off the list: three that answer again, a while later, end it.
        for customer in 1..=6 {
            look_at(&store, customer, true, 311).await;
        }
        assert_eq!(look_at(&store, 7, true, 312).await, Verdict::Inconclusive, "too soon");
        look_at(&store, 8, true, 330).await;
        look_at(&store, 9, true, 331).await;
        assert!(store.vantages(at(300)).await.unwrap()[0].quarantine.is_none(), "released by itself");
        assert!(distrusted(&store, at(331)).await.is_empty());
        assert_eq!(look_at(&store, 1, false, 340).await, Verdict::Fail, "and what it sees counts again");
    }

    #[tokio::test]
    async fn what_the_desk_knows_better_is_not_undone() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&StoreConfig::sqlite(folder.path().join("t.db"))).unwrap();
        for customer in 1..=4 {
            look_at(&store, customer, true, 0).await;
        }
        for customer in 1..=4 {
            look_at(&store, customer, false, 100).await;
        }
        assert!(store.release_vantage(V, "desk", "the partner closed its firewall", at(101)).await.unwrap());
        for customer in 1..=4 {
            assert_eq!(look_at(&store, customer, false, 102).await, Verdict::Fail, "customer {customer}");
        }
        assert!(store.vantages(at(100)).await.unwrap()[0].quarantine.is_none());
    }
}
