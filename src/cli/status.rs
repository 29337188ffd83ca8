//! `fencepost status DOMAIN [--wait PHASE]`: the answer a partner relies on.

use std::fmt::Write as _;

use fencepost_checks::Severity;
use fencepost_checks::escape::clean;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{Paint, Paragraphs, cell, json, lines, text_width};
use super::wait::{WaitArgs, wait};
use super::{Exit, Output, complain};
use crate::status::{AnswerKind, DomainStatus, RecordLine};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
    domain: String,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Prints the status. Without `--wait` the exit status is 0 when the MX may be changed now or nothing
/// has to be changed any more, 1 otherwise.
pub async fn run(args: &Args) -> Exit {
    let (status, exit) = match look(args).await {
        Ok(looked) => looked,
        Err(error) => {
            complain(&error);
            return error.exit();
        }
    };
    if let Some(status) = status {
        match args.api.output {
            Output::Json => json(&status),
            Output::Table => lines(&text(&status, text_width(), Paint::of_stdout())),
        }
    }
    exit
}

async fn look(args: &Args) -> Result<(Option<DomainStatus>, Exit), ApiError> {
    let client = Client::new(&args.api)?;
    let Some(wanted) = args.wait.phase else {
        let status: DomainStatus = client.get(&["v1", "domains", &args.domain, "status"], &[]).await?;
        let good = matches!(status.answer, AnswerKind::ChangeNow | AnswerKind::Done);
        return Ok((Some(status), if good { Exit::Pass } else { Exit::Fail }));
    };
    let domains = [args.domain.clone()];
    let tell = args.api.output == Output::Table;
    let mut waited = wait(&client, &domains, wanted, args.wait.timeout, tell).await?;
    if let Some(why) = waited.why {
        eprintln!("fencepost: {why}");
    }
    Ok((waited.statuses.pop(), waited.exit))
}

/// The status for people.
fn text(status: &DomainStatus, width: usize, paint: Paint) -> String {
    let mut out = String::new();
    let word = word(&status.answer).replace('_', " ").to_uppercase();
    let word = match status.answer {
        AnswerKind::ChangeNow | AnswerKind::Done => paint.good(&word),
        AnswerKind::Stop | AnswerKind::RollBack => paint.bad(&word),
        AnswerKind::Wait | AnswerKind::MoveAway => paint.doubtful(&word),
    };
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
        insta::assert_snapshot!(text(&letter.status.unwrap(), 80, Paint(false)));
    }
}
