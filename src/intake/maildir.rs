//! A Maildir: new messages oldest first, and each moved to `cur` once it was looked at. Only plain files
//! are touched, never what a link points to.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use jiff::Timestamp;

use crate::engine::ports::Waiting;

/// Messages taken in one look.
const MAX_AT_ONCE: usize = 32;
/// Names read in one look; a folder with more is not ours to sort.
const MAX_NAMES: usize = 10_000;

/// The oldest messages of a folder that the configuration names under `key`, each cut to `limit` bytes.
pub(super) fn waiting(key: &str, maildir: &Path, limit: usize) -> Result<Vec<Waiting>, String> {
    let folder = maildir.join("new");
    let told = |error: std::io::Error| format!("{key}: {}: {error}", folder.display());
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        // The mail server makes the folder with the first message.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(told(error)),
    };
    // Names begin with the time of delivery.
    let mut names: Vec<String> = entries
        .take(MAX_NAMES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    let mut found = Vec::new();
    for id in names.into_iter().take(MAX_AT_ONCE) {
        let path = folder.join(&id);
        if !fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        let mut message = Vec::new();
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(told(error)),
        };
        file.take(u64::try_from(limit).unwrap_or(u64::MAX)).read_to_end(&mut message).map_err(told)?;
        found.push(Waiting { id, message });
    }
    Ok(found)
}

/// Marks a message as read. One that is gone already was put aside by somebody else.
pub(super) fn put_aside(key: &str, maildir: &Path, id: &str) -> Result<(), String> {
    let (from, folder) = (maildir.join("new").join(id), maildir.join("cur"));
    let told = |error: std::io::Error| format!("{key}: {}: {error}", from.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(told)?;
    match fs::rename(&from, folder.join(format!("{id}:2,S"))) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(told(error)),
        _ => Ok(()),
    }
}

/// When the mail server delivered a message: its name begins with the second. `None` for another name.
pub(super) fn delivered(id: &str) -> Option<Timestamp> {
    Timestamp::from_second(id.split('.').next()?.parse().ok()?).ok()
}
