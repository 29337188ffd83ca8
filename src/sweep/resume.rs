//! Goes on with a sweep that was stopped: the position says what is in the output, and what was written after
//! the last position (the process was killed) is read from the output itself. A line cut in half is taken out.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::file::{SweepError, counted};
use super::position::{Position, PositionError};
use super::record::{NOT_A_DOMAIN, Written};
use super::verdict::Tally;

/// Where the position of an output is kept.
#[must_use]
pub fn position_of(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".position");
    PathBuf::from(name)
}

/// An output to go on with.
#[derive(Debug)]
pub struct Resumed {
    /// Opened behind its last whole line.
    pub output: File,
    pub output_bytes: u64,
    pub position: Position,
    /// Lines beyond the position that are done.
    pub skip: BTreeSet<u64>,
}

/// Opens an output behind what is done.
///
/// # Errors
/// There is no position, it is of another file, or the output cannot be read or written.
pub fn resume(output: &Path, file_bytes: Option<u64>) -> Result<Resumed, SweepError> {
    let mut position = Position::read(&position_of(output))?;
    let mut file = OpenOptions::new().read(true).write(true).open(output).map_err(SweepError::Write)?;
    let length = file.metadata().map_err(SweepError::Write)?.len();
    position.fits(file_bytes, length)?;
    file.seek(SeekFrom::Start(position.output_bytes)).map_err(SweepError::Write)?;
    let (since, whole) = written_since(&file, position.output_bytes).map_err(SweepError::Write)?;
    file.set_len(whole).map_err(SweepError::Write)?;
    file.seek(SeekFrom::End(0)).map_err(SweepError::Write)?;
    let [as_wanted, differing, inconclusive, bad] = position.tally;
    let mut tally = Tally { as_wanted, differing, inconclusive };
    let bad = bad + since.iter().filter(|written| written.verdict == NOT_A_DOMAIN).count() as u64;
    since.iter().filter_map(|written| counted(&written.verdict)).for_each(|verdict| tally.count(verdict));
    position.tally = [tally.as_wanted, tally.differing, tally.inconclusive, bad];
    let skip = position.skip(since.into_iter().map(|written| written.line));
    Ok(Resumed { output: file, output_bytes: whole, position, skip })
}

/// Whether there is something to go on with that would be overwritten.
///
/// # Errors
/// The position is unreadable.
pub fn unfinished(output: &Path) -> Result<bool, PositionError> {
    match Position::read(&position_of(output)) {
        Ok(position) => Ok(!position.finished),
        Err(PositionError::Missing(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The whole lines from here on, and where they end.
fn written_since(file: &File, from: u64) -> io::Result<(Vec<Written>, u64)> {
    let mut reader = BufReader::new(file);
    let (mut since, mut end, mut line) = (Vec::new(), from, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        let Some(written) = line.strip_suffix(b"\n").and_then(|line| serde_json::from_slice(line).ok()) else {
            return Ok((since, end));
        };
        since.push(written);
        end += read as u64;
    }
}
