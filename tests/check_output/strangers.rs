//! Asking an own server for strangers, as somebody outside sees it: only when it is asked for, never from a
//! gateway address, and nothing but RCPT.

use std::net::IpAddr;

use serde_json::Value;

use super::hostile::{DOMAIN, Hostile, SERVER, at};
use super::lab::hostile_dns::Act::Send;
use super::lab::hostile_dns::{A, MX, NS, Record, Reply, Rule};
use super::lab::hostile_smtp::{Script, say};

/// Hosts of a case: see `hostile::configuration`.
const EGRESS: u8 = 4;
const OUTSIDER: u8 = 5;

/// A sound zone.
fn zone(case: u8) -> impl Fn(u16) -> Vec<Rule> {
    move |flags| {
        let of = |records: Vec<Record>| {
            let mut reply = Reply::of(records);
            reply.flags = flags;
            [Send(reply)]
        };
        let name_server = "ns1.customer.example";
        vec![
            Rule::at(DOMAIN, MX, of(vec![Record::mx(DOMAIN, 10, SERVER)])),
            Rule::at(DOMAIN, NS, of(vec![Record::new(DOMAIN, NS, 60, super::lab::hostile_dns::wire(name_server))])),
            Rule::at(SERVER, A, of(vec![Record::address(SERVER, at(case, 25))])),
            Rule::at(name_server, A, of(vec![Record::address(name_server, at(case, 2))])),
            Rule::any(of(Vec::new())),
        ]
    }
}

/// What one connection said, and from where.
fn said(world: &Hostile) -> Vec<(IpAddr, Vec<String>)> {
    let text = |(line, _): &(Vec<u8>, bool)| String::from_utf8_lossy(line).trim_end().to_owned();
    world.smtp.heard().iter().map(|heard| (heard.from.unwrap().ip(), heard.lines.iter().map(text).collect())).collect()
}

fn about_strangers(line: &str) -> bool {
    line.contains("no-such-mailbox") || line.contains("not-served-here.example")
}

fn codes(json: &[u8]) -> Vec<String> {
    let value: Value = serde_json::from_slice(json).unwrap();
    let all = value["findings"].as_array().unwrap().iter();
    all.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_asks_for_strangers_unless_told_to() {
    let world = Hostile::with(20, &Script::polite(), &zone(20)).await;
    let output = world.run(&["--output", "json"]).await;
    let heard = said(&world);
    assert!(!heard.is_empty(), "the server was visited");
    assert!(heard.iter().all(|(_, lines)| !lines.iter().any(|line| about_strangers(line))), "{heard:?}");
    let codes = codes(&output.stdout);
    assert!(!codes.iter().any(|code| code.contains("RELAY") || code.contains("ACCEPTS_ALL")), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outsider_asks_for_strangers_and_the_verdict_stays() {
    let world = Hostile::with(21, &Script::polite(), &zone(21)).await;
    let without = world.run(&["--output", "json"]).await;
    let output = world.run(&["--output", "json", "--strangers"]).await;
    assert_eq!(output.status.code(), without.status.code(), "it is part of no gate");
    let codes = codes(&output.stdout);
    for code in ["SMTP_ACCEPTS_ALL", "RELAY_SUSPECT"] {
        assert!(codes.iter().any(|c| c == code), "{codes:?}");
    }
    let heard = said(&world);
    let asking: Vec<_> = heard.iter().filter(|(_, lines)| lines.iter().any(|line| about_strangers(line))).collect();
    let [(from, lines)] = asking[..] else { panic!("one connection asks for strangers: {heard:?}") };
    assert_eq!(*from, at(21, OUTSIDER), "and never a gateway address");
    let verbs: Vec<&str> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(verbs, ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "RSET", "QUIT"], "RSET between the tests");
    assert!(lines[2].starts_with("RCPT TO:<no-such-mailbox-") && lines[2].ends_with("@customer.example>"), "{lines:?}");
    assert_eq!(lines[5], "RCPT TO:<postmaster@not-served-here.example>");
    for (_, lines) in &heard {
        for forbidden in ["DATA", "VRFY", "EXPN", "BDAT"] {
            assert!(!lines.iter().any(|line| line.starts_with(forbidden)), "{lines:?}");
        }
    }
    let again = world.run(&["--output", "json", "--strangers"]).await;
    assert!(again.status.code().is_some());
    let mailbox =
        |(_, lines): &(IpAddr, Vec<String>)| lines.iter().find(|line| line.contains("no-such-mailbox")).cloned();
    let mailboxes: Vec<String> = said(&world).iter().filter_map(mailbox).collect();
    assert!(mailboxes.len() == 2 && mailboxes[0] != mailboxes[1], "it is another one each time: {mailboxes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_refuses_strangers_is_told_as_such() {
    let script = Script::polite()
        .on("RCPT", [say("550 5.1.1 no such user\r\n")])
        .on("RCPT2", [say("554 5.7.1 no relaying\r\n")]);
    let world = Hostile::with(22, &script, &zone(22)).await;
    let text = String::from_utf8(world.run(&["--strangers", "--strangers-from", "127.67.22.77"]).await.stdout).unwrap();
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        one_line.contains(
            "refuses mail for a mailbox that cannot exist and mail for a foreign domain, asked from 127.67.22.77"
        ),
        "{text}"
    );
    let asking = said(&world).into_iter().find(|(_, lines)| lines.iter().any(|line| about_strangers(line)));
    assert_eq!(asking.unwrap().0.to_string(), "127.67.22.77", "the source that was stated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_address_never_asks_for_strangers() {
    let world = Hostile::with(23, &Script::polite(), &zone(23)).await;
    let egress = at(23, EGRESS).to_string();
    let outsiders = format!("outsiders: [{}]", at(23, OUTSIDER));
    let refused = world.run(&["--strangers", "--strangers-from", &egress]).await;
    assert_eq!(refused.status.code(), Some(2));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("probe.strangers_from") && why.contains("is a gateway address"), "{why}");

    world.configure(&outsiders, "strangers: true, outsiders: []");
    let nowhere = world.run(&[]).await;
    let why = String::from_utf8(nowhere.stderr).unwrap();
    assert_eq!(nowhere.status.code(), Some(2), "{why}");
    assert!(why.contains("probe.strangers") && why.contains("none of the gateway's"), "{why}");

    // Whatever address the system would choose: here, one that a gateway address stands behind.
    world.configure("strangers: true, outsiders: []", "strangers: true, outsiders: ['0.0.0.0']");
    world.configure("label: one, local: true", "label: one, local: true, bind: 127.0.0.1");
    let output = world.run(&["--output", "json"]).await;
    let codes = codes(&output.stdout);
    assert!(codes.iter().any(|code| code == "STRANGERS_UNTESTED"), "{codes:?}");
    let heard = said(&world);
    assert!(heard.iter().all(|(_, lines)| !lines.iter().any(|line| about_strangers(line))), "{heard:?}");
}
