//! PowerDNS as an authoritative server, with zone files.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use super::{Daemon, missing, zone};

const PROGRAM: &str = "/usr/sbin/pdns_server";

/// Why it cannot run here.
pub fn obstacle() -> Option<String> {
    missing(&[Path::new(PROGRAM), Path::new("/usr/lib/x86_64-linux-gnu/pdns/libbindbackend.so")])
        .filter(|_| !Path::new("/usr/lib/aarch64-linux-gnu/pdns/libbindbackend.so").exists())
}

/// One `pdns_server` on one address, port 53.
pub struct PowerDns {
    _daemon: Daemon,
}

impl PowerDns {
    /// `zones` are pairs of an apex and the records of a zone file, without SOA (which is added).
    pub fn start(folder: &Path, address: IpAddr, zones: &[(&str, &str)]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut named = String::new();
        for (apex, records) in zones {
            let file = zone::write(folder, apex, records, 1);
            let name = apex.trim_end_matches('.');
            named.push_str(&format!("zone \"{name}\" {{ type master; file \"{}\"; }};\n", file.display()));
        }
        fs::write(folder.join("zones.conf"), named).unwrap();
        fs::write(
            folder.join("pdns.conf"),
            format!(
                "launch=bind\nbind-config={dir}/zones.conf\nlocal-address={address}\nlocal-port=53\nsocket-dir={dir}\n\
                 daemon=no\nguardian=no\nsecurity-poll-suffix=\ncache-ttl=0\nquery-cache-ttl=0\n",
                dir = folder.display()
            ),
        )
        .unwrap();
        let log = folder.join("pdns.log");
        let mut command = Command::new(PROGRAM);
        let mut daemon = Daemon::start("pdns_server", command.arg(format!("--config-dir={}", folder.display())), &log);
        daemon.wait_for(SocketAddr::new(address, 53), &log);
        Self { _daemon: daemon }
    }
}
