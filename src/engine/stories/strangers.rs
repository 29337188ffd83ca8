//! Strangers at the own servers, asked by the engine where the configuration wants it.

use super::*;

#[tokio::test]
async fn strangers_are_asked_for_once_and_then_weekly_and_hold_nothing_up() {
    let play = Play::begin().await;
    let world = play.stage.world.clone();
    world.asks_strangers.store(true, Ordering::SeqCst);
    play.until(Phase::Ready).await;
    let asked = || world.strangers.lock().unwrap().len();
    assert_eq!(asked(), 1, "beside the firewall, before the permit");
    let row = play.store.observations(&play.id().await).await.unwrap();
    let findings = row.into_iter().find(|kept| kept.kind == "findings:strangers").expect("what came of it").body;
    assert!(findings.contains("RELAY_SUSPECT"), "{findings}");
    play.until(Phase::Connected).await;
    let (before, since) = (asked(), play.stage.clock.now());
    play.for_hours(28 * 24).await;
    let weeks = asked() - before;
    assert!((3..=5).contains(&weeks), "{weeks} looks in four weeks from {since}");
}
