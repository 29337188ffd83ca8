//! The comparisons: both sides against one sink, round by round in turn, the one that begins changing each
//! time, because the machine is never quite idle. Prints every round, the medians and their ratio.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::Outcome;
use crate::peer::{self, Blackbox};
use crate::process::{self, Running, Taken};

#[derive(clap::Args)]
pub struct Rounds {
    /// Rounds, each with both sides
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Our dialogues in a round
    #[arg(long)]
    count: Option<usize>,
    /// The peer's in a round
    #[arg(long)]
    peer_count: Option<usize>,
    /// Our dialogues at a time
    #[arg(long)]
    concurrency: Option<usize>,
    /// The peer's at a time; without it, the best of 4, 8, 16 and 64 is looked for
    #[arg(long)]
    peer_concurrency: Option<usize>,
}

/// A sink with its certificate.
pub struct Lab {
    folder: tempfile::TempDir,
    pub root: PathBuf,
    pub identity: PathBuf,
    sink: SocketAddr,
    _process: Option<Running>,
}

impl Lab {
    /// Without a sink: certificate and folder only.
    pub fn bare(names: &[&str]) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (root, identity) = (folder.path().join("root.pem"), folder.path().join("identity.pem"));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;
        std::fs::write(&root, issuer.pem())?;
        std::fs::write(&identity, format!("{}{}", certificate.pem(), key.serialize_pem()))?;
        Ok(Self { folder, root, identity, sink: free_port()?, _process: None })
    }

    fn start(with_tls: bool, banner_ms: u64) -> Outcome<Self> {
        let mut lab = Self::bare(&["sink.example"])?;
        let mut arguments = words(&["sink", "--listen", &lab.sink.to_string(), "--banner-ms", &banner_ms.to_string()]);
        if with_tls {
            arguments.extend(words(&["--identity", &lab.identity.display().to_string()]));
        }
        lab._process = Some(Running::own(&arguments)?);
        Ok(lab)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn ours(&self, with_tls: bool, count: usize, concurrency: usize) -> Outcome<Taken> {
        let (peer, count, concurrency) = (self.sink.to_string(), count.to_string(), concurrency.to_string());
        let mut arguments = words(&["drive", "--peer", &peer, "--count", &count, "--concurrency", &concurrency]);
        if with_tls {
            arguments.extend(words(&["--root", &self.root.display().to_string()]));
        }
        process::own_run(&arguments)
    }
}

pub fn blackbox(rounds: &Rounds, with_tls: bool) -> Outcome<()> {
    let lab = Lab::start(with_tls, 0)?;
    let module = if with_tls { "smtp_starttls" } else { "smtp_plain" };
    let exporter = Blackbox::start(lab.folder(), &lab.root, free_port()?, module, lab.sink)?;
    let count = rounds.count.unwrap_or(8_000);
    let peer_count = rounds.peer_count.unwrap_or(3_000);
    let best = match rounds.peer_concurrency {
        Some(given) => given,
        None => best(&[4, 8, 16, 64], |c| exporter.run(1_000, c))?,
    };
    println!("ours: {count} dialogues at a time {}; {module}: {peer_count}, at a time {best}", rounds.ours());
    alternate(rounds, || lab.ours(with_tls, count, rounds.ours()), || exporter.run(peer_count, best))
}

pub fn smtp_source(rounds: &Rounds) -> Outcome<()> {
    let lab = Lab::start(false, 0)?;
    let count = rounds.count.unwrap_or(20_000);
    let peer_count = rounds.peer_count.unwrap_or(20_000);
    let best = match rounds.peer_concurrency {
        Some(given) => given,
        None => best(&[4, 8, 16, 64], |c| peer::smtp_source(lab.sink, 5_000, c))?,
    };
    println!("ours: {count} dialogues at a time {}; smtp-source: {peer_count}, at a time {best}", rounds.ours());
    alternate(rounds, || lab.ours(false, count, rounds.ours()), || peer::smtp_source(lab.sink, peer_count, best))
}

pub fn check_smtp(rounds: &Rounds) -> Outcome<()> {
    let lab = Lab::start(true, 0)?;
    let count = rounds.count.unwrap_or(8_000);
    let peer_count = rounds.peer_count.unwrap_or(200);
    let concurrency = rounds.peer_concurrency.unwrap_or(4);
    println!("ours: {count} dialogues at a time {}; check_smtp: {peer_count}, {concurrency}", rounds.ours());
    alternate(rounds, || lab.ours(true, count, rounds.ours()), || peer::check_smtp(lab.sink, peer_count, concurrency))
}

/// A fresh exporter each round, because its peak of memory stays.
pub fn slow(rounds: &Rounds) -> Outcome<()> {
    let lab = Lab::start(true, 1_000)?;
    let concurrency = rounds.concurrency.unwrap_or(2_000);
    let peer_concurrency = rounds.peer_concurrency.unwrap_or(concurrency);
    let (count, peer_count) = (rounds.count.unwrap_or(10_000), rounds.peer_count.unwrap_or(6_000));
    println!("ours: {count} dialogues at a time {concurrency}; peer: {peer_count}, at a time {peer_concurrency}");
    alternate(
        rounds,
        || lab.ours(true, count, concurrency),
        || {
            let exporter = Blackbox::start(lab.folder(), &lab.root, free_port()?, "smtp_starttls", lab.sink)?;
            exporter.run(peer_count, peer_concurrency)
        },
    )
}

impl Rounds {
    fn ours(&self) -> usize {
        self.concurrency.unwrap_or(32)
    }
}

fn best(candidates: &[usize], run: impl Fn(usize) -> Outcome<Taken>) -> Outcome<usize> {
    let mut best = (0.0, 1);
    for &concurrency in candidates {
        let rate = run(concurrency)?.rate();
        println!("peer, {concurrency} at a time: {rate:.0}/s");
        if rate > best.0 {
            best = (rate, concurrency);
        }
    }
    Ok(best.1)
}

fn alternate(rounds: &Rounds, ours: impl Fn() -> Outcome<Taken>, peer: impl Fn() -> Outcome<Taken>) -> Outcome<()> {
    println!("{:>5}  {:>22}  {:>22}  load", "round", "ours", "peer");
    let mut taken: Vec<(Taken, Taken)> = Vec::new();
    for round in 1..=rounds.rounds {
        let pair = if round % 2 == 1 {
            let ours = ours()?;
            (ours, peer()?)
        } else {
            let peer = peer()?;
            (ours()?, peer)
        };
        println!("{round:>5}  {}  {}  {}", shown(&pair.0), shown(&pair.1), load()?);
        taken.push(pair);
    }
    let of =
        |read: fn(&Taken) -> f64| (median(taken.iter().map(|t| read(&t.0))), median(taken.iter().map(|t| read(&t.1))));
    let (rate, peer_rate) = of(Taken::rate);
    println!("median rate: {rate:.0}/s against {peer_rate:.0}/s: {:.2} x", rate / peer_rate);
    let (cpu, peer_cpu) = of(Taken::cpu_us);
    println!("median CPU a probe: {cpu:.0} us against {peer_cpu:.0} us: 1/{:.1}", peer_cpu / cpu);
    let (peak, peer_peak) = of(Taken::peak_mib);
    if peer_peak > 0.0 {
        println!("median peak of resident memory: {peak:.1} MiB against {peer_peak:.1} MiB: 1/{:.1}", peer_peak / peak);
    }
    Ok(())
}

fn shown(taken: &Taken) -> String {
    format!("{:>7.0}/s {:>6.0} us CPU {:>6.1} MiB", taken.rate(), taken.cpu_us(), taken.peak_mib())
}

/// The middle value, of an even number the mean of the two.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let at = |n: usize| sorted.get(n).copied().unwrap_or(f64::NAN);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => at(n / 2),
        n => f64::midpoint(at(n / 2 - 1), at(n / 2)),
    }
}

/// Processes that wanted to run in the last minute.
pub fn load() -> Outcome<String> {
    Ok(std::fs::read_to_string("/proc/loadavg")?.split(' ').next().unwrap_or_default().to_owned())
}

/// Free now; whoever binds it next is this lab.
pub fn free_port() -> Outcome<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

pub fn words(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&a| a.to_owned()).collect()
}
