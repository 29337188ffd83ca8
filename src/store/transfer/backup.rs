//! `fencepost backup`: a consistent copy of a SQLite file that is being worked on. It is verified under
//! a name of its own and gets its real name only then, so that nobody ever finds half a backup under it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::seal::{self, Sound};
use crate::ledger::chain::Head;
use crate::store::value::number;
use crate::store::{StoreError, StoreResult, sqlite};

/// What was backed up, and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    pub bytes: u64,
    pub customers: u64,
    pub events: u64,
    /// Where the ledger ends.
    pub head: Head,
    /// Closed runs, documents, and looks that permits rest on.
    pub runs: u64,
    pub documents: u64,
    pub looks: u64,
}

/// Backs the SQLite file at `from` up into the new file `to`. Writers go on meanwhile; what they write
/// after the beginning is not in it.
///
/// # Errors
/// [`StoreError::Conflict`] when `to` exists; a source or a copy that is not sound. No file is left then.
pub fn backup(from: &Path, to: &Path) -> StoreResult<BackedUp> {
    let exists = || StoreError::Conflict(format!("{} exists already; a backup never overwrites", to.display()));
    if to.try_exists().map_err(|error| file(to, &error))? {
        return Err(exists());
    }
    let found = sqlite::found(from)?;
    if found == 0 {
        return Err(StoreError::Conflict(format!("there is no database in {}", from.display())));
    }
    if found > sqlite::SCHEMA {
        return Err(StoreError::NewerSchema { found, known: sqlite::SCHEMA });
    }
    let partial = Partial::create(to)?;
    copy(from, &partial.path)?;
    let backed_up = verify(&partial.path)?;
    fs::File::open(&partial.path).and_then(|copied| copied.sync_all()).map_err(|error| file(&partial.path, &error))?;
    // Unlike a rename, a link never replaces what came there meanwhile.
    match fs::hard_link(&partial.path, to) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(exists()),
        Err(error) => return Err(file(to, &error)),
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| file(to, &error))?;
    Ok(backed_up)
}

/// The file while it is not known to be sound; removed in any case.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn create(to: &Path) -> StoreResult<Self> {
        let mut name = to.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let path = to.with_file_name(name);
        // Customers' data: for nobody else to read.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(|error| file(&path, &error))?;
        Ok(Self { path })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// All pages in one step: one snapshot, which writers neither wait for nor disturb.
fn copy(from: &Path, to: &Path) -> StoreResult<()> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(std::time::Duration::from_secs(10))?;
    let mut target = Connection::open(to)?;
    let step = Backup::new(&source, &mut target)?.step(-1)?;
    if step != StepResult::Done {
        return Err(StoreError::Unavailable("the database is locked by another process".into()));
    }
    // One file without a log beside it, to be moved about.
    target.pragma_update(None, "journal_mode", "delete")?;
    Ok(())
}

/// Whether SQLite finds the file sound, every reference leads somewhere, and the books are as sealed.
pub(super) fn verify(path: &Path) -> StoreResult<BackedUp> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let sound: String = db.query_row("PRAGMA integrity_check(10)", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(StoreError::Database { what: "the copy is not sound", source: sound.into() });
    }
    let dangling: i64 = db.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
    if dangling > 0 {
        let source = format!("{dangling} rows name others that are not there").into();
        return Err(StoreError::Database { what: "the copy is not sound", source });
    }
    let Sound { head, runs, documents, looks } = seal::verify(&db)?;
    let count = |sql| number(db.query_row(sql, [], |row| row.get(0))?);
    Ok(BackedUp {
        bytes: fs::metadata(path).map_err(|error| file(path, &error))?.len(),
        customers: count("SELECT count(*) FROM customer")?,
        events: count("SELECT count(*) FROM event")?,
        head,
        runs,
        documents,
        looks,
    })
}

fn file(path: &Path, error: &std::io::Error) -> StoreError {
    let hint = if error.kind() == std::io::ErrorKind::AlreadyExists {
        " (left by a backup that was killed, or one that is under way: remove it if there is none)"
    } else {
        ""
    };
    let source = format!("{}: {error}{hint}", path.display()).into();
    StoreError::Database { what: "the backup cannot be written", source }
}
