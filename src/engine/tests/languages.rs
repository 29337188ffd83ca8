//! Whoever reads Finnish gets Finnish: the order's language for those outside, the installation's for the
//! desk, in one letter or in two, with the sentences that the engine puts into them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Stage, caller, finished};
use crate::engine::ports::Letter;
use crate::store::conformance::fixture::order;
use crate::words::Language;

/// Every letter until the customer is invoiced, by notice.
async fn letters(stage: &Stage, language: Language) -> BTreeMap<String, Vec<Letter>> {
    let (engine, store) = stage.engine();
    let mut order = order("p", "d1.example");
    order.language = language;
    engine.desk().place_order(order, &caller()).await.unwrap();
    let shutdown = CancellationToken::new();
    let working = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    let done = async {
        while !finished(store.as_ref()).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.expect("the story ends");
    shutdown.cancel();
    working.await.unwrap();
    let mut by_notice: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
    for letter in stage.world.whole.lock().unwrap().drain(..) {
        by_notice.entry(letter.notice.clone()).or_default().push(letter);
    }
    by_notice
}

#[tokio::test]
async fn a_finnish_order_is_answered_in_finnish_and_the_desk_in_its_own_language() {
    let stage = Stage::new();
    let all = letters(&stage, Language::Fi).await;
    let desk = stage.config.notify.desk.clone();
    for letter in all.values().flatten() {
        let inside = [&desk, &stage.config.notify.accounting];
        let expected = if letter.to.iter().all(|to| inside.contains(&to)) { Language::En } else { Language::Fi };
        assert_eq!(letter.language, expected, "{} to {:?}", letter.notice, letter.to);
    }
    let relayed = &all["mx_change_may_be_relayed"][0];
    let status = relayed.status.as_ref().unwrap();
    assert!(status.reason.starts_with("Kaikista suodatuspalvelun osoitteista"), "{}", status.reason);
    assert_eq!(status.waiting_for[0].what, "välitä MX-muutos");
    assert!(status.message_to_provider_in(relayed.language).unwrap().starts_with("Aihe: "));
    // Partner and accounting are told the same, each in its language, as two messages.
    let mut invoiced = all["invoiced"].clone();
    // One that has to be tried again comes after the other.
    invoiced.sort_by_key(|letter| letter.language == Language::En);
    invoiced.dedup_by(|one, other| one.dedupe_key == other.dedupe_key);
    let [partner, accounting] = invoiced.as_slice() else { panic!("{invoiced:?}") };
    assert_eq!((partner.language, accounting.language), (Language::Fi, Language::En));
    assert_eq!(accounting.dedupe_key, format!("{}/en", partner.dedupe_key));
    assert_eq!(accounting.to, std::slice::from_ref(&stage.config.notify.accounting));
    assert!(!partner.to.contains(&stage.config.notify.accounting));
    let report = all["security_report"][0].report.as_ref().unwrap();
    assert_eq!(report.language, Language::Fi);
}

#[tokio::test]
async fn where_all_read_the_same_there_is_one_letter() {
    let mut stage = Stage::new();
    stage.config.notify.language = Language::Fi;
    let all = letters(&stage, Language::Fi).await;
    assert!(all.values().flatten().all(|letter| letter.language == Language::Fi));
    assert_eq!(all["invoiced"].len(), 1, "{:?}", all["invoiced"]);
    assert_eq!(all["invoiced"][0].dedupe_key.matches("/fi").count(), 0);
}
