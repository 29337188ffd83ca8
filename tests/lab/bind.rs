//! BIND as an authoritative server and as a recursive resolver.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Command;

use super::{Daemon, missing, zone};

const PROGRAM: &str = "/usr/sbin/named";

/// Why it cannot run here.
pub fn obstacle() -> Option<String> {
    missing(&[Path::new(PROGRAM)])
}

/// One `named` on one address, port 53.
pub struct Bind {
    _daemon: Daemon,
}

impl Bind {
    /// `zones` are pairs of an apex and the records of a zone file, without SOA (which is added).
    pub fn start(folder: &Path, address: IpAddr, zones: &[(&str, &str)]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut clauses = String::new();
        for (apex, records) in zones {
            let file = zone::write(folder, apex, records, 1);
            clauses.push_str(&format!("zone \"{apex}\" {{ type primary; file \"{}\"; }};\n", file.display()));
        }
        Self::run(folder, address, "recursion no;", &clauses)
    }

    /// Recursion starts at `root`; answers are cached as long as their TTL says.
    pub fn resolver(folder: &Path, address: IpAddr, root: IpAddr) -> Self {
        fs::create_dir_all(folder).unwrap();
        let hints = folder.join("root.hints");
        fs::write(&hints, format!(". 3600 IN NS root.invalid.\nroot.invalid. 3600 IN A {root}\n")).unwrap();
        // A source of its own, so that the laboratory's addresses can be told apart.
        let options = format!(
            "recursion yes; allow-recursion {{ 127.0.0.0/8; }}; query-source address {address}; \
             empty-zones-enable no; qname-minimization off; resolver-query-timeout 10000;"
        );
        Self::run(folder, address, &options, &format!("zone \".\" {{ type hint; file \"{}\"; }};\n", hints.display()))
    }

    fn run(folder: &Path, address: IpAddr, options: &str, zones: &str) -> Self {
        let config = folder.join("named.conf");
        fs::write(
            &config,
            format!(
                "options {{ directory \"{dir}\"; listen-on {{ {address}; }}; listen-on-v6 {{ none; }}; pid-file none; \
                 session-keyfile none; \
                 dnssec-validation no; notify no; automatic-interface-scan no; {options} }};\ncontrols {{ }};\n{zones}",
                dir = folder.display()
            ),
        )
        .unwrap();
        // BIND listens on configured addresses only; in a namespace of its own the test may add one.
        let _ = Command::new("ip").args(["addr", "add", &format!("{address}/32"), "dev", "lo"]).output();
        let log = folder.join("named.log");
        let mut command = Command::new(PROGRAM);
        let mut daemon = Daemon::start("named", command.args(["-g", "-4", "-n", "1", "-c"]).arg(&config), &log);
        daemon.wait_for(SocketAddr::new(address, 53), &log);
        Self { _daemon: daemon }
    }
}
