//! Drives our own probe: whole dialogues through the production code, at a given concurrency, each judged
//! and written as JSON. Only the turn at an address is left out: thousands of dialogues with one sink
//! would otherwise wait for each other, as they must with a customer's server.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fencepost::clock::{SharedClock, SystemClock};
use fencepost::config::{GatewayConfig, ProbeConfig};
use fencepost::engine::ports::ServerTask;
use fencepost::order::MailServer;
use fencepost::probe::Prober;
use fencepost_checks::smtp::{self, SmtpContext};
use fencepost_checks::{DomainName, Verdict};
use tokio::time::Instant;

use crate::Outcome;
use crate::process::{self, Taken};

#[derive(clap::Args)]
pub struct Options {
    #[arg(long)]
    peer: SocketAddr,
    /// Name that the certificate must carry
    #[arg(long, default_value = "sink.example")]
    host: String,
    /// Root that the certificate must lead to, PEM
    #[arg(long)]
    root: Option<PathBuf>,
    #[arg(long)]
    count: usize,
    #[arg(long)]
    concurrency: usize,
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

struct Bench {
    prober: Prober,
    clock: SharedClock,
    task: ServerTask,
    server: MailServer,
    peer: SocketAddr,
    with_tls: bool,
    count: usize,
    begun: AtomicUsize,
    bytes: AtomicUsize,
}

/// Prints a [`Taken`] as JSON.
pub fn run(options: &Options) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(options.threads).enable_all().build()?;
    let taken = runtime.block_on(drive(options))?;
    println!("{}", serde_json::to_string(&taken)?);
    Ok(())
}

async fn drive(options: &Options) -> Outcome<Taken> {
    let clock: SharedClock = Arc::new(SystemClock);
    let probe = ProbeConfig {
        allow_targets: vec!["127.0.0.0/8".to_owned()],
        extra_roots: options.root.clone(),
        // Never asked: the peer is given by its address.
        resolvers: vec![SocketAddr::from(([127, 0, 0, 1], 9))],
        ..ProbeConfig::default()
    };
    let domain = DomainName::parse("customer.example")?;
    let server = MailServer { host: options.host.clone(), port: options.peer.port(), standby: false };
    let bench = Arc::new(Bench {
        prober: Prober::new(&probe, &GatewayConfig::default(), clock.clone())?,
        clock,
        task: ServerTask {
            test_mailbox: format!("postmaster@{domain}"),
            servers: vec![server.clone()],
            domain,
            hosted: false,
        },
        server,
        peer: options.peer,
        with_tls: options.root.is_some(),
        count: options.count,
        begun: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
    });
    let own = std::process::id();
    let (started, cpu_before) = (Instant::now(), process::cpu_seconds(own)?);
    let workers: Vec<_> = (0..options.concurrency).map(|_| tokio::spawn(work(bench.clone()))).collect();
    for worker in workers {
        worker.await??;
    }
    Ok(Taken {
        probes: options.count,
        seconds: started.elapsed().as_secs_f64(),
        cpu_seconds: process::cpu_seconds(own)? - cpu_before,
        peak_kib: process::peak_kib(own)?,
    })
}

async fn work(bench: Arc<Bench>) -> Outcome<()> {
    while bench.begun.fetch_add(1, Ordering::Relaxed) < bench.count {
        let dialogue = bench.prober.dialogue(&bench.task, &bench.server, bench.peer).await;
        let dialogues = [dialogue];
        let context = SmtpContext { domain: bench.task.domain.clone(), now: bench.clock.now() };
        let judged = smtp::judge(&dialogues, &context);
        let [dialogue] = &dialogues;
        let sound = dialogue.tls.as_ref().is_some_and(|tls| tls.name_matches && tls.chain_error.is_none());
        if judged.verdict != Verdict::Pass || sound != bench.with_tls {
            return Err(format!("a probe did not pass: {judged:?} {:?}", dialogue.transcript).into());
        }
        let json = serde_json::to_vec(&judged.findings)?;
        bench.bytes.fetch_add(std::hint::black_box(json).len(), Ordering::Relaxed);
    }
    Ok(())
}
