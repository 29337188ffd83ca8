//! Knot DNS as an authoritative server.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Daemon;

/// One `knotd` on one address, port 53, with zones from text.
pub struct Knot {
    daemon: Daemon,
    folder: PathBuf,
}

impl Knot {
    /// `zones` are pairs of an apex and the records of a zone file, without SOA (which is added).
    pub fn start(folder: &Path, address: IpAddr, zones: &[(&str, &str)]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut config = format!(
            "server:\n    rundir: \"{dir}\"\n    listen: {address}@53\n    udp-workers: 1\n    tcp-workers: 2\n    background-workers: 1\n\
             control:\n    listen: \"{dir}/knot.sock\"\nlog:\n  - target: stderr\n    any: warning\n\
             database:\n    storage: \"{dir}\"\n\
             template:\n  - id: default\n    storage: \"{dir}\"\n    zonefile-sync: -1\n    journal-content: none\n    zonefile-load: whole\nzone:\n",
            dir = folder.display()
        );
        for (apex, records) in zones {
            let file = zone_file(folder, apex);
            fs::write(&file, zone_text(records, 1)).unwrap();
            config.push_str(&format!("  - domain: \"{apex}\"\n    file: \"{}\"\n", file.display()));
        }
        let path = folder.join("knot.conf");
        fs::write(&path, config).unwrap();
        let log = folder.join("knot.log");
        let mut daemon = Daemon::start("knotd", Command::new("/usr/sbin/knotd").arg("-c").arg(&path), &log);
        daemon.wait_for(SocketAddr::new(address, 53), &log);
        Self { daemon, folder: folder.to_path_buf() }
    }

    /// Replaces a zone and waits until the server serves it.
    pub fn replace(&self, apex: &str, records: &str, serial: u32) {
        fs::write(zone_file(&self.folder, apex), zone_text(records, serial)).unwrap();
        let done = Command::new("/usr/sbin/knotc")
            .arg("-s")
            .arg(self.folder.join("knot.sock"))
            .args(["-b", "zone-reload", apex])
            .output()
            .unwrap();
        assert!(done.status.success(), "knotc: {}", String::from_utf8_lossy(&done.stderr));
    }
}

fn zone_file(folder: &Path, apex: &str) -> PathBuf {
    folder.join(format!("{}.zone", apex.trim_end_matches('.').replace('/', "_") + "x"))
}

fn zone_text(records: &str, serial: u32) -> String {
    format!("@ 300 IN SOA ns.invalid. hostmaster.invalid. {serial} 3600 600 86400 60\n{records}")
}
