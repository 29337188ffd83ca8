//! Agents at the API: what their tokens open, and what they do not; and the desk's view of vantages.

use serde_json::{Value, json};

use super::*;
use crate::config::{EgressAddress, EgressState, RemoteOutsider};

fn app() -> TestApp {
    TestApp::with(|config| {
        let egress = EgressAddress { agent: Some("gw1".to_owned()), ..EgressAddress::here([192, 0, 2, 10].into()) };
        config.gateway.egress = vec![egress];
        config.probe.remote_outsiders = vec![RemoteOutsider { agent: "office".to_owned(), address: None }];
    })
}

async fn token(app: &TestApp, role: Role, label: &str) -> String {
    let token = Token::generate();
    let new = NewToken {
        id: token.id().to_owned(),
        hash: token.hash(),
        role,
        partner: (role == Role::Partner).then(|| "acme".to_owned()),
        label: label.to_owned(),
        created_at: app.now(),
        expires_at: None,
    };
    app.store.create_token(new).await.unwrap();
    token.reveal().to_owned()
}

fn poll() -> Value {
    json!({ "session": null, "version": "1", "holding": [], "room": 1, "wait_ms": 0 })
}

const AGENT: [&str; 3] = ["/v1/agent/tasks", "/v1/agent/results", "/v1/agent/routes"];

fn bodies() -> [Value; 3] {
    let result = json!({ "session": 1, "task": "t", "result": { "kind": "failed", "reason": "r" } });
    [poll(), result, json!({ "session": 1, "wait_ms": 0 })]
}

#[tokio::test]
async fn a_token_of_another_role_is_no_agent() {
    let app = app();
    for role in [Role::Desk, Role::Partner, Role::Accounting, Role::Viewer] {
        let token = token(&app, role, "gw1").await;
        for (path, body) in AGENT.iter().zip(bodies()) {
            let reply = app.post(&token, path, &body).await;
            assert_eq!(reply.status, 403, "{role:?} {path}: {}", reply.text);
            assert_eq!(reply.header(header::CONTENT_TYPE), "application/problem+json");
        }
    }
    for (path, body) in AGENT.iter().zip(bodies()) {
        assert_eq!(app.post("", path, &body).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn an_agent_s_token_opens_nothing_else() {
    let app = app();
    app.ordered("acme", "example.com").await;
    let agent = token(&app, Role::Agent, "gw1").await;
    let gets = [
        "/v1/customers",
        "/v1/domains",
        "/v1/domains/example.com/status",
        "/v1/domains/example.com/mx-change",
        "/v1/domains/example.com/events",
        "/v1/ledger/entries",
        "/v1/invoicing",
        "/v1/parked",
        "/v1/vantages",
    ];
    for path in gets {
        assert_eq!(app.get(&agent, path).await.status, 403, "{path}");
    }
    let why = json!({ "reason": "because" });
    for path in ["/v1/vantages/egress-192.0.2.10/quarantine", "/v1/vantages/egress-192.0.2.10/release"] {
        assert_eq!(app.post(&agent, path, &why).await.status, 403, "{path}");
    }
    assert_eq!(app.post(&agent, "/v1/orders", &order("acme", "other.example")).await.status, 403);
    assert_eq!(app.post(&agent, "/v1/domains/example.com/recheck", &json!({})).await.status, 403);
}

#[tokio::test]
async fn an_agent_is_known_by_its_label() {
    let app = app();
    let gw1 = token(&app, Role::Agent, "gw1").await;
    let reply = app.post(&gw1, AGENT[0], &poll()).await;
    let expected = json!({ "agent": "gw1", "session": 1, "routes": false, "tasks": [] });
    assert_eq!((reply.status.as_u16(), reply.json()), (200, expected));
    let stranger = token(&app, Role::Agent, "gw2").await;
    let reply = app.post(&stranger, AGENT[0], &poll()).await;
    assert!(reply.status == 403 && reply.text.contains("gateway.egress[].agent"), "{}", reply.text);
    let nameless = token(&app, Role::Agent, "The one in Turku").await;
    let reply = app.post(&nameless, AGENT[0], &poll()).await;
    assert!(reply.status == 403 && reply.text.contains("--label"), "{}", reply.text);
    let [_, result, routes] = bodies();
    assert_eq!(app.post(&gw1, AGENT[1], &result).await.status, 404, "there is no such task");
    assert_eq!(app.post(&gw1, AGENT[2], &routes).await.status, 403, "it carries no routes");
    // A second process takes over; the first is told.
    assert_eq!(app.post(&gw1, AGENT[0], &poll()).await.json()["session"], 2);
    let mut first = poll();
    first["session"] = json!(1);
    let reply = app.post(&gw1, AGENT[0], &first).await;
    assert!(reply.status == 409 && reply.text.contains("taken over"), "{}", reply.text);
}

#[tokio::test]
async fn what_an_agent_says_is_bounded() {
    let app = app();
    let gw1 = token(&app, Role::Agent, "gw1").await;
    let mut greedy = poll();
    greedy["holding"] = json!(vec!["x"; 65]);
    assert_eq!(app.post(&gw1, AGENT[0], &greedy).await.status, 422);
    let mut unknown = poll();
    unknown["more"] = json!(1);
    assert_eq!(app.post(&gw1, AGENT[0], &unknown).await.status, 422);
    let long = json!({ "session": 1, "task": "t", "result": { "kind": "failed", "reason": "r".repeat(300_000) } });
    assert_eq!(app.post(&gw1, AGENT[1], &long).await.status, 413);
}

#[tokio::test]
async fn the_desk_sees_every_vantage_and_can_take_one_out() {
    let app = app();
    let (desk, gw1) = (token(&app, Role::Desk, "anna").await, token(&app, Role::Agent, "gw1").await);
    app.post(&gw1, AGENT[0], &poll()).await;
    let states = |reply: Reply| -> Vec<(String, String)> {
        let items = reply.json()["items"].as_array().unwrap().clone();
        let text = |item: &Value, key: &str| item[key].as_str().unwrap().to_owned();
        items.iter().map(|item| (text(item, "id"), text(item, "state"))).collect()
    };
    let pair = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    let seen = states(app.get(&desk, "/v1/vantages").await);
    assert_eq!(seen, [pair("egress-192.0.2.10", "unused"), pair("outsider-office", "away")]);
    app.advance(SignedDuration::from_secs(61));
    let seen = states(app.get(&desk, "/v1/vantages").await);
    assert_eq!(seen[0], pair("egress-192.0.2.10", "away"));

    let path = |id: &str, what: &str| format!("/v1/vantages/{id}/{what}");
    assert_eq!(app.post(&desk, &path("egress-192.0.2.10", "release"), &json!({ "reason": "x" })).await.status, 409);
    assert_eq!(app.post(&desk, &path("egress-192.0.2.10", "quarantine"), &json!({ "reason": " " })).await.status, 422);
    assert_eq!(app.post(&desk, &path("egress-192.0.2.99", "quarantine"), &json!({ "reason": "x" })).await.status, 404);
    let why = json!({ "reason": "its line is being repaired" });
    let reply = app.post(&desk, &path("egress-192.0.2.10", "quarantine"), &why).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["state"]), (200, &json!("quarantined")), "{}", reply.text);
    assert_eq!(app.post(&desk, &path("egress-192.0.2.10", "quarantine"), &why).await.status, 409);
    let mut page = request(Method::GET, "", "/vantages", Body::empty());
    page.headers_mut().insert(header::COOKIE, format!("fencepost_token={desk}").parse().unwrap());
    let page = app.send(page).await;
    for shown in ["egress-192.0.2.10", "agent gw1", "quarantined", "its line is being repaired", "has never been here"]
    {
        assert!(page.text.contains(shown), "{shown} is not in\n{}", page.text);
    }
    let reply = app.post(&desk, &path("egress-192.0.2.10", "release"), &json!({ "reason": "repaired" })).await;
    assert_eq!(reply.json()["released"]["why"], "repaired", "{}", reply.text);
    assert!(reply.json()["released"]["by"].as_str().unwrap().starts_with("anna"), "{}", reply.text);
}

#[tokio::test]
async fn places_that_come_and_go_are_told_to_the_desk() {
    let app = TestApp::with(|config| {
        let new = EgressAddress { state: EgressState::Announced, ..EgressAddress::here([192, 0, 2, 40].into()) };
        config.gateway.egress.push(new);
    });
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let report = app.get(&desk, "/v1/gateway/places").await.json();
    let egress = report["egress"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&egress["address"], &egress["state"], &egress["unverified"]),
        (&json!("192.0.2.40"), &json!("announced"), &json!(1))
    );
    assert_eq!((&egress["next"], &report["warnings"]), (&json!("wait: 1 domain is not verified yet"), &json!([])));
    let domains = app.get(&desk, "/v1/gateway/places/192.0.2.40/domains?standing=unseen&limit=1").await.json();
    assert_eq!((&domains["items"][0]["domain"], &domains["next"]), (&json!("example.com"), &Value::Null));
    let none = app.get(&desk, "/v1/gateway/places/192.0.2.40/domains?standing=blocked").await.json();
    assert_eq!(none["items"], json!([]));
    assert_eq!(app.get(&desk, "/v1/gateway/places/192.0.2.99/domains").await.status, 404, "not configured");
    assert_eq!(app.get(&desk, "/v1/gateway/places/192.0.2.40/domains?standing=odd").await.status, 400);
    let partner = app.token(Role::Partner, Some("acme")).await;
    for path in ["/v1/gateway/places", "/v1/gateway/places/192.0.2.40/domains"] {
        assert_eq!(app.get(&partner, path).await.status, 403, "for the desk alone");
    }
}
