//! Zone files that every name server of the laboratory can read.

use std::fs;
use std::path::{Path, PathBuf};

/// Writes the zone into the folder: a SOA (negative TTL 60 s, its own TTL 300 s) and the records.
pub fn write(folder: &Path, apex: &str, records: &str, serial: u32) -> PathBuf {
    let file = folder.join(format!("{}zone", if apex == "." { "root." } else { apex }));
    let text =
        format!("$ORIGIN {apex}\n@ 300 IN SOA ns.invalid. hostmaster.invalid. {serial} 3600 600 86400 60\n{records}");
    fs::write(&file, text).unwrap();
    file
}
