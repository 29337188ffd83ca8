//! Real daemons for tests: each starts with a private folder on loopback addresses of its own and is
//! stopped, by its pid, when the value is dropped.

#![allow(dead_code, reason = "each test binary uses a part of the laboratory")]

pub mod bind;
pub mod certificates;
pub mod exim;
pub mod hostile_dns;
pub mod hostile_smtp;
pub mod knot;
pub mod netns;
pub mod network;
pub mod nsd;
pub mod opensmtpd;
pub mod postfix;
pub mod powerdns;
pub mod private_root;
pub mod signed;
pub mod signed_mail;
pub mod sink;
pub mod unbound;
pub mod zone;

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A child process that does not outlive the test.
pub struct Daemon {
    child: Child,
    name: String,
}

impl Daemon {
    /// Starts `command` with its output in `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let out = std::fs::File::create(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap_or_else(|e| panic!("{name} does not start: {e} (tests/install-daemons.sh installs it)"));
        Self { child, name: name.to_owned() }
    }

    /// Waits until the daemon takes TCP connections at `address`.
    pub fn wait_for(&mut self, address: SocketAddr, log: &Path) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok() {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{} is not up at {address} ({ended:?}):\n{}",
                self.name,
                std::fs::read_to_string(log).unwrap_or_default()
            );
            pause();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // SIGTERM first, so that a daemon takes its own children along.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            pause();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Between two looks at a condition that another process brings about.
#[expect(clippy::disallowed_methods, reason = "another process gives no signal to wait for; the condition decides")]
pub fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

/// Whether the real daemons can run here. Where they cannot, the reason is printed and the test is
/// left out, except in CI, which installs what it needs: there it fails.
pub fn ready() -> bool {
    let Some(reason) = obstacle() else { return true };
    left_out("the test against real daemons", &reason);
    false
}

#[expect(clippy::disallowed_methods, reason = "CI announces itself by its environment and nothing else")]
fn ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Why the real daemons cannot run here, `None` where they can. Ports 25 and 53 need root.
fn obstacle() -> Option<String> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    if !root {
        return Some("ports 25 and 53 need root".to_owned());
    }
    ["/usr/sbin/knotd", "/usr/sbin/unbound", "/usr/sbin/postfix", "/usr/sbin/smtp-sink"]
        .iter()
        .find(|binary| !Path::new(binary).exists())
        .map(|binary| format!("{binary} is missing; run tests/install-daemons.sh"))
}

/// The first of these programs that is not here.
pub fn missing(programs: &[&Path]) -> Option<String> {
    let program = programs.iter().find(|p| !p.exists())?;
    Some(format!("{} is missing; run tests/install-daemons.sh", program.display()))
}

/// Says that a test was left out, past the capture of the test harness: a silent skip looks like a pass.
/// In CI, which installs what the tests need, only the kernel may be the reason.
pub fn left_out(test: &str, reason: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "LEFT OUT: {test}: {reason}");
    assert!(!ci() || reason.contains("kernel refuses"), "CI must run the real daemons: {reason}");
}
