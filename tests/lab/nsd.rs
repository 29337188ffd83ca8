//! NSD as an authoritative server, of the root too.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::netns::Netns;
use super::{Daemon, missing, zone};

const PROGRAM: &str = "/usr/sbin/nsd";

/// Why it cannot run here.
pub fn obstacle() -> Option<String> {
    missing(&[Path::new(PROGRAM)])
}

/// One `nsd` on one address, port 53.
pub struct Nsd {
    _daemon: Daemon,
}

impl Nsd {
    /// `zones` are pairs of an apex and the records of a zone file, without SOA (which is added).
    pub fn start(folder: &Path, address: IpAddr, zones: &[(&str, &str)]) -> Self {
        let config = configure(folder, address, zones);
        let log = folder.join("nsd.log");
        let mut daemon = Daemon::start("nsd", Command::new(PROGRAM).arg("-d").arg("-c").arg(config), &log);
        daemon.wait_for(SocketAddr::new(address, 53), &log);
        Self { _daemon: daemon }
    }

    /// Zones from files that are complete, such as signed ones.
    pub fn serving(folder: &Path, address: IpAddr, zones: &[(String, PathBuf)]) -> Self {
        let config = configure_files(folder, address, zones);
        let log = folder.join("nsd.log");
        let mut daemon = Daemon::start("nsd", Command::new(PROGRAM).arg("-d").arg("-c").arg(config), &log);
        daemon.wait_for(SocketAddr::new(address, 53), &log);
        Self { _daemon: daemon }
    }

    /// The same as [`Self::start`] inside a namespace.
    pub fn start_in(namespace: &Netns, folder: &Path, address: IpAddr, zones: &[(&str, &str)]) -> Self {
        let config = configure(folder, address, zones);
        let log = folder.join("nsd.log");
        let daemon = Daemon::start("nsd", namespace.command(PROGRAM).arg("-d").arg("-c").arg(config), &log);
        namespace.wait_for_listener(53, &log);
        Self { _daemon: daemon }
    }
}

fn configure(folder: &Path, address: IpAddr, zones: &[(&str, &str)]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let write = |(apex, records): &(&str, &str)| ((*apex).to_owned(), zone::write(folder, apex, records, 1));
    configure_files(folder, address, &zones.iter().map(write).collect::<Vec<_>>())
}

fn configure_files(folder: &Path, address: IpAddr, zones: &[(String, PathBuf)]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let mut config = format!(
        "server:\n  ip-address: {address}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{dir}\"\n  \
         database: \"\"\n  pidfile: \"{dir}/nsd.pid\"\n  xfrdfile: \"\"\n  zonelistfile: \"{dir}/zone.list\"\n  \
         xfrdir: \"{dir}\"\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n",
        dir = folder.display()
    );
    for (apex, file) in zones {
        config.push_str(&format!("zone:\n  name: \"{apex}\"\n  zonefile: \"{}\"\n", file.display()));
    }
    let path = folder.join("nsd.conf");
    fs::write(&path, config).unwrap();
    path
}
