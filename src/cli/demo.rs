//! `fencepost demo`: the whole thing on one machine with no set-up.

use std::io::Write;
use std::net::SocketAddr;

use super::{Exit, complain};
use crate::demo::{self, Finished};

#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Run to the end, print what happened, and leave; status 0 only if everything went as it should
    #[arg(long)]
    once: bool,
    /// Where the pages are served
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

/// Runs the demonstration.
pub async fn run(args: &Args) -> Exit {
    let announce = |url: &str, token: &str| {
        eprintln!("Ten customers go from order to invoice. Begin at {url}/demo");
        if !args.once {
            eprintln!("The pages are open to this machine; for the API the service desk's token is {token}");
        }
    };
    let running = demo::run(args.listen, announce);
    let finished = tokio::select! {
        finished = running => match finished {
            Ok(finished) => finished,
            Err(error) => return complain(&error),
        },
        // What was started and written goes with the future.
        stopped = stop() => return stopped.map_or_else(|error| complain(&error), |()| {
            eprintln!("Stopped before the end.");
            Exit::Fail
        }),
    };
    let (text, exit) = report(&finished);
    if let Err(error) = std::io::stdout().lock().write_all(text.as_bytes()) {
        return complain(&error);
    }
    if !args.once {
        eprintln!("The pages stay at {} until Ctrl-C.", finished.url);
        eprintln!("The service desk's token: {}", finished.desk_token);
        if let Err(error) = stop().await {
            return complain(&error);
        }
    }
    finished.stop().await;
    exit
}

/// Ctrl-C, or a polite request to end.
async fn stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
    }
}

fn report(finished: &Finished) -> (String, Exit) {
    let mut text = demo::stories(finished);
    text.push_str(&demo::summary(&finished.accounts));
    text.push('\n');
    let failures = demo::failures(&finished.accounts, &finished.troubles);
    if failures.is_empty() {
        text.push_str("Every customer ended as it should, and no mail was lost.\n");
        return (text, Exit::Pass);
    }
    text.push_str("Not as it should be:\n");
    text.push_str(&failures);
    (text, Exit::Fail)
}
