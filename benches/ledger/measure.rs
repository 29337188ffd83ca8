//! The measurements: what accounting asks for, through the use cases that the API calls.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use fencepost::clock::{SharedClock, SteppingClock};
use fencepost::config::Config;
use fencepost::engine::{Accounts, Known};
use jiff::civil::{Date, date};

use crate::Outcome;
use crate::fill::{customer, store};

const RUN: Date = date(2026, 12, 15);

async fn accounts(file: &Path) -> Outcome<Accounts> {
    let clock: SharedClock = Arc::new(SteppingClock::starting_at("2026-12-15T18:00:00Z".parse()?));
    Ok(Accounts::new(store(file).await?, clock, Arc::new(Config::default())))
}

pub async fn close(file: &Path) -> Outcome<()> {
    let accounts = accounts(file).await?;
    let begun = Instant::now();
    let run = accounts.close(RUN, "bench").await?;
    let took = begun.elapsed().as_secs_f64();
    if !run.problems.is_empty() {
        return Err(format!("{} customers could not be invoiced: {}", run.problems.len(), run.problems[0]).into());
    }
    println!(
        "close | {} lines | {took:.2} s | peak of memory {} MiB | target 10 s, 500 MiB",
        run.lines.len(),
        peak_mib()?
    );
    Ok(())
}

pub async fn verify(file: &Path, rounds: u32) -> Outcome<()> {
    let accounts = accounts(file).await?;
    let mut rates = Vec::new();
    for _ in 0..rounds {
        let begun = Instant::now();
        let audit = accounts.verify(&[]).await?;
        let took = begun.elapsed().as_secs_f64();
        if !audit.is_whole() {
            return Err(format!("not whole: {}", audit.faults[0]).into());
        }
        #[allow(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = audit.head.seq as f64 / took;
        println!("    verify {} entries: {took:.2} s, {rate:.0}/s", audit.head.seq);
        rates.push(rate);
    }
    println!("verify | {:.0} entries/s | peak of memory {} MiB | target 500000/s", median(rates), peak_mib()?);
    Ok(())
}

pub async fn as_of(file: &Path, questions: u32, rounds: u32) -> Outcome<()> {
    let accounts = accounts(file).await?;
    let entries = accounts.entries(None, 0, 1).await?.len();
    if entries == 0 {
        return Err("the ledger is empty".into());
    }
    let customers = u32::try_from(accounts.verify(&[]).await?.head.seq / 10)?;
    let mut medians = Vec::new();
    for round in 0..rounds {
        let mut micros = Vec::new();
        for n in 0..questions {
            // Spread over the whole ledger.
            let who = customer(n.wrapping_mul(2_654_435_761).wrapping_add(round) % customers);
            let begun = Instant::now();
            let told = accounts.as_of(&who, RUN, Known::Now).await?;
            micros.push(begun.elapsed().as_secs_f64() * 1e6);
            if told.charge.is_none() {
                return Err(format!("nothing is charged to {who}").into());
            }
        }
        medians.push(median(micros));
    }
    println!("as-of | ledger of {} entries | {:.0} µs a question", u64::from(customers) * 10, median(medians));
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The most resident memory that this process ever had.
fn peak_mib() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1024)
}
