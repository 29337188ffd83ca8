//! The gateway's EHLO names and addresses, as `fencepost check` finds them in DNS.

use serde_json::Value;

use super::hostile::Hostile;
use super::lab::hostile_dns::Act::Send;
use super::lab::hostile_dns::{A, Record, Reply, Rule, wire};
use super::lab::hostile_smtp::Script;

const PTR: u16 = 12;
const NAME: &str = "out-1.gateway.example";
const REVERSE: &str = "10.2.0.192.in-addr.arpa";

/// A zone in which the name leads to 192.0.2.`forward` and 192.0.2.10 leads back to `back`.
fn zone(forward: Option<u8>, back: Option<&'static str>) -> impl Fn(u16) -> Vec<Rule> {
    move |flags| {
        let of = |records: Vec<Record>| {
            let mut reply = Reply::of(records);
            reply.flags = flags;
            [Send(reply)]
        };
        let forward = forward.map(|last| Rule::at(NAME, A, of(vec![Record::address(NAME, [192, 0, 2, last].into())])));
        let back = back.map(|name| Rule::at(REVERSE, PTR, of(vec![Record::new(REVERSE, PTR, 60, wire(name))])));
        forward.into_iter().chain(back).chain([Rule::any(of(Vec::new()))]).collect()
    }
}

async fn findings(case: u8, forward: Option<u8>, back: Option<&'static str>) -> Vec<(String, String)> {
    let world = Hostile::with(case, &Script::polite(), &zone(forward, back)).await;
    world.configure(
        "label: one, local: true }",
        &format!("label: one, local: true }}, {{ address: 192.0.2.10, local: false, agent: far, ehlo_name: {NAME} }}"),
    );
    let output = world.run(&["--output", "json"]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap().to_owned();
    let all = value["findings"].as_array().unwrap().iter();
    let of_helo = all.filter(|finding| text(finding, "code").starts_with("HELO_"));
    of_helo.map(|finding| (text(finding, "code"), text(finding, "remedy"))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_and_address_must_lead_to_each_other() {
    let codes = |found: &[(String, String)]| found.iter().map(|(code, _)| code.clone()).collect::<Vec<_>>();
    assert_eq!(codes(&findings(30, Some(10), Some(NAME)).await), ["HELO_OK"]);
    let elsewhere = findings(31, Some(99), Some("Host.Provider.Example")).await;
    assert_eq!(codes(&elsewhere), ["HELO_FORWARD", "HELO_REVERSE"]);
    assert!(elsewhere[0].1.contains("out-1.gateway.example. IN A 192.0.2.10"), "{elsewhere:?}");
    assert!(elsewhere[1].1.contains("10.2.0.192.in-addr.arpa. IN PTR out-1.gateway.example."), "{elsewhere:?}");
    assert_eq!(codes(&findings(32, Some(10), None).await), ["HELO_REVERSE"]);
    assert_eq!(codes(&findings(33, None, Some(NAME)).await), ["HELO_FORWARD"]);
}
