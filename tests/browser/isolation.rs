//! A partner cannot tell another partner's domain, customer or report from one that does not exist.

use fencepost::store::Role;

use super::chromium::{Chromium, Scripts};
use super::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_partners_domain_looks_like_none() {
    if !super::ready("the isolation of partners in a browser") {
        return;
    }
    let (world, chromium) = (World::start().await, Chromium::start());
    let customer = world.ordered("northern-it", "bakery.example").await;
    world.ordered("harbour-net", "florist.example").await;
    let stranger = world.person(&chromium, Scripts::Run, Role::Partner, Some("harbour-net")).await;

    stranger.sees("florist.example").await;
    let list = stranger.driver.source().await.unwrap();
    assert!(!list.contains("bakery") && !list.contains("northern-it"), "{list}");
    for desks_own in ["Vantages", "Parked work", "Proposals"] {
        assert!(!list.contains(desks_own), "{desks_own} is the desk's:\n{list}");
    }
    let no_customer = uuid::Uuid::now_v7();
    for (theirs, nobodys) in [
        ("/domains/bakery.example".to_owned(), "/domains/nowhere.example".to_owned()),
        (format!("/customers/{customer}"), format!("/customers/{no_customer}")),
        (format!("/reports/{customer}"), format!("/reports/{no_customer}")),
    ] {
        let mut seen = Vec::new();
        for path in [&theirs, &nobodys] {
            stranger.go(path).await;
            let word = path.rsplit('/').next().unwrap();
            let status = stranger.measure("return performance.getEntriesByType('navigation')[0].responseStatus").await;
            let html = stranger.driver.source().await.unwrap().replace(word, "…");
            seen.push((stranger.driver.title().await.unwrap(), status, html));
        }
        assert_eq!(seen[0], seen[1], "{theirs} and {nobodys}");
        assert_eq!(seen[0].1, 404, "{theirs}");
    }
    for path in ["/vantages", "/parked", "/proposals"] {
        stranger.go(path).await;
        let text = stranger.text().await;
        assert!(!text.contains("bakery") && text.contains("Not for"), "{path}:\n{text}");
    }
    stranger.driver.quit().await.unwrap();
    world.end().await;
}
