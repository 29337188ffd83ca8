//! How far a sweep of a file is: every line up to a mark is done, and a few beyond it. Written beside the output
//! from time to time, whole or not at all, so that a sweep that was stopped goes on where it was.

use std::collections::BTreeSet;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Lines that may be under way beyond the first one that is not done. One that nobody answers for holds the
/// mark for some seconds; the sweep waits for it only when it is this far ahead.
pub const FARTHEST: usize = 1 << 20;
/// The layout of the file.
const VERSION: u32 = 1;
/// Largest file that is read.
const LARGEST: u64 = 64 << 20;

/// What is done, while it is done in any order.
#[derive(Debug, Default)]
pub struct Done {
    /// Lines up to here are done, and the bytes they take.
    line: u64,
    offset: u64,
    /// Those after it: where each ends, and whether it is done.
    beyond: VecDeque<(u64, bool)>,
}

/// A position, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub version: u32,
    /// Size of the file that is swept, bytes; `None` for a pipe.
    pub file_bytes: Option<u64>,
    /// Lines up to this one are in the output.
    pub line: u64,
    /// Bytes of the file up to its end.
    pub offset: u64,
    /// Further lines that are in the output.
    pub beyond: Vec<u64>,
    /// Bytes of the output in which all these lie.
    pub output_bytes: u64,
    /// Domains so far: as wanted, differing, inconclusive; and lines that are no domain.
    pub tally: [u64; 4],
    pub finished: bool,
}

/// Why a sweep cannot go on from a position.
#[derive(Debug, thiserror::Error)]
pub enum PositionError {
    #[error("there is nothing to go on from: {} does not exist; run it without --resume", .0.display())]
    Missing(PathBuf),
    #[error("{} cannot be read", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} cannot be written", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is no position of this version ({why}); run it without --resume to begin anew", path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("the file of domains had {then} bytes and has {now} now: run it without --resume to begin anew")]
    OtherFile { then: u64, now: u64 },
    #[error(
        "the output has {now} bytes, less than the {then} that were written: run it without --resume to begin anew"
    )]
    OutputShorter { then: u64, now: u64 },
}

impl Done {
    /// Goes on after a position.
    #[must_use]
    pub fn after(line: u64, offset: u64) -> Self {
        Self { line, offset, beyond: VecDeque::new() }
    }

    /// Whether another line may be begun.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.beyond.len() < FARTHEST
    }

    /// The line after those begun so far is begun; it ends at `offset`.
    pub fn begin(&mut self, offset: u64) {
        self.beyond.push_back((offset, false));
    }

    /// A line that was begun is done.
    pub fn end(&mut self, line: u64) {
        let index = line.checked_sub(self.line + 1).and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.beyond.get_mut(index)) {
            entry.1 = true;
        }
        while let Some((offset, _)) = self.beyond.pop_front_if(|(_, done)| *done) {
            self.line += 1;
            self.offset = offset;
        }
    }

    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Lines beyond the mark that are done.
    #[must_use]
    pub fn ahead(&self) -> Vec<u64> {
        let done = (self.line + 1..).zip(&self.beyond).filter(|(_, (_, done))| *done);
        done.map(|(line, _)| line).collect()
    }
}

impl Position {
    /// Before anything is done.
    #[must_use]
    pub fn begin() -> Self {
        Self::of(&Done::default())
    }

    /// Of what is done by now.
    #[must_use]
    pub fn of(done: &Done) -> Self {
        Self { version: VERSION, line: done.line(), offset: done.offset(), beyond: done.ahead(), ..Self::default() }
    }

    /// Reads the position beside an output.
    ///
    /// # Errors
    /// There is none, or it is none of this version.
    pub fn read(path: &Path) -> Result<Self, PositionError> {
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => PositionError::Missing(path.to_owned()),
            _ => PositionError::Unreadable { path: path.to_owned(), source },
        };
        let foreign = |why: String| PositionError::Foreign { path: path.to_owned(), why };
        if fs::metadata(path).map_err(unreadable)?.len() > LARGEST {
            return Err(foreign("it is far too large".to_owned()));
        }
        let bytes = fs::read(path).map_err(unreadable)?;
        let position: Self = serde_json::from_slice(&bytes).map_err(|error| foreign(error.to_string()))?;
        match position.version {
            VERSION => Ok(position),
            other => Err(foreign(format!("version {other}"))),
        }
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be written, or the disk is full.
    pub fn write(&self, path: &Path) -> Result<(), PositionError> {
        let unwritable = |source| PositionError::Unwritable { path: path.to_owned(), source };
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let fresh = PathBuf::from(name);
        let bytes = serde_json::to_vec(self).map_err(|error| unwritable(error.into()))?;
        let mut file = File::create(&fresh).map_err(unwritable)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(unwritable)?;
        fs::rename(&fresh, path).map_err(unwritable)
    }

    /// Whether it is one of this file and this output.
    ///
    /// # Errors
    /// What has changed since.
    pub fn fits(&self, file_bytes: Option<u64>, output_bytes: u64) -> Result<(), PositionError> {
        match (self.file_bytes, file_bytes) {
            (Some(then), Some(now)) if then != now => return Err(PositionError::OtherFile { then, now }),
            _ => {}
        }
        if output_bytes < self.output_bytes {
            return Err(PositionError::OutputShorter { then: self.output_bytes, now: output_bytes });
        }
        Ok(())
    }

    /// Lines beyond the mark that need not be asked again, with those that were written after the position.
    #[must_use]
    pub fn skip(&self, written_since: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
        self.beyond.iter().copied().chain(written_since).filter(|line| *line > self.line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_mark_never_passes_a_line_that_is_not_done(order in Just((1_u64..=60).collect::<Vec<_>>()).prop_shuffle(), stop in 0_usize..60) {
            let mut done = Done::default();
            for line in 1..=60 {
                done.begin(line * 10);
            }
            for line in &order[..stop] {
                done.end(*line);
            }
            let finished: BTreeSet<u64> = order[..stop].iter().copied().collect();
            let first_open = (1..).find(|line| !finished.contains(line)).unwrap();
            prop_assert_eq!(done.line(), first_open - 1);
            prop_assert_eq!(done.offset(), (first_open - 1) * 10);
            let kept: BTreeSet<u64> = (1..=done.line()).chain(done.ahead()).collect();
            prop_assert_eq!(kept, finished);
        }
    }

    #[test]
    fn a_position_survives_and_says_when_it_does_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.ndjson.position");
        assert!(matches!(Position::read(&path), Err(PositionError::Missing(_))));
        let mut done = Done::default();
        (1..=5).for_each(|line| done.begin(line * 7));
        [1, 2, 4].into_iter().for_each(|line| done.end(line));
        let position = Position { file_bytes: Some(35), output_bytes: 100, ..Position::of(&done) };
        position.write(&path).unwrap();
        assert_eq!(Position::read(&path).unwrap(), position);
        assert_eq!((position.line, position.offset), (2, 14));
        assert_eq!(position.skip([5]), BTreeSet::from([4, 5]));
        assert!(position.fits(Some(35), 120).is_ok());
        assert!(matches!(position.fits(Some(36), 120), Err(PositionError::OtherFile { .. })));
        assert!(matches!(position.fits(Some(35), 99), Err(PositionError::OutputShorter { .. })));
        fs::write(&path, "{}").unwrap();
        assert!(matches!(Position::read(&path), Err(PositionError::Foreign { .. })));
    }
}
