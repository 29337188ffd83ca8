//! One domain's line of NDJSON. The names of members are interface.

use std::net::SocketAddr;

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::observation::{DnsAnswer, MxRecord};
use serde::{Deserialize, Serialize};

use crate::engine::ports::MxLook;

/// What is said of a domain.
#[derive(Debug, Serialize)]
struct Record<'a> {
    /// In the text that is swept.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    domain: &'a str,
    verdict: MxVerdict,
    /// As published, by preference. Absent where nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    mx: Option<&'a [MxRecord]>,
    /// Where the name is an alias: of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    cname: Option<&'a str>,
    /// Seconds for which the answer may be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    /// Why nobody knows, or why there is no MX: `nxdomain`, `no_data`, `servfail`, `refused`, `timed_out`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    upstream: SocketAddr,
    /// Times that it was asked.
    tries: u32,
    /// From the first question to the answer, milliseconds.
    ms: Millis,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tcp: bool,
    /// In a sweep of the store: `unchanged`, `escalated`, `watched` or `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
}

/// What is said of a line that is no domain.
#[derive(Debug, Serialize)]
struct NotADomain<'a> {
    line: u64,
    verdict: &'static str,
    why: &'a str,
}

/// What is read again of a line that was written.
#[derive(Debug, Deserialize)]
pub struct Written {
    pub line: u64,
    pub verdict: String,
}

/// The verdict on a line that is no domain.
pub const NOT_A_DOMAIN: &str = "not_a_domain";

/// Appends the line of a domain of a text.
pub fn write(out: &mut Vec<u8>, line: u64, domain: &str, verdict: MxVerdict, look: &MxLook) {
    record(out, (Some(line), domain), (verdict, None), look);
}

/// Appends the line of a domain of the store.
pub fn write_stored(out: &mut Vec<u8>, domain: &str, verdict: MxVerdict, outcome: &str, look: &MxLook) {
    record(out, (None, domain), (verdict, Some(outcome)), look);
}

fn record(
    out: &mut Vec<u8>,
    (line, domain): (Option<u64>, &str),
    (verdict, outcome): (MxVerdict, Option<&str>),
    look: &MxLook,
) {
    let (mx, cname, ttl, why) = said(&look.answer);
    let MxLook { upstream, tries, elapsed_us, tcp, .. } = *look;
    let ms = Millis(elapsed_us);
    append(out, &Record { line, domain, verdict, mx, cname, ttl, why, upstream, tries, ms, tcp, outcome });
}

/// Appends the line of what is no domain.
pub fn write_bad(out: &mut Vec<u8>, line: u64, why: &str) {
    append(out, &NotADomain { line, verdict: NOT_A_DOMAIN, why });
}

type Said<'a> = (Option<&'a [MxRecord]>, Option<&'a str>, Option<u32>, Option<&'a str>);

fn said(answer: &DnsAnswer) -> Said<'_> {
    match answer {
        DnsAnswer::Mx { records, ttl } => (Some(records), None, Some(*ttl), None),
        DnsAnswer::Cname { target, records, ttl } => (Some(records), Some(target), Some(*ttl), None),
        DnsAnswer::NoData { negative_ttl } => (Some(&[]), None, *negative_ttl, Some("no_data")),
        DnsAnswer::NxDomain { negative_ttl } => (Some(&[]), None, *negative_ttl, Some("nxdomain")),
        DnsAnswer::Lame => (None, None, None, Some("lame")),
        DnsAnswer::ServFail => (None, None, None, Some("servfail")),
        DnsAnswer::Refused => (None, None, None, Some("refused")),
        DnsAnswer::OtherRcode { .. } => (None, None, None, Some("other_rcode")),
        DnsAnswer::TimedOut => (None, None, None, Some("timed_out")),
        DnsAnswer::Unreachable { detail } | DnsAnswer::Malformed { detail } | DnsAnswer::VantageFault { detail } => {
            (None, None, None, Some(detail))
        }
    }
}

fn append<T: Serialize>(out: &mut Vec<u8>, record: &T) {
    // Writing to memory does not fail, and the records hold nothing that JSON has no form for.
    let _ = serde_json::to_writer(&mut *out, record);
    out.push(b'\n');
}

/// Microseconds, written as milliseconds with one decimal.
#[derive(Debug, Clone, Copy)]
struct Millis(u64);

impl Serialize for Millis {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tenths = u32::try_from(self.0 / 100).unwrap_or(u32::MAX);
        serializer.serialize_f64(f64::from(tenths) / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_seen() {
        let look = |answer| MxLook {
            answer,
            upstream: ([192, 0, 2, 53], 53).into(),
            tries: 2,
            elapsed_us: 12_345,
            tcp: false,
            nobody_answers: false,
        };
        let records = vec![MxRecord { preference: 10, exchange: "mx1.gateway.example".to_owned() }];
        let mut out = Vec::new();
        let mx = look(DnsAnswer::Mx { records: records.clone(), ttl: 300 });
        write(&mut out, 1, "customer.example", MxVerdict::OursOnly, &mx);
        let alias = DnsAnswer::Cname { target: "b.example".to_owned(), records, ttl: 60 };
        write(&mut out, 2, "a.example", MxVerdict::OursOnly, &MxLook { tcp: true, ..look(alias) });
        write(&mut out, 3, "no.example", MxVerdict::None, &look(DnsAnswer::NxDomain { negative_ttl: Some(900) }));
        write(&mut out, 4, "bad.example", MxVerdict::LookupError, &look(DnsAnswer::ServFail));
        write_bad(&mut out, 5, "the name is empty");
        write_stored(&mut out, "kept.example", MxVerdict::OursOnly, "unchanged", &mx);
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        {"line":1,"domain":"customer.example","verdict":"ours_only","mx":[{"preference":10,"exchange":"mx1.gateway.example"}],"ttl":300,"upstream":"192.0.2.53:53","tries":2,"ms":12.3}
        {"line":2,"domain":"a.example","verdict":"ours_only","mx":[{"preference":10,"exchange":"mx1.gateway.example"}],"cname":"b.example","ttl":60,"upstream":"192.0.2.53:53","tries":2,"ms":12.3,"tcp":true}
        {"line":3,"domain":"no.example","verdict":"none","mx":[],"ttl":900,"why":"nxdomain","upstream":"192.0.2.53:53","tries":2,"ms":12.3}
        {"line":4,"domain":"bad.example","verdict":"lookup_error","why":"servfail","upstream":"192.0.2.53:53","tries":2,"ms":12.3}
        {"line":5,"verdict":"not_a_domain","why":"the name is empty"}
        {"domain":"kept.example","verdict":"ours_only","mx":[{"preference":10,"exchange":"mx1.gateway.example"}],"ttl":300,"upstream":"192.0.2.53:53","tries":2,"ms":12.3,"outcome":"unchanged"}
        "#);
    }
}
