//! Sign-in through a provider on loopback that signs what it is told to: the good answer, and every bad one.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, Request, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use url::Url;

use super::{Reply, TestApp};
use crate::config::OpenIdConfig;
use crate::engine::PersonForm;
use crate::order::Language;
use crate::store::Role;

const CLIENT: &str = "fencepost";
const EMAIL: &str = "maija@acme.example";

/// What the provider answers with, changed by each test.
#[derive(Default)]
struct Lies {
    claims: Option<Value>,
    header: Option<Value>,
    /// Signs with a key that it does not publish.
    foreign_key: bool,
    unsigned: bool,
    metadata_issuer: Option<String>,
}

struct Provider {
    issuer: String,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
    now: Mutex<i64>,
    lies: Mutex<Lies>,
    /// Nonce and challenge of the attempt under way.
    asked: Mutex<(String, String)>,
}

fn key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap()
}

impl Provider {
    async fn start() -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Arc::new(Self {
            issuer,
            key: key(),
            other: key(),
            now: Mutex::default(),
            lies: Mutex::default(),
            asked: Mutex::default(),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        provider
    }

    /// An ID token, as the lies have it.
    fn id_token(&self) -> String {
        let lies = self.lies.lock().unwrap();
        let now = *self.now.lock().unwrap();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 300,
            "nonce": self.asked.lock().unwrap().0, "email": EMAIL, "email_verified": true,
        });
        merge(&mut claims, lies.claims.as_ref());
        let mut header = json!({ "alg": "ES256", "kid": "one" });
        merge(&mut header, lies.header.as_ref());
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(&header), encoded(&claims));
        let key = if lies.foreign_key { &self.other } else { &self.key };
        let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        let signature = if lies.unsigned { String::new() } else { URL_SAFE_NO_PAD.encode(signature.as_ref()) };
        format!("{signed}.{signature}")
    }
}

fn merge(into: &mut Value, changes: Option<&Value>) {
    for (name, value) in changes.and_then(Value::as_object).into_iter().flatten() {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            into[name] = value.clone();
        }
    }
}

async fn metadata(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let issuer = &provider.issuer;
    let told = provider.lies.lock().unwrap().metadata_issuer.clone().unwrap_or_else(|| issuer.clone());
    Json(json!({
        "issuer": told, "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
    }))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let point = provider.key.public_key().as_ref();
    let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Json(json!({ "keys": [{
        "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256",
        "x": encoded(&point[1..33]), "y": encoded(&point[33..]),
    }] }))
}

async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Json<Value>, axum::http::StatusCode> {
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:open+sesame")));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    let right = headers[header::AUTHORIZATION] == basic
        && form["code"] == "good"
        && form["grant_type"] == "authorization_code"
        && form["redirect_uri"] == "http://127.0.0.1:8080/sign-in/openid/callback"
        && challenge == provider.asked.lock().unwrap().1;
    if !right {
        return Err(axum::http::StatusCode::BAD_REQUEST);
    }
    Ok(Json(json!({ "id_token": provider.id_token(), "access_token": "x", "token_type": "Bearer" })))
}

struct Scene {
    app: TestApp,
    provider: Arc<Provider>,
    _secret: tempfile::NamedTempFile,
}

impl Scene {
    async fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let provider = Provider::start().await;
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "open sesame\n").unwrap();
        let app = TestApp::with(|config| {
            config.http.openid = Some(OpenIdConfig {
                issuer: provider.issuer.clone(),
                client_id: CLIENT.to_owned(),
                client_secret_file: secret.path().to_owned(),
                name: "Example login".to_owned(),
            });
        });
        *provider.now.lock().unwrap() = app.now().as_second();
        let form = PersonForm {
            email: EMAIL.to_owned(),
            name: "Maija".to_owned(),
            role: Role::Desk,
            partner: None,
            language: Language::En,
        };
        let desk = crate::engine::Desk::new(app.store.clone(), app.clock.clone(), app.config.clone());
        desk.add_person(&form, "test").await.unwrap();
        Self { app, provider, _secret: secret }
    }

    async fn get(&self, path: &str, cookie: &str) -> Reply {
        let request = Request::builder().uri(path).header(header::HOST, "h").header(header::COOKIE, cookie);
        self.app.send(request.body(Body::empty()).unwrap()).await
    }

    /// Goes to the provider: the cookie of the attempt, and its state.
    async fn begin(&self) -> (String, String) {
        let reply = self.get("/sign-in/openid?next=%2Fparked", "").await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        let url = Url::parse(reply.header(header::LOCATION)).unwrap();
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let told =
            (asked["response_type"].as_str(), asked["client_id"].as_str(), asked["code_challenge_method"].as_str());
        assert_eq!(told, ("code", CLIENT, "S256"));
        assert!(asked["scope"].contains("openid") && asked["nonce"] != asked["state"]);
        *self.provider.asked.lock().unwrap() = (asked["nonce"].clone(), asked["code_challenge"].clone());
        let cookie = reply.header(header::SET_COOKIE).split(';').next().unwrap().to_owned();
        (cookie, asked["state"].clone())
    }

    /// A whole sign-in.
    async fn sign_in(&self) -> Reply {
        let (cookie, state) = self.begin().await;
        self.get(&format!("/sign-in/openid/callback?code=good&state={state}"), &cookie).await
    }

    async fn with(&self, lies: Lies) -> Reply {
        *self.provider.lies.lock().unwrap() = lies;
        self.sign_in().await
    }
}

fn session(reply: &Reply) -> Option<String> {
    let cookies = reply.headers.get_all(header::SET_COOKIE).into_iter().map(|cookie| cookie.to_str().unwrap());
    cookies
        .filter_map(|cookie| cookie.split(';').next())
        .find(|c| c.starts_with("fencepost_session="))
        .map(str::to_owned)
}

#[tokio::test]
async fn whoever_the_provider_names_is_signed_in_if_there_is_an_account() {
    let scene = Scene::new().await;
    assert!(scene.get("/sign-in", "").await.text.contains("Sign in with Example login"));
    let reply = scene.sign_in().await;
    assert_eq!((reply.status.as_u16(), reply.header(header::LOCATION)), (303, "/parked"), "{}", reply.text);
    let page = scene.get("/account", &session(&reply).unwrap()).await;
    assert!(page.text.contains("Maija") && page.text.contains("single sign-on"), "{}", page.text);

    let stranger = Lies { claims: Some(json!({ "email": "stranger@acme.example" })), ..Lies::default() };
    let reply = scene.with(stranger).await;
    assert_eq!((reply.status.as_u16(), session(&reply)), (403, None));
    assert!(reply.text.contains("no account for stranger@acme.example"), "{}", reply.text);
    let desk = crate::engine::Desk::new(scene.app.store.clone(), scene.app.clock.clone(), scene.app.config.clone());
    desk.disable_person(EMAIL).await.unwrap();
    assert_eq!(scene.with(Lies::default()).await.status, 403);
}

#[tokio::test]
async fn what_is_not_an_answer_to_this_attempt_signs_nobody_in() {
    let scene = Scene::new().await;
    let now = scene.app.now().as_second();
    let claims = |claims: Value| Lies { claims: Some(claims), ..Lies::default() };
    let header = |header: Value| Lies { header: Some(header), ..Lies::default() };
    let lies = [
        ("another nonce", claims(json!({ "nonce": "x" }))),
        ("no nonce", claims(json!({ "nonce": null }))),
        ("another client", claims(json!({ "aud": "other" }))),
        ("two clients", claims(json!({ "aud": ["other", CLIENT] }))),
        ("another party", claims(json!({ "azp": "other" }))),
        ("another issuer", claims(json!({ "iss": "https://evil.example" }))),
        ("expired", claims(json!({ "exp": now - 61 }))),
        ("old", claims(json!({ "iat": now - 601 }))),
        ("to come", claims(json!({ "iat": now + 120 }))),
        ("not yet", claims(json!({ "nbf": now + 120 }))),
        ("times as text", claims(json!({ "exp": "never" }))),
        ("not verified", claims(json!({ "email_verified": false }))),
        ("not said to be verified", claims(json!({ "email_verified": null }))),
        ("no address", claims(json!({ "email": null }))),
        ("no algorithm", header(json!({ "alg": "none" }))),
        ("the secret as a key", header(json!({ "alg": "HS256" }))),
        ("another algorithm", header(json!({ "alg": "RS256" }))),
        ("another key's name", header(json!({ "kid": "two" }))),
        ("an extension", header(json!({ "crit": ["x"] }))),
        ("another's signature", Lies { foreign_key: true, ..Lies::default() }),
        ("no signature", Lies { unsigned: true, ..Lies::default() }),
        ("neither", Lies { unsigned: true, header: Some(json!({ "alg": "none", "kid": null })), ..Lies::default() }),
    ];
    for (what, lie) in lies {
        let reply = scene.with(lie).await;
        assert_eq!((reply.status.as_u16(), session(&reply)), (403, None), "{what}: {}", reply.text);
        assert!(!reply.text.contains("nonce"), "{what}: people are not told why");
    }
    assert_eq!(scene.with(Lies::default()).await.status, 303, "and the truth is still believed");
}

#[tokio::test]
async fn another_browser_or_another_code_signs_nobody_in() {
    let scene = Scene::new().await;
    let (cookie, state) = scene.begin().await;
    let (other, other_state) = scene.begin().await;
    let callback = |code: &str, state: &str| format!("/sign-in/openid/callback?code={code}&state={state}");
    assert_eq!(scene.get(&callback("good", &state), "").await.status, 403, "no cookie");
    assert_eq!(scene.get(&callback("good", &state), &other).await.status, 403, "another's attempt");
    assert_eq!(scene.get(&callback("good", ""), &cookie).await.status, 403, "no state");
    assert_eq!(scene.get(&callback("good", &state), &cookie).await.status, 503, "the provider knows another challenge");
    assert_eq!(scene.get(&callback("bad", &other_state), &other).await.status, 503, "a code that it does not know");
    let refused = scene.get("/sign-in/openid/callback?error=access_denied%3Cb%3E", &other).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text.contains("access_denied&#60;b&#62;"), "{}", refused.text);
    assert_eq!(scene.get(&callback("good", &other_state), &other).await.status, 303);
}

#[tokio::test]
async fn a_provider_that_is_another_or_none_is_not_gone_to() {
    let scene = Scene::new().await;
    scene.provider.lies.lock().unwrap().metadata_issuer = Some("https://evil.example".to_owned());
    assert_eq!(scene.get("/sign-in/openid", "").await.status, 503);
    let app = TestApp::new();
    for path in ["/sign-in/openid", "/sign-in/openid/callback?code=x&state=y"] {
        assert_eq!(app.get("", path).await.status, 404, "{path}");
    }
    assert!(!app.get("", "/sign-in").await.text.contains("Sign in with "));
}
