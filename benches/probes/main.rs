//! Measures the probes against their peers, side by side in one run, on loopback only. Each command is
//! one comparison of `benches/RESULTS.md`; `sink`, `zone` and `drive` are the processes that it starts.
//! Nothing here is judged: the medians and their ratio are printed as they came out.

mod check;
mod compare;
mod drive;
mod peer;
mod process;
mod sink;
mod web;
mod zone;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What any step may fail with; `main` prints it.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "fencepost's probes against their peers, on loopback")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// STARTTLS dialogues: ours against blackbox_exporter's smtp_starttls module
    BlackboxTls(compare::Rounds),
    /// Dialogues without TLS: ours against blackbox_exporter with MAIL and RCPT
    BlackboxPlain(compare::Rounds),
    /// Sessions: ours against Postfix's smtp-source
    SmtpSource(compare::Rounds),
    /// STARTTLS dialogues: ours against check_smtp -S
    CheckSmtp(compare::Rounds),
    /// 2,000 concurrent STARTTLS dialogues with a banner one second late: memory and rate
    Slow(compare::Rounds),
    /// `fencepost check` against the critical path of its waits
    Check(check::Rounds),
    /// Runs the SMTP sink
    Sink(sink::Options),
    /// Runs the DNS zone
    Zone(zone::Options),
    /// Drives our probe and prints what it took
    Drive(drive::Options),
}

fn main() -> ExitCode {
    let done = match Line::parse().command {
        Command::Sink(options) => sink::run(&options),
        Command::Zone(options) => zone::run(&options),
        Command::Drive(options) => drive::run(&options),
        Command::Check(rounds) => check::run(&rounds),
        Command::BlackboxTls(rounds) => compare::blackbox(&rounds, true),
        Command::BlackboxPlain(rounds) => compare::blackbox(&rounds, false),
        Command::SmtpSource(rounds) => compare::smtp_source(&rounds),
        Command::CheckSmtp(rounds) => compare::check_smtp(&rounds),
        Command::Slow(rounds) => compare::slow(&rounds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("probes: {error}");
            ExitCode::FAILURE
        }
    }
}
