//! What must hold of an MTA-STS policy whatever the file says: it is read as RFC 8461 §3.2 has it, what
//! it allows stands in it, it can be written down and read again, and no judgement passes one in
//! `enforce` that does not name the gateway.

use fencepost_checks::escape::is_harmful;
use fencepost_checks::lint::sts::{Mode, Policy, StsWatch, parse_policy};
use fencepost_checks::lint::{self, LintContext};
use fencepost_checks::mx::Expected;
use fencepost_checks::observation::lint::{DnssecObservation, PolicyFetch};
use fencepost_checks::observation::{LintObservation, MtaStsObservation, TextLookup};
use fencepost_checks::{Code, DomainName, Severity};
use jiff::Timestamp;

const HOST: &str = "mx1.gateway.example";

/// The first byte cuts the TXT record off from the policy file.
pub fn check(data: &[u8]) {
    let Some((&cut, rest)) = data.split_first() else { return };
    let (record, body) = rest.split_at(usize::from(cut).min(rest.len()));
    let (record, body) = (String::from_utf8_lossy(record).into_owned(), String::from_utf8_lossy(body).into_owned());
    let host = DomainName::parse(HOST).expect("a name");
    let read = parse_policy(&body);
    match &read {
        Ok(policy) => {
            sound(policy, &body, &host);
            let again = parse_policy(&written(policy)).expect("what was read can be read again");
            assert_eq!(*policy, again);
        }
        Err(why) => {
            assert!(why.chars().count() <= 300, "{why}");
            assert!(!why.chars().any(is_harmful), "{why:?}");
        }
    }
    judged(&host, read.as_ref().ok(), record, body);
}

fn sound(policy: &Policy, body: &str, host: &DomainName) {
    assert!(policy.mode == Mode::None || !policy.mx.is_empty());
    assert!(policy.mx.len() <= 200);
    let lower = body.to_ascii_lowercase();
    assert!(body.contains("STSv1") && lower.contains("mode") && lower.contains("max_age"), "a policy from nothing");
    if policy.allows(host) {
        assert!(lower.contains(HOST) || lower.contains("*.gateway.example"), "allowed, and not named: {policy:?}");
    }
    // A wildcard stands for one label and no more (§4.1).
    let below = DomainName::parse("a.b.gateway.example").expect("a name");
    if policy.mx.iter().all(|pattern| pattern.starts_with("*.gateway.")) {
        assert!(!policy.allows(&below), "{policy:?}");
    }
}

fn judged(host: &DomainName, policy: Option<&Policy>, record: String, body: String) {
    let bound = record.len().min(64) + 4000;
    let seen = LintObservation {
        domain: DomainName::parse("customer.example").expect("a name"),
        observed_at: Timestamp::UNIX_EPOCH,
        mta_sts: MtaStsObservation {
            record: TextLookup::Found { texts: vec!["v=STSv1; id=1;".to_owned(), record.clone()], ttl: 300 },
            policy: PolicyFetch::Fetched { body },
        },
        spf: TextLookup::Found { texts: vec![record], ttl: 300 },
        dmarc: TextLookup::Absent,
        own_servers: Vec::new(),
        gateway_addresses: Vec::new(),
        tls_rpt: TextLookup::Absent,
        domain_connect: TextLookup::Absent,
        dnssec: DnssecObservation::default(),
        gateway_tlsa: Vec::new(),
        exchange_tlsa: Vec::new(),
        helo: Vec::new(),
        sender_test: None,
    };
    let gateway_hosts = vec![host.clone()];
    let mut sts = StsWatch::default();
    sts.observe(&seen, &Expected { gateway_hosts: gateway_hosts.clone(), ..Expected::default() });
    let context = LintContext { gateway_hosts, sts, ..LintContext::default() };
    let judgement = lint::judge(&seen, None, &context);
    let has = |code| judgement.findings.iter().any(|f| f.code == code);
    // Two records are none; then no sender goes by the policy.
    if let Some(policy) = policy
        && !has(Code::StsInvalid)
    {
        let wrong = policy.mode == Mode::Enforce && !policy.allows(host);
        assert!(!(wrong && has(Code::StsOk)), "{policy:?}");
        let blocks = judgement.findings.iter().any(|f| f.code == Code::StsMismatch && f.severity == Severity::Blocking);
        assert_eq!(wrong, blocks, "{policy:?}");
    }
    for finding in &judgement.findings {
        for text in [&finding.subject, &finding.detail, &finding.remedy] {
            assert!(text.chars().count() <= bound);
            assert!(!text.chars().any(is_harmful), "{text:?}");
        }
    }
}

fn written(policy: &Policy) -> String {
    let mode = match policy.mode {
        Mode::Enforce => "enforce",
        Mode::Testing => "testing",
        Mode::None => "none",
    };
    let mut text = format!("version: STSv1\nmode: {mode}\nmax_age: {}\n", policy.max_age);
    for pattern in &policy.mx {
        text.push_str(&format!("mx: {pattern}\n"));
    }
    text
}
