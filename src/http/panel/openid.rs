//! To the provider and back (OpenID Connect). The browser carries what the attempt is recognised by in a cookie; the
//! provider's word counts for an account that is there already.

use axum::extract::{Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::cookies;
use super::page::Page;
use super::session::own_path;
use super::sign_in::{Next, signed_in};
use crate::engine::{DeskError, NewAct};
use crate::http::HttpState;
use crate::http::auth::role_name;
use crate::http::openid::{Attempt, OpenId, OpenIdError};
use crate::http::problem::{Kind, Problem};
use crate::store::{ActOutcome, ActPart, HolderId, PersonRow, SignInWay};

pub(super) async fn begin(State(state): State<HttpState>, parts: Parts, Query(query): Query<Next>) -> Page {
    state.rates.attempt(&parts)?;
    let openid = configured(&state)?;
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let url = openid.begin(&Attempt(&secret)).await.map_err(|error| told(&error))?;
    let mut response = Redirect::to(url.as_str()).into_response();
    let value = format!("{secret}.{}", URL_SAFE_NO_PAD.encode(own_path(query.next())));
    cookies::set_attempt(&mut response, &value, cookies::secure(&state.config.http));
    Ok(response)
}

#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    /// Why the provider did not say who it is.
    error: Option<String>,
}

pub(super) async fn end(State(state): State<HttpState>, parts: Parts, Query(back): Query<Back>) -> Page {
    state.rates.attempt(&parts)?;
    let openid = configured(&state)?;
    let secure = cookies::secure(&state.config.http);
    let attempt = cookies::attempt(&parts.headers, secure).and_then(|value| value.split_once('.'));
    let Some((secret, next)) = attempt else {
        return Err(refused("This browser has not begun to sign in, or that was too long ago. Begin again.").into());
    };
    if let Some(error) = &back.error {
        let error: String = error.chars().filter(char::is_ascii_graphic).take(80).collect();
        return Err(refused(&format!("The provider did not sign you in ({error}). Begin again.")).into());
    }
    let now = state.clock.now();
    let email = openid.end(&Attempt(secret), &back.state, &back.code, now).await.map_err(|error| told(&error))?;
    let person = match state.desk.person(&email).await {
        Ok(person) if person.disabled_at.is_none() => person,
        Ok(_) | Err(DeskError::NotFound) => {
            tracing::warn!("somebody without an account in force came from the provider");
            let why = format!("There is no account for {email}. The service desk can make one.");
            return Err(refused(&why).into());
        }
        Err(error) => return Err(error.into()),
    };
    write_down(&state, &person).await;
    let holder = HolderId::Person(person.id);
    let begun = state.desk.begin_session(holder, SignInWay::Openid, agent(&parts.headers)).await?;
    let next = URL_SAFE_NO_PAD.decode(next).ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let mut response = signed_in(&state, &next, &begun);
    cookies::end_attempt(&mut response, secure);
    Ok(response)
}

/// The way back is a GET, which the layer that writes down who did what passes by.
async fn write_down(state: &HttpState, person: &PersonRow) {
    let act = NewAct {
        actor: person.email.clone(),
        who: person.name.clone(),
        role: role_name(person.role).to_owned(),
        action: "sign-in".to_owned(),
        part: ActPart::Access,
        subject_kind: String::new(),
        subject: String::new(),
        detail: "through the provider".to_owned(),
        outcome: ActOutcome::Done,
        request_id: state.desk.request_id(),
    };
    if let Err(error) = state.desk.record(vec![act]).await {
        tracing::error!(%error, "a sign-in could not be written down");
    }
}

fn configured(state: &HttpState) -> Result<&OpenId, Problem> {
    state.openid.as_ref().ok_or_else(Problem::not_found)
}

fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn refused(why: &str) -> Problem {
    Problem::new(Kind::NotAllowed, why)
}

/// People learn that it did not work; why, is for the log.
fn told(error: &OpenIdError) -> Problem {
    tracing::warn!(%error, "sign-in through the provider");
    match error {
        OpenIdError::Provider(_) => Problem::new(Kind::NotReady, "The provider cannot be asked just now. Try again."),
        OpenIdError::Refused(_) => refused("What the provider sent is not an answer to this attempt. Begin again."),
    }
}
