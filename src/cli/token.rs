//! `fencepost token create|list|revoke`: access tokens, straight in the store, because the first one
//! cannot be asked for over the API.

use std::sync::Arc;

use clap::ValueEnum;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::print::{self, cell, lines, table};
use super::{Exit, Global, Output, complain};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config};
use crate::engine::{Desk, NewAct};
use crate::http::auth::role_name;
use crate::http::token::Token;
use crate::store::{self, ActOutcome, ActPart, NewToken, Role, Store, StoreError};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// How to print
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Output,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token and print it, once
    Create {
        /// What it opens
        #[arg(long, value_enum)]
        role: RoleWord,
        /// The partner it is limited to; needed for the role `partner`
        #[arg(long)]
        partner: Option<String>,
        /// For people and histories: whose it is
        #[arg(long, default_value = "")]
        label: String,
        /// Days until it ends; without it the token holds until it is revoked
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
        days: Option<u32>,
    },
    /// Show the tokens, without their secrets
    List,
    /// Take a token out of force
    Revoke {
        /// Its id: the middle part
        id: String,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleWord {
    Desk,
    Partner,
    Accounting,
    Agent,
    Viewer,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Desk => Self::Desk,
            RoleWord::Partner => Self::Partner,
            RoleWord::Accounting => Self::Accounting,
            RoleWord::Agent => Self::Agent,
            RoleWord::Viewer => Self::Viewer,
        }
    }
}

/// Why a token is not made.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error("a token with the role `partner` needs --partner NAME: it sees that partner's customers only")]
    NeedsPartner,
    #[error("a token with the role `agent` needs --label NAME, the name of the agent: 1 to 63 of a-z, 0-9 and -")]
    AgentName,
    #[error("--partner goes with the roles `partner` and `viewer` only")]
    NoPartner,
    #[error("{what} must be 1 to 200 characters without control characters")]
    Text { what: &'static str },
    #[error("there is no token in force with the id `{0}`")]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub async fn run(args: &Args, global: &Global) -> Exit {
    let (store, config) = match open(global).await {
        Ok(opened) => opened,
        Err(exit) => return exit,
    };
    let now = SystemClock.now();
    let desk = Desk::new(store.clone(), Arc::new(SystemClock), Arc::new(config));
    let done = match &args.action {
        Action::Create { role, partner, label, days } => {
            let whose = ((*role).into(), partner.as_deref());
            create(&desk, store.as_ref(), whose, label, *days, now, args.output).await
        }
        Action::List => list(store.as_ref(), now, args.output).await,
        Action::Revoke { id } => revoke(&desk, store.as_ref(), id, now, args.output).await,
    };
    match done {
        Ok(()) => Exit::Pass,
        Err(error @ TokenError::Unknown(_)) => {
            complain(&error);
            Exit::Fail
        }
        Err(error) => complain(&error),
    }
}

async fn open(global: &Global) -> Result<(Arc<dyn Store>, Config), Exit> {
    let config = config::load(&global.config).map_err(|error| complain(&error))?;
    let store = store::open(&config.store).await.map_err(|error| complain(&error))?;
    Ok((store, config))
}

/// Who has the database at hand may do this: there is nobody to ask.
async fn record(desk: &Desk, action: &str, id: &str, detail: String) {
    let act = NewAct {
        actor: String::new(),
        who: "command line, at the database".to_owned(),
        role: "operator".to_owned(),
        action: action.to_owned(),
        part: ActPart::Access,
        subject_kind: "token".to_owned(),
        subject: id.to_owned(),
        detail,
        outcome: ActOutcome::Done,
        request_id: desk.request_id(),
    };
    if let Err(error) = desk.record(vec![act]).await {
        eprintln!("This could not be written down for `fencepost audit`: {error}");
    }
}

async fn create(
    desk: &Desk,
    store: &dyn Store,
    (role, partner): (Role, Option<&str>),
    label: &str,
    days: Option<u32>,
    now: Timestamp,
    output: Output,
) -> Result<(), TokenError> {
    match (role, partner) {
        (Role::Partner, None) => return Err(TokenError::NeedsPartner),
        (Role::Desk | Role::Accounting | Role::Agent, Some(_)) => return Err(TokenError::NoPartner),
        _ => {}
    }
    if role == Role::Agent && !config::is_agent_name(label) {
        return Err(TokenError::AgentName);
    }
    let plain = |text: &str| text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if !plain(label) {
        return Err(TokenError::Text { what: "--label" });
    }
    if partner.is_some_and(|partner| partner.trim().is_empty() || !plain(partner)) {
        return Err(TokenError::Text { what: "--partner" });
    }
    let token = Token::generate();
    let expires_at = days.and_then(|days| now.checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok());
    let new = NewToken {
        id: token.id().to_owned(),
        hash: token.hash(),
        role,
        partner: partner.map(str::to_owned),
        label: label.to_owned(),
        created_at: now,
        expires_at,
    };
    store.create_token(new).await?;
    let of = partner.map(|partner| format!(" of {partner}")).unwrap_or_default();
    record(desk, "make-token", token.id(), format!("{}{of}: {label}", role_name(role))).await;
    match output {
        Output::Json => print::json(&json!({ "id": token.id(), "token": token.reveal(), "role": role_name(role) })),
        Output::Table => {
            lines(token.reveal());
            eprintln!("This token is shown once and not stored. Use it as FENCEPOST_TOKEN or to sign in.");
        }
    }
    Ok(())
}

async fn list(store: &dyn Store, now: Timestamp, output: Output) -> Result<(), TokenError> {
    let tokens = store.tokens().await?;
    let state = |revoked: Option<Timestamp>, ends: Option<Timestamp>| match (revoked, ends) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(end)) if end <= now => format!("ended {end}"),
        (None, Some(end)) => format!("until {end}"),
        (None, None) => "in force".to_owned(),
    };
    if output == Output::Json {
        let rows: Vec<_> = tokens
            .iter()
            .map(|token| {
                json!({
                    "id": token.id, "role": token.role, "partner": token.partner, "label": token.label,
                    "created_at": token.created_at, "expires_at": token.expires_at, "revoked_at": token.revoked_at,
                })
            })
            .collect();
        print::json(&rows);
        return Ok(());
    }
    let mut out = table(&["id", "role", "partner", "label", "made", "state"]);
    for token in &tokens {
        out.add_row([
            token.id.clone(),
            role_name(token.role).to_owned(),
            cell(token.partner.as_deref().unwrap_or("–")),
            cell(&token.label),
            token.created_at.to_string(),
            state(token.revoked_at, token.expires_at),
        ]);
    }
    lines(&out.to_string());
    Ok(())
}

async fn revoke(desk: &Desk, store: &dyn Store, id: &str, now: Timestamp, output: Output) -> Result<(), TokenError> {
    // People paste the whole token: its id is enough, the rest is not looked at.
    let id = Token::parse(id).map_or_else(|| id.to_owned(), |token| token.id().to_owned());
    if store.revoke_token(&id, now).await? {
        record(desk, "revoke-token", &id, String::new()).await;
        match output {
            Output::Json => print::json(&json!({ "id": id, "revoked_at": now })),
            Output::Table => lines(&format!("revoked {}", cell(&id))),
        }
        return Ok(());
    }
    Err(TokenError::Unknown(cell(&id)))
}
