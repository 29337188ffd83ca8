//! Exim as a customer's mail server, from its unpacked package. Its access lists make it hesitate,
//! defer or refuse for real.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use super::netns::Netns;
use super::private_root::{self, Account};
use super::{Daemon, missing};

const USER: Account = Account { name: "Debian-exim", id: 64_999 };

/// Why it cannot run here.
pub fn obstacle() -> Option<String> {
    missing(&[&private_root::unpacked().join("usr/sbin/exim4")])
}

/// One Exim on some addresses or, in a namespace, on some ports of all of them.
pub struct Exim {
    _daemon: Daemon,
}

impl Exim {
    /// `settings` are lines of the main section, `lists` those of the ACL section.
    pub fn start(folder: &Path, listen: &[SocketAddr], settings: &str, lists: &str) -> Self {
        let interfaces: Vec<String> = listen.iter().map(|a| format!("[{}]:{}", a.ip(), a.port())).collect();
        let (mut daemon, log) =
            launch(folder, None, &format!("local_interfaces = <; {}\n{settings}", interfaces.join(" ; ")), lists);
        for address in listen {
            daemon.wait_for(*address, &log);
        }
        Self { _daemon: daemon }
    }

    /// Listens on the ports at every address of the namespace.
    pub fn start_in(namespace: &Netns, folder: &Path, ports: &[u16], settings: &str, lists: &str) -> Self {
        let list: Vec<String> = ports.iter().map(u16::to_string).collect();
        let settings = format!("daemon_smtp_ports = {}\n{settings}", list.join(" : "));
        let (daemon, log) = launch(folder, Some(namespace), &settings, lists);
        for port in ports {
            namespace.wait_for_listener(*port, &log);
        }
        Self { _daemon: daemon }
    }
}

fn launch(folder: &Path, namespace: Option<&Netns>, settings: &str, lists: &str) -> (Daemon, std::path::PathBuf) {
    let own = folder.join("own");
    fs::create_dir_all(&own).unwrap();
    for dir in folder.ancestors().take(2) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    chown(&own, Some(USER.id), Some(USER.id)).unwrap();
    let config = folder.join("exim.conf");
    fs::write(
        &config,
        format!(
            "keep_environment =\nprimary_hostname = mail.customer.example\nexim_user = {user}\n\
             spool_directory = {own}/spool\nlog_file_path = {own}/%slog\npid_file_path = {folder}/exim.pid\n\
             host_lookup =\nrfc1413_query_timeout = 0s\ndomainlist served = customer.example : moved.example\n\
             {settings}\nbegin acl\n{lists}\nbegin routers\nkept:\n  driver = accept\n  transport = kept\n\
             begin transports\nkept:\n  driver = appendfile\n  file = /dev/null\n",
            user = USER.name,
            own = own.display(),
            folder = folder.display(),
        ),
    )
    .unwrap();
    let log = folder.join("exim.log");
    let mut command = private_root::command(folder, &[USER], namespace, "/usr/sbin/exim4");
    let daemon = Daemon::start("exim4", command.arg("-C").arg(&config).arg("-bdf"), &log);
    (daemon, log)
}

/// Takes mail for the served domains, and greets everybody.
pub const TAKES_ALL: &str = "rcpt:\n  accept domains = +served\n  deny message = relay not permitted\n";
