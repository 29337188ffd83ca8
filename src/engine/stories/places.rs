//! A data centre is added and another one retired under living customers.

use std::net::IpAddr;

use super::*;
use crate::config::{EgressAddress, EgressState, HostState, MxHost};
use crate::engine::{PlacesReport, places_report};
use crate::lifecycle::connection::Health;
use crate::status::{DomainStatus, ProjectInput, project};
use crate::store::{PlaceRow, PlaceStanding};

const OLD: [u8; 4] = [198, 51, 100, 11];
const NEW: [u8; 4] = [198, 51, 100, 40];

fn address(address: [u8; 4]) -> IpAddr {
    address.into()
}

fn announce(config: &mut Config) {
    config.gateway.egress.push(EgressAddress { state: EgressState::Announced, ..EgressAddress::here(address(NEW)) });
}

fn become_state(of: [u8; 4], state: EgressState) -> impl FnOnce(&mut Config) {
    move |config| {
        let egress = config.gateway.egress.iter_mut().find(|egress| egress.address == address(of));
        egress.unwrap().state = state;
    }
}

fn host(name: &str, state: HostState) -> MxHost {
    MxHost { state, ..MxHost::current(name.parse().unwrap(), 10) }
}

impl Play {
    async fn report(&self) -> PlacesReport {
        places_report(self.store.as_ref(), &self.parts.config.gateway, self.stage.clock.now()).await.unwrap()
    }

    async fn towards(&self, place: &str) -> PlaceRow {
        let page = Page { after: None, limit: 10 };
        self.store.place_domains(place, None, &page).await.unwrap().rows.pop().expect("the one domain")
    }

    async fn status(&self) -> DomainStatus {
        let id = self.id().await;
        project(&ProjectInput {
            connection: &self.connection().await,
            connection_id: &id,
            observations: &self.store.observations(&id).await.unwrap(),
            gateway: &self.parts.config.gateway,
            now: self.stage.clock.now(),
            next_check_at: None,
        })
    }

    async fn codes(&self) -> Vec<String> {
        self.status().await.findings.iter().map(|finding| finding.code.to_string()).collect()
    }
}

#[tokio::test]
async fn an_announced_address_is_asked_for_and_blocks_nobody() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    let world = play.stage.world.clone();
    world.shut_out.lock().unwrap().insert(address(NEW));
    let play = play.reconfigured(announce).await;
    play.for_hours(7 * 24).await;

    let connection = play.connection().await;
    assert_eq!((connection.phase, connection.health), (Phase::Connected, Health::Good), "no outage");
    assert_eq!(play.letters("address_announced"), 1, "asked once");
    assert_eq!(play.letters("delivery_failing"), 0);
    assert_eq!(connection.asked_to_allow, [address(NEW)]);
    assert!(play.codes().await.contains(&"FW_ANNOUNCED_BLOCKED".to_owned()));
    let row = play.towards("198.51.100.40").await;
    assert_eq!(row.standing, PlaceStanding::Blocked);
    assert!(row.detail.contains("198.51.100.40"), "{}", row.detail);
    let report = play.report().await;
    assert_eq!((report.domains, report.egress[2].blocked, report.egress[2].verified), (1, 1, 0));
    assert!(report.warnings.is_empty(), "nobody's mail comes from there: {:?}", report.warnings);

    // The customer opens; at the latest a day later that is known.
    world.shut_out.lock().unwrap().clear();
    play.for_hours(30).await;
    let report = play.report().await;
    assert_eq!((report.egress[2].blocked, report.egress[2].verified), (0, 1));
    assert_eq!(report.egress[2].next, "every domain lets it in: it may be made `active`");
    assert!(play.connection().await.asked_to_allow.is_empty());
    assert!(!play.codes().await.contains(&"FW_ANNOUNCED_BLOCKED".to_owned()));

    // Going active changes nothing for anybody.
    let play = play.reconfigured(become_state(NEW, EgressState::Active)).await;
    assert!(play.report().await.warnings.is_empty());
    play.for_hours(7 * 24).await;
    let connection = play.connection().await;
    assert_eq!((connection.phase, connection.health), (Phase::Connected, Health::Good));
    assert_eq!((play.letters("address_announced"), play.letters("delivery_failing")), (1, 0));
    play.replays().await;
}

#[tokio::test]
async fn an_address_that_goes_active_too_soon_is_told_loudly_and_to_the_customer() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.stage.world.shut_out.lock().unwrap().insert(address(NEW));
    let play = play.reconfigured(announce).await;
    play.for_hours(5 * 24).await;
    let play = play.reconfigured(become_state(NEW, EgressState::Active)).await;
    let warnings = play.report().await.warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!((warnings[0].place.as_str(), warnings[0].domains[0].as_str()), ("198.51.100.40", "d1.example"));
    assert!(warnings[0].text.contains("Make it `announced`"), "{}", warnings[0].text);

    play.for_hours(27).await;
    let connection = play.connection().await;
    assert_eq!((connection.phase, connection.health), (Phase::Connected, Health::DeliveryFailing));
    assert_eq!(play.letters("delivery_failing"), 1);
    assert!(play.codes().await.contains(&"FW_PARTIAL".to_owned()));
    play.replays().await;
}

#[tokio::test]
async fn an_address_that_was_never_announced_is_told_loudly_too() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    let play = play
        .reconfigured(|config| {
            announce(config);
            become_state(NEW, EgressState::Active)(config);
        })
        .await;
    let warnings = play.report().await.warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!((warnings[0].standing, warnings[0].domains.len()), (PlaceStanding::Unseen, 1));
}

#[tokio::test]
async fn a_retired_address_is_looked_at_and_asked_for_no_more_and_may_be_forgotten() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    let play = play.reconfigured(become_state(OLD, EgressState::Retired)).await;
    // Nobody delivers from there any more, so it may as well be blocked.
    play.stage.world.shut_out.lock().unwrap().insert(address(OLD));
    play.for_hours(14 * 24).await;
    let connection = play.connection().await;
    assert_eq!((connection.phase, connection.health), (Phase::Connected, Health::Good));
    assert_eq!(play.letters("address_retired"), 1, "told once");
    assert!(!connection.observed.egress.unwrap().asked.contains(&address(OLD)));
    play.replays().await;
}

#[tokio::test]
async fn a_new_customer_is_asked_for_active_and_announced_addresses_and_waits_for_the_active_ones() {
    let mut stage = Stage::new();
    announce(&mut stage.config);
    *stage.world.egress.lock().unwrap() = stage.config.gateway.asked();
    stage.world.shut_out.lock().unwrap().insert(address(NEW));
    let play = Play::of(stage, order("p", "d1.example")).await;
    play.until(Phase::Connected).await;
    assert_eq!(play.letters("address_announced"), 1, "it opened for the others only");
    let told = play.stage.world.instructions.lock().unwrap().clone();
    assert_eq!(told, [play.stage.config.gateway.asked()], "the instructions named every address");
    play.replays().await;
}

#[tokio::test]
async fn permits_outlive_what_is_announced_and_withdrawn() {
    let play = Play::begin().await;
    // Until the go-ahead is there, and not yet carried out.
    for _ in 0..ROUNDS {
        if play.connection().await.permit.is_some() {
            break;
        }
        play.step().await;
    }
    let now = play.stage.clock.now();
    assert!(mx_change_permitted(&play.connection().await, now));
    let play = play.reconfigured(announce).await;
    assert!(mx_change_permitted(&play.connection().await, now), "an announcement");
    let play = play.reconfigured(|config| drop(config.gateway.egress.pop())).await;
    assert!(mx_change_permitted(&play.connection().await, now), "its withdrawal");
    let add = |name, state| move |config: &mut Config| config.gateway.mx_hosts.push(host(name, state));
    let play = play.reconfigured(add("mx0.gateway.example", HostState::Retired)).await;
    assert!(mx_change_permitted(&play.connection().await, now), "a host that is no more");
    let play = play.reconfigured(add("mx2.gateway.example", HostState::Current)).await;
    assert!(!mx_change_permitted(&play.connection().await, now), "other records to set");
}

#[tokio::test]
async fn a_host_goes_from_current_over_accepted_to_retired_and_nobody_drifts() {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(48).await;

    let play = play
        .reconfigured(|config| {
            config.gateway.mx_hosts =
                vec![host("mx2.gateway.example", HostState::Current), host("mx1.gateway.example", HostState::Accepted)];
        })
        .await;
    let unseen = play.report().await.mx_hosts[1].unseen;
    assert_eq!(unseen, Some(1), "nobody has looked yet, so nobody is said to have left");
    play.for_hours(30).await;
    let report = play.report().await;
    assert_eq!((report.mx_hosts[1].named, report.mx_hosts[1].unseen), (Some(1), Some(0)));
    assert_eq!((play.letters("host_retiring"), play.letters("drift")), (1, 0));
    assert!(play.codes().await.contains(&"MX_HOST_RETIRING".to_owned()));
    let status = play.status().await;
    assert_eq!(status.records_to_set.len(), 1);
    assert_eq!(status.records_to_remove[0].exchange, "mx1.gateway.example.");

    // Retired although the customer names it still: said loudly, told to the customer, and no drift.
    let play = play.reconfigured(|config| config.gateway.mx_hosts[1].state = HostState::Retired).await;
    let warnings = play.report().await.warnings;
    assert_eq!((warnings.len(), warnings[0].standing), (1, PlaceStanding::Named));
    play.for_hours(14 * 24).await;
    assert_eq!((play.connection().await.phase, play.letters("drift")), (Phase::Connected, 0));
    assert_eq!(play.letters("host_retired"), 1);
    assert!(play.codes().await.contains(&"MX_HOST_RETIRED".to_owned()));

    // It moves, and all is well.
    *play.stage.world.exchange.lock().unwrap() = vec!["mx2.gateway.example".to_owned()];
    play.for_hours(60).await;
    let connection = play.connection().await;
    assert_eq!((connection.phase, connection.names_retired.len()), (Phase::Connected, 0));
    assert_eq!(play.report().await.mx_hosts[1].next, "nobody names it: it may be taken out of the configuration");

    // Back to the retired one: that is a change of the MX, and a drift with its own words.
    *play.stage.world.exchange.lock().unwrap() = vec!["mx1.gateway.example".to_owned()];
    play.until(Phase::Drifted).await;
    assert!(play.codes().await.contains(&"MX_HOST_RETIRED".to_owned()));
    play.replays().await;
}

#[tokio::test]
async fn no_edit_of_the_hosts_makes_a_quiet_customer_drift() {
    let mut play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(48).await;
    let edits: [fn(&mut Config); 4] = [
        |config| config.gateway.mx_hosts.push(host("mx2.gateway.example", HostState::Current)),
        |config| config.gateway.mx_hosts.retain(|host| host.name.as_str() == "mx2.gateway.example"),
        |config| config.gateway.mx_hosts.push(host("mx1.gateway.example", HostState::Retired)),
        |config| config.gateway.mx_hosts[0].name = "mx9.gateway.example".parse().unwrap(),
    ];
    for edit in edits {
        play = play.reconfigured(edit).await;
        play.for_hours(10 * 24).await;
        assert_eq!((play.connection().await.phase, play.letters("drift")), (Phase::Connected, 0));
    }
    play.replays().await;
}
