//! The canary through the engine: when it is sent, and what waits for its delivery notice.

use fencepost_checks::canary::{Action, Notice};

use super::super::canary::{Received, receive};
use super::*;
use crate::config::CanaryMode;

async fn play(mode: CanaryMode) -> Play {
    let mut stage = Stage::new();
    stage.config.probe.canary = mode;
    stage.config.probe.canary_sender = Some("canary@intake.gateway.example".to_owned());
    Play::of(stage, order("p", "d1.example")).await
}

impl Play {
    fn canaries(&self) -> Vec<Timestamp> {
        self.stage.world.canaries.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }

    /// The gateway reports about the last canary.
    async fn notice(&self, action: Action) -> Received {
        let token = self.stage.world.canaries.lock().unwrap().last().unwrap().1.token.clone();
        let notice = Notice {
            token,
            action,
            status: if action == Action::Failed { "5.1.1" } else { "2.0.0" }.to_owned(),
            reporting_mta: "mx1.gateway.example".to_owned(),
            diagnostic: String::new(),
            received_at: self.stage.clock.now(),
        };
        receive(&self.store, &self.stage.clock, self.parts.setup(), &notice).await.unwrap()
    }

    async fn permit(&self) -> bool {
        mx_change_permitted(&self.connection().await, self.stage.clock.now())
    }

    /// Carries out what is due, minute by minute.
    async fn for_minutes(&self, minutes: i64) {
        for _ in 0..minutes {
            while self.effect().await || self.work().await {}
            self.stage.clock.skip_to(self.stage.clock.now() + SignedDuration::from_mins(1));
        }
    }

    /// What is told of the gateway at present.
    async fn told(&self) -> String {
        let kept = self.store.observations(&self.id().await).await.unwrap();
        kept.into_iter().find(|kept| kept.kind == "findings:gateway").map(|kept| kept.body).unwrap_or_default()
    }

    async fn until_canary(&self, count: usize) {
        for _ in 0..ROUNDS {
            if self.canaries().len() >= count {
                return;
            }
            self.step().await;
        }
        panic!("{} canaries instead of {count}", self.canaries().len());
    }
}

/// The partner reads no letters here, so that the domain stays where the permit left it.
async fn unread(play: &Play, hours: i64) {
    for _ in 0..hours * 60 {
        while play.work().await {}
        play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_mins(1));
    }
}

#[tokio::test]
async fn an_optional_canary_is_sent_before_the_permit_which_does_not_wait_for_its_notice() {
    let play = play(CanaryMode::Optional).await;
    while play.canaries().is_empty() {
        assert!(!play.permit().await, "the message leaves before the permit");
        play.step().await;
    }
    unread(&play, 1).await;
    assert!(play.permit().await, "nobody waits for the notice");
    unread(&play, 3).await;
    assert!(play.told().await.contains("CANARY_LATE"), "half an hour without a notice: {}", play.told().await);
    assert_eq!(play.canaries().len(), 1, "no second message while the first may still be reported");

    // Late is not never.
    assert!(matches!(play.notice(Action::Delivered).await, Received::Taken { .. }));
    unread(&play, 1).await;
    assert!(play.told().await.contains("CANARY_OK"), "{}", play.told().await);
    assert!(play.permit().await);
    play.replays().await;
}

#[tokio::test]
async fn a_failed_optional_canary_warns_and_takes_no_permit() {
    let play = play(CanaryMode::Optional).await;
    play.until_canary(1).await;
    play.notice(Action::Failed).await;
    unread(&play, 1).await;
    let told = play.told().await;
    assert!(told.contains("CANARY_FAILED") && !told.contains("\"blocking\""), "{told}");
    assert!(play.permit().await);
    unread(&play, 1).await;
    assert!(play.canaries().len() == 2, "it is tried again after an hour: {:?}", play.canaries());
    let waits = play.canaries()[1].duration_since(play.canaries()[0]);
    assert!(waits >= SignedDuration::from_hours(1), "{waits}");
}

#[tokio::test]
async fn a_required_canary_holds_the_permit_until_it_is_delivered() {
    let play = play(CanaryMode::Required).await;
    play.until_canary(1).await;
    play.for_minutes(20).await;
    assert!(!play.permit().await && play.told().await.contains("CANARY_WAITING"), "{}", play.told().await);
    play.notice(Action::Delayed).await;
    play.for_minutes(20).await;
    assert!(!play.permit().await && play.told().await.contains("CANARY_DELAYED"), "{}", play.told().await);
    assert_eq!(play.notice(Action::Delayed).await, Received::Ignored("it was told already"));
    play.notice(Action::Delivered).await;
    unread(&play, 1).await;
    assert!(play.permit().await && play.told().await.contains("CANARY_OK"), "{}", play.told().await);
    assert_eq!(play.canaries().len(), 1);
    play.replays().await;
}

#[tokio::test]
async fn a_required_canary_that_fails_is_sent_again_and_one_that_is_late_is_replaced_after_a_day() {
    let play = play(CanaryMode::Required).await;
    play.until_canary(1).await;
    play.notice(Action::Failed).await;
    play.for_minutes(30).await;
    let told = play.told().await;
    assert!(told.contains("CANARY_FAILED") && told.contains("\"blocking\""), "{told}");
    assert!(!play.permit().await);
    play.until_canary(2).await;

    // Nothing comes back of the second one.
    play.for_hours(2).await;
    assert!(play.told().await.contains("CANARY_LATE"), "{}", play.told().await);
    assert!(!play.permit().await, "late holds the permit");
    let second = play.stage.world.canaries.lock().unwrap()[1].1.token.clone();
    play.until_canary(3).await;
    let sent = play.canaries();
    assert!(sent[1].duration_since(sent[0]) >= SignedDuration::from_hours(1), "{sent:?}");
    assert!(sent[2].duration_since(sent[1]) >= SignedDuration::from_hours(23), "{sent:?}");
    assert_ne!(play.stage.world.canaries.lock().unwrap()[2].1.token, second, "its token is another one");
    play.notice(Action::Relayed).await;
    unread(&play, 1).await;
    assert!(play.permit().await && play.told().await.contains("CANARY_RELAYED"), "{}", play.told().await);
}
