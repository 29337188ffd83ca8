//! A PostgreSQL server of its own for tests: a private data folder and Unix socket, no TCP unless asked
//! for, run by an ordinary user because the server refuses root. A small shell holds it, and stops it when
//! the test process is gone, however that ended.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Reads orders from its input and does them one after the other; at the end of the input it stops the
/// server and takes the folder away.
const KEEPER: &str = r#"
dir=$1 bin=$2 listen=$3 settings=$4
say() { echo "$1"; }
start() {
  "$bin/postgres" -D "$dir/data" -c listen_addresses="$listen" -c unix_socket_directories="$dir" \
    -c max_connections=200 -c deadlock_timeout=200ms $settings >>"$dir/log" 2>&1 </dev/null &
  pid=$!
  until "$bin/pg_isready" -q -h "$dir" -U postgres; do
    kill -0 $pid 2>/dev/null || { say "gone"; return; }
    sleep 0.02
  done
  say "up"
}
stop() { kill -s "$1" $pid; wait $pid; say "down"; }
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 || { say "no initdb"; exit 1; }
start
while read -r order; do
  case $order in
    start) start ;;
    stop) stop INT ;;
    crash) stop QUIT ;;
  esac
done
kill -s QUIT $pid 2>/dev/null
wait $pid
rm -rf "$dir"
"#;

/// Tests: the machine does not crash here, processes do.
const UNSYNCED: &str = "-c fsync=off -c full_page_writes=off -c shared_buffers=64MB -c max_wal_size=512MB";
/// Measurements: every commit reaches the disk, and no checkpoint falls into a round by chance.
const DURABLE: &str = "-c shared_buffers=1GB -c max_wal_size=16GB -c checkpoint_timeout=1h -c autovacuum=off";

/// A running server.
pub struct Server {
    folder: PathBuf,
    bin: PathBuf,
    user: Option<(u32, u32)>,
    keeper: Mutex<Keeper>,
    databases: AtomicU32,
}

struct Keeper {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// The one server of this test process, ended with it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// A server of one's own, to be stopped and started.
    pub fn start() -> Self {
        Self::listening("")
    }

    /// A server of one's own that can also be reached at these addresses, separated by commas, at port 5432.
    pub fn listening(addresses: &str) -> Self {
        Self::with(addresses, UNSYNCED)
    }

    /// A server to measure.
    pub fn durable() -> Self {
        Self::with("", DURABLE)
    }

    fn with(addresses: &str, settings: &str) -> Self {
        let bin = programs();
        let user = ordinary_user();
        let folder = tempfile::Builder::new().prefix("fencepost-pg-").tempdir().unwrap().keep();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(&folder).arg(&bin).arg(addresses).arg(settings).current_dir(&folder);
        // A signal from the terminal is meant for the test, which ends the server in its own way.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        let mut child = command.spawn().unwrap();
        let (orders, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        let keeper = Mutex::new(Keeper { child, orders, answers });
        let server = Self { folder, bin, user, keeper, databases: AtomicU32::new(0) };
        server.hear("up");
        server
    }

    /// URL of a new, empty database.
    pub fn database(&self) -> String {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// The same database as another role.
    pub fn url_as(&self, role: &str, url: &str) -> String {
        url.replace("postgres@", &format!("{role}@"))
    }

    /// Runs SQL as the superuser; what it prints, unaligned.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut command = self.program("psql");
        command.args(["-qAtX", "-v", "ON_ERROR_STOP=1", "-h"]).arg(&self.folder);
        let out = command.args(["-U", "postgres", "-d", database, "-c", sql]).output().unwrap();
        assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim_end().to_owned()
    }

    /// One of PostgreSQL's own programs, told where this server is.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin.join(name));
        command.env("PGHOST", &self.folder).env("PGUSER", "postgres").current_dir("/");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the server has written down so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A file of the server's own, for nobody else to read, beside its data.
    pub fn own_file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = self.user {
            std::os::unix::fs::chown(&path, Some(uid), Some(gid)).unwrap();
        }
        path
    }

    /// Ends the server in order: open connections are broken.
    pub fn stop(&self) {
        self.tell("stop");
        self.hear("down");
    }

    /// Ends the server as a power cut would.
    pub fn crash(&self) {
        self.tell("crash");
        self.hear("down");
    }

    pub fn start_again(&self) {
        self.tell("start");
        self.hear("up");
    }

    fn tell(&self, order: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(keeper.orders.as_mut().unwrap(), "{order}").unwrap();
    }

    fn hear(&self, expected: &str) {
        let mut line = String::new();
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).answers.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), expected, "{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(keeper.orders.take());
        let _ = keeper.child.wait();
    }
}

/// Debian keeps every version in a folder of its own; the newest one counts.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").map(|found| found.flatten().collect::<Vec<_>>());
    let mut folders: Vec<PathBuf> = versions.unwrap_or_default().iter().map(|v| v.path().join("bin")).collect();
    folders.retain(|bin| bin.join("postgres").exists());
    folders.sort();
    folders.pop().expect("PostgreSQL is missing; run tests/install-daemons.sh")
}

/// Who runs the server, where the test is root.
fn ordinary_user() -> Option<(u32, u32)> {
    let id = |args: &[&str]| {
        let out = Command::new("id").args(args).output().unwrap();
        String::from_utf8(out.stdout).unwrap().trim().parse::<u32>().ok()
    };
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let user = id(&["-u", "postgres"]).zip(id(&["-g", "postgres"]));
    Some(user.expect("there is no user postgres; run tests/install-daemons.sh"))
}
