//! The answer that partners rely on.

use axum::body::Body;
use axum::http::{Method, header};
use fencepost_checks::{Actor, Code, Finding, Severity};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{SEEN_BODY, TestApp, findings, observation, order, request, without_ids};
use crate::config::{Config, EgressAddress, EgressState, HostState, MxHost};
use crate::lifecycle::connection::{Fact, Phase};
use crate::store::Role;

fn partial(at: jiff::Timestamp) -> Finding {
    Finding {
        code: Code::FwPartial,
        severity: Severity::Blocking,
        subject: "mail.customer.example:25".to_owned(),
        detail: "192.0.2.10 reaches it, 192.0.2.11 does not.".to_owned(),
        remedy: "Allow 192.0.2.11 to port 25.".to_owned(),
        who: Actor::Customer,
        allow: None,
        vantages: vec!["egress-192.0.2.11".to_owned()],
        observed_at: at,
    }
}

#[tokio::test]
async fn a_new_order_waits() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let token = app.token(Role::Partner, Some("acme")).await;
    let status = app.get(&token, "/v1/domains/EXAMPLE.com./status").await;
    insta::assert_snapshot!("status_ordered", without_ids(&status.pretty()));
    assert_eq!(status.header(header::CACHE_CONTROL), "no-store");
    let change = app.get(&token, "/v1/domains/example.com/mx-change").await;
    insta::assert_snapshot!("mx_change_not_permitted", without_ids(&change.pretty()));
}

#[tokio::test]
async fn a_permit_is_shown_and_ends_by_itself() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let token = app.token(Role::Partner, Some("acme")).await;
    insta::assert_snapshot!(
        "status_ready",
        without_ids(&app.get(&token, "/v1/domains/example.com/status").await.pretty())
    );
    let change = app.get(&token, "/v1/domains/example.com/mx-change").await;
    insta::assert_snapshot!("mx_change_permitted", without_ids(&change.pretty()));
    app.advance(SignedDuration::from_hours(6));
    let change = app.get(&token, "/v1/domains/example.com/mx-change").await;
    assert_eq!(change.status, 409, "{}", change.text);
    let status = app.get(&token, "/v1/domains/example.com/status").await.json();
    assert_eq!((&status["mx_change_permitted"], &status["permit"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn what_was_told_is_not_told_again_once_it_has_changed() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let token = app.token(Role::Partner, Some("acme")).await;
    let ask = async || app.get(&token, "/v1/domains/example.com/mx-change").await;
    let first = ask().await;
    let ends: jiff::Timestamp = first.json()["valid_until"].as_str().unwrap().parse().unwrap();

    // The last moments of a permit: within the time for which an answer may be kept.
    app.advance(ends.duration_since(app.now()) - SignedDuration::from_millis(2));
    assert_eq!(ask().await.status, 200);
    app.advance(SignedDuration::from_millis(1));
    assert_eq!(ask().await.status, 200);
    app.advance(SignedDuration::from_millis(1));
    assert_eq!(ask().await.status, 409);

    // A change in the same instant.
    app.ordered("acme", "example.net").await;
    let status = async || app.get(&token, "/v1/domains/example.net/status").await.json();
    assert_eq!(status().await["phase"], "ordered");
    app.facts("example.net", &[Fact::Registered { by: "desk".to_owned() }], Vec::new()).await;
    assert_eq!(status().await["phase"], "allowlisting");

    // Who has no such domain learns nothing from what is kept.
    let stranger = app.token(Role::Partner, Some("other")).await;
    assert_eq!(app.get(&stranger, "/v1/domains/example.net/status").await.status, 404);
}

type Change = fn(&mut Config, EgressAddress);

#[tokio::test]
async fn no_go_ahead_survives_a_restart_under_another_configuration() {
    let egress = |text: &str| EgressAddress::here(text.parse().unwrap());
    let changes: [(&str, Change); 6] = [
        ("an MX host gone", |config, _| config.gateway.mx_hosts.truncate(1)),
        ("an egress address more", |config, new| config.gateway.egress.push(new)),
        ("another port", |config, _| config.gateway.smtp_port = 2525),
        ("a suffix", |config, _| config.gateway.mx_suffixes.push("mx.gateway.example".parse().unwrap())),
        ("another outsider", |config, new| config.probe.outsiders.push(new.address)),
        ("another resolver", |config, _| config.probe.resolvers.push("192.0.2.53:53".parse().unwrap())),
    ];
    for (what, change) in changes {
        let app = TestApp::new();
        app.ordered("acme", "example.com").await;
        app.made_ready("example.com").await;
        let token = app.token(Role::Partner, Some("acme")).await;
        let asked = app.get(&token, "/v1/domains/example.com/mx-change").await;
        assert_eq!(asked.status, 200, "{what}: {}", asked.text);
        let app = app.reconfigured(|config| config.notify.service_name = "Another name".to_owned());
        let asked = app.get(&token, "/v1/domains/example.com/mx-change").await;
        assert_eq!(asked.status, 200, "words are no gateway: {}", asked.text);

        let app = app.reconfigured(|config| {
            let new = |last: u8, state| EgressAddress { state, ..egress(&format!("192.0.2.{last}")) };
            config.gateway.egress.extend([new(78, EgressState::Announced), new(79, EgressState::Retired)]);
            let old = MxHost::current("mx0.gateway.example".parse().unwrap(), 5);
            config.gateway.mx_hosts.push(MxHost { state: HostState::Accepted, ..old });
        });
        let asked = app.get(&token, "/v1/domains/example.com/mx-change").await;
        assert_eq!(asked.status, 200, "no permit rests on what is on its way in or out: {}", asked.text);

        let app = app.reconfigured(|config| change(config, egress("192.0.2.77")));
        let asked = app.get(&token, "/v1/domains/example.com/mx-change").await;
        assert_eq!(asked.status, 409, "{what}: {}", asked.text);
        let status = app.get(&token, "/v1/domains/example.com/status").await.json();
        assert_eq!((&status["answer"], &status["permit"]), (&json!("wait"), &Value::Null), "{what}");
        assert!(status["reason"].as_str().unwrap().contains("configured anew"), "{what}: {}", status["reason"]);
        let list = app.get(&token, "/v1/domains").await.json();
        assert_eq!(list["items"][0]["mx_change_permitted"], json!(false), "{what}");
    }
}

#[tokio::test]
async fn findings_are_shown_gravest_first() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let now = app.now();
    let info = Finding { severity: Severity::Info, code: Code::SmtpOk, ..partial(now) };
    app.facts("example.com", &[], vec![findings(&[info, partial(now)], now)]).await;
    let token = app.token(Role::Viewer, None).await;
    let status = app.get(&token, "/v1/domains/example.com/status").await.json();
    let codes: Vec<&str> = status["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["FW_PARTIAL", "SMTP_OK"]);
}

#[tokio::test]
async fn lists_are_read_in_pages() {
    let app = TestApp::new();
    for number in 0..5 {
        app.ordered("acme", &format!("d{number}.example")).await;
    }
    let token = app.token(Role::Desk, None).await;
    let mut seen = Vec::new();
    let mut path = "/v1/domains?limit=2".to_owned();
    for _ in 0..4 {
        let page = app.get(&token, &path).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|item| item["domain"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/domains?limit=2&after={next}");
    }
    seen.sort();
    assert_eq!(seen, ["d0.example", "d1.example", "d2.example", "d3.example", "d4.example"]);
    let filtered = app.get(&token, "/v1/domains?prefix=D3&phase=ordered").await.json();
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1);
    for bad in ["limit=0", "limit=501", "limit=x", "phase=odd", "colour=blue"] {
        assert_eq!(app.get(&token, &format!("/v1/domains?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn events_go_on_where_the_last_page_ended() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let token = app.token(Role::Desk, None).await;
    let all = app.get(&token, "/v1/domains/example.com/events").await.json();
    let all = all["items"].as_array().unwrap();
    assert!(all.len() > 3, "{all:?}");
    let first = app.get(&token, "/v1/domains/example.com/events?limit=2").await.json();
    let rest = format!("/v1/domains/example.com/events?after={}", first["next"].as_str().unwrap());
    let rest = app.get(&token, &rest).await.json();
    let both = [first["items"].as_array().unwrap().clone(), rest["items"].as_array().unwrap().clone()].concat();
    assert_eq!(&both, all);
    for wrong in [&b"first"[..], b"\xc2\x84", b"\xff"] {
        let mut asked = request(Method::GET, &token, "/v1/domains/example.com/events", Body::empty());
        asked.headers_mut().insert("last-event-id", axum::http::HeaderValue::from_bytes(wrong).unwrap());
        let refused = app.send(asked).await;
        assert_eq!(refused.status, 400, "{wrong:?} must not begin the history anew");
    }
}

#[tokio::test]
async fn a_stream_gives_the_same_events() {
    use futures_util::StreamExt;
    use tower::ServiceExt;
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let token = app.token(Role::Desk, None).await;
    let page = app.get(&token, "/v1/domains/example.com/events?after=1").await.json();
    let mut request = request(Method::GET, &token, "/v1/domains/example.com/events", Body::empty());
    request.headers_mut().insert(header::ACCEPT, "text/event-stream".parse().unwrap());
    request.headers_mut().insert("last-event-id", "1".parse().unwrap());
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    let piece = body.next().await.unwrap().unwrap();
    let piece = String::from_utf8(piece.to_vec()).unwrap();
    let data = piece.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(data).unwrap(), page["items"][0]);
    assert!(piece.contains("id: 2"), "{piece}");
}

#[tokio::test]
async fn requests_about_a_domain_reach_the_lifecycle() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let partner = app.token(Role::Partner, Some("acme")).await;
    assert_eq!(app.post(&partner, "/v1/domains/example.com/recheck", &json!({})).await.status, 200);
    let bad = app.post(&desk, "/v1/domains/example.com/cancel", &json!({ "reason": "a\nb" })).await;
    assert_eq!((bad.status.as_u16(), &bad.json()["errors"][0]["field"]), (422, &json!("reason")));
    let bad = app.post(&desk, "/v1/domains/example.com/accept-mx", &json!({ "names": ["b d"], "reason": "r" })).await;
    assert_eq!((bad.status.as_u16(), &bad.json()["errors"][0]["field"]), (422, &json!("names[0]")));
    let cancelled = app.post(&desk, "/v1/domains/example.com/cancel", &json!({ "reason": "typed wrongly" })).await;
    assert_eq!(cancelled.json(), json!({ "phase": "cancelled", "changed": true }));
    // The domain can be ordered anew.
    let again = app.post(&desk, "/v1/orders", &order("acme", "example.com")).await;
    assert_eq!(again.status, 201, "{}", again.text);
}

#[tokio::test]
async fn the_evidence_of_a_permit_is_shown_to_the_desk_word_for_word() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let named = format!("smtp:{}", hex::encode(Sha256::digest(SEEN_BODY)));
    let path = format!("/v1/domains/example.com/evidence/{named}");
    assert_eq!(app.get(&desk, &path).await.status, 404, "nothing is archived before a permit");
    app.made_ready("example.com").await;
    let events = app.get(&desk, "/v1/domains/example.com/events").await.text;
    assert!(events.contains(&named), "the permit names it: {events}");
    let shown = app.get(&desk, &path).await.json();
    assert_eq!((&shown["kind"], &shown["observation"]), (&json!("smtp"), &json!({ "said": "250 fine" })));
    let by_hash_alone = app.get(&desk, &path.replace("smtp:", "")).await.json();
    assert_eq!(by_hash_alone, shown);
    assert_eq!(app.get(&desk, "/v1/domains/example.com/evidence/smtp:00").await.status, 404);
    let partner = app.token(Role::Partner, Some("acme")).await;
    assert_eq!(app.get(&partner, &path).await.status, 403, "what servers said is for the desk");
}

#[tokio::test]
async fn a_route_set_by_hand_waits_for_the_desk() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let (desk, partner) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    let waits = async || app.get(&desk, "/v1/domains/example.com/status").await.json()["waiting_for"].to_string();
    assert!(waits().await.contains("fencepost gateway confirm example.com"), "{}", waits().await);
    let path = "/v1/domains/example.com/route/confirm";
    assert_eq!(app.post(&partner, path, &json!({})).await.status, 403);
    let other = app.post(&desk, path, &json!({ "mode": "deliver" })).await;
    assert_eq!(other.status, 409);
    assert!(other.text.contains("`defer`"), "{}", other.text);
    let confirmed = app.post(&desk, path, &json!({ "mode": "defer" })).await;
    assert_eq!((confirmed.status.as_u16(), &confirmed.json()["changed"]), (200, &json!(true)), "{}", confirmed.text);
    assert!(!waits().await.contains("gateway confirm"));
    let again = app.post(&desk, path, &json!({})).await.json();
    assert_eq!(again["changed"], json!(false));
    let events = app.get(&desk, "/v1/domains/example.com/events").await.text;
    assert!(events.contains("route_confirmed") && events.contains("api:somebody"), "{events}");

    let set = TestApp::with(|config| {
        config.gateway.adapter =
            crate::config::AdapterConfig::Http { url: "https://g.example".parse().unwrap(), token_file: None };
    });
    set.ordered("acme", "example.com").await;
    let desk = set.token(Role::Desk, None).await;
    assert_eq!(set.post(&desk, path, &json!({})).await.status, 409, "an adapter confirms its own routes");
}

#[tokio::test]
async fn findings_of_an_arrival_end_with_it() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let token = app.token(Role::Partner, Some("acme")).await;
    let codes = async || {
        let status = app.get(&token, "/v1/domains/example.com/status").await.json();
        let all = status["findings"].as_array().unwrap().iter();
        all.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let seen = |gate: &str, findings: &[(Code, Severity)]| {
        let now = app.now();
        let made = |(code, severity): &(Code, Severity)| {
            Finding::new(*code, *severity, "mail.example.com:25", now).detail("seen").remedy(Actor::Customer, "do")
        };
        let findings: Vec<Finding> = findings.iter().map(made).collect();
        observation(&format!("findings:{gate}"), &findings, now)
    };
    let probe = seen("probe", &[(Code::SmtpNoBanner, Severity::Warning)]);
    let mx = seen("mx", &[(Code::MxForeignOnly, Severity::Warning), (Code::NsLame, Severity::Warning)]);
    app.facts("example.com", &[], vec![probe, mx]).await;
    assert_eq!(codes().await, ["MX_FOREIGN_ONLY", "NS_LAME", "SMTP_NO_BANNER"]);

    app.advance(SignedDuration::from_mins(5));
    let next = seen("next_destination", &[(Code::SmtpRcptRejected, Severity::Blocking)]);
    let cancel = Fact::Cancel { by: "desk".to_owned(), reason: "changed their mind".to_owned() };
    let state = app.facts("example.com", &[cancel], vec![next]).await;
    assert_eq!(state.phase, Phase::Releasing);
    assert_eq!(codes().await, ["SMTP_RCPT_REJECTED", "NS_LAME"], "the next destination, and who can be asked");

    let early = TestApp::new();
    early.ordered("acme", "example.com").await;
    let token = early.token(Role::Desk, None).await;
    let cancel = Fact::Cancel { by: "desk".to_owned(), reason: "changed their mind".to_owned() };
    let lint = seen("lint", &[(Code::SpfMx, Severity::Warning)]);
    let state = early.facts("example.com", &[cancel], vec![lint]).await;
    assert_eq!(state.phase, Phase::Cancelled);
    let status = early.get(&token, "/v1/domains/example.com/status").await.json();
    assert_eq!(status["findings"], json!([]), "nobody has anything to do any more");
}
