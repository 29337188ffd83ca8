//! `fencepost person add|list|disable|enable|sessions`: accounts of people, straight in the store like tokens,
//! because the first one cannot be asked for over the API.

use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::print::{self, cell, lines, table};
use super::{Exit, Global, Output, complain};
use crate::clock::SystemClock;
use crate::config;
use crate::engine::{Desk, DeskError, NewAct, PersonForm};
use crate::http::auth::role_name;
use crate::order::Language;
use crate::store::{self, ActOutcome, ActPart, HolderId, Page, PersonRow, Role, SessionRow};

/// Accounts read at once.
const PIECE: u32 = 500;

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
    /// Give somebody an account: they sign in to the pages with a link by e-mail
    Add {
        /// Their e-mail address
        email: String,
        /// Their name, for histories
        #[arg(long)]
        name: String,
        #[arg(long, value_enum)]
        role: PersonRole,
        /// The partner they are limited to; needed for the role `partner`
        #[arg(long)]
        partner: Option<String>,
        /// Language of the mails to them
        #[arg(long, value_enum, default_value_t)]
        lang: PersonLanguage,
    },
    /// Show the accounts
    List,
    /// Take an account out of force; whoever is signed in by it is signed out at once
    Disable { email: String },
    /// Take a disabled account into force again
    Enable { email: String },
    /// Show where somebody is signed in
    Sessions {
        email: String,
        /// Sign them out everywhere
        #[arg(long)]
        end: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PersonRole {
    Desk,
    Partner,
    Accounting,
    Viewer,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum PersonLanguage {
    #[default]
    En,
    Fi,
}

pub async fn run(args: &Args, global: &Global) -> Exit {
    let desk = match open(global).await {
        Ok(desk) => desk,
        Err(exit) => return exit,
    };
    match act(&desk, args).await {
        Ok(()) => Exit::Pass,
        Err(DeskError::NotFound) => {
            eprintln!("fencepost: no such account; `fencepost person list` shows all of them");
            Exit::Fail
        }
        Err(error) => complain(&error),
    }
}

async fn open(global: &Global) -> Result<Desk, Exit> {
    let config = Arc::new(config::load(&global.config).map_err(|error| complain(&error))?);
    let store = store::open(&config.store).await.map_err(|error| complain(&error))?;
    Ok(Desk::new(store, Arc::new(SystemClock), config))
}

async fn act(desk: &Desk, args: &Args) -> Result<(), DeskError> {
    match &args.action {
        Action::Add { email, name, role, partner, lang } => {
            let form = PersonForm {
                email: email.clone(),
                name: name.clone(),
                role: match role {
                    PersonRole::Desk => Role::Desk,
                    PersonRole::Partner => Role::Partner,
                    PersonRole::Accounting => Role::Accounting,
                    PersonRole::Viewer => Role::Viewer,
                },
                partner: partner.clone(),
                language: match lang {
                    PersonLanguage::En => Language::En,
                    PersonLanguage::Fi => Language::Fi,
                },
            };
            let person = desk.add_person(&form, "command line").await?;
            record(desk, "make-person", &person.email, format!("role {}", role_name(person.role))).await;
            match args.output {
                Output::Json => print::json(&seen(&person)),
                Output::Table => lines(&format!(
                    "{} has an account with the role {}. They sign in at /sign-in with this address.",
                    cell(&person.email),
                    role_name(person.role)
                )),
            }
        }
        Action::List => list(&everybody(desk).await?, args.output),
        Action::Disable { email } => {
            let ended = desk.disable_person(email).await?;
            record(desk, "disable-person", email, format!("sessions ended: {ended}")).await;
            lines(&format!("disabled {}; sessions ended: {ended}", cell(email)));
        }
        Action::Enable { email } => {
            desk.enable_person(email).await?;
            record(desk, "enable-person", email, String::new()).await;
            lines(&format!("{} may sign in again", cell(email)));
        }
        Action::Sessions { email, end } => {
            let holder = HolderId::Person(desk.person(email).await?.id);
            if *end {
                let ended = desk.end_sessions(&holder).await?;
                record(desk, "end-sessions", email, format!("sessions ended: {ended}")).await;
                lines(&format!("signed {} out; sessions ended: {ended}", cell(email)));
            } else {
                sessions(&desk.sessions(&holder).await?, args.output);
            }
        }
    }
    Ok(())
}

/// Who has the database at hand may do this: there is nobody to ask.
async fn record(desk: &Desk, action: &str, email: &str, detail: String) {
    let act = NewAct {
        actor: String::new(),
        who: "command line, at the database".to_owned(),
        role: "operator".to_owned(),
        action: action.to_owned(),
        part: ActPart::Access,
        subject_kind: "person".to_owned(),
        subject: email.trim().to_lowercase(),
        detail,
        outcome: ActOutcome::Done,
        request_id: desk.request_id(),
    };
    if let Err(error) = desk.record(vec![act]).await {
        eprintln!("This could not be written down for `fencepost audit`: {error}");
    }
}

async fn everybody(desk: &Desk) -> Result<Vec<PersonRow>, DeskError> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let listing = desk.people(&Page { after, limit: PIECE }).await?;
        all.extend(listing.rows);
        after = listing.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

fn seen(person: &PersonRow) -> Value {
    json!({
        "email": person.email, "name": person.name, "role": person.role, "partner": person.partner,
        "language": person.language, "created_at": person.created_at, "created_by": person.created_by,
        "disabled_at": person.disabled_at, "signed_in_at": person.signed_in_at,
    })
}

fn list(people: &[PersonRow], output: Output) {
    if output == Output::Json {
        print::json(&people.iter().map(seen).collect::<Vec<_>>());
        return;
    }
    let at = |at: Option<Timestamp>| at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let mut out = table(&["e-mail", "name", "role", "partner", "signed in last", "state"]);
    for person in people {
        out.add_row([
            cell(&person.email),
            cell(&person.name),
            role_name(person.role).to_owned(),
            cell(person.partner.as_deref().unwrap_or("–")),
            at(person.signed_in_at),
            person.disabled_at.map_or_else(|| "in force".to_owned(), |at| format!("disabled {at}")),
        ]);
    }
    lines(&out.to_string());
}

fn sessions(rows: &[SessionRow], output: Output) {
    if output == Output::Json {
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                json!({
                    "id": row.id, "way": row.way, "browser": row.browser, "created_at": row.created_at,
                    "seen_at": row.seen_at, "ends_at": row.ends_at,
                })
            })
            .collect();
        print::json(&rows);
        return;
    }
    let mut out = table(&["id", "since", "last seen", "ends", "browser"]);
    for row in rows {
        let [since, seen, ends] = [row.created_at, row.seen_at, row.ends_at].map(|at| at.to_string());
        out.add_row([row.id.clone(), since, seen, ends, cell(&row.browser)]);
    }
    lines(&out.to_string());
}
