//! `/domains/{domain}/transcripts`: the conversations that the last looks were, line by line. For the service desk:
//! what a customer's server says is between it and whoever has to find out why it does not take mail.

use askama::Template;
use axum::extract::{Path, State};
use fencepost_checks::observation::{SmtpDialogue, VantageRole};

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::http::HttpState;
use crate::http::api::name;
use crate::http::problem::Problem;
use crate::store::Observation;

/// Kinds of observations that are conversations, as people say them.
const KINDS: [(&str, &str); 5] = [
    ("firewall", "Firewall"),
    ("smtp", "Mail server"),
    ("gateway", "Gateway"),
    ("next_firewall", "New mail server: firewall"),
    ("next_smtp", "New mail server"),
];
/// Conversations on the page, and lines of each.
const MOST: usize = 100;
const LINES: usize = 120;

struct Look {
    title: &'static str,
    seen: When,
    talks: Vec<Talk>,
}

struct Talk {
    from: String,
    to: String,
    at: When,
    text: String,
}

#[derive(Template)]
#[template(path = "pages/transcripts.html")]
struct TranscriptsPage {
    domain: String,
    looks: Vec<Look>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Path(domain): Path<String>) -> Page {
    reader.identity.require_desk()?;
    let domain = name(&domain)?;
    let row = state.store.domain(&domain, &reader.identity.scope()).await?.ok_or_else(Problem::not_found)?;
    let observations = state.store.observations(&row.connection.id).await?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let looks = KINDS.iter().filter_map(|(kind, title)| look(&observations, kind, title, &times)).collect();
    html(&TranscriptsPage { domain: domain.to_string(), looks, frame: Frame::of(&reader, "/") })
}

fn look(observations: &[Observation], kind: &str, title: &'static str, times: &Times) -> Option<Look> {
    let kept = observations.iter().find(|kept| kept.kind == kind)?;
    let dialogues: Vec<SmtpDialogue> = serde_json::from_str(&kept.body).ok()?;
    let talks = dialogues.iter().take(MOST).map(|dialogue| talk(dialogue, times)).collect();
    Some(Look { title, seen: times.show(kept.last_at), talks })
}

fn talk(dialogue: &SmtpDialogue, times: &Times) -> Talk {
    let vantage = &dialogue.vantage;
    let who = match vantage.role {
        VantageRole::Egress => "the gateway",
        VantageRole::Outsider | VantageRole::Resolver => "an outsider",
    };
    let address = vantage.address.map_or_else(String::new, |address| format!(" {address}"));
    let peer = dialogue.peer.map_or_else(|| "no address".to_owned(), |peer| peer.ip().to_string());
    Talk {
        from: format!("{who}{address}"),
        to: format!("{}:{} ({peer})", dialogue.host, dialogue.port),
        at: times.show(dialogue.started_at),
        text: dialogue.transcript.iter().take(LINES).cloned().collect::<Vec<_>>().join("\n"),
    }
}
