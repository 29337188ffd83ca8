//! Processes of this very test program that play a role and stop at a fail point. Unlike the shipped
//! binary they can be armed; the code that they run is the same.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use fencepost::failpoint::{self, Point};

/// `serve`, `books`, `canary`, `postfix`.
const ROLE: &str = "FENCEPOST_TEST_ROLE";
/// What the role works with: a file or a folder.
const PLACE: &str = "FENCEPOST_TEST_PLACE";
const POINT: &str = "FENCEPOST_TEST_POINT";
const NTH: &str = "FENCEPOST_TEST_NTH";
const FREEZE: &str = "FENCEPOST_TEST_FREEZE";
/// With this end, the file beside the place that tells a frozen process to go on.
const GO_ON: &str = ".go-on";

/// A process that ends with its test.
pub struct Process(Child);

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }

    /// SIGKILL: no handler runs, no buffer is flushed.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Whether it is stopped (SIGSTOP) and not merely idle.
    pub fn is_frozen(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    }

    /// SIGSTOP, when it is not stopped already.
    pub fn freeze(&self) {
        signal("-STOP", self.0.id());
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        signal("-CONT", self.0.id());
    }

    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// The status, once it has ended; `None` when it has not within `bound`.
    pub fn ended(&mut self, bound: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + bound;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() > until {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What happens to a process at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGABRT.
    Abort,
    /// SIGSTOP.
    Freeze,
}

/// The thread that was stopped at a point goes on, once its process is thawed.
pub fn go_on(place: &Path) {
    let mut name = place.as_os_str().to_owned();
    name.push(GO_ON);
    std::fs::write(name, "").unwrap();
}

/// Starts this program again in a role, to be struck when it comes by the point for the n-th time.
pub fn start(role: &str, place: &Path, at: Option<(Point, u32, Blow)>, log: &Path) -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "role::process", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(ROLE, role).env(PLACE, place).env("FENCEPOST_LOG", "fencepost=info");
    if let Some((point, nth, blow)) = at {
        command.env(POINT, point.to_string()).env(NTH, nth.to_string());
        if blow == Blow::Freeze {
            command.env(FREEZE, "yes");
        }
    }
    command.stderr(File::options().create(true).append(true).open(log).unwrap());
    Process::spawn(&mut command)
}

#[test]
#[ignore = "the process that the other tests stop"]
fn process() {
    let Ok(role) = std::env::var(ROLE) else { return };
    if let Ok(wanted) = std::env::var(POINT) {
        arm(wanted, std::env::var(NTH).unwrap().parse().unwrap());
    }
    let place = std::env::var(PLACE).unwrap();
    match role.as_str() {
        "serve" => {
            let line = ["fencepost", "serve", "--config", &place];
            let _ = fencepost::cli::main_from(line.map(Into::into));
        }
        "books" => super::books::play(Path::new(&place)),
        "canary" => super::canary::play(Path::new(&place)),
        "postfix" => super::postfix::play(Path::new(&place)),
        other => panic!("there is no role {other}"),
    }
}

fn arm(wanted: String, nth: u32) {
    let met = AtomicU32::new(0);
    let freeze = std::env::var_os(FREEZE).is_some();
    let go_on = format!("{}{GO_ON}", std::env::var(PLACE).unwrap());
    let hook = move |point: Point| {
        if point.to_string() == wanted && met.fetch_add(1, Ordering::SeqCst) + 1 == nth {
            eprintln!("stopped at {wanted}, time {nth}");
            if !freeze {
                std::process::abort();
            }
            signal("-STOP", std::process::id());
            // Whoever froze us may wake us for a moment; this thread waits for the word.
            while !std::fs::exists(&go_on).unwrap() {
                std::thread::sleep(Duration::from_millis(2));
            }
            eprintln!("goes on at {wanted}");
        }
    };
    failpoint::install(hook).unwrap();
}

fn signal(name: &str, pid: u32) {
    let told = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(told.success());
}
