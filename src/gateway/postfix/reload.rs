//! Runs the command that makes Postfix load its maps: bounded in time, and with its own words in the
//! error. Nothing here decides when.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// A reload takes no longer; `postfix reload` needs less than a second.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(30);
/// More of what the command says is not kept.
const MAX_WORDS: usize = 2000;
/// Of the command itself, which may be a whole script.
const MAX_SHOWN: usize = 200;
/// What it left running may hold the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs `command` to its end.
///
/// # Errors
/// A text for people when it cannot be started, fails, or takes longer than `limit`.
pub(super) async fn run(command: &[String], limit: Duration) -> Result<(), String> {
    let shown: String = one_line(&command.join(" ")).chars().take(MAX_SHOWN).collect();
    let [program, arguments @ ..] = command else { return Err("no reload command is configured".to_owned()) };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the reload command `{shown}` cannot be started: {error}"))?;
    let words = child.stderr.take().map(|pipe| tokio::spawn(listen(pipe)));
    let status = match tokio::time::timeout(limit, child.wait()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Err(format!("the reload command `{shown}` got lost: {error}")),
        Err(_) => return Err(format!("the reload command `{shown}` did not end within {} s", limit.as_secs_f32())),
    };
    if status.success() {
        return Ok(());
    }
    let words = match words {
        Some(words) => tokio::time::timeout(LAST_WORDS, words).await.ok().and_then(Result::ok).unwrap_or_default(),
        None => String::new(),
    };
    Err(format!("the reload command `{shown}` failed ({status}): {words}"))
}

/// Reads to the end, so that the command is never stopped by a full pipe, and keeps the beginning.
async fn listen(mut pipe: impl AsyncRead + Unpin) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        let room = MAX_WORDS - kept.len();
        kept.extend_from_slice(&buffer[..length.min(room)]);
    }
    one_line(String::from_utf8_lossy(&kept).trim())
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
