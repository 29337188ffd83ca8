//! Durable transitions on SQLite (`synchronous=FULL`): ours gathered in groups, ours one by one, Python's
//! sqlite3 with the same statements in groups of 1,000, and apalis-sqlite. Each round begins with a copy of
//! the same file; what we and Python leave behind is compared.

use std::path::{Path, PathBuf};
use std::time::Instant;

use fencepost::config::StoreConfig;
use fencepost::store::sqlite::SqliteStore;
use fencepost::store::{CommitOutcome, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::process::Command;

use crate::sides::{self, Side};
use crate::{Outcome, outcome, peer};

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Customers in the file, each with one transition
    #[arg(long, default_value_t = 30_000)]
    count: u32,
    /// Transitions of the side that stores one by one
    #[arg(long, default_value_t = 2_000)]
    alone: u32,
    /// Transitions that wait at the same time
    #[arg(long, default_value_t = 2_048)]
    at_a_time: usize,
    /// Jobs of apalis in a round
    #[arg(long, default_value_t = 3_000)]
    jobs: u32,
    /// A folder on the disk that is measured
    #[arg(long, default_value = "target")]
    folder: PathBuf,
    #[command(flatten)]
    peers: peer::Peers,
}

pub async fn run(options: &Options) -> Outcome<()> {
    let folder = tempfile::tempdir_in(&options.folder)?;
    let (filled, template) = (folder.path().join("filled.db"), folder.path().join("template.db"));
    outcome::filled(&StoreConfig::sqlite(&filled), options.count).await?;
    // One file, without a log beside it.
    fencepost::store::backup(&filled, &template)?;
    let numbers = outcome::shuffled(options.count);
    let ids = folder.path().join("ids");
    std::fs::write(&ids, numbers.iter().map(|n| outcome::id(*n) + "\n").collect::<String>())?;

    let mut together = Side::new("fencepost, SQLite, group commit");
    let mut alone = Side::new("fencepost, SQLite, one by one");
    let mut python = Side::new("Python sqlite3, groups of 1,000");
    let mut apalis = [10, 100].map(|batch| (batch, Side::new(&format!("apalis-sqlite, jobs, batch {batch}"))));
    for round in 1..=options.rounds {
        sides::begin(round)?;
        let ours = fresh(&template, &folder.path().join("ours.db"))?;
        committed(&ours, &numbers, options.at_a_time, &mut together).await?;
        let single = fresh(&template, &folder.path().join("single.db"))?;
        let few: Vec<u32> = numbers.iter().copied().take(options.alone as usize).collect();
        committed(&single, &few, 1, &mut alone).await?;
        if options.peers.python.is_some() {
            let theirs = fresh(&template, &folder.path().join("theirs.db"))?;
            python.add_rate(options.peers.sqlite(&theirs, &ids).await?);
            if round == 1 {
                let same = contents(options, &ours).await? == contents(options, &theirs).await?;
                println!("    both left the same rows: {same}");
            }
        }
        for (batch, side) in &mut apalis {
            let file = folder.path().join("apalis.db");
            if let Some(rate) = options.peers.apalis_sqlite(&file, options.jobs, *batch).await? {
                side.add_rate(rate);
            }
        }
    }
    together.against(&alone, 9.0);
    together.against(&python, 2.0);
    for (_, side) in &apalis {
        together.against(side, 80.0);
    }
    Ok(())
}

/// A copy of the template, on disk before anything is measured.
fn fresh(template: &Path, to: &Path) -> Outcome<PathBuf> {
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{beside}", to.display()));
    }
    std::fs::copy(template, to)?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(to.to_owned())
}

async fn committed(file: &Path, numbers: &[u32], at_a_time: usize, side: &mut Side) -> Outcome<()> {
    let store = SqliteStore::open(&StoreConfig::sqlite(file))?;
    let waiting: Vec<_> = numbers.iter().map(|n| outcome::transition(*n, None)).collect();
    let began = Instant::now();
    let work = stream::iter(waiting.into_iter().map(|transition| store.commit(transition)));
    let outcomes: Vec<CommitOutcome> = work.buffer_unordered(at_a_time).try_collect().await?;
    side.add(u32::try_from(numbers.len())?, began.elapsed());
    match outcomes.iter().find(|outcome| !matches!(outcome, CommitOutcome::Committed { .. })) {
        Some(other) => Err(format!("not stored: {other:?}").into()),
        None => Ok(()),
    }
}

async fn contents(options: &Options, file: &Path) -> Outcome<Vec<u8>> {
    let python = options.peers.python.as_deref().ok_or("no python")?;
    let out = Command::new(python).arg("benches/store/transitions.py").arg("contents").arg(file).output().await?;
    if !out.status.success() {
        return Err(String::from_utf8_lossy(&out.stderr).into_owned().into());
    }
    Ok(out.stdout)
}
