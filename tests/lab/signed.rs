//! Zones signed with BIND's tools: keys, DS records for the parent, and signatures that hold, or that have
//! run out. Signed once into files; the servers serve them as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{missing, zone};

const KEYGEN: &str = "/usr/bin/dnssec-keygen";
const SIGNZONE: &str = "/usr/bin/dnssec-signzone";

/// Why zones cannot be signed here.
pub fn obstacle() -> Option<String> {
    missing(&[Path::new(KEYGEN), Path::new(SIGNZONE)])
}

/// From when until when signatures are valid, as dnssec-signzone writes it.
#[derive(Debug, Clone, Copy)]
pub struct Validity(&'static str, &'static str);

/// An hour back, ten days ahead.
pub const NOW: Validity = Validity("now-1h", "now+10d");
/// Ended before the test began.
pub const EXPIRED: Validity = Validity("20200101000000", "20200201000000");

pub struct Signed {
    /// The signed zone, in full.
    pub file: PathBuf,
    /// DS records of its key, as lines for the zone of the parent.
    pub ds: String,
    /// DNSKEY of the key that signs keys, as a line of a trust anchor.
    pub anchor: String,
}

/// Signs `records` (without SOA, which is added) as the zone `apex`, which ends in a dot.
pub fn sign(folder: &Path, apex: &str, records: &str, validity: Validity) -> Signed {
    let folder = folder.join(if apex == "." { "root" } else { apex.trim_end_matches('.') });
    fs::create_dir_all(&folder).unwrap();
    let key = |flags: &[&str]| {
        let made = run(Command::new(KEYGEN).args(["-q", "-a", "ECDSAP256SHA256"]).args(flags).arg(apex), &folder);
        let name = made.trim().to_owned();
        fs::read_to_string(folder.join(format!("{name}.key"))).unwrap()
    };
    let (signing, zone_key) = (key(&["-f", "KSK"]), key(&[]));
    let lines = |key: &str| -> String {
        key.lines().filter(|line| line.contains("DNSKEY")).map(|line| format!("{line}\n")).collect()
    };
    let unsigned = zone::write(&folder, apex, &format!("{records}{}{}", lines(&signing), lines(&zone_key)), 1);
    let file = folder.join("signed.zone");
    let Validity(from, until) = validity;
    run(
        Command::new(SIGNZONE)
            .args(["-q", "-P", "-K", ".", "-d", ".", "-s", from, "-e", until, "-o", apex, "-f"])
            .arg(&file)
            .arg(&unsigned),
        &folder,
    );
    // Without a TTL of their own the records take that of the zone they are put into.
    let ds =
        if apex == "." { String::new() } else { fs::read_to_string(folder.join(format!("dsset-{apex}"))).unwrap() };
    Signed { file, ds, anchor: lines(&signing) }
}

fn run(command: &mut Command, folder: &Path) -> String {
    let done = command.current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
