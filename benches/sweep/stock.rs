//! The stock resolver of hickory as a side of `benches/run-sweep`: the MX of every name of a file, 1000 at a time,
//! judged by the same rules and written as NDJSON.
//!
//! Usage: `sweep-stock NAMES ADDRESS:PORT OUTPUT`

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::SocketAddr;

use fencepost_checks::DomainName;
use fencepost_checks::mx::{Expected, judge_answer};
use fencepost_checks::observation::{DnsAnswer, MxRecord};
use futures_util::{StreamExt, stream};
use hickory_proto::rr::RData;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use serde_json::json;

const CONCURRENCY: usize = 1_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, names, upstream, output] = arguments.as_slice() else {
        return Err("usage: sweep-stock NAMES ADDRESS:PORT OUTPUT".into());
    };
    let resolver = resolver(upstream.parse()?)?;
    let expected = Expected {
        gateway_hosts: vec![DomainName::parse("mx1.gateway.example")?, DomainName::parse("mx2.gateway.example")?],
        ..Expected::default()
    };
    let lines = BufReader::new(File::open(names)?).lines().map_while(Result::ok);
    let mut out = BufWriter::new(File::create(output)?);
    let looks = stream::iter(lines).map(|name| {
        let resolver = resolver.clone();
        async move {
            let answer = look(&resolver, &name).await;
            (name, answer)
        }
    });
    let mut looks = looks.buffer_unordered(CONCURRENCY);
    while let Some((domain, answer)) = looks.next().await {
        let verdict = judge_answer(&answer, &expected);
        let line = match &answer {
            DnsAnswer::Mx { records, ttl } => json!({"domain": domain, "verdict": verdict, "mx": records, "ttl": ttl}),
            _ => json!({"domain": domain, "verdict": verdict}),
        };
        serde_json::to_writer(&mut out, &line)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

fn resolver(upstream: SocketAddr) -> Result<TokioResolver, Box<dyn Error>> {
    let mut connection = ConnectionConfig::udp();
    connection.port = upstream.port();
    let server = NameServerConfig::new(upstream.ip(), true, vec![connection]);
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut options = ResolverOpts::default();
    options.cache_size = 0;
    options.ndots = 0;
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    Ok(builder.build()?)
}

async fn look(resolver: &TokioResolver, name: &str) -> DnsAnswer {
    let Ok(found) = resolver.mx_lookup(format!("{name}.")).await else { return DnsAnswer::TimedOut };
    let mut ttl = u32::MAX;
    let mut records = Vec::new();
    for record in found.answers() {
        if let RData::MX(mx) = &record.data {
            ttl = ttl.min(record.ttl);
            let exchange = mx.exchange.to_string().trim_end_matches('.').to_ascii_lowercase();
            records.push(MxRecord { preference: mx.preference, exchange });
        }
    }
    records.sort();
    DnsAnswer::Mx { records, ttl }
}
