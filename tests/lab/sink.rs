//! Postfix' `smtp-sink` as the next hop of notices: takes everything and keeps each transaction.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Daemon;
use super::postfix::account;

/// A running sink.
pub struct Sink {
    _daemon: Daemon,
    letters: PathBuf,
}

/// One transaction, complete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Taken {
    /// Of the envelope.
    pub recipient: String,
    pub message_id: String,
    /// Name of the notice; empty for any other mail.
    pub notice: String,
    pub text: String,
}

impl Sink {
    pub fn start(folder: &Path, address: SocketAddr) -> Self {
        let letters = folder.join("letters");
        fs::create_dir_all(&letters).unwrap();
        let (uid, gid) = account("nobody");
        std::os::unix::fs::chown(&letters, Some(uid), Some(gid)).unwrap();
        let log = folder.join("sink.log");
        let mut command = Command::new("/usr/sbin/smtp-sink");
        command.args(["-u", "nobody", "-d"]).arg(letters.join("letter.")).arg(address.to_string()).arg("64");
        let mut daemon = Daemon::start("smtp-sink", &mut command, &log);
        daemon.wait_for(address, &log);
        Self { _daemon: daemon, letters }
    }

    /// What was taken so far, sorted by content.
    pub fn taken(&self) -> Vec<Taken> {
        let files = fs::read_dir(&self.letters).unwrap();
        let mut taken: Vec<_> =
            files.filter_map(|file| parse(&fs::read_to_string(file.unwrap().path()).unwrap_or_default())).collect();
        taken.sort();
        taken
    }
}

/// `None` for a transaction that is still under way.
fn parse(text: &str) -> Option<Taken> {
    let header = |name: &str| {
        let lines = text.lines().take_while(|line| !line.is_empty());
        let value = lines.filter_map(|line| line.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name));
        value.map(|(_, value)| value.trim().to_owned())
    };
    let message_id = header("Message-ID")?;
    let closed = header("Content-Type").is_none_or(|kind| !kind.starts_with("multipart/")) || text.contains("--\n");
    let recipient = header("X-Rcpt-Args")?;
    let notice = header("X-Fencepost-Notice").unwrap_or_default();
    closed.then(|| Taken { recipient, message_id, notice, text: text.to_owned() })
}
