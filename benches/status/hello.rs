//! The peer: what axum's runtime and HTTP cost, with nothing behind them.

use std::net::SocketAddr;

use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::Outcome;

pub async fn serve(listen: SocketAddr) -> Outcome<()> {
    let answer = async || -> Json<Value> { Json(json!({ "message": "Hello, world!" })) };
    let router = Router::new().route("/", get(answer));
    axum::serve(tokio::net::TcpListener::bind(listen).await?, router).await?;
    Ok(())
}
