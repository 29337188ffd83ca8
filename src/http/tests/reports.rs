//! The monthly report by API and page, and a decision that is entered on a page with its mail.

use axum::body::Body;
use axum::http::{Method, Request, header};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Reply, TestApp, observation, order, round};
use crate::config::{CommerceConfig, OnNoDecision};
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::connection::{Connection, Event, Phase};
use crate::lifecycle::subscription::{self, Fact, Subscription, Terms, decide, evolve};
use crate::store::{CommitOutcome, NewEvent, Observation, Role, Scope, Transition};

/// Lets facts reach a subscription; what it asks the ledger for is recorded.
async fn told(app: &TestApp, id: &str, facts: &[Fact], observations: Vec<Observation>) -> Subscription {
    let customer = app.store.customer(id, &Scope::All).await.unwrap().unwrap();
    let mut state: Subscription = serde_json::from_str(&customer.subscription.state).unwrap();
    let calendar = Calendar::from_config(&app.config.commerce).unwrap();
    let terms = Terms { customer_id: id, order_id: &customer.order_id, order: &customer.order, calendar: &calendar };
    let (mut events, mut entries) = (Vec::new(), Vec::new());
    for fact in facts {
        let decision = decide(&state, &terms, fact, app.now());
        state = evolve(&state, &decision, app.now());
        entries.extend(decision.effects.into_iter().filter_map(|effect| match effect {
            subscription::Effect::Ledger { entry } => Some(entry),
            _ => None,
        }));
        events.extend(decision.events.iter().map(|event| NewEvent {
            kind: "test".to_owned(),
            body: serde_json::to_string(event).unwrap(),
            cause: "test".to_owned(),
        }));
    }
    let transition = Transition {
        subject_id: id.to_owned(),
        version: customer.subscription.version,
        claim: None,
        at: app.now(),
        machine_version: subscription::MACHINE_VERSION,
        phase: state.phase.as_str().to_owned(),
        state: serde_json::to_string(&state).unwrap(),
        state_since: state.phase_since,
        events,
        observations,
        archive: Vec::new(),
        outbox: Vec::new(),
        entries,
        route: None,
        timers: Vec::new(),
        inbox: None,
        consumes: None,
        settles: None,
    };
    assert!(matches!(app.store.commit(transition).await.unwrap(), CommitOutcome::Committed { .. }));
    state
}

/// A customer in its trial, connected on 10 March; the id.
async fn in_trial(app: &TestApp) -> String {
    let desk = app.token(Role::Desk, None).await;
    let mut body = order("acme", "example.com");
    body["customer_name"] = json!("Kahvila <b>Ääni</b>");
    let id = app.post(&desk, "/v1/orders", &body).await.json()["customer_id"].as_str().unwrap().to_owned();
    let now = app.now();
    let row = app.store.domain(&"example.com".parse().unwrap(), &Scope::All).await.unwrap().unwrap();
    let state: Connection = serde_json::from_str(&row.connection.state).unwrap();
    let state = Connection { phase: Phase::Connected, connected_at: Some(now), ..state };
    let entered = Event::PhaseEntered { phase: Phase::Connected, why: "It is.".to_owned() };
    let event = NewEvent {
        kind: "phase_entered".to_owned(),
        body: serde_json::to_string(&entered).unwrap(),
        cause: "test".to_owned(),
    };
    let commit = Transition {
        subject_id: row.connection.id,
        version: row.connection.version,
        claim: None,
        at: now,
        machine_version: 1,
        phase: "connected".to_owned(),
        state: serde_json::to_string(&state).unwrap(),
        state_since: now,
        events: vec![event],
        observations: vec![observation("mx", &round("example.com", "mx1.gateway.example", now), now)],
        archive: Vec::new(),
        outbox: Vec::new(),
        entries: Vec::new(),
        route: None,
        timers: Vec::new(),
        inbox: None,
        consumes: None,
        settles: None,
    };
    assert!(matches!(app.store.commit(commit).await.unwrap(), CommitOutcome::Committed { .. }));
    told(app, &id, &[Fact::DomainConnected { domain: "example.com".to_owned(), at: now }], Vec::new()).await;
    id
}

async fn page(app: &TestApp, path: &str, token: &str) -> Reply {
    let request = Request::builder().uri(path).header(header::HOST, "h");
    let request = request.header(header::COOKIE, format!("fencepost_token={token}"));
    app.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_report_as_json_text_and_html_for_whoever_may_see_the_customer() {
    let app = TestApp::new();
    let id = in_trial(&app).await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let json = app.get(&acme, "/v1/customers/example.com/report").await.json();
    assert_eq!(
        (&json["month"], &json["from"], &json["until"]),
        (&json!("2026-03"), &json!("2026-03-10"), &json!("2026-03-15"))
    );
    assert_eq!(json["statistics"], json!({ "kind": "missing", "why": "not_configured" }));
    assert_eq!(json["trial"]["price"], "120.00 EUR");
    let text = app.get(&acme, &format!("/v1/customers/{id}/report?month=2026-03&format=text")).await.text;
    assert!(text.starts_with("Subject: Kahvila <b>Ääni</b>: security report of March 2026\n\nTo do:"), "{text}");
    assert!(text.contains("gives no figures of filtered mail"), "{text}");
    let html = app.get(&acme, &format!("/v1/customers/{id}/report?format=html")).await;
    assert!(html.text.contains("Kahvila &#60;b&#62;Ääni") && html.text.contains("src=\"data:image/png;base64,"));
    let other = app.token(Role::Partner, Some("other")).await;
    assert_eq!(app.get(&other, &format!("/v1/customers/{id}/report")).await.status, 404);
    for (month, status, says) in [
        ("2026-3", 422, "is no month"),
        ("2026-02", 404, "was connected on 2026-03-10"),
        ("2026-05", 404, "begins on 2026-04-15"),
    ] {
        let refused = app.get(&acme, &format!("/v1/customers/{id}/report?month={month}")).await;
        assert_eq!(refused.status.as_u16(), status, "{month}: {}", refused.text);
        assert!(refused.text.contains(says), "{month}: {}", refused.text);
    }
}

#[tokio::test]
async fn what_was_sent_is_shown_word_for_word_and_a_month_that_was_missed_is_not_made_up() {
    let app = TestApp::new();
    let id = in_trial(&app).await;
    let desk = app.token(Role::Desk, None).await;
    let mut sent = app.get(&desk, &format!("/v1/customers/{id}/report")).await.json();
    sent["headline"] = json!("As it was sent.");
    told(&app, &id, &[], vec![observation("report:2026-03", &sent, app.now())]).await;
    app.advance(SignedDuration::from_hours(40 * 24));
    let shown = app.get(&desk, &format!("/v1/customers/{id}/report?month=2026-03")).await.json();
    assert_eq!(shown, sent);
    let next = app.get(&desk, &format!("/v1/customers/{id}/report?month=2026-04")).await.json();
    assert_eq!((&next["from"], &next["compared_with"]), (&json!("2026-03-15"), &json!("2026-03")));
    app.advance(SignedDuration::from_hours(40 * 24));
    let missed = app.get(&desk, &format!("/v1/customers/{id}/report?month=2026-04")).await;
    assert_eq!(missed.status, 404);
    assert!(missed.text.contains("No report of 2026-04 was made"), "{}", missed.text);
}

#[tokio::test]
async fn the_page_of_a_report_is_for_its_partner_and_nothing_in_it_acts() {
    let app = TestApp::new();
    let id = in_trial(&app).await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let next = page(&app, &format!("/reports/{id}"), &acme).await;
    assert_eq!(next.header(header::LOCATION), format!("/reports/{id}/2026-03"));
    let shown = page(&app, &format!("/reports/{id}/2026-03"), &acme).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert!(shown.text.contains("Kahvila &#60;b&#62;Ääni") && shown.text.contains("<svg "), "{}", shown.text);
    assert_eq!(shown.text.matches("<script").count(), 1, "the site's own");
    assert!(!shown.text.contains("style="), "pages carry no styles of their own");
    let other = app.token(Role::Partner, Some("other")).await;
    assert_eq!(page(&app, &format!("/reports/{id}/2026-03"), &other).await.status, 404);
    assert_eq!(page(&app, &format!("/reports/{id}/2026-03"), "").await.status, 303);
    assert!(page(&app, "/domains/example.com", &acme).await.text.contains(&format!("/reports/{id}")));
}

const MAIL: &str = "From: rep@partner.example\r\nSubject: Kahvila\r\n\r\nThey stay.\r\n";

/// The form as a browser sends it.
async fn decided(app: &TestApp, id: &str, token: &str, fields: &[(&str, &str)], mail: Option<&str>) -> Reply {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    if let Some(mail) = mail {
        body.push_str(&format!(
            "--xx\r\nContent-Disposition: form-data; name=\"evidence\"; filename=\"yes.eml\"\r\n\
             Content-Type: message/rfc822\r\n\r\n{mail}\r\n"
        ));
    }
    body.push_str("--xx--\r\n");
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/customers/{id}/decide"))
        .header(header::COOKIE, format!("fencepost_token={token}"))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=xx")
        .header("sec-fetch-site", "same-origin");
    app.send(request.body(Body::from(body)).unwrap()).await
}

fn form_word(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"form\" value=\"").unwrap();
    rest.split('"').next().unwrap()
}

async fn phase(app: &TestApp, id: &str) -> Value {
    let desk = app.token(Role::Desk, None).await;
    app.get(&desk, &format!("/v1/customers/{id}")).await.json()["phase"].clone()
}

#[tokio::test]
async fn a_decision_is_entered_on_a_page_with_the_mail_that_says_so() {
    let app = TestApp::new();
    let id = in_trial(&app).await;
    let desk = app.token(Role::Desk, None).await;
    assert!(page(&app, "/domains/example.com", &desk).await.text.contains(&format!("/customers/{id}/decide")));
    let shown = page(&app, &format!("/customers/{id}/decide"), &desk).await.text;
    let word = form_word(&shown).to_owned();
    app.advance(SignedDuration::from_hours(48));

    let yes = [("form", word.as_str()), ("decision", "customer"), ("group", "30"), ("received", "2026-03-11T09:30")];
    let without = decided(&app, &id, &desk, &yes, None).await;
    assert!(without.status.is_client_error() && without.text.contains("attach the mail"), "{}", without.text);
    let empty = decided(&app, &id, &desk, &yes, Some("  ")).await;
    assert!(empty.status.is_client_error() && empty.text.contains("empty"), "{}", empty.text);
    let late = [yes[0], yes[1], yes[2], ("received", "2026-03-13T09:30")];
    let late = decided(&app, &id, &desk, &late, Some(MAIL)).await;
    assert!(late.status.is_client_error() && late.text.contains("later than now"), "{}", late.text);
    let forged = [("form", "guessed"), yes[1], yes[2], yes[3]];
    assert_eq!(decided(&app, &id, &desk, &forged, Some(MAIL)).await.status, 403);
    assert_eq!(phase(&app, &id).await, "trial", "nothing was entered so far");

    let entered = decided(&app, &id, &desk, &yes, Some(MAIL)).await;
    assert_eq!(entered.status, 200, "{}", entered.text);
    assert!(
        entered.text.contains("Entered, with its evidence") && entered.text.contains("charged from 2026-04-09"),
        "{}",
        entered.text
    );
    assert_eq!(phase(&app, &id).await, "active");
    let accounting = app.token(Role::Accounting, None).await;
    let entries = app.get(&accounting, &format!("/v1/ledger/entries?customer={id}")).await;
    assert!(entries.text.contains("yes.eml") && entries.text.contains("2026-03-11"), "{}", entries.text);
    let again = decided(&app, &id, &desk, &yes, Some(MAIL)).await;
    assert!(again.text.contains("Nothing changes"), "{}", again.text);
}

#[tokio::test]
async fn only_the_desk_enters_decisions() {
    let app = TestApp::new();
    let id = in_trial(&app).await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    assert_eq!(page(&app, &format!("/customers/{id}/decide"), &acme).await.status, 403);
    assert!(!page(&app, "/domains/example.com", &acme).await.text.contains("/decide"));
    let fields = [("form", "x"), ("decision", "customer")];
    assert_eq!(decided(&app, &id, &acme, &fields, Some(MAIL)).await.status, 403);
}

#[tokio::test]
async fn silence_is_answered_as_configured() {
    for (policy, phase_then) in [
        (OnNoDecision::Invoice, "active"),
        (OnNoDecision::Escalate, "negotiation"),
        (OnNoDecision::Release, "declined"),
    ] {
        let commerce = CommerceConfig { on_no_decision: policy, ..CommerceConfig::default() };
        let app = TestApp::with(|config| config.commerce = commerce);
        let id = in_trial(&app).await;
        // Warned a week before N (9 May), and then nobody says a word.
        for hours in [54 * 24, 8 * 24] {
            app.advance(SignedDuration::from_hours(hours));
            told(&app, &id, &[Fact::Due], Vec::new()).await;
        }
        assert_eq!(phase(&app, &id).await, phase_then, "{policy:?}");
    }
}
