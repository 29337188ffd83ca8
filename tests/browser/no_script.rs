//! The same way where no script runs: every page is whole, and what a person has to do is load it again.

use fencepost::store::Role;

use super::chromium::{Chromium, Scripts};
use super::path::{PARTNER, an_empty_order_is_refused_at_its_fields, order, records_on, register};
use super::world::{HOUR, MINUTE, World};

const DOMAIN: &str = "bakery.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_scripts_the_way_is_the_same() {
    if !super::ready("the pages without scripts") {
        return;
    }
    let (mut world, chromium) = (World::start().await, Chromium::start());
    let desk = world.person(&chromium, Scripts::Blocked, Role::Desk, None).await;
    desk.press("Order").await;
    an_empty_order_is_refused_at_its_fields(&desk).await;
    let customer = order(&world, &desk).await;

    let partner = world.person(&chromium, Scripts::Blocked, Role::Partner, Some(PARTNER)).await;
    partner.press(DOMAIN).await;
    partner.sees("Not yet").await;
    assert!(!partner.has("button.copy").await, "a script ran");
    register(&world, &desk, &customer).await;
    world.until(DOMAIN, "/answer", "change_now", MINUTE, HOUR * 12).await;
    partner.driver.refresh().await.unwrap();
    partner.sees("Change the MX now").await;
    let records = records_on(&partner).await;
    let set: Vec<(u16, &str)> = records.iter().map(|(preference, host)| (*preference, host.as_str())).collect();
    world.set_mx(DOMAIN, 300, &set);
    world.until(DOMAIN, "/phase", "connected", MINUTE * 20, HOUR * 80).await;
    // The page has waited long enough: it loads itself again where no script does it.
    partner.sees("Nothing has to be changed").await;

    desk.driver.quit().await.unwrap();
    partner.driver.quit().await.unwrap();
    world.end().await;
}
