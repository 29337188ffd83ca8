//! Postfix as a customer's mail server and as the gateway, each instance in a private folder.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Daemon;

/// One Postfix instance on port 25 of some loopback addresses.
pub struct Postfix {
    _daemon: Daemon,
    pub folder: PathBuf,
}

impl Postfix {
    /// `settings` are lines of main.cf that make this instance what it is.
    pub fn start(folder: &Path, addresses: &[IpAddr], settings: &str) -> Self {
        Self::start_with(folder, addresses, settings, "")
    }

    /// The same with further lines of master.cf.
    pub fn start_with(folder: &Path, addresses: &[IpAddr], settings: &str, services: &str) -> Self {
        let config = folder.join("config");
        let (queue, data) = (folder.join("queue"), folder.join("data"));
        for dir in [&config, &queue, &data] {
            fs::create_dir_all(dir).unwrap();
        }
        open_to_all(folder);
        let (uid, _) = account("postfix");
        chown(&data, Some(uid), None).unwrap();
        let log = folder.join("maillog");
        fs::write(
            config.join("main.cf"),
            format!(
                "compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\nmaillog_file = {log}\n\
                 maillog_file_prefixes = {folder}\ninet_interfaces = loopback-only\ninet_protocols = ipv4\nmynetworks = 127.0.0.1/32\n\
                 in_flow_delay = 0\nsmtpd_peername_lookup = no\nsmtputf8_enable = no\nalias_maps =\nalias_database =\nlocal_recipient_maps =\n\
                 mydestination =\nminimal_backoff_time = 1s\n{settings}\n",
                queue = queue.display(),
                data = data.display(),
                log = log.display(),
                folder = folder.display(),
            ),
        )
        .unwrap();
        // Addresses stand here and not in inet_interfaces, which knows configured interfaces only.
        let listeners: String = addresses
            .iter()
            .map(|a| format!("{a}:smtp inet  n       -       n       -       -       smtpd\n"))
            .collect();
        fs::write(config.join("master.cf"), listeners + MASTER + services).unwrap();
        let check = Command::new("/usr/sbin/postfix")
            .args(["-c", config.to_str().unwrap(), "check"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(check.status.success(), "postfix check: {}", String::from_utf8_lossy(&check.stderr));
        let start = folder.join("start.log");
        let mut daemon = Daemon::start(
            "postfix",
            Command::new("/usr/lib/postfix/sbin/master").arg("-c").arg(&config).arg("-d"),
            &start,
        );
        for address in addresses {
            daemon.wait_for(SocketAddr::new(*address, 25), &log);
        }
        Self { _daemon: daemon, folder: folder.to_path_buf() }
    }

    /// The command that makes the instance read its maps again.
    pub fn reload_command(&self) -> Vec<String> {
        ["/usr/sbin/postfix", "-c", self.folder.join("config").to_str().unwrap(), "reload"].map(str::to_owned).to_vec()
    }

    /// Lets the deliveries of transport `relay` ask this resolver instead of the system's: they run
    /// in the queue folder as their root.
    pub fn resolve_by(&self, resolver: IpAddr) {
        let etc = self.folder.join("queue/etc");
        fs::create_dir_all(&etc).unwrap();
        fs::write(etc.join("resolv.conf"), format!("nameserver {resolver}\n")).unwrap();
    }

    /// The end of the log.
    pub fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("maillog")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

/// Uid and gid of an account of this system.
pub fn account(name: &str) -> (u32, u32) {
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    let line =
        passwd.lines().find(|l| l.starts_with(&format!("{name}:"))).unwrap_or_else(|| panic!("no account {name}"));
    let mut fields = line.split(':').skip(2);
    (fields.next().unwrap().parse().unwrap(), fields.next().unwrap().parse().unwrap())
}

/// Postfix' processes run as another user and must reach the folder.
fn open_to_all(folder: &Path) {
    for dir in folder.ancestors().take(2) {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

const MASTER: &str = "\
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
flush     unix  n       -       n       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       y       -       -       smtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
";
