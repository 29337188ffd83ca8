//! Where a newcomer to the demonstration begins: what runs here, whom to look over the shoulder of, and
//! the mailbox in which every notice arrives. Served beside the pages of the service, by loopback only.

use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::agenda::Agenda;
use super::cast::{PROFILES, Profile};
use super::lab::{Letters, Mail};
use crate::clock::Clock;
use crate::config::HttpConfig;
use crate::http::{Fixed, Frame, headers};

/// Mails on the first page, the newest of them.
const SHOWN: usize = 200;

/// What the guide's pages are made from. Cheap to clone.
#[derive(Clone)]
pub struct Guide(Arc<Inner>);

struct Inner {
    letters: Letters,
    agenda: Agenda,
    zone: TimeZone,
    /// Set once they are invited.
    people: OnceLock<Vec<Somebody>>,
}

/// Somebody whom a newcomer may be.
pub struct Somebody {
    pub who: String,
    pub does: &'static str,
    pub token: String,
}

impl Guide {
    #[must_use]
    pub fn new(letters: Letters, agenda: Agenda, zone: TimeZone) -> Self {
        Self(Arc::new(Inner { letters, agenda, zone, people: OnceLock::new() }))
    }

    /// Tells who was invited. The first call counts.
    pub fn invited(&self, people: Vec<Somebody>) {
        let _ = self.0.people.set(people);
    }

    /// `/demo` and the mails under it.
    pub fn routes(&self) -> Router {
        Router::new()
            .route("/demo", get(show))
            .route("/demo/mail/{number}", get(mail))
            .layer(middleware::from_fn_with_state(Fixed::of(&HttpConfig::default()), headers))
            .with_state(self.clone())
    }

    fn day(&self, at: Timestamp) -> String {
        at.to_zoned(self.0.zone.clone()).strftime("%a %-d %b %Y, %H:%M %Z").to_string()
    }

    fn line(&self, number: usize, mail: &Mail) -> Line {
        let (at, machine) = (self.day(mail.at), mail.at.to_string());
        Line { number, at, machine, to: mail.to.join(", "), subject: mail.subject.clone() }
    }
}

struct Line {
    number: usize,
    at: String,
    machine: String,
    to: String,
    subject: String,
}

/// A piece of a mail's text, and whether it is an address of these pages.
struct Piece {
    text: String,
    link: bool,
}

#[derive(Template)]
#[template(path = "pages/demo.html")]
struct GuidePage<'a> {
    now: String,
    people: &'a [Somebody],
    customers: &'a [Profile],
    mails: Vec<Line>,
    /// How many there are in all.
    arrived: usize,
    frame: Frame,
}

#[derive(Template)]
#[template(path = "pages/demo_mail.html")]
struct MailPage {
    line: Line,
    pieces: Vec<Piece>,
    frame: Frame,
}

async fn show(State(guide): State<Guide>) -> Response {
    let mails = guide.0.letters.all();
    let newest = mails.iter().enumerate().rev().take(SHOWN);
    page(&GuidePage {
        now: guide.day(guide.0.agenda.now()),
        people: guide.0.people.get().map(Vec::as_slice).unwrap_or_default(),
        customers: PROFILES,
        mails: newest.map(|(number, mail)| guide.line(number, mail)).collect(),
        arrived: mails.len(),
        frame: Frame::demonstration(),
    })
}

async fn mail(State(guide): State<Guide>, Path(number): Path<usize>) -> Response {
    let Some(mail) = guide.0.letters.all().get(number).cloned() else {
        return (StatusCode::NOT_FOUND, "There is no such mail.").into_response();
    };
    page(&MailPage { line: guide.line(number, &mail), pieces: pieces(&mail.text), frame: Frame::demonstration() })
}

fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The text of a mail with its addresses told apart, as a mail program shows it.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, from) = rest.split_at(at);
        let end = from.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | ')')).unwrap_or(from.len());
        let (link, after) = from.split_at(from[..end].trim_end_matches(['.', ',', ';']).len());
        pieces.push(Piece { text: before.to_owned(), link: false });
        pieces.push(Piece { text: link.to_owned(), link: true });
        rest = after;
    }
    pieces.push(Piece { text: rest.to_owned(), link: false });
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_mail_can_be_followed() {
        let text = "Look at http://127.0.0.1:8080/domains/a.example.\nNothing else (https://b.example/x).";
        let shown: Vec<(String, bool)> = pieces(text).into_iter().map(|p| (p.text, p.link)).collect();
        let links: Vec<&str> = shown.iter().filter(|(_, link)| *link).map(|(text, _)| text.as_str()).collect();
        assert_eq!(links, ["http://127.0.0.1:8080/domains/a.example", "https://b.example/x"]);
        assert_eq!(shown.iter().map(|(text, _)| text.as_str()).collect::<String>(), text);
    }
}
