//! How domains stand towards the gateway's places.

use super::fixture::{at, placed, subject, transition};
use crate::store::{CommitOutcome, Observation, Page, PlaceStanding, Store, Transition, place_kind};

const PLACE: &str = "192.0.2.40";

async fn stands(store: &dyn Store, id: &str, phase: &str, hosted: bool, standing: Option<PlaceStanding>) {
    let now = at(10);
    let looked = standing.map(|standing| Observation {
        kind: place_kind(PLACE),
        digest: standing.as_str().to_owned(),
        first_at: now,
        last_at: now,
        body: "\"it timed out\"".to_owned(),
    });
    let step = Transition {
        phase: phase.to_owned(),
        state: format!(r#"{{"hosted":{hosted}}}"#),
        observations: looked.into_iter().collect(),
        ..transition(&subject(store, id).await, None, 10)
    };
    assert!(matches!(store.commit(step).await.unwrap(), CommitOutcome::Committed { .. }));
}

async fn based(store: &dyn Store) {
    use PlaceStanding::{Blocked, Unknown, Verified};
    placed(store, 7).await;
    stands(store, "c1", "connected", false, Some(Verified)).await;
    stands(store, "c2", "drifted", false, Some(Blocked)).await;
    stands(store, "c3", "confirming", false, None).await;
    stands(store, "c4", "connected", true, None).await;
    stands(store, "c5", "ready", false, Some(Unknown)).await;
    // Mail of these does not go through the gateway.
    stands(store, "c6", "allowlisting", false, Some(Blocked)).await;
    stands(store, "c7", "released", false, Some(Blocked)).await;
}

pub(crate) async fn domains_are_counted_by_how_they_stand_towards_a_place(store: &dyn Store) {
    based(store).await;
    let places = [PLACE.to_owned(), "mx1.gateway.example".to_owned()];
    let counts = store.place_counts(&places).await.unwrap();
    let told: Vec<_> = counts.iter().map(|c| (c.place.as_str(), c.standing.as_str(), c.domains)).collect();
    let host = "mx1.gateway.example";
    assert_eq!(
        told,
        [
            (PLACE, "blocked", 1),
            (PLACE, "hosted", 1),
            (PLACE, "unknown", 1),
            (PLACE, "unseen", 1),
            (PLACE, "verified", 1),
            (host, "hosted", 1),
            (host, "unseen", 4),
        ]
    );
    assert!(store.place_counts(&[]).await.unwrap().is_empty());
}

pub(crate) async fn domains_are_listed_by_how_they_stand_towards_a_place(store: &dyn Store) {
    use PlaceStanding::{Blocked, Hosted, Unknown, Unseen, Verified};
    based(store).await;
    let mut page = Page { after: None, limit: 2 };
    let mut seen = Vec::new();
    for _ in 0..4 {
        let listing = store.place_domains(PLACE, None, &page).await.unwrap();
        seen.extend(listing.rows.into_iter().map(|row| (row.domain.to_string(), row.standing)));
        match listing.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let all: Vec<_> = [Verified, Blocked, Unseen, Hosted, Unknown]
        .into_iter()
        .enumerate()
        .map(|(n, standing)| (format!("d{}.example", n + 1), standing))
        .collect();
    assert_eq!(seen, all);

    let page = Page { after: None, limit: 10 };
    let blocked = store.place_domains(PLACE, Some(Blocked), &page).await.unwrap().rows;
    assert_eq!(blocked.len(), 1);
    assert_eq!((blocked[0].domain.as_str(), blocked[0].phase.as_str()), ("d2.example", "drifted"));
    assert_eq!((blocked[0].since, blocked[0].detail.as_str()), (Some(at(10)), "it timed out"));
    assert_eq!((blocked[0].customer_id.as_str(), blocked[0].partner.as_str()), ("k2", "p"));
    let unseen = store.place_domains(PLACE, Some(Unseen), &page).await.unwrap().rows;
    assert_eq!((unseen.len(), unseen[0].since, unseen[0].detail.as_str()), (1, None, ""));
}
