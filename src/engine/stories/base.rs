//! Stories of customers that were there before, get further domains, change their partner, or come again.

use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::{Play, caller};
use crate::config::OnUseAfterEnd;
use crate::engine::desk::{FurtherDomains, Import, ImportReport, Transfer};
use crate::engine::ports::{Gateway, RouteDesire};
use crate::engine::tests::Stage;
use crate::engine::{DeskError, Engine};
use crate::ledger::{EntryKind, Evidence};
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::connection::{Phase, RouteMode};
use crate::lifecycle::subscription;
use crate::order::sheet::LineOutcome;
use crate::order::{Contact, ContactRole, OrderRules, OtherPartner, Payer};
use crate::store::Scope;
use crate::store::conformance::fixture::{name, order};

const TABLE: &str = "partner,customer_name,contacts,partner_contacts,domains,servers,mailboxes,price,charged_from\n\
                     p,Example Oy,Tina <tech@customer.example>,orders@partner.example,d1.example,mail.example.com,10,\
                     120.00 EUR,2025-03-04\n";

fn table(text: &str) -> Import {
    Import { bytes: text.as_bytes().to_vec(), name: "base.csv".to_owned(), ..Import::default() }
}

async fn imported(stage: Stage, names_us: bool) -> (Play, ImportReport) {
    let domain = name("d1.example");
    if names_us {
        stage.world.moved.lock().unwrap().insert(domain.clone());
    }
    let mode = RouteMode::Deliver;
    let desire = RouteDesire { domain: domain.clone(), mode, servers: Vec::new(), generation: 0 };
    stage.world.apply(&desire).await.unwrap();
    let (engine, store) = stage.engine();
    let desk = engine.desk();
    let report = desk.import_connected(&table(TABLE), &OrderRules::default(), &caller()).await.unwrap();
    let customer = match &report.lines[0].outcome {
        LineOutcome::Accepted { customer_id: Some(id), .. } => id.clone(),
        other => panic!("{other:?}"),
    };
    let Engine { parts, .. } = engine;
    (Play { stage, parts, desk, store, customer, domain }, report)
}

fn letters(play: &Play) -> Vec<String> {
    play.stage.world.letters.lock().unwrap().iter().map(|(_, notice)| notice.clone()).collect()
}

#[tokio::test]
async fn a_taken_over_customer_is_verified_and_nobody_is_written_to() {
    let (play, report) = imported(Stage::new(), true).await;
    assert_eq!((report.accepted, report.already_there, report.refused), (1, 0, 0));
    assert_eq!(play.connection().await.phase, Phase::Confirming);
    assert_eq!(play.subscription().await.phase, subscription::Phase::Active);
    play.until(Phase::Connected).await;
    play.for_hours(24 * 40).await;
    assert_eq!(
        letters(&play),
        ["security_report"],
        "it was connected all the time: nothing but the report of the month"
    );
    play.replays().await;

    let entries = play.store.entries(Some(&play.customer), 0, 100).await.unwrap();
    let activated = entries.iter().find(|entry| entry.draft.kind == EntryKind::Activated).unwrap();
    assert_eq!(activated.draft.valid_from.to_string(), "2026-10-04", "the first period after the import");
    let Evidence::Rule { facts, .. } = &activated.draft.evidence else { panic!("{activated:?}") };
    assert!(facts.contains("charged since 2025-03-04") && facts.ends_with("base.csv line 2"), "{facts}");
    let price = entries.iter().find(|entry| matches!(entry.draft.kind, EntryKind::PriceSet { .. })).unwrap();
    let Evidence::Document { sha256, name } = &price.draft.evidence else { panic!("{price:?}") };
    assert_eq!(name, "base.csv line 2");
    assert_eq!(play.store.evidence(sha256).await.unwrap().as_deref(), Some(TABLE.as_bytes()), "the file is kept");
}

#[tokio::test]
async fn the_same_table_once_more_changes_nothing_and_says_so() {
    let (play, _) = imported(Stage::new(), true).await;
    let again = play.desk.import_connected(&table(TABLE), &OrderRules::default(), &caller()).await.unwrap();
    assert_eq!((again.accepted, again.already_there, again.refused), (0, 1, 0));
    assert_eq!(again.lines[0].outcome, LineOutcome::AlreadyThere { customer_id: play.customer.clone() });
    let other = TABLE.replace("120.00", "99.00");
    let refused = play.desk.import_connected(&table(&other), &OrderRules::default(), &caller()).await.unwrap();
    let LineOutcome::Refused { errors } = &refused.lines[0].outcome else { panic!("{refused:?}") };
    assert!(errors[0].message.contains("with another price"), "{errors:?}");
    assert_eq!(play.store.entries(None, 0, 100).await.unwrap().len(), 6, "nothing was added");
}

#[tokio::test]
async fn a_taken_over_domain_whose_mx_names_others_is_told_to_the_desk_alone() {
    let (play, _) = imported(Stage::new(), false).await;
    play.until(Phase::Drifted).await;
    play.for_hours(24).await;
    assert_eq!(letters(&play), ["import_unconfirmed"]);
    assert_eq!(play.subscription().await.phase, subscription::Phase::Active, "what is charged is not changed by it");
    play.stage.world.moved.lock().unwrap().insert(play.domain.clone());
    play.until(Phase::Connected).await;
    assert_eq!(letters(&play), ["import_unconfirmed"]);
}

#[tokio::test]
async fn a_further_domain_joins_the_trial_that_runs() {
    let play = Play::begin().await;
    play.until_subscription(subscription::Phase::Trial).await;
    let dates = play.subscription().await.dates;
    play.for_hours(24 * 10).await;
    let further = |domain: &str| FurtherDomains { domains: vec![name(domain)], servers: None, hosted: false };
    let amended = play.desk.add_domains(&play.customer, &further("d2.example"), &caller()).await.unwrap();
    assert!(amended.outcome.consequences[0].contains("does not begin again"), "{amended:?}");
    let joined = Play { domain: name("d2.example"), ..play };
    joined.until(Phase::Connected).await;
    joined.replays().await;
    joined.for_hours(1).await;
    let subscription = joined.subscription().await;
    assert_eq!((subscription.phase, subscription.dates.clone()), (subscription::Phase::Trial, dates));
    assert_eq!((subscription.domains_connected(), subscription.domains_open()), (2, 0));
    assert_eq!(joined.letters("trial_started"), 1);
    let twice = joined.desk.add_domains(&joined.customer, &further("d2.example"), &caller()).await;
    assert!(matches!(twice, Err(DeskError::Conflict(_))), "{twice:?}");
    joined.say(false, "no").await;
    let late = joined.desk.add_domains(&joined.customer, &further("d3.example"), &caller()).await;
    assert!(matches!(late, Err(DeskError::Conflict(_))), "{late:?}");
}

#[tokio::test]
async fn a_transferred_customer_is_seen_written_to_and_invoiced_with_its_new_partner() {
    let play = Play::begin().await;
    play.until_subscription(subscription::Phase::Trial).await;
    play.for_hours(24 * 5).await;
    let transfer = Transfer {
        to: OtherPartner {
            partner: "q".to_owned(),
            contacts: vec![Contact {
                name: "Q".to_owned(),
                email: "orders@q.example".to_owned(),
                role: ContactRole::Partner,
            }],
            sales_rep: Some("rep@q.example".to_owned()),
            payer: Payer::default(),
        },
        from: None,
        reason: "q took p's customers over".to_owned(),
        evidence: None,
    };
    let amended = play.desk.transfer(&play.customer, transfer.clone(), &caller()).await.unwrap();
    assert!(amended.outcome.changed);
    let again = play.desk.transfer(&play.customer, transfer, &caller()).await;
    assert!(matches!(again, Err(DeskError::Conflict(_))), "{again:?}");
    let seen = |partner: &str| Scope::Partner(partner.to_owned());
    assert!(play.store.customer(&play.customer, &seen("p")).await.unwrap().is_none());
    assert!(play.store.domain(&play.domain, &seen("p")).await.unwrap().is_none());
    let customer = play.store.customer(&play.customer, &seen("q")).await.unwrap().unwrap();
    let addresses: Vec<&str> = customer.order.contacts.iter().map(|contact| contact.email.as_str()).collect();
    assert_eq!(addresses, ["tech@customer.example", "orders@q.example"]);

    play.until_subscription(subscription::Phase::Negotiation).await;
    play.say(true, "yes").await;
    let entries = play.store.entries(Some(&play.customer), 0, 100).await.unwrap();
    let partners: Vec<(String, String)> = entries
        .iter()
        .filter_map(|entry| match &entry.draft.kind {
            EntryKind::PartnerSet { partner } => Some((entry.draft.valid_from.to_string(), partner.clone())),
            _ => None,
        })
        .collect();
    let connected = play.subscription().await.dates.unwrap().connected;
    let later = connected.saturating_add(SignedDuration::from_hours(24 * 5));
    assert_eq!(partners, [(connected.to_string(), "p".to_owned()), (later.to_string(), "q".to_owned())]);
    let first = order("p", "d1.example").evidence_bytes();
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&first));
    assert_eq!(play.store.evidence(&sha256).await.unwrap(), Some(first), "the order that entries rest on is kept");
    assert_eq!(play.letters("partner_changed"), 1);
}

#[tokio::test]
async fn a_customer_that_left_comes_again_without_a_second_trial() {
    let play = Play::begin().await;
    play.until_subscription(subscription::Phase::Trial).await;
    play.say(false, "no").await;
    play.until(Phase::Released).await;
    let again = order("p", "d1.example");
    let refused = play.desk.place_order(again.clone(), &caller()).await;
    let Err(DeskError::Invalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(errors[0].field, "domains[0]");
    let allowed = crate::order::Order { trial_override: Some("they moved their servers".to_owned()), ..again };
    let placed = play.desk.place_order(allowed, &caller()).await.unwrap();
    assert_ne!(placed.customer_id, play.customer);
    play.stage.world.left.lock().unwrap().remove(&play.domain);
    play.stage.world.moved.lock().unwrap().remove(&play.domain);
    let second = Play { customer: placed.customer_id, ..play };
    second.until(Phase::Connected).await;
    second.until_subscription(subscription::Phase::Trial).await;
}

/// A customer who said no, whose MX stays: the next place refuses its mail, so nobody is asked to move.
async fn stays_after_no(policy: OnUseAfterEnd) -> Play {
    let mut stage = Stage::new();
    stage.config.commerce.on_use_after_end = policy;
    let play = Play::of(stage, order("p", "d1.example")).await;
    play.until_subscription(subscription::Phase::Trial).await;
    play.stage.world.next_refuses.store(true, Ordering::SeqCst);
    play.say(false, "no").await;
    let dates = play.subscription().await.dates.unwrap();
    let calendar = Calendar::from_config(&play.stage.config.commerce).unwrap();
    let last = calendar.start_of(dates.negotiation_end);
    while play.stage.clock.now() < last {
        assert_eq!(play.letters("used_after_end"), 0, "the service has not ended yet");
        play.step().await;
    }
    play.for_hours(26).await;
    assert_eq!(play.letters("used_after_end"), 1);
    play
}

async fn charged(play: &Play) -> Vec<(EntryKind, String)> {
    let entries = play.store.entries(Some(&play.customer), 0, 100).await.unwrap();
    let charge =
        entries.into_iter().filter(|entry| matches!(entry.draft.kind, EntryKind::Activated | EntryKind::Deactivated));
    charge.map(|entry| (entry.draft.kind, entry.draft.valid_from.to_string())).collect()
}

#[tokio::test]
async fn use_after_the_end_is_invoiced_a_week_after_it_was_said_until_the_mx_leaves() {
    let play = stays_after_no(OnUseAfterEnd::Invoice).await;
    let from = play.subscription().await.after_end.unwrap().charge_from.unwrap();
    assert_eq!(charged(&play).await, []);
    play.for_hours(24 * 20).await;
    assert_eq!(charged(&play).await, [(EntryKind::Activated, from.to_string())]);
    assert_eq!((play.letters("used_after_end"), play.letters("use_invoiced")), (1, 1));
    play.stage.world.next_refuses.store(false, Ordering::SeqCst);
    play.until_subscription(subscription::Phase::Ended).await;
    let charged = charged(&play).await;
    assert_eq!((charged.len(), &charged[1].0), (2, &EntryKind::Deactivated), "{charged:?}");
    assert_eq!(play.subscription().await.after_end, None);
}

#[tokio::test]
async fn use_after_the_end_that_stops_in_time_is_not_invoiced() {
    let play = stays_after_no(OnUseAfterEnd::Invoice).await;
    play.stage.world.next_refuses.store(false, Ordering::SeqCst);
    play.until_subscription(subscription::Phase::Ended).await;
    assert_eq!(charged(&play).await, []);
}

#[tokio::test]
async fn use_after_the_end_is_told_to_the_desk_where_the_desk_decides() {
    let play = stays_after_no(OnUseAfterEnd::Escalate).await;
    play.for_hours(24 * 45).await;
    assert_eq!(charged(&play).await, []);
    assert_eq!((play.letters("used_after_end"), play.letters("cut_off_announced")), (1, 0));
    assert_eq!(play.connection().await.route, RouteMode::Deliver);
}

#[tokio::test]
async fn use_after_the_end_is_cut_off_as_announced() {
    let play = stays_after_no(OnUseAfterEnd::CutOff).await;
    let announced = play.stage.clock.now();
    assert_eq!(play.letters("cut_off_announced"), 1);
    play.for_hours(24 * 29).await;
    assert_eq!(play.connection().await.route, RouteMode::Deliver, "thirty days are not over");
    play.for_hours(24 * 5).await;
    let (deferred, refused) = (play.route_set(RouteMode::Defer), play.route_set(RouteMode::Reject).unwrap());
    assert!(deferred.is_some());
    assert!(refused.duration_since(announced) >= SignedDuration::from_hours(24 * 32));
    assert_eq!(charged(&play).await, []);
}
