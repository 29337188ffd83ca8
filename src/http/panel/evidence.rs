//! `/domains/{domain}/evidence`: what was seen, as it was kept: SMTP dialogues word for word, and every other
//! observation as it was recorded. For the service desk alone; nothing here can act.

use askama::Template;
use axum::extract::{Path, State};
use fencepost_checks::observation::SmtpDialogue;

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::http::HttpState;
use crate::http::api::name;
use crate::http::problem::Problem;
use crate::store::Observation;

/// Dialogues of one look, and characters of any other observation that are shown.
const DIALOGUES: usize = 64;
const RAW: usize = 20_000;

struct Dialogue {
    server: String,
    vantage: String,
    at: When,
    /// Wire lines, control bytes escaped when they were recorded.
    lines: Vec<Line>,
}

struct Line {
    /// `ours`, `theirs` or `remark`.
    side: &'static str,
    text: String,
}

struct Seen {
    kind: String,
    title: String,
    first: When,
    last: When,
    dialogues: Vec<Dialogue>,
    /// Of what is no dialogue.
    raw: Option<String>,
    /// Something is left out.
    cut: bool,
}

#[derive(Template)]
#[template(path = "pages/evidence.html")]
struct EvidencePage {
    domain: String,
    talks: Vec<Seen>,
    others: Vec<Seen>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Path(domain): Path<String>) -> Page {
    reader.identity.require_desk()?;
    let domain = name(&domain)?;
    let row = state.store.domain(&domain, &reader.identity.scope()).await?.ok_or_else(Problem::not_found)?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let observations = state.store.observations(&row.connection.id).await?;
    let (talks, others) =
        observations.iter().map(|kept| seen(kept, &times)).partition(|seen| !seen.dialogues.is_empty());
    html(&EvidencePage { domain: domain.to_string(), talks, others, frame: Frame::of(&reader, "/") })
}

fn seen(kept: &Observation, times: &Times) -> Seen {
    let mut dialogues: Vec<SmtpDialogue> = serde_json::from_str(&kept.body).unwrap_or_default();
    let cut = dialogues.len() > DIALOGUES;
    dialogues.truncate(DIALOGUES);
    let raw = dialogues.is_empty().then(|| pretty(&kept.body));
    Seen {
        title: title(&kept.kind),
        kind: kept.kind.clone(),
        first: times.show(kept.first_at),
        last: times.show(kept.last_at),
        cut: cut || raw.as_ref().is_some_and(|(_, cut)| *cut),
        raw: raw.map(|(text, _)| text),
        dialogues: dialogues.into_iter().map(|dialogue| talk(dialogue, times)).collect(),
    }
}

fn talk(dialogue: SmtpDialogue, times: &Times) -> Dialogue {
    let line = |text: String| {
        let side = match text.get(..2) {
            Some("C:") => "ours",
            Some("S:") => "theirs",
            _ => "remark",
        };
        Line { side, text }
    };
    let peer = dialogue.peer.map_or_else(|| "not reached".to_owned(), |peer| peer.to_string());
    Dialogue {
        server: format!("{}:{} ({peer})", dialogue.host, dialogue.port),
        vantage: dialogue.vantage.id,
        at: times.show(dialogue.started_at),
        lines: dialogue.transcript.into_iter().map(line).collect(),
    }
}

fn pretty(body: &str) -> (String, bool) {
    let value: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let text = value.and_then(|value| serde_json::to_string_pretty(&value).ok()).unwrap_or_else(|| body.to_owned());
    let short: String = text.chars().take(RAW).collect();
    let cut = short.len() < text.len();
    (short, cut)
}

fn title(kind: &str) -> String {
    let (name, about) = kind.split_once(':').unwrap_or((kind, ""));
    let words = match name {
        "smtp" => "Dialogue with the own servers",
        "firewall" | "allowlist" => "Firewall: each gateway address against each own server",
        "outsiders" => "Outsiders at the own servers",
        "gateway" => "The gateway, asked from outside",
        "canary" => "Canary",
        "strangers" => "Questions of a stranger",
        "next" | "next_destination" => "Where the mail goes next",
        "mx" => "MX at every name server and resolver",
        "history" => "What was published, and when",
        "lint" => "Policies around the domain",
        "before" => "Policies before the change",
        "sts" => "MTA-STS",
        "findings" => "Findings",
        "place" => "Towards a place of the gateway",
        other => other,
    };
    if about.is_empty() { words.to_owned() } else { format!("{words}: {about}") }
}
