//! Whole databases: from SQLite into PostgreSQL for those who outgrow one machine, and a backup of a
//! live file. What was written is read back and held against what was read, and the books are verified
//! once more; only then is it said to be done. Nothing here judges what rows mean.

mod backup;
mod copy;
mod into_postgres;
mod out_of_sqlite;
mod rows;
mod seal;
#[cfg(test)]
mod tests;

pub use backup::{BackedUp, backup};
pub use copy::{Copied, copy};
