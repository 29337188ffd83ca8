//! Misbehaving servers against the real prober and the real judges: for each misbehaviour the right
//! code, an end in time, little kept, nothing sent that must not be, and nothing shown that could act
//! on a terminal. The tables in `smtp.rs`, `dns.rs` and `policy.rs` grow by a few lines a misbehaviour.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../lab/mod.rs"]
mod lab;

mod dns;
mod gateway;
mod memory;
mod policy;
mod smtp;

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use fencepost::config::{GatewayConfig, ProbeConfig};
use fencepost_checks::escape::is_harmful;
use fencepost_checks::{Code, Finding};

/// Far beyond every configured bound: it only ends a prober that would never end.
const FUSE: Duration = Duration::from_secs(60);
/// The domain that everybody is asked about.
const DOMAIN: &str = "customer.example";
const SERVER: &str = "mail.customer.example";

/// An address of a laboratory of its own: `area` a table, `case` a row.
fn at(area: u8, case: u8, host: u8) -> IpAddr {
    Ipv4Addr::new(127, area, case, host).into()
}

fn probe_config() -> ProbeConfig {
    ProbeConfig { allow_targets: vec!["127.0.0.0/8".to_owned()], pause_ms: 0, ..ProbeConfig::default() }
}

fn gateway_config() -> GatewayConfig {
    let mx1 = fencepost::config::MxHost::current("mx1.gateway.example".parse().unwrap(), 10);
    GatewayConfig {
        mx_hosts: vec![mx1],
        ehlo_name: "probe.gateway.example".parse().unwrap(),
        ..GatewayConfig::default()
    }
}

/// Codes of the findings, in one line.
fn codes(findings: &[Finding]) -> String {
    let unique: BTreeSet<&str> = findings.iter().map(|f| f.code.as_str()).collect();
    unique.into_iter().collect::<Vec<_>>().join(" ")
}

/// The same codes in the same form, whatever their order.
fn expected(codes: &str) -> String {
    let unique: BTreeSet<&str> = codes.split_whitespace().collect();
    assert!(unique.iter().all(|code| code.parse::<Code>().is_ok()), "{codes}");
    unique.into_iter().collect::<Vec<_>>().join(" ")
}

/// Complaints about what is kept or shown: too much of it, or something that acts on a terminal.
fn unsafe_to_keep(what: &str, kept: &impl serde::Serialize, limit: usize) -> Vec<String> {
    let value = serde_json::to_value(kept).unwrap();
    let size = value.to_string().len();
    let mut wrong = Vec::new();
    if size > limit {
        wrong.push(format!("{what}: {size} bytes are kept, more than {limit}"));
    }
    let mut open = vec![&value];
    while let Some(next) = open.pop() {
        match next {
            serde_json::Value::String(text) => {
                if let Some(c) = text.chars().find(|c| is_harmful(*c)) {
                    wrong.push(format!("{what}: {c:?} in {text:?}"));
                }
            }
            serde_json::Value::Array(items) => open.extend(items),
            serde_json::Value::Object(members) => open.extend(members.values()),
            _ => {}
        }
    }
    wrong
}

/// Runs the rows of a table side by side and reports every one that went wrong.
async fn all<F>(rows: impl IntoIterator<Item = F>)
where
    F: Future<Output = Vec<String>>,
{
    use futures_util::StreamExt;
    let wrong: Vec<Vec<String>> = futures_util::stream::iter(rows).buffered(24).collect().await;
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}
