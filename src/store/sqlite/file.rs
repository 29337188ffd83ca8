//! The database as files on a disk: customers' data, which nobody but the account of the service reads.
//! What is made here is closed to others; what was open before is told and left as it is, because
//! somebody may have meant it.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::{StoreError, StoreResult};

/// What the owner alone may do.
const OTHERS: u32 = 0o077;

/// Makes the folder and the file where they are missing. SQLite gives its log and its index, which lie
/// beside it, the mode of the file.
pub(super) fn make(path: &Path) -> StoreResult<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|source| StoreError::Database {
            what: "the folder of the database cannot be created",
            source: Box::new(source),
        })?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(StoreError::Unavailable(Box::new(error))),
        _ => Ok(()),
    }
}

/// Files of the database that others can read or write, with their mode and what to do.
pub(in crate::store) fn exposed(path: &Path) -> Vec<String> {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let files = [path.to_owned(), beside("-wal"), beside("-shm")];
    let open = |file: &PathBuf| {
        let mode = fs::metadata(file).ok()?.mode() & 0o7777;
        (mode & OTHERS != 0).then(|| {
            let file = file.display();
            format!("{file} is open to others (mode {mode:04o}), and it holds customers' data: chmod 600 {file}")
        })
    };
    files.iter().filter_map(open).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::StoreConfig;
    use crate::store::conformance::fixture::placed;
    use crate::store::sqlite::SqliteStore;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[tokio::test]
    async fn nobody_else_reads_what_is_made() {
        let around = tempfile::TempDir::new().unwrap();
        let folder = around.path().join("var/data");
        let path = folder.join("fencepost.db");
        let store = SqliteStore::open(&StoreConfig::sqlite(&path)).unwrap();
        placed(&store, 2).await;
        let copy = around.path().join("copy.db");
        crate::store::backup(&path, &copy).unwrap();
        assert_eq!((mode(&folder), mode(&around.path().join("var"))), (0o700, 0o700));
        let mut files: Vec<(String, u32)> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .map(|file| (file.file_name().unwrap().to_string_lossy().into_owned(), mode(&file)))
            .collect();
        files.sort();
        let expected = ["fencepost.db", "fencepost.db-shm", "fencepost.db-wal"].map(|name| (name.to_owned(), 0o600));
        assert_eq!(files, expected);
        assert_eq!(mode(&copy), 0o600);
        assert_eq!(exposed(&path), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_was_open_before_is_told_and_left() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("old.db");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let _store = SqliteStore::open(&StoreConfig::sqlite(&path)).unwrap();
        let told = exposed(&path);
        assert_eq!(told.len(), 3, "the file, its log and its index: {told:?}");
        let name = path.display();
        assert_eq!(
            told[0],
            format!("{name} is open to others (mode 0640), and it holds customers' data: chmod 600 {name}")
        );
        assert_eq!(mode(&path), 0o640);
    }
}
