//! `fencepost report preview`: the monthly security report of a customer as it was sent, or as it would be
//! sent now. Nothing is sent.

use std::path::PathBuf;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{self, lines};
use super::{Exit, Output, complain};
use crate::report::{Month, NoMonth};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show the report of a month as it was sent, or as it would be sent now
    Preview(PreviewArgs),
}

#[derive(Debug, clap::Args)]
struct PreviewArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Customer, or a domain of its
    customer: String,
    /// The month in which it is sent, such as 2026-10; without it, the next one
    #[arg(long, value_parser = month)]
    month: Option<Month>,
    /// Write the mail's HTML, with its pictures, to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn month(text: &str) -> Result<Month, NoMonth> {
    text.parse()
}

#[derive(Debug, thiserror::Error)]
enum PreviewError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("{}: cannot be written", path.display())]
    File { path: PathBuf, source: std::io::Error },
}

/// Status 1 when there is no such report.
pub async fn run(args: &Args) -> Exit {
    let Action::Preview(args) = &args.action;
    match preview(args).await {
        Ok(()) => Exit::Pass,
        Err(error) => {
            let exit = match &error {
                PreviewError::Api(error) => error.exit(),
                PreviewError::File { .. } => Exit::Usage,
            };
            complain(&error);
            exit
        }
    }
}

async fn preview(args: &PreviewArgs) -> Result<(), PreviewError> {
    let client = Client::new(&args.api)?;
    let path = ["v1", "customers", args.customer.as_str(), "report"];
    let query = |format: &str| {
        let month = args.month.map(|month| ("month", month.to_string()));
        month.into_iter().chain([("format", format.to_owned())]).collect::<Vec<_>>()
    };
    if let Some(file) = &args.html {
        let html = client.get_bytes(&path, &query("html")).await?;
        std::fs::write(file, html).map_err(|source| PreviewError::File { path: file.clone(), source })?;
        eprintln!("fencepost: written to {}", file.display());
    }
    match args.api.output {
        Output::Json => print::json(&client.get::<serde_json::Value>(&path, &query("json")).await?),
        Output::Table if args.html.is_some() => {}
        Output::Table => {
            let text = client.get_bytes(&path, &query("text")).await?;
            lines(String::from_utf8_lossy(&text).trim_end());
        }
    }
    Ok(())
}
