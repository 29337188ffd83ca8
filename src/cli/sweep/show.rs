//! How a sweep goes, on a terminal: a bar with rate and time left; and the few lines at its end.

use std::path::Path;
use std::time::{Duration, Instant};

use fencepost_checks::escape;
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::super::complain;
use crate::sweep::{End, Progress, Watch};

/// Bad lines that are told one by one.
const TOLD: u64 = 20;
/// How long ago the rate is measured from.
const SPAN: Duration = Duration::from_secs(3);

/// On standard error; without a terminal there only bad lines are told.
pub struct Show {
    bar: ProgressBar,
    told: u64,
    /// Domains at the beginning of the span, and when that was.
    measured: Option<(Instant, u64)>,
    rate: u64,
}

impl Show {
    /// `bytes` of the whole text, where that is known.
    pub fn new(bytes: Option<u64>) -> Self {
        let bar = match bytes {
            Some(bytes) => ProgressBar::new(bytes).with_style(style("{bar:24} {percent}% {msg}, {eta} left")),
            None => ProgressBar::new_spinner().with_style(style("{spinner} {msg}")),
        };
        Self { bar, told: 0, measured: None, rate: 0 }
    }

    fn measure(&mut self, domains: u64) -> u64 {
        let now = Instant::now();
        let (since, before) = *self.measured.get_or_insert((now, domains));
        let passed = now.duration_since(since);
        if let Ok(millis @ 1..) = u64::try_from(passed.as_millis()) {
            self.rate = domains.saturating_sub(before).saturating_mul(1_000) / millis;
        }
        if passed > SPAN {
            self.measured = Some((now, domains));
        }
        self.rate
    }
}

pub(super) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Watch for Show {
    fn progress(&mut self, progress: &Progress) {
        let tally = progress.tally;
        let rate = self.measure(tally.total());
        self.bar.set_position(progress.bytes);
        let mut message = format!("{} domains, {}/s", HumanCount(tally.total()), HumanCount(rate));
        if tally.differing > 0 {
            message.push_str(&format!(", {} differ", HumanCount(tally.differing)));
        }
        if tally.inconclusive > 0 {
            message.push_str(&format!(", {} unknown", HumanCount(tally.inconclusive)));
        }
        self.bar.set_message(message);
    }

    fn bad_line(&mut self, line: u64, why: &str) {
        self.told += 1;
        if self.told <= TOLD {
            self.bar.suspend(|| eprintln!("line {line}: {}", escape::clean(why, 300)));
        } else if self.told == TOLD + 1 {
            self.bar.suspend(|| eprintln!("further lines that are no domain are only counted"));
        }
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// What there is to say at the end.
pub fn summary(progress: &Progress, end: &End, output: Option<&Path>) -> String {
    let tally = progress.tally;
    let mut lines = vec![format!(
        "{} domains: {} as wanted, {} differ, {} not known.",
        HumanCount(tally.total()),
        HumanCount(tally.as_wanted),
        HumanCount(tally.differing),
        HumanCount(tally.inconclusive)
    )];
    if progress.bad > 0 {
        lines.push(format!("{} lines are no domain.", HumanCount(progress.bad)));
    }
    let counters = progress.counters;
    if counters.retransmitted + counters.dropped + counters.by_tcp + counters.failed_over > 0 {
        lines.push(format!(
            "{} questions were repeated, {} went over TCP, {} to the next upstream; {} packets answered nothing that was asked.",
            HumanCount(counters.retransmitted),
            HumanCount(counters.by_tcp),
            HumanCount(counters.failed_over),
            HumanCount(counters.dropped)
        ));
    }
    let go_on = match output {
        Some(_) => "The same command with --resume goes on from here.",
        None => "With --output-file it could be resumed.",
    };
    match end {
        End::Whole => {}
        End::Stopped => lines.push(format!("Stopped after line {}. {go_on}", progress.lines)),
        End::NobodyAnswers => lines.push(format!("No upstream answers any more: stopped. {go_on}")),
        End::NoReader => lines.push("Nobody reads the output any more: stopped.".to_owned()),
        End::Failed(error) => drop(complain(error)),
    }
    lines.join("\n")
}
