//! `fencepost healthcheck`: asks a running server whether it is well, for container and service
//! supervisors that have no other HTTP client at hand.

use std::time::Duration;

use super::Exit;

/// A server that takes longer is not well.
const TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to ask: `/healthz` for a process that lives, `/readyz` for one that takes work
    #[arg(long, default_value = "http://127.0.0.1:8080/healthz")]
    url: url::Url,
}

/// Status 0 when the server answers with success, 1 otherwise.
pub async fn run(args: &Args) -> Exit {
    match ask(&args.url).await {
        Ok(status) if status.is_success() => Exit::Pass,
        Ok(status) => {
            eprintln!("fencepost: {} answered {status}", args.url);
            Exit::Fail
        }
        Err(error) => {
            super::complain(&error);
            Exit::Fail
        }
    }
}

async fn ask(url: &url::Url) -> reqwest::Result<reqwest::StatusCode> {
    // The probe is about this machine: a proxy in between would answer for itself.
    let client = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().build()?;
    Ok(client.get(url.clone()).send().await?.status())
}
