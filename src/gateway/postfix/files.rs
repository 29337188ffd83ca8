//! Files that are replaced as a whole or not at all: written beside, synced, renamed, folder synced.
//! And the lock that keeps a second process away from them. Nothing here knows what is in the files.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failpoint::{Step, around_blocking};

/// No file of ours is larger: some million domains.
const MAX_BYTES: u64 = 1 << 30;
/// The longest that another process may hold the lock: its reload is bounded by less.
const LOCK_PATIENCE: Duration = Duration::from_secs(60);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Replaces a file. Whatever happens, it has its old or its new content.
pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), String> {
    prepare(path, content, mode)?.put_in_place()
}

/// Writes the new content beside the file and onto the disk.
pub(super) fn prepare(path: &Path, content: &[u8], mode: u32) -> Result<Prepared, String> {
    let beside = beside(path, "new");
    let write = || {
        // Of a process that died. Nobody else has it: the lock is held.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        // Whatever the umask says, Postfix has to read it.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|error| format!("cannot write {}: {error}", beside.display()))?;
    Ok(Prepared { path: path.to_owned(), beside })
}

/// New content on the disk that is not yet seen by anybody.
#[must_use]
pub(super) struct Prepared {
    path: PathBuf,
    beside: PathBuf,
}

impl Prepared {
    pub(super) fn put_in_place(self) -> Result<(), String> {
        let put = || {
            around_blocking(Step::PostfixFile, || fs::rename(&self.beside, &self.path))?;
            File::open(folder(&self.path))?.sync_all()
        };
        put().map_err(|error| format!("cannot replace {}: {error}", self.path.display()))
    }
}

/// The text of a file, `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = String::new();
    let bytes = file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes > MAX_BYTES) {
        return Err(format!("{} has more than {MAX_BYTES} bytes", path.display()));
    }
    Ok(Some(text))
}

/// An empty file, where there is none.
pub(super) fn create_if_missing(path: &Path, mode: u32) -> std::io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
        Ok(file) => file.set_permissions(fs::Permissions::from_mode(mode)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// `a/map` and `state` → `a/map.state`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Waits, boundedly, until no other process works on the files. Held until dropped.
pub(super) async fn lock(path: &Path) -> Result<File, String> {
    let failed = |error: std::io::Error| format!("cannot lock {}: {error}", path.display());
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    let waiting = async {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    };
    match tokio::time::timeout(LOCK_PATIENCE, waiting).await {
        Ok(locked) => locked.map(|()| file),
        Err(_) => Err(format!("another process has held {} for {} s", path.display(), LOCK_PATIENCE.as_secs())),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
