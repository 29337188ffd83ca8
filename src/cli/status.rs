//! `fencepost status DOMAIN [--wait PHASE]`: the answer a partner relies on.

use std::fmt::Write as _;
use std::time::Duration;

use fencepost_checks::Severity;
use fencepost_checks::escape::clean;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{Paragraphs, cell, json, lines, text_width};
use super::{Exit, Output, complain};
use crate::lifecycle::connection::Phase;
use crate::status::{AnswerKind, DomainStatus, RecordLine};

const POLL: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    domain: String,
    /// Wait until the domain is in this phase; status 1 when it ends in another, 3 when time is up
    #[arg(long, value_name = "PHASE", value_parser = phase)]
    wait: Option<Phase>,
    /// Seconds to wait at most
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(1..=2_678_400))]
    timeout: u32,
}

fn phase(word: &str) -> Result<Phase, String> {
    serde_json::from_value(word.into()).map_err(|_| {
        "use ordered, allowlisting, probing, provisioning, ready, confirming, connected, drifted, releasing, \
         released or cancelled"
            .to_owned()
    })
}

/// Prints the status. Without `--wait` the exit status is 0 when the MX may be changed now or nothing
/// has to be changed any more, 1 otherwise.
pub async fn run(args: &Args) -> Exit {
    match look(args).await {
        Ok((status, exit)) => {
            match args.api.output {
                Output::Json => json(&status),
                Output::Table => lines(&text(&status, text_width())),
            }
            exit
        }
        Err(error) => {
            complain(&error);
            error.exit()
        }
    }
}

async fn look(args: &Args) -> Result<(DomainStatus, Exit), ApiError> {
    let client = Client::new(&args.api)?;
    let mut left = args.timeout;
    loop {
        let status: DomainStatus = client.get(&["v1", "domains", &args.domain, "status"], &[]).await?;
        let Some(target) = args.wait else {
            let good = matches!(status.answer, AnswerKind::ChangeNow | AnswerKind::Done);
            return Ok((status, if good { Exit::Pass } else { Exit::Fail }));
        };
        if status.phase == target {
            return Ok((status, Exit::Pass));
        }
        if matches!(status.phase, Phase::Released | Phase::Cancelled) {
            return Ok((status, Exit::Fail));
        }
        if left == 0 {
            return Ok((status, Exit::Inconclusive));
        }
        left -= 1;
        tokio::time::sleep(POLL).await;
    }
}

/// The status for people.
fn text(status: &DomainStatus, width: usize) -> String {
    let mut out = String::new();
    let word = word(&status.answer).replace('_', " ").to_uppercase();
    let _ = writeln!(out, "{}: {word}", status.domain);
    let _ = writeln!(out, "{}", cell(&status.reason));
    let _ = writeln!(out, "phase {} since {}", self::word(&status.phase), status.phase_since);
    for wait in &status.waiting_for {
        let who = self::word(&wait.who).replace('_', " ");
        let _ = writeln!(out, "waits for {who}: {}", cell(&wait.what));
    }
    if let Some(permit) = &status.permit {
        let _ = writeln!(out, "permit {} valid until {}", cell(&permit.id), permit.valid_until);
    }
    if let Some(window) = &status.window {
        let closes = window.earliest_close.map_or_else(|| "not counted now".to_owned(), |at| at.to_string());
        let _ = writeln!(out, "window: {} clean rounds, closes at the earliest {closes}", window.clean_rounds);
    }
    for (what, at) in [
        ("next check", status.next_check_at),
        ("a change is fast after", status.fastest_change_after),
        ("every sender uses the new MX by", status.all_senders_switched_by),
        ("the old path is needed until", status.old_path_needed_until),
    ] {
        if let Some(at) = at {
            let _ = writeln!(out, "{what} {at}");
        }
    }
    let to_set = if matches!(status.answer, AnswerKind::ChangeNow | AnswerKind::Done) {
        "records to set"
    } else {
        "records to set, but not before the go-ahead"
    };
    for (title, records) in [
        (to_set, &status.records_to_set),
        ("records to remove", &status.records_to_remove),
        ("published now", &status.current_mx),
        ("to go back to", &status.previous_mx),
    ] {
        if !records.is_empty() {
            let _ = writeln!(out, "\n{title}:\n{}", records.iter().map(record).collect::<Vec<_>>().join("\n"));
        }
    }
    let mut prose = Paragraphs::new(width);
    for finding in status.findings.iter().filter(|finding| finding.severity > Severity::Info) {
        prose.gap();
        prose.block("", "", &format!("{}: {}", self::word(&finding.severity).to_uppercase(), finding.code.about()));
        let who = self::word(&finding.who).replace('_', " ");
        prose.block("  ", "", &format!("What to do ({who}): {}", cell(&finding.remedy)));
        prose.block("  ", "", &format!("Seen: {}", cell(&finding.detail)));
        prose.block("  ", "", &format!("{}, {}", finding.code, cell(&finding.subject)));
    }
    if let Some(message) = status.message_to_provider() {
        prose.gap();
        prose.block("", "", "Message to the DNS provider, ready to forward:");
        prose.gap();
        for line in message.lines() {
            prose.verbatim(format!("  {}", clean(line, 600)).trim_end());
        }
    }
    let _ = write!(out, "\n{}", prose.finish());
    out
}

fn record(line: &RecordLine) -> String {
    let ttl = line.ttl.map_or_else(|| "-".to_owned(), |ttl| ttl.to_string());
    cell(&format!("  {} {ttl} IN MX {} {}", line.name, line.preference, line.exchange))
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_to_do_first() {
        let letter = crate::notify::sample::letter("mx_change_may_be_relayed", crate::words::Language::En).unwrap();
        insta::assert_snapshot!(text(&letter.status.unwrap(), 80));
    }
}
