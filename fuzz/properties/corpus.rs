//! Replays the corpus of a target in an ordinary test, so that what fuzzing once found stays found.

use std::path::Path;

/// Runs `check` on every file of the target's corpus.
pub fn replay(target: &str, check: fn(&[u8])) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = if here.join("fuzz").is_dir() { here } else { here.parent().unwrap() };
    let folder = root.join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 10, "{}: only {} inputs", folder.display(), files.len());
    for file in files {
        let input = std::fs::read(&file).unwrap();
        let done = std::panic::catch_unwind(|| check(&input));
        assert!(done.is_ok(), "{} no longer holds", file.display());
    }
}
