//! A private view of the file system for daemons whose packages cannot be installed beside each other
//! or that insist on accounts and paths: the system below, their unpacked packages on top, both seen
//! by this one process tree only. tests/install-daemons.sh unpacks the packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::netns::Netns;

/// An account that the daemon looks for, known inside only.
pub struct Account {
    pub name: &'static str,
    pub id: u32,
}

/// A command that runs `program` with the unpacked packages in place. `folder` is seen inside at the
/// same path. Every program in between replaces itself, so that the pid is the daemon's.
pub fn command(folder: &Path, accounts: &[Account], namespace: Option<&Netns>, program: &str) -> Command {
    let mut command = match namespace {
        Some(namespace) => namespace.command("unshare"),
        None => Command::new("unshare"),
    };
    let accounts: String = accounts.iter().map(|a| format!("{}:{}\n", a.name, a.id)).collect();
    command
        .args(["-m", "/bin/sh", "-c", SCRIPT, "private-root"])
        .arg(unpacked())
        .arg(folder)
        .arg(program)
        .env("ACCOUNTS", accounts);
    command
}

/// Where the unpacked packages lie: inside the target folder, so that they are never committed.
pub fn unpacked() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("daemons").join("root")
}

// The upper layer lies on a tmpfs: it vanishes with the last process, and layers must not overlap.
const SCRIPT: &str = r#"
set -e
unpacked=$1 folder=$2; shift 2
mount --make-rprivate /
work=$folder/private
mkdir -p "$work"
mount -t tmpfs tmpfs "$work"
mkdir "$work/up" "$work/work" "$work/root"
cp -a "$unpacked/." "$work/up/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/up,workdir=$work/work" "$work/root"
root=$work/root
mount --rbind /dev "$root/dev"
mount --rbind /proc "$root/proc"
mkdir -p "$root$folder"
mount --rbind "$folder" "$root$folder"
printf '%s' "$ACCOUNTS" | while IFS=: read -r name id; do
  echo "$name:x:$id:$id::/nonexistent:/usr/sbin/nologin" >>"$root/etc/passwd"
  echo "$name:x:$id:" >>"$root/etc/group"
done
exec chroot "$root" "$@"
"#;
