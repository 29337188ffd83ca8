//! A load at a set rate. Every request has the instant at which it is due, and its waiting time begins
//! there, so that a service which stands still for a moment cannot hide what would have come meanwhile.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

#[derive(clap::Args)]
pub struct Args {
    address: SocketAddr,
    /// What is asked for; `{}` stands for the seven digits of a domain
    path: String,
    #[arg(long)]
    token: Option<String>,
    /// Requests a second, of all connections together
    #[arg(long)]
    rate: u32,
    #[arg(long, default_value_t = 64)]
    connections: u32,
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// How many domains are asked about
    #[arg(long, default_value_t = 1)]
    domains: u32,
}

pub async fn run(args: &Args) -> Outcome<()> {
    let begin = Instant::now() + Duration::from_millis(100);
    let each: Vec<_> = (0..args.connections).map(|n| tokio::spawn(one(Plan::of(args, n, begin)))).collect();
    let mut waits = Vec::new();
    for connection in each {
        waits.extend(connection.await??);
    }
    waits.sort_unstable();
    let at = |share: usize| waits.get(waits.len() * share / 1000).copied().unwrap_or_default().as_micros();
    println!(
        "paced | {}/s, {} answers | p50 {} µs | p99 {} µs | p99.9 {} µs",
        args.rate,
        waits.len(),
        at(500),
        at(990),
        at(999)
    );
    Ok(())
}

/// What one connection asks, and when.
struct Plan {
    address: SocketAddr,
    path: String,
    token: Option<String>,
    domains: u32,
    first: Instant,
    gap: Duration,
    requests: u32,
    dice: u32,
}

impl Plan {
    fn of(args: &Args, n: u32, begin: Instant) -> Self {
        let between = Duration::from_secs(1) / args.rate.max(1);
        Self {
            address: args.address,
            path: args.path.clone(),
            token: args.token.clone(),
            domains: args.domains.max(1),
            first: begin + between * n,
            gap: between * args.connections,
            requests: args.rate * args.seconds / args.connections.max(1),
            dice: n.wrapping_mul(2_654_435_761),
        }
    }

    fn request(&mut self) -> Vec<u8> {
        self.dice = self.dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let domain = format!("{:07}", (self.dice >> 8) % self.domains);
        let token = self.token.as_deref().map_or_else(String::new, |t| format!("Authorization: Bearer {t}\r\n"));
        format!("GET {} HTTP/1.1\r\nHost: bench\r\n{token}\r\n", self.path.replace("{}", &domain)).into_bytes()
    }
}

async fn one(mut plan: Plan) -> Outcome<Vec<Duration>> {
    let mut stream = TcpStream::connect(plan.address).await?;
    stream.set_nodelay(true)?;
    let mut waits = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    for n in 0..plan.requests {
        let due = plan.first + plan.gap * n;
        tokio::time::sleep_until(due.into()).await;
        stream.write_all(&plan.request()).await?;
        answer(&mut stream, &mut buffer).await?;
        waits.push(due.elapsed());
    }
    Ok(waits)
}

/// Reads one whole answer and sees that it is a good one.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Outcome<()> {
    let mut filled = 0;
    loop {
        let rest = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()).ok_or("an answer is too long")?;
        let read = stream.read(rest).await?;
        if read == 0 {
            return Err("the service has closed the connection".into());
        }
        filled += read;
        let Some(text) = buffer.get(..filled) else { continue };
        let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(text.get(..end).unwrap_or_default()).to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err(format!("not answered with 200: {head}").into());
        }
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse().ok())
            .ok_or("an answer does not say how long it is")?;
        if filled >= end + 4 + length {
            return Ok(());
        }
    }
}
