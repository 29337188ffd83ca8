//! `fencepost check` of a healthy domain in a world whose every answer is late by a known time: its wall
//! time against the longest chain of waits that it cannot avoid, and against checkdmarc in the same world.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;
use crate::compare::{Lab, load, median, words};
use crate::process::Running;
use crate::zone::{GATEWAY, MAIL, RESOLVER};

#[derive(clap::Args)]
pub struct Rounds {
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The `fencepost` program, built with --release
    #[arg(long, default_value = "target/release/fencepost")]
    fencepost: PathBuf,
    /// checkdmarc's program; left out where it is not given
    #[arg(long)]
    checkdmarc: Option<PathBuf>,
    /// Milliseconds before each DNS answer
    #[arg(long, default_value_t = 20)]
    dns_ms: u64,
    /// Milliseconds before the banner and before each SMTP reply
    #[arg(long, default_value_t = 30)]
    smtp_ms: u64,
}

/// Questions that need the answer to the one before: NS of the zone above, its server's address, the
/// referral, the zone's own NS set, MX at every server. The exchange's address is known from the
/// resolver by then.
const DNS_CHAIN: u64 = 5;
/// Banner, EHLO, STARTTLS, EHLO, MAIL, RCPT, RSET, QUIT.
const SMTP_CHAIN: u64 = 8;

pub fn run(rounds: &Rounds) -> Outcome<()> {
    let lab = Lab::bare(&["mail.customer.example", "mx.example"])?;
    let (dns_ms, smtp_ms) = (rounds.dns_ms.to_string(), rounds.smtp_ms.to_string());
    let _zone = Running::own(&words(&["zone", "--answer-ms", &dns_ms]))?;
    let mut sinks = Vec::new();
    for address in [GATEWAY, MAIL] {
        let (listen, identity) = (SocketAddr::from((address, 25)).to_string(), lab.identity.display().to_string());
        let place = ["sink", "--listen", &listen, "--identity", &identity];
        let late = ["--banner-ms", &smtp_ms, "--reply-ms", &smtp_ms];
        sinks.push(Running::own(&words(&[&place[..], &late].concat()))?);
    }
    let config = lab.folder().join("fencepost.yaml");
    std::fs::write(&config, configuration(&lab.root))?;

    let dns_path = DNS_CHAIN * rounds.dns_ms;
    // The server's address first, beside the DNS chain.
    let smtp_path = rounds.dns_ms + SMTP_CHAIN * rounds.smtp_ms;
    println!("DNS answers after {dns_ms} ms, SMTP replies after {smtp_ms} ms, load {}", load()?);
    let ours = |server: bool| {
        let mut command = Command::new(&rounds.fencepost);
        command.arg("--config").arg(&config).args(["check", "customer.example", "--output", "json"]);
        if server {
            command.args(["--server", "mail.customer.example"]);
        }
        command
    };
    let checkdmarc = |tls: bool| {
        rounds.checkdmarc.as_ref().map(|program| {
            let mut command = Command::new(program);
            command.arg("customer.example").args(["-n", &RESOLVER.to_string()]).env("SSL_CERT_FILE", &lab.root);
            if tls {
                command.arg("--check-mx-tls");
            }
            command
        })
    };
    for (title, server, path) in
        [("DNS alone", false, dns_path), ("with its mail server", true, smtp_path.max(dns_path))]
    {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for _ in 0..rounds.rounds {
            own.push(timed(&mut ours(server))?);
            if let Some(mut command) = checkdmarc(server) {
                other.push(timed(&mut command)?);
            }
        }
        let (wall, path) = (median(own.iter().copied()), f64::from(u32::try_from(path)?));
        println!("{title}: critical path {path:.0} ms, fencepost check {wall:.0} ms ({own:.0?}): {:.2} x", wall / path);
        if !other.is_empty() {
            let peer = median(other.iter().copied());
            println!("{title}: checkdmarc {peer:.0} ms ({other:.0?}): 1/{:.1}", peer / wall);
        }
    }
    println!("load {}", load()?);
    Ok(())
}

/// Milliseconds from start to end of a program that must succeed.
fn timed(command: &mut Command) -> Outcome<f64> {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped()).output()?;
    let elapsed = begun.elapsed().as_secs_f64() * 1e3;
    if output.status.success() {
        return Ok(elapsed);
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{command:?} ended with {}:\n{out}{err}", output.status).into())
}

fn configuration(root: &Path) -> String {
    format!(
        "probe:\n  resolvers: ['{RESOLVER}:53']\n  allow_targets: [127.0.0.0/8]\n  extra_roots: {}\n\
         gateway:\n  mx_hosts:\n    - name: mx.example\n      preference: 10\n",
        root.display()
    )
}
