//! Single stories through the engine over SQLite, driven by hand: claims are carried out one after
//! the other, and the clock steps when nothing is due. So a test can act between any two of them.

mod base;
mod canary;
mod places;
mod strangers;
mod sweep;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fencepost_checks::DomainName;
use jiff::{SignedDuration, Timestamp};

use super::connections::Loaded;
use super::ports::{Gateway, GatewayError, RouteDesire};
use super::tests::Stage;
use super::world::name_server;
use super::{Caller, Desk, Engine, EngineParts, EvidenceFile, Word, items, vantages, work};
use crate::config::Config;
use crate::lifecycle::connection::{Connection, Phase, RouteMode, mx_change_permitted};
use crate::lifecycle::subscription::{self, Subscription};
use crate::order::Order;
use crate::store::conformance::fixture::{new_order, order};
use crate::store::{ClaimRequest, EvidenceName, Mark, OutboxRow, Page, Scope, Share, Store, TimerSet};

/// Rounds of one drive; more means that nothing goes on.
const ROUNDS: usize = 20_000;

struct Play {
    stage: Stage,
    parts: Arc<EngineParts>,
    desk: Desk,
    store: Arc<dyn Store>,
    customer: String,
    domain: DomainName,
}

impl Play {
    async fn of(stage: Stage, order: Order) -> Self {
        let domain = order.domains[0].clone();
        let (engine, store) = stage.engine();
        let desk = engine.desk();
        let customer = desk.place_order(order, &caller()).await.unwrap().customer_id;
        let Engine { parts, .. } = engine;
        Self { stage, parts, desk, store, customer, domain }
    }

    async fn begin() -> Self {
        Self::of(Stage::new(), order("p", "d1.example")).await
    }

    fn request(&self) -> ClaimRequest {
        let lease = SignedDuration::from_secs(300);
        ClaimRequest { now: self.stage.clock.now(), owner: "test".to_owned(), lease, limit: 1, share: Share::All }
    }

    async fn connection(&self) -> Connection {
        let row = self.store.domain(&self.domain, &Scope::All).await.unwrap().unwrap();
        Loaded::read(row.connection, self.parts.setup()).unwrap().connection
    }

    async fn id(&self) -> String {
        self.store.domain(&self.domain, &Scope::All).await.unwrap().unwrap().connection.id
    }

    async fn subscription(&self) -> Subscription {
        let customer = self.store.customer(&self.customer, &Scope::All).await.unwrap().unwrap();
        serde_json::from_str(&customer.subscription.state).unwrap()
    }

    async fn notices(&self) -> Vec<OutboxRow> {
        self.store.notices(&self.id().await, 1000).await.unwrap()
    }

    fn letters(&self, notice: &str) -> usize {
        self.stage.world.letters.lock().unwrap().iter().filter(|(_, name)| name == notice).count()
    }

    /// Carries one due effect out.
    async fn effect(&self) -> bool {
        let Some(item) = self.store.claim_outbox(self.request()).await.unwrap().pop() else { return false };
        items::carry_out(&self.parts, item).await;
        true
    }

    /// Carries the work of one due timer out.
    async fn work(&self) -> bool {
        let Some(claim) = self.store.claim(self.request()).await.unwrap().pop() else { return false };
        work::carry_out(&self.parts, claim).await;
        true
    }

    async fn step(&self) {
        if !self.effect().await && !self.work().await {
            let next = self.store.next_due().await.unwrap().expect("something is always due");
            self.stage.clock.skip_to(next);
        }
    }

    async fn until(&self, phase: Phase) {
        for _ in 0..ROUNDS {
            if self.connection().await.phase == phase {
                return;
            }
            self.step().await;
        }
        panic!("stays in {:?} instead of {phase:?}", self.connection().await);
    }

    async fn until_subscription(&self, phase: subscription::Phase) {
        for _ in 0..ROUNDS {
            if self.subscription().await.phase == phase {
                return;
            }
            self.step().await;
        }
        panic!("stays in {:?} instead of {phase:?}", self.subscription().await);
    }

    async fn for_hours(&self, hours: i64) {
        let end = self.stage.clock.now() + SignedDuration::from_hours(hours);
        while self.stage.clock.now() < end {
            self.step().await;
        }
    }

    /// The service stops, and starts with another configuration.
    async fn reconfigured(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.stage.config);
        *self.stage.world.egress.lock().unwrap() = self.stage.config.gateway.asked();
        let (engine, store) = self.stage.engine();
        self.desk = engine.desk();
        (self.parts, self.store) = (engine.parts, store);
        self
    }

    async fn say(&self, customer: bool, text: &str) {
        let received = self.stage.clock.now();
        let file = EvidenceFile { name: "mail".to_owned(), content: text.as_bytes().to_vec(), received };
        let word = Word { customer, group: None, evidence: file, replace: true };
        let outcome = self.desk.decide(&self.customer, word, &caller()).await.unwrap();
        assert!(outcome.changed, "{outcome:?}");
    }

    /// The state is what the history leads to.
    async fn replays(&self) {
        let replay = self.desk.replay(&self.domain, &Scope::All).await.unwrap();
        assert!(replay.equal, "{:?}", replay.differences);
        let replay = self.desk.replay_subscription(&self.customer, &Scope::All).await.unwrap();
        assert!(replay.equal, "the subscription: {:?}", replay.differences);
    }

    fn route_set(&self, mode: RouteMode) -> Option<Timestamp> {
        self.stage.world.route_log.lock().unwrap().iter().find(|(_, set)| *set == mode).map(|(at, _)| *at)
    }
}

fn caller() -> Caller {
    Caller { who: "desk".to_owned(), scope: Scope::All, idempotency: None }
}

#[tokio::test]
async fn a_go_ahead_whose_permit_is_gone_at_the_moment_of_sending_is_dropped() {
    let play = Play::begin().await;
    // Only probes: whatever they cause to be sent stays in the outbox.
    while play.connection().await.permit.is_none() {
        if !play.work().await {
            play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_mins(1));
        }
    }
    play.stage.world.servers_refuse.store(true, Ordering::SeqCst);
    play.desk.recheck(&play.domain, &caller()).await.unwrap();
    while play.connection().await.permit.is_some() {
        assert!(play.work().await, "the re-check is due at once");
    }
    for _ in 0..100 {
        if !play.effect().await {
            play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_mins(1));
        }
    }
    let go_ahead = play.notices().await.into_iter().find(|row| row.dedupe_key.ends_with("mx_change_may_be_relayed"));
    let go_ahead = go_ahead.expect("it was committed");
    assert_eq!((go_ahead.status.as_str(), go_ahead.detail.as_str()), ("dropped", "permit 1 is no longer valid"));
    assert_eq!(play.letters("mx_change_may_be_relayed"), 0);
    assert_eq!(play.letters("order_received"), 1, "others go out");
}

#[tokio::test]
async fn a_restart_under_another_configuration_withdraws_the_go_ahead_and_looks_again_at_once() {
    let mut play = Play::begin().await;
    while play.connection().await.permit.is_none() {
        if !play.work().await {
            play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_mins(1));
        }
    }
    play.stage.config.gateway.smtp_port = 2525;
    let (Engine { parts, .. }, store) = play.stage.engine();
    (play.parts, play.store) = (parts, store);
    assert!(!mx_change_permitted(&play.connection().await, play.stage.clock.now()), "before the engine has run");
    super::reconfigured::hurry(&play.parts).await;
    assert_eq!(play.connection().await.permit, None);
    // Not a minute passes until every gate was looked at again, and there is a new permit.
    for _ in 0..40 {
        let _ = play.effect().await
            || play.work().await
            || play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_secs(1));
    }
    assert!(mx_change_permitted(&play.connection().await, play.stage.clock.now()));
    let notices = play.notices().await;
    let of = |name: &str| {
        notices.iter().filter(|row| row.dedupe_key.ends_with(name)).map(|row| row.status.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(of("mx_change_may_be_relayed")[0], "dropped", "{notices:?}");
    assert_eq!(of("permission_withdrawn").len(), 1);
}

#[tokio::test]
async fn the_evidence_of_a_permit_can_be_read_afterwards() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    let id = play.id().await;
    let events = play.store.events(&id, 0, 1000).await.unwrap();
    let issued = events.iter().find(|event| event.kind == "permit_issued").unwrap();
    let body: serde_json::Value = serde_json::from_str(&issued.body).unwrap();
    let named: Vec<_> =
        body["evidence"].as_array().unwrap().iter().map(|name| EvidenceName::parse(name.as_str().unwrap())).collect();
    assert_eq!(named.len(), 4, "{body}");
    for EvidenceName { kind, sha256 } in named.into_iter().map(Option::unwrap) {
        let found = play.store.archived(&id, &sha256).await.unwrap().expect("archived with the permit");
        assert_eq!(found.kind, kind);
        assert!(found.observed_at <= issued.at);
        serde_json::from_str::<serde_json::Value>(&found.body).unwrap();
    }
}

#[tokio::test]
async fn a_declined_customer_is_let_go_in_order() {
    let play = Play::begin().await;
    play.until_subscription(subscription::Phase::Trial).await;
    play.stage.world.next_refuses.store(true, Ordering::SeqCst);
    play.say(false, "We do not stay.").await;
    play.until(Phase::Releasing).await;
    play.for_hours(30).await;
    assert_eq!(play.letters("move_away"), 0, "nobody is sent to a place that takes no mail");
    assert_eq!(play.letters("thank_you"), 1);
    assert_eq!(play.route_set(RouteMode::Absent), None, "mail still arrives here");

    play.stage.world.next_refuses.store(false, Ordering::SeqCst);
    play.until(Phase::Released).await;
    play.until_subscription(subscription::Phase::Declined).await;
    let left = *play.stage.world.left.lock().unwrap().get(&play.domain).expect("told to move, and moved");
    let gone = play.route_set(RouteMode::Absent).expect("the route was removed");
    let ttl = SignedDuration::from_secs(300);
    assert!(gone >= left + ttl, "some sender may still use the old answer: left {left}, route gone {gone}");
    for _ in 0..50 {
        play.effect().await;
        play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_mins(1));
    }
    for notice in ["move_away", "released", "thank_you"] {
        assert_eq!(play.letters(notice), 1, "{notice}");
    }
    assert_eq!(play.subscription().await.domains_connected(), 0);
    play.replays().await;
}

#[tokio::test]
async fn a_customer_who_stays_after_all_keeps_the_route() {
    let play = Play::begin().await;
    play.until_subscription(subscription::Phase::Trial).await;
    play.stage.world.next_refuses.store(true, Ordering::SeqCst);
    play.say(false, "We do not stay.").await;
    play.until(Phase::Releasing).await;
    play.for_hours(2).await;
    play.say(true, "We stay after all.").await;
    play.until(Phase::Connected).await;
    play.for_hours(48).await;
    assert_eq!(play.subscription().await.phase, subscription::Phase::Active);
    assert_eq!((play.connection().await.phase, play.connection().await.release), (Phase::Connected, None));
    assert_eq!(play.route_set(RouteMode::Absent), None);
    assert_eq!((play.letters("move_away"), play.letters("released")), (0, 0));
    play.replays().await;
}

#[tokio::test]
async fn without_a_next_hop_notices_wait_visibly_and_lose_no_attempt() {
    let mut stage = Stage::new();
    stage.config.notify.smarthost.clear();
    stage.config.engine.max_attempts = 3;
    let mut play = Play::of(stage, order("p", "d1.example")).await;
    play.for_hours(12).await;
    let notices = play.notices().await;
    assert!(notices.len() >= 3, "{notices:?}");
    for row in &notices {
        assert_eq!(row.status, "pending", "{row:?}");
        assert!(row.detail.contains("notify.smarthost"), "{row:?}");
    }
    let page = Page { after: None, limit: 10 };
    assert!(play.store.parked(&page).await.unwrap().rows.is_empty());

    // Once there is one, the first bad delivery is not the last.
    play.stage.config = super::world::config();
    play.stage.config.engine.max_attempts = 3;
    let (Engine { parts, .. }, store) = play.stage.engine();
    (play.parts, play.store) = (parts, store);
    play.stage.world.deliveries_to_fail.store(2, Ordering::SeqCst);
    play.for_hours(4).await;
    assert!(play.store.parked(&page).await.unwrap().rows.is_empty());
    assert_eq!(play.letters("order_received"), 1);
}

#[tokio::test]
async fn a_hosted_customer_without_a_server_never_gets_a_permit() {
    let mut order = order("p", "d1.example");
    (order.hosted, order.servers) = (true, Vec::new());
    let play = Play::of(Stage::new(), order).await;
    play.for_hours(30).await;
    let connection = play.connection().await;
    assert_eq!((connection.phase, connection.permits_issued), (Phase::Probing, 0));
    assert_eq!(play.route_set(RouteMode::Deliver), None, "there is nowhere to deliver to");
}

/// Routes are set by people, who are slow.
struct ByHand;

#[async_trait::async_trait]
impl Gateway for ByHand {
    async fn apply(&self, _desire: &RouteDesire) -> Result<(), GatewayError> {
        Err(GatewayError::ByHand)
    }

    async fn observe(&self, _domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_route_that_people_set_is_confirmed_by_nobody_else() {
    let mut play = Play::begin().await;
    let parts = &play.parts;
    play.parts = Arc::new(EngineParts {
        store: parts.store.clone(),
        observer: parts.observer.clone(),
        gateway: Arc::new(ByHand),
        notifier: parts.notifier.clone(),
        clock: parts.clock.clone(),
        config: parts.config.clone(),
        dice: parts.dice.clone(),
    });
    play.until(Phase::Provisioning).await;
    play.for_hours(5).await;
    let waiting = play.connection().await;
    assert_eq!((waiting.phase, waiting.observed.route_confirmed), (Phase::Provisioning, None));
    assert!(play.store.parked(&Page { after: None, limit: 10 }).await.unwrap().rows.is_empty());

    let route = play.store.route(&play.domain).await.unwrap().unwrap();
    assert_eq!(route.mode, RouteMode::Deliver);
    let desire = RouteDesire { domain: route.domain, mode: route.mode, servers: route.servers, generation: 1 };
    play.stage.world.apply(&desire).await.unwrap();
    assert!(play.desk.confirm_route(&play.domain, Some(RouteMode::Deliver), &caller()).await.unwrap().changed);
    play.until(Phase::Ready).await;
    play.replays().await;
}

#[tokio::test]
async fn a_greylisting_server_is_asked_the_same_again_after_5_15_30_and_60_minutes() {
    let play = Play::begin().await;
    *play.stage.world.greylisting.lock().unwrap() = Some(SignedDuration::from_mins(100));
    play.until(Phase::Provisioning).await;
    let tries = play.stage.world.tries.lock().unwrap().clone();
    let (first, tuple) = tries.first().cloned().unwrap();
    let minutes: Vec<i64> = tries.iter().map(|(at, _)| at.duration_since(first).as_mins()).collect();
    assert_eq!(minutes, [0, 5, 20, 50, 110], "5, 15, 30 and 60 minutes after the try before");
    assert!(tries.iter().all(|(_, other)| *other == tuple), "{tries:?}");
}

#[tokio::test]
async fn a_quiet_domain_is_asked_one_question_and_a_whole_round_only_where_it_differs() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(48).await;
    let world = play.stage.world.clone();
    let count = || (world.rounds.load(Ordering::SeqCst), world.glances.load(Ordering::SeqCst));
    let (events, before) = (play.store.events(&play.id().await, 0, 1000).await.unwrap().len(), count());
    play.for_hours(20 * 24).await;
    let (rounds, glances) = (count().0 - before.0, count().1 - before.1);
    assert!(rounds <= 3, "{rounds} whole rounds in 20 days");
    assert!((18..60).contains(&glances), "{glances} cheap questions in 20 days, one a day in the end");
    let quiet = play.store.events(&play.id().await, 0, 1000).await.unwrap();
    let after: Vec<&str> = quiet.iter().skip(events).map(|event| event.kind.as_str()).collect();
    assert_eq!(after, ["told_may_close"], "what has not changed is no event");

    // Moved away by somebody: the cheap question differs, so whole rounds look into it.
    world.left.lock().unwrap().insert(play.domain.clone(), play.stage.clock.now());
    let moved = play.stage.clock.now();
    play.until(Phase::Drifted).await;
    let late = play.stage.clock.now().duration_since(moved);
    assert!(late < SignedDuration::from_hours(28), "{late:?}");
    assert!(count().0 >= before.0 + rounds + 3, "three bad rounds make a drift");
}

#[tokio::test]
async fn the_desk_is_told_once_that_a_vantage_is_out_of_use() {
    let play = Play::begin().await;
    let quarantine = async |id: &str| {
        let mark = Mark { at: play.stage.clock.now(), by: "fencepost".to_owned(), why: "3 of 3".to_owned() };
        vantages::quarantine(play.store.as_ref(), id, mark).await.unwrap()
    };
    assert!(quarantine("egress-192.0.2.10").await);
    play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_secs(1));
    assert!(!quarantine("egress-192.0.2.10").await, "it is already");
    // Another one is in use again before the mail goes out.
    assert!(quarantine("outsider-gw1").await);
    assert!(play.store.release_vantage("outsider-gw1", "desk", "mended", play.stage.clock.now()).await.unwrap());
    for _ in 0..60 {
        play.effect().await;
        play.stage.clock.skip_to(play.stage.clock.now() + SignedDuration::from_mins(1));
    }
    let letters = play.stage.world.letters.lock().unwrap().clone();
    let told: Vec<&String> = letters.iter().filter(|(_, n)| n == "vantage_quarantined").map(|(key, _)| key).collect();
    assert!(matches!(told.as_slice(), [key] if key.starts_with("vantage/egress-192.0.2.10/")), "{told:?}");
}

#[tokio::test]
async fn what_became_due_while_nobody_worked_comes_one_after_the_other() {
    let stage = Stage::new();
    let (engine, store) = stage.engine();
    let stopped = stage.clock.now() - SignedDuration::from_hours(72);
    for n in 1..=40 {
        let mut order = new_order(n, "p", &format!("d{n}.example"));
        order.subjects[1].phase = "connected".to_owned();
        let due_at = stopped + SignedDuration::from_secs(i64::from(n));
        order.subjects[1].timers = vec![TimerSet { kind: "mx".to_owned(), due_at }];
        store.place_order(order).await.unwrap();
    }
    let begun = stage.clock.now();
    // Started, and asked to stop at once: nothing is claimed.
    let shutdown = tokio_util::sync::CancellationToken::new();
    shutdown.cancel();
    engine.run(shutdown).await;
    let mut due = Vec::new();
    let request = |now| ClaimRequest {
        now,
        owner: "test".to_owned(),
        lease: SignedDuration::from_hours(1),
        limit: 64,
        share: Share::All,
    };
    for claim in store.claim(request(begun + SignedDuration::from_mins(30))).await.unwrap() {
        assert!(claim.due_at >= begun, "{claim:?}");
        due.push(claim.due_at);
    }
    assert_eq!(due.len(), 40);
    assert!(due.windows(2).all(|two| two[1].duration_since(two[0]) >= SignedDuration::from_millis(50)), "{due:?}");
}

/// Everybody who can be wrong alone is asked in turn.
#[tokio::test]
async fn the_cheap_question_goes_to_the_resolvers_and_each_server_in_turn() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(15 * 24).await;
    let world = play.stage.world.clone();
    let asked = world.asked.lock().unwrap().clone();
    assert!(asked.len() > 9, "{asked:?}");
    for three in asked.windows(3) {
        for who in [None, Some(name_server(1)), Some(name_server(2))] {
            assert!(three.contains(&who), "{who:?} is left out: {asked:?}");
        }
    }
}

#[tokio::test]
async fn one_server_that_goes_back_to_an_old_zone_is_seen_when_its_turn_comes() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(15 * 24).await;
    let world = play.stage.world.clone();
    let glances = || world.glances.load(Ordering::SeqCst);
    *world.stale.lock().unwrap() = Some(name_server(2));
    let (before, since) = (glances(), play.stage.clock.now());
    play.until(Phase::Drifted).await;
    assert!(glances() - before <= 3, "within one turn of everybody");
    let late = play.stage.clock.now().duration_since(since);
    assert!(late < SignedDuration::from_hours(3 * 27), "{late:?}");
    *world.stale.lock().unwrap() = None;
    play.until(Phase::Connected).await;
    play.replays().await;
}

#[tokio::test]
async fn a_delegation_to_other_servers_is_seen_by_the_resolvers_turn() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(15 * 24).await;
    let world = play.stage.world.clone();
    world.delegated_away.store(true, Ordering::SeqCst);
    let before = world.glances.load(Ordering::SeqCst);
    play.until(Phase::Drifted).await;
    assert!(world.glances.load(Ordering::SeqCst) - before <= 3);
}

#[tokio::test]
async fn outsiders_come_weekly_and_a_short_certificate_is_looked_at_daily() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(30 * 24).await;
    let world = play.stage.world.clone();
    let since = play.stage.clock.now();
    play.for_hours(28 * 24).await;
    let within =
        |list: &std::sync::Mutex<Vec<Timestamp>>| list.lock().unwrap().iter().filter(|at| **at >= since).count();
    let (outsiders, alone) = (within(&world.with_outsiders), within(&world.from_egress));
    assert!((3..=5).contains(&outsiders), "{outsiders} looks with outsiders in four weeks");
    assert!((4..=9).contains(&alone), "{alone} looks without them: each 72 hours in all");
    let findings = play.store.observations(&play.id().await).await.unwrap();
    let findings = findings.into_iter().find(|kept| kept.kind == "findings:allowlist").unwrap().body;
    assert!(findings.contains("FW_OPEN_WORLD"), "what the outsiders met is still told: {findings}");

    let tries = |from: Timestamp| world.tries.lock().unwrap().iter().filter(|(at, _)| *at > from).count();
    let calm = tries(since);
    assert!((7..=12).contains(&calm), "{calm} dialogues in four weeks");
    *world.certificate_ends.lock().unwrap() = Some(play.stage.clock.now() + SignedDuration::from_hours(13 * 24));
    play.for_hours(80).await;
    let noticed = play.stage.clock.now();
    play.for_hours(96).await;
    assert!(tries(noticed) >= 3, "{} dialogues in four days", tries(noticed));
}
