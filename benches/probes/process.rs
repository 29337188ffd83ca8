//! Child processes and what they take: CPU time and resident memory as the kernel counts them. Children
//! are stopped by their id when the value is dropped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::Outcome;

/// What a number of probes took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Taken {
    pub probes: usize,
    pub seconds: f64,
    /// User and system time of the prober, without sink and driver.
    pub cpu_seconds: f64,
    pub peak_kib: u64,
}

impl Taken {
    pub fn rate(&self) -> f64 {
        count(self.probes) / self.seconds
    }

    /// Microseconds of CPU for one probe.
    pub fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / count(self.probes)
    }

    pub fn peak_mib(&self) -> f64 {
        f64::from(u32::try_from(self.peak_kib).unwrap_or(u32::MAX)) / 1024.0
    }
}

fn count(probes: usize) -> f64 {
    f64::from(u32::try_from(probes).unwrap_or(u32::MAX))
}

/// A server that runs beside the measurement.
pub struct Running(Child);

impl Running {
    /// Starts this very program with other arguments and waits for its `ready`.
    pub fn own(arguments: &[String]) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?).args(arguments).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or("no output")?;
        let running = Self(child);
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        if line.trim() == "ready" { Ok(running) } else { Err(format!("{arguments:?} did not start").into()) }
    }

    /// Starts a peer, silent.
    pub fn peer(command: &mut Command) -> Outcome<Self> {
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// User and system time of a process so far.
pub fn cpu_seconds(pid: u32) -> Outcome<f64> {
    ticks(pid, 13)
}

/// The same of the children that this process has waited for.
pub fn children_cpu_seconds() -> Outcome<f64> {
    ticks(std::process::id(), 15)
}

/// Two neighbouring fields of `/proc/PID/stat` in seconds; the kernel counts 100 to the second there.
fn ticks(pid: u32, first: usize) -> Outcome<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name of the program, in parentheses, may hold blanks.
    let (_, rest) = stat.rsplit_once(')').ok_or("no name")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |n: usize| fields.get(n - 2).and_then(|f| f.parse::<u32>().ok()).ok_or("no such field");
    Ok(f64::from(field(first)? + field(first + 1)?) / 100.0)
}

/// The most resident memory that a process has had.
pub fn peak_kib(pid: u32) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Runs this very program with other arguments and reads what it took.
pub fn own_run(arguments: &[String]) -> Outcome<Taken> {
    let output = Command::new(std::env::current_exe()?).args(arguments).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{arguments:?} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
