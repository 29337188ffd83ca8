//! What the desk may do about a domain from its page: only what would change something, each with a reason that
//! is kept in the history and in the log of who did what. What may be done is decided by the lifecycle.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use fencepost_checks::DomainName;
use serde::Deserialize;

use super::action::caller;
use super::page::Page;
use super::session::Reader;
use crate::engine::{Doing, Outcome};
use crate::http::HttpState;
use crate::http::api::{name, reason};
use crate::http::problem::{Kind, Problem};
use crate::http::trail::{Each, Trail};
use crate::store::{ActOutcome, Role};

/// Names of an MX set that is accepted.
const NAMES: usize = 32;

/// A form on the page of a domain.
pub(super) struct Offer {
    pub action: &'static str,
    pub title: &'static str,
    /// What follows from it.
    pub about: &'static str,
    pub danger: bool,
    pub needs_reason: bool,
    /// Wants the names of an MX set: those that are published now.
    pub names: Option<String>,
    /// May have the gateway defer the mail.
    pub may_defer: bool,
}

/// Action, title, what follows from it, whether it is grave.
const OFFERS: [(&str, &str, &str, bool); 11] = [
    ("recheck", "Look again now", "Every check is made again, as soon as manners allow it.", false),
    ("register", "Register the customer", "The checks of all its domains begin.", false),
    ("resume", "End the suspension", "Checks and steps go on.", false),
    (
        "accept-mx",
        "Accept the MX as it is",
        "The window closes on this set, and a change of it is a drift. Its warning stays.",
        false,
    ),
    ("keep", "Keep the domain after all", "The release is taken back.", false),
    ("keep-servers", "Keep the present mail servers", "The change of own servers is given up, or taken back.", false),
    (
        "suspend",
        "Suspend",
        "Nothing goes forward and nobody is asked for anything; the MX is still watched, and invoicing goes on.",
        true,
    ),
    (
        "departed",
        "Decide that the domain has left",
        "Its name servers have been silent for a fortnight. The route is removed.",
        true,
    ),
    (
        "cut-off",
        "Announce the end",
        "The MX never moved. Mail is deferred in 30 days and refused three days later.",
        true,
    ),
    (
        "cancel",
        "Withdraw the order",
        "Before a route existed it ends here; afterwards the MX has to be moved away first.",
        true,
    ),
    (
        "release",
        "End the service for this domain",
        "People are asked to move the MX away; the route stays until it has moved.",
        true,
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    form: String,
    action: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    names: String,
    #[serde(default)]
    defer: String,
}

/// The forms of one domain's page; nothing for whoever is not of the desk.
#[derive(Default)]
pub(super) struct Actions {
    pub domain: String,
    pub form: Option<String>,
    pub offers: Vec<Offer>,
}

/// What would change something now. `published` are the exchanges that are seen.
pub(super) async fn of(
    state: &HttpState,
    reader: &Reader,
    domain: &DomainName,
    published: &[String],
) -> Result<Actions, Problem> {
    let Some(form) = reader.desk_form() else { return Ok(Actions::default()) };
    let offers = offers(state, reader, domain, published).await?;
    Ok(Actions { domain: domain.to_string(), form: Some(form), offers })
}

async fn offers(
    state: &HttpState,
    reader: &Reader,
    domain: &DomainName,
    published: &[String],
) -> Result<Vec<Offer>, Problem> {
    let all: Vec<Doing> =
        OFFERS.iter().filter_map(|(action, ..)| doing(action, String::new(), published, false)).collect();
    let outcomes = state.desk.foresee_all(domain, &all, &caller(reader)).await?;
    let offer =
        |((action, title, about, danger), outcome): (&(&'static str, &'static str, &'static str, bool), Outcome)| {
            outcome.changed.then(|| Offer {
                action,
                title,
                about,
                danger: *danger,
                needs_reason: !matches!(*action, "recheck" | "register"),
                names: (*action == "accept-mx").then(|| published.join("\n")),
                may_defer: *action == "suspend",
            })
        };
    Ok(OFFERS.iter().zip(outcomes).filter_map(offer).collect())
}

pub(super) async fn act(
    State(state): State<HttpState>,
    reader: Reader,
    trail: Trail,
    headers: HeaderMap,
    Path(domain): Path<String>,
    Form(wish): Form<Wish>,
) -> Page {
    reader.sent_by(&[Role::Desk], &headers, &wish.form)?;
    let domain = name(&domain)?;
    let known = OFFERS.iter().any(|(action, ..)| *action == wish.action);
    let free = matches!(wish.action.as_str(), "recheck" | "register");
    let why = if known && !free { reason(wish.reason.trim().to_owned())? } else { String::new() };
    let names: Vec<String> = wish.names.split_whitespace().map(str::to_owned).collect();
    if names.len() > NAMES || (wish.action == "accept-mx" && names.is_empty()) {
        return Err(Problem::field("names", format!("1 to {NAMES} host names, one a line")).into());
    }
    for text in &names {
        DomainName::parse(text).map_err(|error| Problem::field("names", error.to_string()))?;
    }
    let doing = doing(&wish.action, why, &names, !wish.defer.is_empty())
        .ok_or_else(|| Problem::field("action", "is nothing that is done here"))?;
    let outcome = state.desk.carry_out(&domain, &doing, &caller(&reader)).await?;
    if !outcome.changed {
        let why = "Meanwhile there is nothing to do about it in this phase. Load the page of the domain again.";
        return Err(Problem::new(Kind::Conflict, why).into());
    }
    trail.each(Each {
        action: doing.word(),
        subject_kind: "domain",
        subject: domain.to_string(),
        detail: told(&doing),
        outcome: ActOutcome::Done,
    });
    Ok(Redirect::to(&format!("/domains/{domain}")).into_response())
}

fn doing(action: &str, reason: String, names: &[String], defer: bool) -> Option<Doing> {
    Some(match action {
        "recheck" => Doing::Recheck,
        "register" => Doing::Register,
        "resume" => Doing::Resume { reason },
        "accept-mx" => {
            let names = names.iter().filter_map(|text| DomainName::parse(text).ok()).collect();
            Doing::AcceptMx { names, reason }
        }
        "keep" => Doing::Keep { reason },
        "keep-servers" => Doing::KeepRoute { reason },
        "suspend" => Doing::Suspend { reason, defer },
        "departed" => Doing::Departed { reason },
        "cut-off" => Doing::CutOff { reason },
        "cancel" => Doing::Cancel { reason },
        "release" => Doing::Release { reason },
        _ => return None,
    })
}

/// The reason, and what it was about.
fn told(doing: &Doing) -> String {
    match doing {
        Doing::AcceptMx { names, reason } => {
            let names: Vec<&str> = names.iter().map(DomainName::as_str).collect();
            format!("{reason}; names: {}", names.join(" "))
        }
        Doing::Suspend { reason, defer: true } => format!("{reason}; mail is deferred"),
        other => other.reason().to_owned(),
    }
}
