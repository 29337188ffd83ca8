//! Re-verification of a whole base: one cheap question a domain, judged by the rules of `checks`. Plans, judges,
//! writes and resumes; asks nothing itself (the transport drives it through `engine::ports::MxStream`), and
//! never decides about a domain's state.

mod file;
mod lines;
mod position;
mod record;
mod resume;
#[cfg(test)]
mod tests;
mod verdict;

pub use file::{Begin, End, FileSweep, Keep, Progress, SweepError, Watch};
pub use position::{Position, PositionError};
pub use record::write_stored;
pub use resume::{Resumed, position_of, resume, unfinished};
pub use verdict::{Judge, Tally};
