//! Signing in as a browser does: with cookies, words of forms, and links out of mails.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::Body;
use axum::http::{Method, Request, header};
use jiff::SignedDuration;

use super::{Reply, TestApp};
use crate::config::RateConfig;
use crate::engine::{PersonForm, secret_hash};
use crate::order::Language;
use crate::store::{HolderId, NewSignInLink, PersonRow, Role};

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A browser with its cookies.
struct Browser<'a> {
    app: &'a TestApp,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    fn of(app: &'a TestApp) -> Self {
        Self { app, cookies: Mutex::default() }
    }

    async fn get(&self, path: &str) -> Reply {
        self.send(Request::builder().uri(path), Body::empty()).await
    }

    /// Sends a form with the word of the page that it stands on.
    async fn submit(&self, page: &Reply, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("form", word(&page.text)).extend_pairs(fields);
        let request = Request::builder().method(Method::POST).uri(path).header("sec-fetch-site", "same-origin");
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, Body::from(body.finish())).await
    }

    async fn send(&self, mut request: axum::http::request::Builder, body: Body) -> Reply {
        let sent: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !sent.is_empty() {
            request = request.header(header::COOKIE, sent.join("; "));
        }
        let reply = self.app.send(request.header(header::HOST, "h").body(body).unwrap()).await;
        for cookie in reply.headers.get_all(header::SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap().to_owned();
            let mut cookies = self.cookies.lock().unwrap();
            if value.is_empty() {
                cookies.remove(name)
            } else {
                cookies.insert(name.to_owned(), value)
            };
        }
        reply
    }

    /// Opens the link and presses the button.
    async fn follow(&self, secret: &str) -> Reply {
        let path = format!("/sign-in/link/{secret}");
        let page = self.get(&path).await;
        self.submit(&page, &path, &[]).await
    }

    fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }
}

fn word(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"form\" value=\"").unwrap_or_else(|| panic!("no form in {page}"));
    rest.split('"').next().unwrap()
}

fn with_mail() -> TestApp {
    TestApp::with(|config| config.notify.smarthost = "smtp://127.0.0.1:1".to_owned())
}

impl TestApp {
    async fn person(&self, email: &str, role: Role, partner: Option<&str>) -> PersonRow {
        let form = PersonForm {
            email: email.to_owned(),
            name: "Maija Virtanen".to_owned(),
            role,
            partner: partner.map(str::to_owned),
            language: Language::En,
        };
        self.desk().add_person(&form, "test").await.unwrap()
    }

    fn desk(&self) -> crate::engine::Desk {
        crate::engine::Desk::new(self.store.clone(), self.clock.clone(), self.config.clone())
    }

    /// What the engine does when the mail is made.
    async fn mailed(&self, person: &PersonRow, secret: &str, next: &str) {
        let link = NewSignInLink {
            hash: secret_hash(secret),
            person_id: person.id.clone(),
            next: next.to_owned(),
            created_at: self.now(),
            ends_at: self.now() + SignedDuration::from_mins(15),
        };
        assert!(self.store.keep_sign_in_link(link).await.unwrap());
    }
}

#[tokio::test]
async fn the_answer_is_the_same_for_every_address() {
    let app = with_mail();
    app.person("maija@acme.example", Role::Partner, Some("acme")).await;
    let mut answers = Vec::new();
    for email in ["maija@acme.example", "stranger@elsewhere.example"] {
        let browser = Browser::of(&app);
        let page = browser.get("/sign-in").await;
        let reply = browser.submit(&page, "/sign-in", &[("email", email)]).await;
        let sent = browser.get(reply.header(header::LOCATION)).await;
        assert!(sent.text.contains("If the address has an account"), "{}", sent.text);
        let mut reply = reply;
        reply.headers.remove("x-request-id");
        answers.push((reply.status, reply.text, format!("{:?}", reply.headers), sent.text));
    }
    assert_eq!(answers[0].0, 303);
    assert_eq!(answers[0], answers[1]);
    let browser = Browser::of(&app);
    let page = browser.get("/sign-in").await;
    let wrong = browser.submit(&page, "/sign-in", &[("email", "no address"), ("next", "/order")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("aria-invalid") && wrong.text.contains("value=\"/order\""), "{}", wrong.text);
}

#[tokio::test]
async fn a_link_signs_in_after_a_button_and_looking_uses_nothing_up() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let person = app.person("maija@acme.example", Role::Partner, Some("acme")).await;
    app.mailed(&person, SECRET, "/domains/example.com").await;
    let path = format!("/sign-in/link/{SECRET}");
    // A mail scanner opens it, again and again, and holds no cookie.
    for _ in 0..3 {
        let seen = Browser::of(&app).get(&path).await;
        assert!(seen.status == 200 && seen.text.contains("Sign in as Maija Virtanen"), "{}", seen.text);
    }
    let browser = Browser::of(&app);
    let reply = browser.follow(SECRET).await;
    assert_eq!((reply.status.as_u16(), reply.header(header::LOCATION)), (303, "/domains/example.com"));
    let page = browser.get("/domains/example.com").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("/account"), "{}", page.text);
    assert_eq!(browser.get("/account").await.text.matches("this one").count(), 1);
    let other = Browser::of(&app);
    let form = other.get("/sign-in").await;
    let again = other.submit(&form, &path, &[]).await;
    assert_eq!(again.status, 410);
    assert!(again.text.contains("does not work any more"), "{}", again.text);
    let secret = browser.cookie("fencepost_session").unwrap();
    assert_ne!(secret, SECRET);
    assert!(!page.text.contains(&secret) && app.store.session(&secret_hash(&secret)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_link_ends_and_unknown_ones_look_alike() {
    let app = TestApp::new();
    let person = app.person("maija@acme.example", Role::Desk, None).await;
    app.mailed(&person, SECRET, "/").await;
    app.advance(SignedDuration::from_mins(15));
    let ended = Browser::of(&app).get(&format!("/sign-in/link/{SECRET}")).await;
    let other = SECRET.replace('0', "1");
    let unknown = Browser::of(&app).get(&format!("/sign-in/link/{other}")).await;
    let odd = Browser::of(&app).get("/sign-in/link/x%22%3E").await;
    let shown = |reply: &Reply| reply.text.clone();
    assert_eq!((ended.status.as_u16(), shown(&ended)), (410, shown(&unknown)));
    assert_eq!((odd.status.as_u16(), shown(&odd)), (410, shown(&unknown)));
    let page = Browser::of(&app);
    let form = page.get("/sign-in").await;
    assert_eq!(page.submit(&form, &format!("/sign-in/link/{SECRET}"), &[]).await.status, 410);
}

#[tokio::test]
async fn sessions_end_when_unused_when_old_and_when_ended() {
    let app = TestApp::with(|config| {
        config.http.sign_in.idle_minutes = 60;
        config.http.sign_in.session_hours = 3;
    });
    let person = app.person("maija@acme.example", Role::Desk, None).await;
    let sign_in = async |secret: &str| {
        app.mailed(&person, secret, "/").await;
        let browser = Browser::of(&app);
        assert_eq!(browser.follow(secret).await.status, 303);
        browser
    };
    let idle = sign_in(SECRET).await;
    let busy = sign_in(SECRET).await;
    app.advance(SignedDuration::from_mins(59));
    assert_eq!(busy.get("/").await.status, 200);
    app.advance(SignedDuration::from_mins(1));
    assert_eq!(idle.get("/").await.status, 303, "unused for an hour");
    assert_eq!(busy.get("/").await.status, 200);
    app.advance(SignedDuration::from_mins(50));
    assert_eq!(busy.get("/").await.status, 200);
    app.advance(SignedDuration::from_mins(50));
    assert_eq!(busy.get("/").await.status, 200);
    app.advance(SignedDuration::from_mins(20));
    assert_eq!(busy.get("/").await.status, 303, "three hours, whatever was done");

    let (one, two, three) = (sign_in(SECRET).await, sign_in(SECRET).await, sign_in(SECRET).await);
    let page = one.get("/account").await;
    let theirs = app.store.session(&secret_hash(&two.cookie("fencepost_session").unwrap())).await.unwrap().unwrap().id;
    let ended = one.submit(&page, &format!("/account/sessions/{theirs}/end"), &[]).await;
    assert_eq!(ended.header(header::LOCATION), "/account");
    assert_eq!((two.get("/").await.status.as_u16(), three.get("/").await.status.as_u16()), (303, 200));
    assert_eq!(one.submit(&page, "/account/sessions/nobody/end", &[]).await.status, 404);
    let out = one.submit(&page, "/account/sign-out-everywhere", &[]).await;
    assert_eq!(out.header(header::LOCATION), "/sign-in");
    assert_eq!((one.get("/").await.status.as_u16(), three.get("/").await.status.as_u16()), (303, 303));

    let last = sign_in(SECRET).await;
    let page = last.get("/account").await;
    let copy = last.cookie("fencepost_session").unwrap();
    assert_eq!(last.submit(&page, "/sign-out", &[]).await.status, 303);
    assert_eq!(last.cookie("fencepost_session"), None);
    assert!(app.store.session(&secret_hash(&copy)).await.unwrap().is_none(), "over here, too");
}

#[tokio::test]
async fn a_disabled_person_and_a_revoked_token_are_out_at_once() {
    let app = TestApp::new();
    let person = app.person("maija@acme.example", Role::Desk, None).await;
    app.mailed(&person, SECRET, "/").await;
    let browser = Browser::of(&app);
    assert_eq!(browser.follow(SECRET).await.status, 303);
    app.desk().disable_person("maija@acme.example").await.unwrap();
    assert_eq!(browser.get("/").await.status, 303);
    app.desk().enable_person("maija@acme.example").await.unwrap();
    assert_eq!(browser.get("/").await.status, 303, "an old session does not come back");

    let token = app.token(Role::Desk, None).await;
    let browser = Browser::of(&app);
    let page = browser.get("/sign-in").await;
    let reply = browser.submit(&page, "/sign-in/token", &[("token", &token), ("next", "/parked")]).await;
    assert_eq!((reply.status.as_u16(), reply.header(header::LOCATION)), (303, "/parked"));
    let secret = browser.cookie("fencepost_session").unwrap();
    assert!(!token.contains(&secret) && browser.cookies.lock().unwrap().values().all(|held| *held != token));
    assert_eq!(browser.get("/parked").await.status, 200);
    let id = token.split('_').nth(1).unwrap();
    assert_eq!(app.store.sessions(&HolderId::Token(id.to_owned())).await.unwrap().len(), 1);
    app.store.revoke_token(id, app.now()).await.unwrap();
    assert_eq!(browser.get("/parked").await.status, 303);
}

#[tokio::test]
async fn tokens_of_agents_and_false_ones_open_nothing() {
    let app = TestApp::new();
    let agent = app.token(Role::Agent, None).await;
    for token in [agent.as_str(), "fp_wrong", ""] {
        let browser = Browser::of(&app);
        let page = browser.get("/sign-in").await;
        let reply = browser.submit(&page, "/sign-in/token", &[("token", token)]).await;
        assert_eq!(reply.status, 401, "{token}");
        assert!(reply.text.contains("not in force") && browser.cookie("fencepost_session").is_none());
    }
    let app = TestApp::with(|config| config.http.sign_in.token = false);
    let desk = app.token(Role::Desk, None).await;
    let browser = Browser::of(&app);
    let page = browser.get("/sign-in").await;
    assert!(page.text.contains("Nobody can sign in just now"), "no mail, no token: {}", page.text);
    let app = app.reconfigured(|config| config.notify.smarthost = "smtp://127.0.0.1:1".to_owned());
    let browser = Browser::of(&app);
    let page = browser.get("/sign-in").await;
    assert!(!page.text.contains("token\" name"), "{}", page.text);
    assert_eq!(browser.submit(&page, "/sign-in/token", &[("token", &desk)]).await.status, 403);
}

#[tokio::test]
async fn cookies_are_bound_to_the_host_where_there_is_tls() {
    let app = TestApp::with(|config| config.http.public_url = "https://fencepost.example".to_owned());
    let partner = app.token(Role::Partner, Some("acme")).await;
    let browser = Browser::of(&app);
    let page = browser.get("/sign-in").await;
    let reply = browser.submit(&page, "/sign-in/token", &[("token", &partner), ("next", "https://evil.example")]).await;
    assert_eq!((reply.status.as_u16(), reply.header(header::LOCATION)), (303, "/"));
    let cookie = reply.header(header::SET_COOKIE);
    assert!(cookie.starts_with("__Host-fencepost_session="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/", "Max-Age=86400"] {
        assert!(cookie.contains(attribute), "{attribute} in {cookie}");
    }
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(reply.header(header::STRICT_TRANSPORT_SECURITY), "max-age=31536000");
}

#[tokio::test]
async fn attempts_of_one_client_are_bounded() {
    let app = TestApp::with(|config| {
        config.notify.smarthost = "smtp://127.0.0.1:1".to_owned();
        config.http.rate = RateConfig { sign_in_per_minute: 1, sign_in_burst: 3, ..RateConfig::unbounded() };
    });
    let desk = app.token(Role::Desk, None).await;
    let browser = Browser::of(&app);
    let page = browser.get("/sign-in").await;
    assert_eq!(browser.submit(&page, "/sign-in", &[("email", "a@b.example")]).await.status, 303);
    assert_eq!(browser.submit(&page, "/sign-in/token", &[("token", "fp_x")]).await.status, 401);
    assert_eq!(app.get("fp_wrong", "/v1/domains").await.status, 401, "that was one, too");
    let refused = browser.submit(&page, "/sign-in", &[("email", "a@b.example")]).await;
    assert_eq!((refused.status.as_u16(), refused.header(header::RETRY_AFTER)), (429, "60"));
    assert!(refused.text.contains("A moment, please"), "{}", refused.text);
    assert_eq!(app.get("fp_wrong", "/v1/domains").await.status, 429);
    assert_eq!(app.get(&desk, "/v1/domains").await.status, 200, "who has a token is not held up");
}
