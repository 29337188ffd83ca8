//! Peers, each a program of its own that prints its rate. One that is not installed is left out.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use crate::Outcome;

/// Nobody takes longer for one round.
const BOUND: Duration = Duration::from_secs(300);

#[derive(clap::Args)]
pub struct Peers {
    /// A Python 3 with pgqueuer and asyncpg for `claims`; any for `sqlite`
    #[arg(long)]
    pub python: Option<PathBuf>,
    /// The program of benches/apalis
    #[arg(long)]
    pub apalis: Option<PathBuf>,
}

impl Peers {
    pub async fn sqlite(&self, file: &Path, ids: &Path) -> Outcome<f64> {
        let python = self.python.as_deref().ok_or("no --python")?;
        let mut command = Command::new(python);
        command.arg("benches/store/transitions.py").arg("commit").arg(file).arg(ids);
        rate(&mut command).await
    }

    /// Claims and completes jobs with four workers in batches of 100.
    pub async fn pgqueuer(&self, url: &str, jobs: u32) -> Outcome<Option<f64>> {
        let Some(python) = &self.python else { return Ok(None) };
        let mut command = Command::new(python);
        command.arg("benches/store/pgqueuer_jobs.py").args([
            "drain",
            &url.replace("@localhost/", "@/"),
            &jobs.to_string(),
        ]);
        Ok(Some(rate(&mut command).await?))
    }

    /// One worker, with the given size of a batch.
    pub async fn apalis_sqlite(&self, file: &Path, jobs: u32, batch: u32) -> Outcome<Option<f64>> {
        let Some(apalis) = &self.apalis else { return Ok(None) };
        for beside in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{beside}", file.display()));
        }
        let mut command = Command::new(apalis);
        command.arg("sqlite").arg(file).args([jobs.to_string(), batch.to_string()]);
        Ok(Some(rate(&mut command).await?))
    }

    /// Four workers in batches of 100.
    pub async fn apalis_postgres(&self, url: &str, jobs: u32) -> Outcome<Option<f64>> {
        let Some(apalis) = &self.apalis else { return Ok(None) };
        let mut command = Command::new(apalis);
        command.args(["postgres", url, &jobs.to_string(), "100"]);
        Ok(Some(rate(&mut command).await?))
    }
}

/// The number on the last line that a program prints.
pub async fn rate(command: &mut Command) -> Outcome<f64> {
    let out = tokio::time::timeout(BOUND, command.kill_on_drop(true).output()).await??;
    let text = String::from_utf8_lossy(&out.stdout);
    let last = text.lines().last().unwrap_or_default().trim();
    match last.parse() {
        Ok(rate) if out.status.success() => Ok(rate),
        _ => Err(format!("{command:?}: {} {text} {}", out.status, String::from_utf8_lossy(&out.stderr)).into()),
    }
}
