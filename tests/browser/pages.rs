//! Every page in every look: it fits, it is light, it breaks no rule of accessibility, and a picture of it
//! is kept to be looked at.

use fencepost::demo::lab::Firewall;
use fencepost::store::Role;

use super::chromium::{Chromium, Scripts};
use super::inspect::{inspect, nothing_from_elsewhere};
use super::person::Person;
use super::world::{HOUR, MINUTE, World};

const OPEN: &str = "bakery.example";
const SHUT: &str = "florist.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_desks_pages() {
    if !super::ready("the desk's pages in a browser") {
        return;
    }
    let (mut world, chromium) = (World::start().await, Chromium::start());
    let desk = Person { driver: chromium.open(Scripts::Run).await, base: world.url.clone() };
    desk.go("/").await;
    inspect(&desk, "sign-in").await;
    world.sign_in(&desk, Role::Desk, None).await;
    desk.go("/").await;
    inspect(&desk, "domains-none").await;
    desk.go("/order").await;
    inspect(&desk, "order").await;
    desk.press("Place the order").await;
    desk.sees("Nothing was ordered").await;
    inspect(&desk, "order-refused").await;

    let gateway = world.lab.egress().to_vec();
    world.servers[1].set_firewall(Firewall::AllowOnly(gateway[..1].to_vec())).unwrap();
    let customer = world.ordered("northern-it", OPEN).await;
    world.ordered("harbour-net", SHUT).await;
    world.until(OPEN, "/answer", "change_now", MINUTE, HOUR * 12).await;
    for (path, name) in [
        ("/".to_owned(), "domains"),
        (format!("/domains/{OPEN}"), "domain-change-now"),
        (format!("/domains/{SHUT}"), "domain-firewall"),
        (format!("/customers/{customer}"), "customer"),
        (format!("/customers/{customer}/decide"), "decide"),
        ("/proposals".to_owned(), "proposals-none"),
        ("/discrepancies".to_owned(), "discrepancies-none"),
        ("/vantages".to_owned(), "vantages"),
        ("/parked".to_owned(), "parked-none"),
        ("/domains/nowhere.example".to_owned(), "not-found"),
    ] {
        desk.go(&path).await;
        inspect(&desk, name).await;
    }
    nothing_from_elsewhere(&desk).await;
    desk.driver.quit().await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_partners_pages() {
    if !super::ready("the partner's pages in a browser") {
        return;
    }
    let (mut world, chromium) = (World::start().await, Chromium::start());
    let customer = world.ordered("northern-it", OPEN).await;
    let partner = world.person(&chromium, Scripts::Run, Role::Partner, Some("northern-it")).await;
    partner.go(&format!("/domains/{OPEN}")).await;
    inspect(&partner, "partner-wait").await;
    world.until(OPEN, "/answer", "change_now", MINUTE, HOUR * 12).await;
    partner.go(&format!("/domains/{OPEN}")).await;
    inspect(&partner, "partner-change-now").await;
    world.set_mx(OPEN, 300, &[(10, "mx1.gateway.example"), (20, "mx2.gateway.example")]);
    world.until(OPEN, "/phase", "confirming", MINUTE, HOUR * 2).await;
    partner.go(&format!("/domains/{OPEN}")).await;
    inspect(&partner, "partner-confirming").await;
    world.until(OPEN, "/phase", "connected", MINUTE * 20, HOUR * 80).await;
    for (path, name) in [
        (format!("/domains/{OPEN}"), "partner-connected"),
        ("/".to_owned(), "partner-domains"),
        (format!("/customers/{customer}"), "partner-customer"),
        (format!("/reports/{customer}"), "report"),
    ] {
        partner.go(&path).await;
        inspect(&partner, name).await;
    }
    nothing_from_elsewhere(&partner).await;
    partner.driver.quit().await.unwrap();
    world.end().await;
}
