//! The way of a customer from the order to the invoice, as people click it: the desk orders, the partner
//! reads that the MX may be changed, its records are set exactly as they are shown, and the page that
//! stayed open tells what happens meanwhile.

use fencepost::store::Role;

use super::chromium::{Chromium, Scripts};
use super::inspect::{nothing_from_elsewhere, picture};
use super::person::Person;
use super::world::{HOUR, MINUTE, World};

pub const PARTNER: &str = "northern-it";
const DOMAIN: &str = "bakery.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_customer_goes_from_order_to_connected_as_people_click_it() {
    if !super::ready("the way from order to invoice in a browser") {
        return;
    }
    let (mut world, chromium) = (World::start().await, Chromium::start());
    let desk = world.person(&chromium, Scripts::Run, Role::Desk, None).await;

    desk.press("Order").await;
    an_empty_order_is_refused_at_its_fields(&desk).await;
    let customer = order(&world, &desk).await;
    desk.press(DOMAIN).await;
    desk.sees("Not yet").await;

    // The partner looks before anybody touches the zone, and leaves the page open.
    let partner = world.person(&chromium, Scripts::Run, Role::Partner, Some(PARTNER)).await;
    partner.press(DOMAIN).await;
    partner.sees("Not yet").await;
    register(&world, &desk, &customer).await;
    world.until(DOMAIN, "/answer", "change_now", MINUTE, HOUR * 12).await;
    partner.sees("Change the MX now").await;
    picture(&partner, "path-change-now").await;
    copies_a_record_on_a_phone(&partner).await;

    let records = records_on(&partner).await;
    assert!(records.len() == 2, "two MX hosts of the gateway: {records:?}");
    let set: Vec<(u16, &str)> = records.iter().map(|(preference, host)| (*preference, host.as_str())).collect();
    world.set_mx(DOMAIN, 300, &set);
    world.until(DOMAIN, "/phase", "confirming", MINUTE, HOUR * 2).await;
    partner.sees("leave the MX as it is").await;
    world.until(DOMAIN, "/phase", "connected", MINUTE * 20, HOUR * 80).await;
    partner.sees("Nothing has to be changed").await;
    picture(&partner, "path-connected").await;

    nothing_from_elsewhere(&desk).await;
    nothing_from_elsewhere(&partner).await;
    desk.driver.quit().await.unwrap();
    partner.driver.quit().await.unwrap();
    world.end().await;
}

/// From the page to the clipboard on a small screen, with what a thumb can reach.
async fn copies_a_record_on_a_phone(partner: &Person) {
    partner.window(390, 844).await;
    partner.press("To the records").await;
    partner.press_at("table.set tbody tr:first-child td:last-child button.copy").await;
    partner.sees("Copied").await;
    picture(partner, "path-phone-copied").await;
    partner.window(1200, 900).await;
}

pub async fn an_empty_order_is_refused_at_its_fields(desk: &Person) {
    desk.press("Place the order").await;
    desk.sees("Nothing was ordered").await;
    for label in ["Customer", "Domains", "Own mail servers", "At the customer"] {
        let said = desk.error_at(label).await;
        assert!(said.len() > 5, "{label}: “{said}”");
    }
}

/// Fills the order form as the desk does, with a paid service so that an invoice comes soon; the customer's id.
pub async fn order(world: &World, desk: &Person) -> String {
    desk.fill("Partner", PARTNER).await;
    desk.fill("Customer", "Corner Bakery").await;
    desk.fill("Business id", "2000123-4").await;
    desk.fill("Domains", DOMAIN).await;
    desk.fill("Own mail servers", &format!("mail.{DOMAIN}:{}", world.lab.ports.smtp)).await;
    desk.fill("Test mailbox", "info").await;
    desk.fill("At the customer", "Owner <owner@bakery.example.net>").await;
    desk.fill("At the partner", "Technician <tech@northern-it.example.net>").await;
    desk.choose("Trial or paid", "paid from the connection on").await;
    desk.fill("Mailboxes", "20").await;
    desk.fill("Price a month", "120.00 EUR").await;
    desk.choose("Invoiced", "on the 15th").await;
    desk.press("Place the order").await;
    desk.sees("Corner Bakery").await;
    let path = desk.path().await;
    path.strip_prefix("/customers/").unwrap_or_else(|| panic!("no customer is shown, but {path}")).to_owned()
}

/// The desk registers the customer with the service.
pub async fn register(world: &World, desk: &Person, customer: &str) {
    let path = format!("/v1/customers/{customer}/register");
    world.ask(reqwest::Method::POST, &path, Some(&serde_json::json!({}))).await;
    desk.driver.refresh().await.unwrap();
}

/// The MX records to set, as the page shows them: priority and host.
pub async fn records_on(person: &Person) -> Vec<(u16, String)> {
    let script = "return [...document.querySelector('table.set').tBodies[0].rows]
        .map(row => [...row.cells].map(cell => (cell.querySelector('code') ?? cell).textContent.trim()));";
    let rows: Vec<Vec<String>> = serde_json::from_value(person.measure(script).await).unwrap();
    let read = |row: &Vec<String>| {
        let [_, kind, preference, host] = row.as_slice() else { panic!("not four cells: {row:?}") };
        assert_eq!(kind, "MX");
        (preference.parse().unwrap(), host.trim_end_matches('.').to_owned())
    };
    rows.iter().map(read).collect()
}
