//! The disk is full in the middle of the work: whoever asks is told, nothing that was answered is
//! lost, the service lives on and goes on by itself once there is space again. On a small file system
//! in memory; where the kernel does not let us mount one, the test says so and is left out.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fencepost::config::StoreConfig;
use tokio::time::{sleep, timeout};

use super::stage::Stage;

const BOUND: Duration = Duration::from_secs(60);
/// Enough for the database and not for long.
const SIZE: &str = "size=4m";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_is_survived() {
    match Disk::mount() {
        Ok(disk) => timeout(BOUND, story(&disk)).await.expect("it takes too long: something hangs"),
        // Past the capture of the test harness: a silent skip looks like a pass.
        Err(why) => drop(writeln!(
            std::io::stderr(),
            "LEFT OUT: a_full_disk_loses_nothing_and_is_survived: the kernel refuses: {why}"
        )),
    }
}

async fn story(disk: &Disk) {
    let stage = Stage::on(2, tempfile::tempdir().unwrap(), StoreConfig::sqlite(disk.path().join("fencepost.db"))).await;
    let mut process = stage.start();
    stage.up().await;
    let first = stage.order(0).await.unwrap();
    // Work is under way while the disk fills up.
    let ballast = disk.fill();
    let mut refused = (reqwest::StatusCode::OK, String::new());
    for _ in 0..5 {
        refused = stage.one_order(1).await;
        if !refused.0.is_success() {
            break;
        }
        disk.fill();
    }
    let (status, body) = refused;
    assert!(status.is_server_error(), "{status}: {body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(body["title"].is_string() && body["status"] == status.as_u16(), "{body}");
    sleep(Duration::from_secs(2)).await;
    let log = stage.log();
    let told = log.matches("the outcome did not reach the disk: database or disk is full").count();
    assert!((1..20).contains(&told), "told {told} times:\n{log}");
    assert!(!log.contains("panicked"), "{log}");
    std::fs::remove_file(ballast).unwrap();

    let second = stage.order(1).await.unwrap();
    stage.ends_as_if_nothing_had_happened(&mut process, &[first, second]).await;
}

/// A file system of its own; gone with the test.
struct Disk(tempfile::TempDir);

impl Disk {
    /// # Errors
    /// The kernel's reason against it.
    fn mount() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "tmpfs"])
            .arg(folder.path())
            .output()
            .map_err(|error| format!("mount cannot be started: {error}"))?;
        if mounted.status.success() {
            Ok(Self(folder))
        } else {
            Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned())
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no byte free; the file to remove.
    fn fill(&self) -> PathBuf {
        let path = self.path().join("ballast");
        let mut file = std::fs::File::options().create(true).append(true).open(&path).unwrap();
        for size in [64 << 10, 512, 1] {
            while file.write_all(&vec![0_u8; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The process that had files open there is gone by now, or goes with the lazy mount.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
