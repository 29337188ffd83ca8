//! What is packaged is what is documented: units that are as closed as docs/production.md says, files that
//! exist, scripts that the shell understands.

use std::path::Path;
use std::process::Command;

/// Tenths of the exposure that `systemd-analyze security` sees; docs/production.md states what it is.
const MOST: &str = "15";

#[test]
fn the_units_are_closed() {
    for unit in ["packaging/fencepost.service", "packaging/fencepost-agent.service"] {
        let threshold = format!("--threshold={MOST}");
        let rated = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", &threshold, unit])
            .output()
            .expect("tests/install-daemons.sh installs systemd");
        assert!(rated.status.success(), "{unit}: {}", String::from_utf8_lossy(&rated.stdout));
        let verified = Command::new("systemd-analyze").args(["verify", "--man=no", unit]).output().unwrap();
        let told = String::from_utf8_lossy(&verified.stderr).into_owned();
        let unknown = told.lines().find(|line| line.contains("Unknown") || line.contains("Failed to parse"));
        assert_eq!(unknown, None, "{unit}");
    }
}

#[test]
fn scripts_are_understood_and_what_is_packaged_exists() {
    let scripts =
        ["debian/postinst", "debian/prerm", "debian/postrm", "stage", "release", "reproduce", "reproducible.env"];
    for script in scripts {
        let path = Path::new("packaging").join(script);
        let read = Command::new("bash").arg("-n").arg(&path).output().unwrap();
        assert!(read.status.success(), "{script}: {}", String::from_utf8_lossy(&read.stderr));
    }
    let manifest = std::fs::read_to_string("Cargo.toml").unwrap();
    let assets = manifest.split("assets = [").nth(1).unwrap().split("\n]").next().unwrap();
    for source in assets.lines().filter_map(|line| line.trim().strip_prefix("[\"")?.split('"').next()) {
        // Those are made by the build.
        assert!(source.starts_with("target/") || Path::new(source).exists(), "{source}");
    }
}
