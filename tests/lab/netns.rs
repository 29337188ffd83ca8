//! Network namespaces with a wire between them: a small internet of a test's own, in which source
//! addresses and packet filters are real. They carry the pid of the test in their name and go with it;
//! what a test left behind that was killed is cleared away by the next one.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::pause;

const PREFIX: &str = "fp-test-";

/// One network namespace with its loopback up.
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace; the error is the kernel's reason against it.
    pub fn new(label: &str) -> Result<Self, String> {
        sweep();
        // Tests of one process run side by side.
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{label}{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name])?;
        let made = Self { name };
        made.ip(&["link", "set", "lo", "up"])?;
        Ok(made)
    }

    /// A command that runs inside. `ip` replaces itself by it, so its pid is the program's.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// `ip` about this namespace.
    pub fn ip(&self, args: &[&str]) -> Result<String, String> {
        ip(&[&["-n", &self.name], args].concat())
    }

    /// A wire to another namespace, with addresses (and prefix lengths) at both ends.
    pub fn wire(&self, ours: &[&str], other: &Self, theirs: &[&str]) -> Result<(), String> {
        self.ip(&["link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", &other.name])?;
        for (end, addresses) in [(self, ours), (other, theirs)] {
            end.ip(&["link", "set", "wire", "up"])?;
            for address in addresses {
                // Without detection of duplicates, an address is usable at once.
                let nodad: &[&str] = if address.contains(':') { &["nodad"] } else { &[] };
                end.ip(&[&["addr", "add", *address, "dev", "wire"], nodad].concat())?;
            }
        }
        Ok(())
    }

    /// Replaces the packet filter by these rules of an input chain. Without rules everything passes.
    pub fn filter(&self, rules: &str) -> Result<(), String> {
        let script = format!(
            "flush ruleset\ntable inet filter {{\n chain input {{\n  type filter hook input priority 0; policy accept;\n{rules}\n }}\n}}\n"
        );
        let mut nft = self
            .command("nft")
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        nft.stdin.take().unwrap().write_all(script.as_bytes()).map_err(|e| e.to_string())?;
        let done = nft.wait_with_output().map_err(|e| e.to_string())?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }

    /// Waits until something listens on this TCP port.
    pub fn wait_for_listener(&self, port: u16, log: &Path) {
        let deadline = Instant::now() + Duration::from_secs(20);
        let filter = format!("sport = :{port}");
        loop {
            let seen = self.command("ss").args(["-Hltn", &filter]).output().unwrap();
            if !seen.stdout.is_empty() {
                return;
            }
            let log = || std::fs::read_to_string(log).unwrap_or_default();
            assert!(Instant::now() < deadline, "nothing listens on port {port} in {}:\n{}", self.name, log());
            pause();
        }
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Runs the test of this name once more inside a namespace of its own, where every loopback address is
/// free and no packet can leave. `true` inside, where the test goes on; `false` outside, where all is
/// done when this returns.
pub fn inside(test: &str) -> bool {
    const MARK: &str = "FENCEPOST_TEST_INSIDE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let label: String = test.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    let namespace = Netns::new(&label).unwrap();
    let binary = std::env::current_exe().unwrap();
    let done = namespace
        .command(binary.to_str().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(MARK, "1")
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.contains("1 passed"), "{out}\n{err}");
    false
}

/// Why the kernel or this account cannot do it, `None` where it can.
pub fn obstacle() -> Option<String> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout.starts_with(b"0\n"));
    if !root {
        return Some("network namespaces and ports 25 and 53 need root".to_owned());
    }
    if let Some(tool) = ["ip", "nft", "ss"].iter().find(|t| Command::new(t).arg("-V").output().is_err()) {
        return Some(format!("{tool} is missing; run tests/install-daemons.sh"));
    }
    let tried = Netns::new("try").and_then(|a| {
        let b = Netns::new("try2")?;
        a.wire(&["192.0.2.1/24"], &b, &["192.0.2.2/24"])?;
        b.filter("tcp dport 1 drop")
    });
    tried.err().map(|why| format!("the kernel refuses network namespaces or nftables: {}", why.trim()))
}

fn ip(args: &[&str]) -> Result<String, String> {
    let done = Command::new("ip").args(args).stdin(Stdio::null()).output().map_err(|e| format!("ip: {e}"))?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    } else {
        Err(format!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&done.stderr)))
    }
}

/// Removes the namespaces of tests that are no more, and what still runs in them.
fn sweep() {
    for line in ip(&["netns", "list"]).unwrap_or_default().lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let Some(pid) = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()) else { continue };
        if Path::new("/proc").join(pid).exists() {
            continue;
        }
        for process in ip(&["netns", "pids", name]).unwrap_or_default().lines() {
            let _ = Command::new("kill").arg(process).stderr(Stdio::null()).status();
        }
        remove(name);
    }
}

fn remove(name: &str) {
    let _ = ip(&["netns", "del", name]);
}
