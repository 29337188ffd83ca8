//! The API to read: pages made of the very document that is served at `/openapi.json`, and a page for every kind of
//! problem. They are for everybody, as the document is, and need no script.

mod view;

use askama::Template;
use axum::extract::Path;

use self::view::{Piece, Schema, Section};
use super::frame::Frame;
use super::page::{Page, html};
use crate::http::openapi::DOCUMENT;
use crate::http::problem::{Kind, Problem};

#[derive(Template)]
#[template(path = "pages/api.html")]
struct Index {
    frame: Frame,
    about: Vec<Vec<Piece>>,
    sections: Vec<Section>,
    all: usize,
}

#[derive(Template)]
#[template(path = "pages/api_section.html")]
struct OneSection {
    frame: Frame,
    section: Section,
}

#[derive(Template)]
#[template(path = "pages/api_schemas.html")]
struct Schemas {
    frame: Frame,
    schemas: Vec<Schema>,
}

#[derive(Template)]
#[template(path = "pages/problems.html")]
struct Problems {
    frame: Frame,
    problems: Vec<Told>,
    one: bool,
}

/// A kind of problem.
struct Told {
    slug: &'static str,
    status: u16,
    title: &'static str,
    means: &'static str,
    remedy: Vec<Piece>,
}

pub(super) async fn index() -> Page {
    let document = document()?;
    let about = view::paragraphs(document["info"]["description"].as_str().unwrap_or_default());
    let sections = view::sections(document);
    let all = sections.iter().map(|section| section.operations.len()).sum();
    html(&Index { frame: Frame::nobody(), about, sections, all })
}

pub(super) async fn section(Path(slug): Path<String>) -> Page {
    let document = document()?;
    if slug == "schemas" {
        return html(&Schemas { frame: Frame::nobody(), schemas: view::schemas(document) });
    }
    let found = view::sections(document).into_iter().find(|section| section.slug == slug);
    html(&OneSection { frame: Frame::nobody(), section: found.ok_or_else(Problem::not_found)? })
}

pub(super) async fn problems() -> Page {
    html(&Problems { frame: Frame::nobody(), problems: Kind::ALL.into_iter().map(told).collect(), one: false })
}

pub(super) async fn problem(Path(slug): Path<String>) -> Page {
    let kind = Kind::ALL.into_iter().find(|kind| kind.slug() == slug).ok_or_else(Problem::not_found)?;
    html(&Problems { frame: Frame::nobody(), problems: vec![told(kind)], one: true })
}

fn told(kind: Kind) -> Told {
    Told {
        slug: kind.slug(),
        status: kind.status().as_u16(),
        title: kind.title(),
        means: kind.means(),
        remedy: view::pieces(kind.remedy()),
    }
}

fn document() -> Result<&'static serde_json::Value, Problem> {
    let broken = |_: &String| Problem::new(Kind::Internal, "The description of the API cannot be put together.");
    DOCUMENT.as_ref().map_err(broken)
}
