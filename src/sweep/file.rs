//! A sweep of a text of domains, outside any store: reads a line, has its MX asked, judges the answer, writes a
//! line. Everything streams; what is kept does not grow with the number of domains.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fencepost_checks::mx::{Expected, MxVerdict};

use super::lines::{Line, Lines};
use super::position::{Done, Position, PositionError};
use super::record;
use super::verdict::{Judge, Tally};
use crate::engine::ports::{MxLook, MxStream, NextName, SweepCounters};

/// Bytes that are gathered for one write.
const PIECE: usize = 64 * 1024;
/// Calls of `progress` between two positions: about a second.
const POSITION_EVERY: u32 = 10;

/// A sweep, as the transport drives it.
pub struct FileSweep<R, W> {
    lines: Lines<R>,
    out: W,
    judge: Judge,
    watch: Box<dyn Watch>,
    stop: Arc<AtomicBool>,
    only_differing: bool,
    keep: Option<Keep>,
    gathered: Vec<u8>,
    /// Domains under way, by key.
    under_way: Vec<UnderWay>,
    free: Vec<usize>,
    done: Done,
    skip: BTreeSet<u64>,
    progress: Progress,
    ticks: u32,
    end: End,
}

/// What a sweep begins with.
pub struct Begin {
    pub expected: Expected,
    /// Only domains whose MX is not as it should be are written.
    pub only_differing: bool,
    pub watch: Box<dyn Watch>,
    /// Set by whoever wants it to end: what is under way is still waited for.
    pub stop: Arc<AtomicBool>,
    pub keep: Option<Keep>,
    /// Where an earlier sweep was stopped, and lines beyond that which need not be asked again.
    pub resumed: Option<(Position, BTreeSet<u64>)>,
}

/// Where the position is kept, and of what.
#[derive(Debug, Clone)]
pub struct Keep {
    pub path: PathBuf,
    pub file_bytes: Option<u64>,
    /// Bytes of the output at the beginning.
    pub output_bytes: u64,
}

/// Who is told how it goes.
pub trait Watch: Send {
    /// Some times a second.
    fn progress(&mut self, progress: &Progress);
    /// A line is no domain.
    fn bad_line(&mut self, line: u64, why: &str);
}

/// How it goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub tally: Tally,
    /// Lines that are no domain.
    pub bad: u64,
    /// Lines and bytes of the text that were read.
    pub lines: u64,
    pub bytes: u64,
    pub counters: SweepCounters,
}

/// How it ended.
#[derive(Debug, Default)]
pub enum End {
    /// Every line is done.
    #[default]
    Whole,
    /// Somebody stopped it. What was under way is done.
    Stopped,
    /// No upstream answered any more.
    NobodyAnswers,
    /// Nobody reads the output any more.
    NoReader,
    Failed(SweepError),
}

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("the domains cannot be read")]
    Read(#[source] io::Error),
    #[error("the output cannot be written")]
    Write(#[source] io::Error),
    #[error(transparent)]
    Position(#[from] PositionError),
}

#[derive(Debug, Default)]
struct UnderWay {
    line: u64,
    name: String,
}

impl<R: BufRead, W: Write> FileSweep<R, W> {
    /// `text` stands after the position that is resumed.
    pub fn new(text: R, out: W, begin: Begin) -> Self {
        let (position, skip) = begin.resumed.unwrap_or_default();
        let [as_wanted, differing, inconclusive, bad] = position.tally;
        let tally = Tally { as_wanted, differing, inconclusive };
        Self {
            lines: Lines::after(text, position.line, position.offset),
            out,
            judge: Judge::new(begin.expected),
            watch: begin.watch,
            stop: begin.stop,
            only_differing: begin.only_differing,
            keep: begin.keep,
            gathered: Vec::with_capacity(2 * PIECE),
            under_way: Vec::new(),
            free: Vec::new(),
            done: Done::after(position.line, position.offset),
            skip,
            progress: Progress { tally, bad, lines: position.line, bytes: position.offset, ..Progress::default() },
            ticks: 0,
            end: End::Whole,
        }
    }

    /// Writes what is left; how it went and how it ended.
    pub fn finish(mut self) -> (Progress, End) {
        self.flush();
        self.keep_position(matches!(self.end, End::Whole));
        (self.progress, self.end)
    }

    #[cfg(test)]
    pub(super) fn flush_for_test(&mut self) {
        self.flush();
    }

    fn fail(&mut self, error: SweepError) {
        if matches!(self.end, End::Whole | End::Stopped) {
            self.end = End::Failed(error);
        }
    }

    fn flush(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let written = self.out.write_all(&self.gathered).and_then(|()| self.out.flush());
        if let Some(keep) = &mut self.keep {
            keep.output_bytes += self.gathered.len() as u64;
        }
        self.gathered.clear();
        match written {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.end = End::NoReader,
            Err(error) => self.fail(SweepError::Write(error)),
        }
    }

    /// Only after a flush: the position never promises what is not in the output.
    fn keep_position(&mut self, finished: bool) {
        let Some(keep) = &self.keep else { return };
        if matches!(self.end, End::Failed(_)) {
            return;
        }
        let Tally { as_wanted, differing, inconclusive } = self.progress.tally;
        let position = Position {
            file_bytes: keep.file_bytes,
            output_bytes: keep.output_bytes,
            tally: [as_wanted, differing, inconclusive, self.progress.bad],
            finished,
            ..Position::of(&self.done)
        };
        if let Err(error) = position.write(&keep.path) {
            self.fail(error.into());
        }
    }

    fn under_way(&mut self, line: u64, domain: &str, name: &mut String) -> NextName {
        let key = self.free.pop().unwrap_or_else(|| {
            self.under_way.push(UnderWay::default());
            self.under_way.len() - 1
        });
        if let Some(place) = self.under_way.get_mut(key) {
            place.line = line;
            place.name.clear();
            place.name.push_str(domain);
        }
        name.push_str(domain);
        NextName::Ask(key as u64)
    }
}

impl<R: BufRead + Send, W: Write + Send> MxStream for FileSweep<R, W> {
    fn next(&mut self, name: &mut String) -> NextName {
        if self.stop.load(Ordering::Relaxed) && matches!(self.end, End::Whole) {
            self.end = End::Stopped;
        }
        if !matches!(self.end, End::Whole) {
            return NextName::End;
        }
        while self.done.has_room() {
            let line = match self.lines.next() {
                Ok(Some(line)) => line,
                Ok(None) => return NextName::End,
                Err(error) => {
                    self.fail(SweepError::Read(error));
                    return NextName::End;
                }
            };
            let number = self.lines.number();
            self.progress.lines = number;
            self.progress.bytes = self.lines.offset();
            self.done.begin(self.lines.offset());
            let skipped = !self.skip.is_empty() && self.skip.remove(&number);
            match line {
                Line::Domain(domain) if !skipped => return self.under_way(number, domain.as_str(), name),
                Line::Bad(why) if !skipped => {
                    self.progress.bad += 1;
                    self.watch.bad_line(number, &why);
                    record::write_bad(&mut self.gathered, number, &why);
                }
                Line::Domain(_) | Line::Bad(_) | Line::Empty => {}
            }
            self.done.end(number);
        }
        NextName::Later
    }

    fn seen(&mut self, key: u64, look: &MxLook) {
        if look.nobody_answers {
            // It says nothing about the domain, which is asked again when the sweep is resumed.
            if matches!(self.end, End::Whole | End::Stopped) {
                self.end = End::NobodyAnswers;
            }
            return;
        }
        let verdict = self.judge.verdict(&look.answer);
        let Some(place) = usize::try_from(key).ok().and_then(|key| self.under_way.get(key)) else { return };
        self.progress.tally.count(verdict);
        if !self.only_differing || !verdict.is_good() {
            record::write(&mut self.gathered, place.line, &place.name, verdict, look);
        }
        self.done.end(place.line);
        self.free.extend(usize::try_from(key));
        if self.gathered.len() >= PIECE {
            self.flush();
        }
    }

    fn progress(&mut self, counters: &SweepCounters) {
        self.flush();
        self.progress.counters = *counters;
        self.watch.progress(&self.progress);
        self.ticks += 1;
        if self.ticks.is_multiple_of(POSITION_EVERY) {
            self.keep_position(false);
        }
    }
}

/// What a line of an earlier output adds to the tally.
#[must_use]
pub fn counted(verdict: &str) -> Option<MxVerdict> {
    serde_json::from_value(serde_json::Value::String(verdict.to_owned())).ok()
}
