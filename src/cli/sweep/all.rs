//! `fencepost sweep --all`: every connected domain of the store.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use fencepost_checks::DomainName;
use fencepost_checks::mx::MxVerdict;
use indicatif::{HumanCount, ProgressBar};

use super::super::{Exit, Global, complain};
use super::{Args, BeginError, listen, settings, show};
use crate::clock::{SharedClock, SystemClock};
use crate::config;
use crate::engine::ports::MxLook;
use crate::engine::{StoreSweep, StoreSweepError, SweepFigures, SweepOutcome, SweepWatch};
use crate::probe::bulk;
use crate::store::{self, StoreError};
use crate::sweep::write_stored;

/// Bytes that are gathered for one write.
const PIECE: usize = 64 * 1024;

/// Why it ended early.
#[derive(Debug, thiserror::Error)]
enum AllError {
    #[error(transparent)]
    Begin(#[from] BeginError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sweep(#[from] StoreSweepError),
}

/// Exit status: 0 nothing has changed · 1 some differ · 2 usage · 3 some are not known, or it was stopped.
pub(super) async fn run(args: &Args, global: &Global, stop: Arc<AtomicBool>) -> Exit {
    let config = match config::load(&global.config) {
        Ok(config) => Arc::new(config),
        Err(error) => return complain(&error),
    };
    let signal = listen(&stop);
    let done = sweep(args, config, &stop).await;
    signal.abort();
    match done {
        Ok(figures) => {
            let stopped = stop.load(std::sync::atomic::Ordering::Relaxed);
            eprintln!("{}", summary(&figures, stopped));
            match figures {
                SweepFigures { escalated: 1.., .. } => Exit::Fail,
                SweepFigures { unknown: 0, left: 0, nobody_answers: false, .. } if !stopped => Exit::Pass,
                _ => Exit::Inconclusive,
            }
        }
        Err(error) => complain(&error),
    }
}

async fn sweep(args: &Args, config: Arc<config::Config>, stop: &AtomicBool) -> Result<SweepFigures, AllError> {
    let settings = settings(args, &config)?;
    let store = store::open(&config.store).await?;
    let clock: SharedClock = Arc::new(SystemClock);
    let (sweep, questions) = StoreSweep::new(store, clock, config);
    let asking = tokio::task::spawn_blocking(move || bulk::sweep(&settings, questions).map(|_| ()));
    let bar = ProgressBar::new_spinner().with_style(show::style("{spinner} {msg}"));
    let mut watch = Lines { bar, gathered: Vec::new(), only_differing: args.only_differing, broken: false };
    let figures = sweep.run(stop, &mut watch).await;
    watch.flush();
    watch.bar.finish_and_clear();
    asking.await.map_err(BeginError::from)?.map_err(BeginError::from)?;
    Ok(figures?)
}

/// Writes a line a domain.
struct Lines {
    bar: ProgressBar,
    gathered: Vec<u8>,
    only_differing: bool,
    /// Nobody reads any more; the sweep itself goes on.
    broken: bool,
}

impl Lines {
    fn flush(&mut self) {
        if !self.broken {
            let mut out = std::io::stdout().lock();
            self.broken = out.write_all(&self.gathered).and_then(|()| out.flush()).is_err();
        }
        self.gathered.clear();
    }
}

impl SweepWatch for Lines {
    fn settled(&mut self, domain: &DomainName, verdict: MxVerdict, look: &MxLook, outcome: SweepOutcome) {
        let word = match outcome {
            SweepOutcome::Unchanged => "unchanged",
            SweepOutcome::Escalated => "escalated",
            SweepOutcome::Watched => "watched",
            SweepOutcome::Unknown => "unknown",
        };
        let calm = matches!(outcome, SweepOutcome::Unchanged | SweepOutcome::Watched);
        if !self.only_differing || !calm {
            write_stored(&mut self.gathered, domain.as_str(), verdict, word, look);
        }
        if self.gathered.len() >= PIECE {
            self.flush();
        }
    }

    fn progress(&mut self, figures: &SweepFigures) {
        self.flush();
        let all = figures.unchanged + figures.escalated + figures.watched + figures.unknown + figures.left;
        let message = format!("{} domains, {} differ", HumanCount(all), HumanCount(figures.escalated));
        self.bar.set_message(message);
        self.bar.tick();
    }
}

fn summary(figures: &SweepFigures, stopped: bool) -> String {
    let SweepFigures { unchanged, escalated, watched, unknown, left, .. } = *figures;
    let mut lines = vec![format!(
        "{} connected domains: {} unchanged, {} differ and are looked into now, {} are being watched anyway, {} not known.",
        HumanCount(unchanged + escalated + watched + unknown + left),
        HumanCount(unchanged),
        HumanCount(escalated),
        HumanCount(watched),
        HumanCount(unknown)
    )];
    if left > 0 {
        lines.push(format!("{} were being worked on by somebody else, and were left to them.", HumanCount(left)));
    }
    if figures.nobody_answers {
        lines.push("No upstream answers any more: stopped. What was seen before is kept.".to_owned());
    } else if stopped {
        lines.push("Stopped. What was seen is kept; the next sweep begins anew.".to_owned());
    }
    lines.join("\n")
}
