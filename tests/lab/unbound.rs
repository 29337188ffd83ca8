//! Unbound as a recursive resolver that starts from a root server of the laboratory.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use super::Daemon;

/// One `unbound` on one address, port 53.
pub struct Unbound {
    _daemon: Daemon,
}

impl Unbound {
    /// Recursion starts at `root`. Its cache keeps nothing for longer than a second, because the
    /// laboratory's clock runs ahead of Unbound's.
    pub fn start(folder: &Path, address: IpAddr, root: IpAddr) -> Self {
        Self::run(folder, address, root, "module-config: \"iterator\"")
    }

    /// The same with validation: `anchor` is the DNSKEY of the root, as a line of a zone file.
    pub fn validating(folder: &Path, address: IpAddr, root: IpAddr, anchor: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let file = folder.join("root.key");
        fs::write(&file, anchor).unwrap();
        let validation = format!("module-config: \"validator iterator\"\n  trust-anchor-file: \"{}\"", file.display());
        Self::run(folder, address, root, &validation)
    }

    fn run(folder: &Path, address: IpAddr, root: IpAddr, modules: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let hints = folder.join("root.hints");
        fs::write(&hints, format!(". 3600 IN NS root.invalid.\nroot.invalid. 3600 IN A {root}\n")).unwrap();
        let config = folder.join("unbound.conf");
        fs::write(
            &config,
            format!(
                "server:\n  interface: {address}\n  access-control: 127.0.0.0/8 allow\n  do-daemonize: no\n  username: \"\"\n  chroot: \"\"\n  \
                 directory: \"{dir}\"\n  pidfile: \"\"\n  use-syslog: no\n  do-ip6: no\n  do-not-query-localhost: no\n  {modules}\n  \
                 root-hints: \"{hints}\"\n  cache-max-ttl: 1\n  cache-max-negative-ttl: 1\n  infra-host-ttl: 1\n  num-threads: 1\n\
                 remote-control:\n  control-enable: no\n",
                dir = folder.display(),
                hints = hints.display()
            ),
        )
        .unwrap();
        let log = folder.join("unbound.log");
        let mut daemon = Daemon::start("unbound", Command::new("/usr/sbin/unbound").arg("-c").arg(&config), &log);
        daemon.wait_for(SocketAddr::new(address, 53), &log);
        Self { _daemon: daemon }
    }
}
