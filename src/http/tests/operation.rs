//! What operators ask: metrics, parked work, a domain's state derived again.

use axum::http::header;
use jiff::SignedDuration;
use serde_json::json;

use super::{TestApp, without_ids};
use crate::config::EgressAddress;
use crate::http::metrics_router;
use crate::store::{ClaimRequest, Role, Scope, Share};

async fn parked(app: &TestApp) {
    let lease = SignedDuration::from_secs(60);
    let request = ClaimRequest { now: app.now(), owner: "t".to_owned(), lease, limit: 1, share: Share::All };
    let claim = app.store.claim(request).await.unwrap().remove(0);
    app.store.park(&claim, app.now(), "timer kind `new` is not known to this program").await.unwrap();
}

#[tokio::test]
async fn metrics_are_for_those_who_see_everything_and_hold_no_domain() {
    let app = TestApp::with(|config| {
        let agent = Some("gw1".to_owned());
        config.gateway.egress = vec![EgressAddress { agent, ..EgressAddress::here([192, 0, 2, 10].into()) }];
    });
    app.ordered("acme", "customer-of-acme.example").await;
    parked(&app).await;
    app.advance(SignedDuration::from_secs(90));
    for (token, status) in [
        (String::new(), 401),
        (app.token(Role::Partner, Some("acme")).await, 403),
        (app.token(Role::Viewer, Some("acme")).await, 403),
        (app.token(Role::Viewer, None).await, 200),
        (app.token(Role::Desk, None).await, 200),
    ] {
        let reply = app.get(&token, "/metrics").await;
        assert_eq!(reply.status, status, "{}", reply.text);
        if status == 200 {
            assert!(reply.header(header::CONTENT_TYPE).starts_with("application/openmetrics-text"));
            assert!(!reply.text.contains("customer-of-acme"), "{}", reply.text);
            assert!(reply.text.contains("fencepost_store_up 1"), "{}", reply.text);
            assert!(reply.text.contains("fencepost_parked{work=\"timer\"} "), "{}", reply.text);
            assert!(reply.text.contains("route=\"/v1/orders\",status=\"201\""), "{}", reply.text);
            for line in [
                "fencepost_vantage_usable{vantage=\"egress-192.0.2.10\"} 0",
                "fencepost_vantage_quarantined{vantage=\"egress-192.0.2.10\"} 0",
                "fencepost_vantage_targets{vantage=\"egress-192.0.2.10\",result=\"bad\"} 0",
                "fencepost_agent_up{agent=\"gw1\"} 0",
            ] {
                assert!(reply.text.contains(line), "{line}: {}", reply.text);
            }
            assert!(reply.text.ends_with("# EOF\n"));
        }
    }
    // On its own address it needs no token, and there is nothing else there.
    let own = metrics_router(app.store.clone(), app.agents(), app.clock.clone());
    for (path, status) in [("/metrics", 200), ("/v1/domains", 404), ("/", 404)] {
        let request = super::request(axum::http::Method::GET, "", path, axum::body::Body::empty());
        let reply = tower::ServiceExt::oneshot(own.clone(), request).await.unwrap();
        assert_eq!(reply.status().as_u16(), status, "{path}");
    }
}

#[tokio::test]
async fn parked_work_is_explained_and_retried_by_the_desk() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let (desk, partner) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    assert_eq!(app.get(&desk, "/v1/parked").await.json()["items"], json!([]));
    parked(&app).await;
    assert_eq!(app.get(&partner, "/v1/parked").await.status, 403);
    let listed = app.get(&desk, "/v1/parked").await;
    insta::assert_snapshot!("parked", without_ids(&listed.pretty()));
    let id = listed.json()["items"][0]["id"].as_str().unwrap().to_owned();

    let mut page = super::request(axum::http::Method::GET, "", "/parked", axum::body::Body::empty());
    page.headers_mut().insert(header::COOKIE, format!("fencepost_token={desk}").parse().unwrap());
    let page = app.send(page).await;
    assert!(page.status == 200 && page.text.contains(&id) && page.text.contains("Upgrade this node"), "{}", page.text);

    let path = format!("/v1/parked/{id}/retry");
    assert_eq!(app.post(&partner, &path, &json!({})).await.status, 403);
    let retried = app.post(&desk, &path, &json!({})).await;
    assert_eq!(retried.status, 200, "{}", retried.text);
    assert_eq!(app.post(&desk, &path, &json!({})).await.status, 404, "it is parked no more");
    app.advance(SignedDuration::from_secs(120));
    parked(&app).await;
    let again = app.get(&desk, "/v1/parked").await.json()["items"][0].clone();
    assert!(again["retried_by"].as_str().unwrap().starts_with("somebody ("), "{again}");
}

/// A form as a browser sends it that is signed in with this token.
async fn send_form(app: &TestApp, token: &str, path: &str, form: &str, site: &str) -> super::Reply {
    let mut request = super::request(axum::http::Method::POST, "", path, axum::body::Body::from(form.to_owned()));
    let headers = request.headers_mut();
    headers.insert(header::COOKIE, format!("fencepost_token={token}").parse().unwrap());
    headers.insert(header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
    headers.insert("sec-fetch-site", site.parse().unwrap());
    app.send(request).await
}

async fn page_of(app: &TestApp, token: &str, path: &str) -> String {
    let mut page = super::request(axum::http::Method::GET, "", path, axum::body::Body::empty());
    page.headers_mut().insert(header::COOKIE, format!("fencepost_token={token}").parse().unwrap());
    app.send(page).await.text
}

/// The word of the first form on a page.
fn form_word(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"form\" value=\"").expect("a form");
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn parked_work_is_retried_from_its_page_by_the_desk_alone() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    parked(&app).await;
    let (desk, other) = (app.token(Role::Desk, None).await, app.token(Role::Desk, None).await);
    let partner = app.token(Role::Partner, Some("acme")).await;
    let page = page_of(&app, &desk, "/parked").await;
    let (_, action) = page.split_once("action=\"/parked/").expect("a button");
    let path = format!("/parked/{}", action.split_once('"').unwrap().0);
    let (word, others) = (form_word(&page), form_word(&page_of(&app, &other, "/parked").await));
    assert_ne!(word, others, "each has a word of its own");
    for (token, form, site, what) in [
        (&desk, format!("form={word}"), "cross-site", "another site"),
        (&desk, format!("form={others}"), "same-origin", "another's word"),
        (&desk, "form=".to_owned(), "same-origin", "no word"),
        (&partner, format!("form={word}"), "same-origin", "no desk"),
    ] {
        let refused = send_form(&app, token, &path, &form, site).await;
        assert_eq!(refused.status, 403, "{what}: {}", refused.text);
    }
    assert!(page_of(&app, &desk, "/parked").await.contains("Retry now"), "still parked");
    let done = send_form(&app, &desk, &path, &format!("form={word}"), "same-origin").await;
    assert_eq!((done.status.as_u16(), done.header(header::LOCATION)), (303, "/parked"), "{}", done.text);
    assert!(page_of(&app, &desk, "/parked").await.contains("Nothing is parked"));
}

#[tokio::test]
async fn a_route_that_was_set_by_hand_is_confirmed_from_the_domain_s_page() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let (desk, partner) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    let path = "/domains/example.com/route/confirm";
    assert!(!page_of(&app, &partner, "/domains/example.com").await.contains(path), "not for partners");
    let page = page_of(&app, &desk, "/domains/example.com").await;
    assert!(page.contains(path) && page.contains("the gateway shall defer mail for the domain (451)"), "{page}");
    let word = form_word(&page);
    let send = async |form: String| send_form(&app, &desk, path, &form, "same-origin").await;
    assert_eq!(send("form=x&mode=defer".to_owned()).await.status, 403);
    assert_eq!(send(format!("form={word}&mode=deliver")).await.status, 409, "that is not wished for");
    let done = send(format!("form={word}&mode=defer")).await;
    assert_eq!((done.status.as_u16(), done.header(header::LOCATION)), (303, "/domains/example.com"), "{}", done.text);
    let page = page_of(&app, &desk, "/domains/example.com").await;
    assert!(!page.contains(path) && page.contains("The gateway confirmed"), "{page}");
}

#[tokio::test]
async fn a_subscription_s_history_leads_to_what_is_stored_as_well() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let replay = app.get(&desk, "/v1/customers/example.com/replay").await;
    let value = replay.json();
    assert_eq!((&value["equal"], &value["differences"]), (&json!(true), &json!([])), "{}", replay.pretty());
    assert_eq!(value["steps"][0]["says"], "Now requested: The order was accepted.");
    let id = value["customer_id"].as_str().unwrap();
    assert_eq!(app.get(&desk, &format!("/v1/customers/{id}/replay")).await.json(), value, "by its id, too");
    let partner = app.token(Role::Partner, Some("acme")).await;
    assert_eq!(app.get(&partner, "/v1/customers/example.com/replay").await.status, 403);
    let db = rusqlite::Connection::open(app.database()).unwrap();
    db.execute_batch("UPDATE subject SET state = json_set(state, '$.group', 30) WHERE domain IS NULL").unwrap();
    let value = app.get(&desk, "/v1/customers/example.com/replay").await.json();
    assert_eq!(value["differences"], json!(["`group` is 30 in the record and null by the history."]));
}

#[tokio::test]
async fn a_history_leads_to_what_is_stored_and_where_it_does_not_the_field_is_named() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let replay = app.get(&desk, "/v1/domains/example.com/replay").await;
    let value = replay.json();
    assert_eq!((&value["equal"], &value["differences"]), (&json!(true), &json!([])), "{}", replay.pretty());
    let told: Vec<String> = value["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let changes = step["changes"].as_array().unwrap().iter();
            let changes: Vec<&str> = changes.map(|change| change["field"].as_str().unwrap()).collect();
            format!("{}. {} [{}]", step["seq"], step["says"].as_str().unwrap(), changes.join(", "))
        })
        .collect();
    insta::assert_snapshot!("replay", told.join("\n"));
    let partner = app.token(Role::Partner, Some("acme")).await;
    assert_eq!(app.get(&partner, "/v1/domains/example.com/replay").await.status, 403);

    let db = rusqlite::Connection::open(app.database()).unwrap();
    db.execute_batch("UPDATE subject SET state = json_set(state, '$.phase', 'connected') WHERE domain IS NOT NULL")
        .unwrap();
    let value = app.get(&desk, "/v1/domains/example.com/replay").await.json();
    assert_eq!(value["equal"], json!(false));
    assert_eq!(value["differences"], json!(["`phase` is \"connected\" in the record and \"ready\" by the history."]));

    // An event that is missing is told as well.
    db.execute_batch(
        "DROP TRIGGER event_is_never_deleted; DELETE FROM event WHERE seq = 2 AND subject_id IN \
         (SELECT id FROM subject WHERE domain IS NOT NULL)",
    )
    .unwrap();
    let value = app.get(&desk, "/v1/domains/example.com/replay").await.json();
    assert_eq!(value["differences"][0], "Event 2 is missing: number 3 stands in its place.");
    let row = app.store.domain(&"example.com".parse().unwrap(), &Scope::All).await.unwrap().unwrap();
    assert_eq!(row.connection.version, 2, "nothing was written");
}

#[tokio::test]
async fn a_vantage_is_taken_out_of_use_from_its_page_by_the_desk_alone() {
    let app = TestApp::with(|config| {
        config.gateway.egress = vec![EgressAddress::here([192, 0, 2, 10].into())];
    });
    let desk = app.token(Role::Desk, None).await;
    let listed = app.get(&desk, "/v1/vantages").await.json();
    let id = listed["items"][0]["id"].as_str().unwrap().to_owned();
    let why = [("reason", "its line is cut")];
    let path = format!("/vantages/{id}/quarantine");
    for (role, partner) in [(Role::Partner, Some("acme")), (Role::Accounting, None)] {
        let token = app.token(role, partner).await;
        assert_eq!(app.submit(&token, &path, &why, "same-origin").await.status, 403);
    }
    assert_eq!(app.submit(&desk, &path, &why, "cross-site").await.status, 403);
    assert_eq!(app.submit(&desk, &path, &[("reason", "")], "same-origin").await.status, 422);
    assert_eq!(app.submit(&desk, "/vantages/nobody/quarantine", &why, "same-origin").await.status, 404);
    assert_eq!(app.submit(&desk, &path, &why, "same-origin").await.status, 303);
    assert_eq!(app.submit(&desk, &path, &why, "same-origin").await.status, 409);
    assert!(app.page(&desk, "/vantages").await.text.contains("its line is cut"));
    let back = format!("/vantages/{id}/release");
    assert_eq!(app.submit(&desk, &back, &[("reason", "mended")], "same-origin").await.status, 303);
    let rows = app.get(&desk, "/v1/audit?action=believe").await.json();
    assert_eq!((&rows["items"][0]["subject"], &rows["items"][0]["detail"]), (&json!(id), &json!("mended")));
}
