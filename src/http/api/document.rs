//! `GET /openapi.json`: what this API is, for programs that read it. No token is asked for: it says nothing about
//! anybody.

use axum::Json;
use axum::response::IntoResponse;

use super::Answer;
use crate::http::openapi::DOCUMENT;
use crate::http::problem::{Kind, Problem};

pub(super) async fn show() -> Answer {
    match DOCUMENT.as_ref() {
        Ok(document) => Ok(Json(document).into_response()),
        Err(why) => {
            tracing::error!(why, "the description of the API cannot be put together");
            Err(Problem::new(Kind::Internal, "The description of the API cannot be put together."))
        }
    }
}
