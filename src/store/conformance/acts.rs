//! Who did what.

use super::fixture::at;
use crate::store::{Act, ActFilter, ActOutcome, ActPart, Page, Store};

/// Act number `n`, one a second.
pub(crate) fn act(n: u32) -> Act {
    Act {
        id: format!("a{n:03}"),
        at: at(i64::from(n)),
        actor: if n.is_multiple_of(2) { "t2".to_owned() } else { "t1".to_owned() },
        who: if n.is_multiple_of(2) { "Bea".to_owned() } else { "Åke".to_owned() },
        role: "desk".to_owned(),
        action: if n < 3 { "order".to_owned() } else { "suspend".to_owned() },
        part: if n == 5 { ActPart::Accounting } else { ActPart::Desk },
        subject_kind: "domain".to_owned(),
        subject: format!("d{}.example", n % 3),
        detail: "because — “so”".to_owned(),
        outcome: if n == 4 { ActOutcome::Refused } else { ActOutcome::Done },
        request_id: format!("r{n}"),
    }
}

pub(crate) async fn acts_are_read_newest_first_in_pages(store: &dyn Store) {
    store.record_acts((1..=3).map(act).collect()).await.unwrap();
    store.record_acts((4..=6).map(act).collect()).await.unwrap();
    store.record_acts(Vec::new()).await.unwrap();
    let mut seen = Vec::new();
    let mut page = Page { after: None, limit: 4 };
    loop {
        let listing = store.acts(&ActFilter::default(), &page).await.unwrap();
        assert!(listing.rows.len() <= 4);
        seen.extend(listing.rows);
        let Some(next) = listing.next else { break };
        page.after = Some(next);
    }
    assert_eq!(seen, (1..=6).rev().map(act).collect::<Vec<_>>());
}

pub(crate) async fn acts_are_found_by_who_what_and_when(store: &dyn Store) {
    store.record_acts((1..=6).map(act).collect()).await.unwrap();
    let wanted = |filter: ActFilter| async move {
        let rows = store.acts(&filter, &Page { after: None, limit: 10 }).await.unwrap().rows;
        rows.into_iter().map(|act| act.id).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    let none = ActFilter::default();
    assert_eq!(wanted(ActFilter { actor: some("t1"), ..none.clone() }).await, ["a005", "a003", "a001"]);
    assert_eq!(wanted(ActFilter { actor: some("Bea"), ..none.clone() }).await, ["a006", "a004", "a002"]);
    assert_eq!(wanted(ActFilter { action: some("order"), ..none.clone() }).await, ["a002", "a001"]);
    assert_eq!(wanted(ActFilter { subject: some("d0.example"), ..none.clone() }).await, ["a006", "a003"]);
    assert_eq!(wanted(ActFilter { part: Some(ActPart::Accounting), ..none.clone() }).await, ["a005"]);
    assert_eq!(wanted(ActFilter { outcome: Some(ActOutcome::Refused), ..none.clone() }).await, ["a004"]);
    let times = ActFilter { from: Some(at(2)), until: Some(at(4)), ..none.clone() };
    assert_eq!(wanted(times).await, ["a003", "a002"]);
    let all = ActFilter { actor: some("t2"), subject: some("d0.example"), ..none };
    assert_eq!(wanted(all).await, ["a006"]);
}

pub(crate) async fn acts_are_stored_all_or_none_and_stay(store: &dyn Store) {
    store.record_acts(vec![act(1)]).await.unwrap();
    let other = Act { detail: "something else".to_owned(), ..act(1) };
    assert!(store.record_acts(vec![act(2), other]).await.is_err(), "the first one is there already");
    let rows = store.acts(&ActFilter::default(), &Page { after: None, limit: 10 }).await.unwrap().rows;
    assert_eq!(rows, [act(1)]);
}
