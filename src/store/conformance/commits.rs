//! Outcomes: whole or not at all, by fence and by version.

use sha2::{Digest, Sha256};

use super::fixture::{at, effect, event, name, placed, request, subject, timer, transition};
use crate::lifecycle::connection::RouteMode;
use crate::store::{CommitOutcome, EvidenceName, Observation, RouteChange, Store};

pub(crate) async fn an_outcome_is_stored_whole(store: &dyn Store) {
    placed(store, 1).await;
    let claim = store.claim(request(0)).await.unwrap().remove(0);
    let mut outcome = transition(&subject(store, "c1").await, Some(&claim), 5);
    outcome.phase = "probing".to_owned();
    outcome.state_since = at(5);
    outcome.events = vec![event("a"), event("b")];
    outcome.outbox = vec![effect("n", 5)];
    outcome.timers = vec![timer("probe", 60), timer("lint", 90)];
    outcome.route = Some(RouteChange { domain: name("d1.example"), mode: RouteMode::Deliver, servers: Vec::new() });
    assert_eq!(store.commit(outcome.clone()).await.unwrap(), CommitOutcome::Committed { version: 2 });
    let after = subject(store, "c1").await;
    assert_eq!((after.version, after.last_seq, after.state, after.state_since), (2, 3, outcome.state, at(5)));
    let events = store.events("c1", 1, 10).await.unwrap();
    assert_eq!(events.iter().map(|e| (e.seq, e.kind.as_str())).collect::<Vec<_>>(), [(2, "a"), (3, "b")]);
    let route = store.route(&name("d1.example")).await.unwrap().unwrap();
    assert_eq!((route.mode, route.generation), (RouteMode::Deliver, 2));
    assert_eq!(store.notices("c1", 10).await.unwrap().len(), 1);
    let due = store.claim(request(90)).await.unwrap();
    assert_eq!(due[0].kind, "probe", "the old timer is gone, the earliest new one comes first");
}

pub(crate) async fn a_lost_fence_stores_nothing(store: &dyn Store) {
    placed(store, 1).await;
    let lost = store.claim(request(0)).await.unwrap().remove(0);
    store.claim(request(400)).await.unwrap();
    let before = subject(store, "c1").await;
    let mut late = transition(&before, Some(&lost), 401);
    late.events = vec![event("late")];
    late.outbox = vec![effect("late", 0)];
    assert_eq!(store.commit(late).await.unwrap(), CommitOutcome::FenceLost);
    assert_eq!(subject(store, "c1").await, before);
    assert_eq!(store.events("c1", 0, 10).await.unwrap().len(), 1);
    assert!(store.notices("c1", 10).await.unwrap().is_empty());
}

pub(crate) async fn a_version_conflict_keeps_the_claim(store: &dyn Store) {
    placed(store, 1).await;
    let claim = store.claim(request(0)).await.unwrap().remove(0);
    let old = subject(store, "c1").await;
    let mut request = transition(&old, None, 1);
    request.timers = vec![timer("mx", 1)];
    store.commit(request).await.unwrap();
    let outcome = transition(&old, Some(&claim), 2);
    assert_eq!(store.commit(outcome).await.unwrap(), CommitOutcome::VersionConflict);
    let again = transition(&subject(store, "c1").await, Some(&claim), 3);
    assert_eq!(store.commit(again).await.unwrap(), CommitOutcome::Committed { version: 3 });
}

pub(crate) async fn fences_never_restart(store: &dyn Store) {
    placed(store, 1).await;
    let mut last = 0;
    for round in 0..4 {
        let claim = store.claim(request(round * 10)).await.unwrap().remove(0);
        assert!(claim.fence > last, "{} after {last}", claim.fence);
        last = claim.fence;
        let mut outcome = transition(&subject(store, "c1").await, Some(&claim), round * 10);
        let kind = if round % 2 == 0 { "probe" } else { "mx" };
        outcome.timers = vec![timer(kind, round * 10 + 10)];
        store.commit(outcome).await.unwrap();
    }
}

pub(crate) async fn work_under_way_keeps_its_lease_when_a_request_commits(store: &dyn Store) {
    placed(store, 1).await;
    let claim = store.claim(request(0)).await.unwrap().remove(0);
    let mut hurry = transition(&subject(store, "c1").await, None, 1);
    hurry.timers = vec![timer("mx", 1), timer("probe", 1)];
    store.commit(hurry).await.unwrap();
    assert_eq!(store.claim(request(2)).await.unwrap(), [], "the subject is worked on");
    let mut outcome = transition(&subject(store, "c1").await, Some(&claim), 3);
    outcome.timers = vec![timer("mx", 60), timer("probe", 1)];
    assert!(matches!(store.commit(outcome).await.unwrap(), CommitOutcome::Committed { .. }));
    assert_eq!(store.claim(request(3)).await.unwrap()[0].kind, "probe");
}

pub(crate) async fn a_refused_outcome_does_not_hinder_others(store: &dyn Store) {
    placed(store, 3).await;
    let claims = store.claim(request(0)).await.unwrap();
    let mut outcomes = Vec::new();
    for (claim, version) in claims.iter().zip([1, 7, 1]) {
        let mut outcome = transition(&subject(store, &claim.subject_id).await, Some(claim), 1);
        outcome.version = version;
        outcome.events = vec![event("x")];
        outcomes.push(store.commit(outcome));
    }
    let results = futures_util::future::join_all(outcomes).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert_eq!(results[1], CommitOutcome::VersionConflict);
    for (index, events) in [(0, 2), (1, 1), (2, 2)] {
        let id = &claims[index].subject_id;
        assert_eq!(store.events(id, 0, 10).await.unwrap().len(), events, "{id}");
    }
}

pub(crate) async fn observations_are_intervals(store: &dyn Store) {
    placed(store, 1).await;
    for (seconds, digest) in [(1, "x"), (2, "x"), (3, "y")] {
        let mut outcome = transition(&subject(store, "c1").await, None, seconds);
        let (first_at, last_at) = (at(seconds), at(seconds));
        let (kind, body) = ("mx".to_owned(), format!("{seconds}"));
        outcome.observations = vec![Observation { kind, digest: digest.to_owned(), first_at, last_at, body }];
        store.commit(outcome).await.unwrap();
        let kept = store.observations("c1").await.unwrap().remove(0);
        let expected = if digest == "x" { at(1) } else { at(3) };
        assert_eq!((kept.first_at, kept.last_at, kept.body), (expected, at(seconds), format!("{seconds}")));
    }
}

pub(crate) async fn what_a_permit_names_is_archived(store: &dyn Store) {
    placed(store, 1).await;
    let body = |n: u32| format!(r#"{{"look":{n}}}"#);
    let seen = |n: u32| Observation {
        kind: "smtp".to_owned(),
        digest: "same".to_owned(),
        first_at: at(i64::from(n)),
        last_at: at(i64::from(n)),
        body: body(n),
    };
    let named = |n: u32| EvidenceName { kind: "smtp".to_owned(), sha256: hex::encode(Sha256::digest(body(n))) };
    for n in [1, 2, 3] {
        let mut look = transition(&subject(store, "c1").await, None, i64::from(n));
        look.observations = vec![seen(n)];
        if n == 2 {
            look.archive = vec![named(2), EvidenceName { kind: "lint".to_owned(), ..named(2) }];
        }
        store.commit(look).await.unwrap();
    }
    let found = store.archived("c1", &named(2).sha256).await.unwrap().unwrap();
    assert_eq!((found.kind.as_str(), found.observed_at, found.body), ("smtp", at(2), body(2)));
    assert_eq!(store.archived("c1", &named(1).sha256).await.unwrap(), None, "no permit named it");
    assert_eq!(store.archived("k1", &named(2).sha256).await.unwrap(), None, "of another subject");
    assert_eq!(EvidenceName::parse(&format!("smtp:{}", named(2).sha256)), Some(named(2)));
    assert_eq!(EvidenceName::parse("smtp:0123"), None);
}

pub(crate) async fn what_is_due_already_stays_due_until_it_is_done(store: &dyn Store) {
    placed(store, 1).await;
    let mut hurry = transition(&subject(store, "c1").await, None, 0);
    hurry.timers = vec![timer("lint", 0), timer("mx", 0), timer("probe", 0)];
    store.commit(hurry).await.unwrap();
    for (expected, next_mx) in [("lint", 70), ("mx", 70), ("probe", 80)] {
        let claim = store.claim(request(1)).await.unwrap().remove(0);
        assert_eq!(claim.kind, expected);
        let mut done = transition(&subject(store, "c1").await, Some(&claim), 1);
        done.timers = vec![timer("lint", 100), timer("probe", 100), timer("mx", next_mx)];
        store.commit(done).await.unwrap();
    }
    assert!(store.claim(request(79)).await.unwrap().is_empty(), "each was done once");
    assert_eq!(store.claim(request(80)).await.unwrap()[0].kind, "mx", "what was not due is replaced");
}
