//! `/bulk`: one thing for several domains. First a page that says what will happen to each, then the deed, and a
//! page with what became of each. Every one of them goes the way that a single one goes.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use fencepost_checks::DomainName;

use super::action::caller;
use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::words;
use crate::engine::{Doing, Outcome};
use crate::http::HttpState;
use crate::http::api::{name, reason};
use crate::http::problem::Problem;
use crate::http::trail::{Each, Trail};
use crate::store::{ActOutcome, Role};

/// Domains in one go.
const MOST: usize = 200;

/// Action, as people say it, whether it needs a reason.
const ACTIONS: [(&str, &str, bool); 5] = [
    ("recheck", "Look again now", false),
    ("register", "Register the customer", false),
    ("suspend", "Suspend", true),
    ("resume", "End the suspension", true),
    ("cancel", "Withdraw the order", true),
];

struct Row {
    domain: String,
    /// Colour class.
    tone: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "pages/bulk.html")]
struct BulkPage {
    title: &'static str,
    action: &'static str,
    reason: String,
    rows: Vec<Row>,
    /// How many of them something happens to.
    count: usize,
    /// Of what is still to be confirmed.
    form: Option<String>,
    frame: Frame,
}

/// What was sent: an action, a reason, and the domains.
struct Wish {
    title: &'static str,
    action: &'static str,
    reason: String,
    doing: Doing,
    domains: Vec<DomainName>,
}

pub(super) async fn confirm(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Page {
    let wish = wish(&reader, &headers, &sent)?;
    let (caller, mut rows, mut count) = (caller(&reader), Vec::new(), 0);
    for domain in &wish.domains {
        let (tone, text) = match state.desk.foresee(domain, &wish.doing, &caller).await {
            Ok(outcome) if outcome.changed => {
                count += 1;
                ("go", will(&outcome))
            }
            Ok(outcome) => {
                ("unknown", format!("nothing: there is nothing to do in the phase {}", in_words(&outcome.phase)))
            }
            Err(error) => ("stop", Problem::from(error).detail().to_owned()),
        };
        rows.push(Row { domain: domain.to_string(), tone, text });
    }
    let Wish { title, action, reason, .. } = wish;
    let form = reader.desk_form().filter(|_| count > 0);
    html(&BulkPage { title, action, reason, rows, count, form, frame: Frame::of(&reader, "/") })
}

pub(super) async fn carry_out(
    State(state): State<HttpState>,
    reader: Reader,
    trail: Trail,
    headers: HeaderMap,
    Form(sent): Form<Vec<(String, String)>>,
) -> Page {
    let wish = wish(&reader, &headers, &sent)?;
    let (caller, mut rows, mut count) = (caller(&reader), Vec::new(), 0);
    for domain in &wish.domains {
        let (tone, text) = match state.desk.carry_out(domain, &wish.doing, &caller).await {
            Ok(outcome) if outcome.changed => {
                count += 1;
                trail.each(Each {
                    action: wish.doing.word(),
                    subject_kind: "domain",
                    subject: domain.to_string(),
                    detail: wish.reason.clone(),
                    outcome: ActOutcome::Done,
                });
                ("done", format!("done; now {}", in_words(&outcome.phase)))
            }
            Ok(outcome) => ("unknown", format!("nothing was to be done; {}", in_words(&outcome.phase))),
            Err(error) => ("stop", format!("not done: {}", Problem::from(error).detail())),
        };
        rows.push(Row { domain: domain.to_string(), tone, text });
    }
    let Wish { title, action, reason, .. } = wish;
    html(&BulkPage { title, action, reason, rows, count, form: None, frame: Frame::of(&reader, "/") })
}

fn wish(reader: &Reader, headers: &HeaderMap, sent: &[(String, String)]) -> Result<Wish, Problem> {
    let field = |wanted: &str| sent.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str());
    reader.sent_by(&[Role::Desk], headers, field("form"))?;
    let known = ACTIONS.into_iter().find(|(action, ..)| *action == field("action"));
    let (action, title, needs_reason) =
        known.ok_or_else(|| Problem::field("action", "is nothing that is done here"))?;
    let said = field("reason").trim().to_owned();
    let why = if needs_reason || !said.is_empty() { reason(said)? } else { said };
    let chosen = sent.iter().filter(|(name, _)| name == "domain").map(|(_, value)| name(value));
    let domains: BTreeSet<DomainName> = chosen.take(MOST + 1).collect::<Result<_, _>>()?;
    if domains.is_empty() {
        return Err(Problem::field("domain", "choose at least one domain: tick the box before it"));
    }
    if domains.len() > MOST {
        return Err(Problem::field("domain", format!("choose at most {MOST} at a time")));
    }
    let doing = match action {
        "register" => Doing::Register,
        "suspend" => Doing::Suspend { reason: why.clone(), defer: false },
        "resume" => Doing::Resume { reason: why.clone() },
        "cancel" => Doing::Cancel { reason: why.clone() },
        _ => Doing::Recheck,
    };
    Ok(Wish { title, action, reason: why, doing, domains: domains.into_iter().collect() })
}

fn will(outcome: &Outcome) -> String {
    format!("will be done; then {}", in_words(&outcome.phase))
}

fn in_words(phase: &str) -> String {
    words::phase_named(phase).to_lowercase()
}
