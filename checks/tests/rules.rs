//! Firewall rules to paste: their text is pinned, they come from addresses alone, and where a product's
//! own checker is at hand it has to accept them. A checker that is missing is said, never passed over.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test says what went wrong by panicking")]

use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use fencepost_checks::firewall::{Allow, Product, rules};
use proptest::prelude::*;

fn addresses(text: &str) -> Vec<IpAddr> {
    text.split_whitespace().map(|a| a.parse().unwrap()).collect()
}

/// Two families on both sides.
fn both() -> Allow {
    let sources = addresses("192.0.2.11 192.0.2.10 2001:db8:1::10");
    Allow::new(sources, addresses("198.51.100.5 2001:db8::5"), 25).unwrap()
}

#[test]
fn rules_of_every_product_name_exactly_what_is_missing() {
    for snippet in both().rules() {
        insta::assert_snapshot!(format!("{:?}", snippet.product), snippet.text);
    }
}

#[test]
fn a_server_whose_address_is_unknown_is_left_out() {
    let text: Vec<String> = rules(&addresses("192.0.2.10"), &[], 2525)
        .into_iter()
        .map(|s| format!("== {}\n{}", s.product.name(), s.text))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn families_never_mix() {
    for snippet in rules(&addresses("192.0.2.10 2001:db8:1::10"), &addresses("198.51.100.5"), 25) {
        assert!(!snippet.text.contains("2001:db8"), "{}", snippet.text);
    }
    assert!(rules(&addresses("192.0.2.10"), &addresses("2001:db8::5"), 25).is_empty());
    assert!(rules(&[], &addresses("2001:db8::5"), 25).is_empty());
    assert!(rules(&addresses("192.0.2.10"), &[], 0).is_empty());
}

#[test]
fn ipv4_in_ipv6_notation_is_ipv4() {
    let allow = Allow::new(addresses("::ffff:192.0.2.10 192.0.2.10"), addresses("::ffff:198.51.100.5"), 25).unwrap();
    assert_eq!((allow.sources, allow.servers), (addresses("192.0.2.10"), addresses("198.51.100.5")));
}

proptest! {
    #[test]
    fn every_source_stands_in_every_text(
        sources in proptest::collection::vec(any::<IpAddr>(), 1..6),
        servers in proptest::collection::vec(any::<IpAddr>(), 0..4),
        port in 1u16..,
    ) {
        let Some(allow) = Allow::new(sources, servers, port) else { return Ok(()) };
        for product in Product::ALL {
            let text = allow.rule(product).text;
            for source in &allow.sources {
                let applies = allow.servers.is_empty() || allow.servers.iter().any(|s| s.is_ipv4() == source.is_ipv4());
                prop_assert_eq!(text.contains(&source.to_string()), applies, "{} in {}", source, text);
            }
            prop_assert!(text.contains(&port.to_string()));
            prop_assert!(text.is_ascii());
        }
    }
}

/// The lines of a snippet as the product gets them, those for a router in front included.
fn lines<'a>(text: &'a str, command: &str) -> Vec<&'a str> {
    text.lines().map(|l| l.strip_prefix("# ").unwrap_or(l)).filter_map(|l| l.strip_prefix(command)).collect()
}

#[test]
fn nft_accepts_the_rules() {
    let text = both().rule(Product::Nftables).text;
    let rules: Vec<&str> = lines(&text, "nft ").into_iter().map(|l| l.trim_matches('\'')).collect();
    assert_eq!(rules.len(), 4);
    let script = format!(
        "table inet filter {{ chain input {{ type filter hook input priority 0; }}\nchain forward {{ type filter hook \
         forward priority 0; }}\n}}\n{}\n",
        rules.join("\n")
    );
    check("nft", &["--check", "--file", "-"], &script);
    check_refused("nft", &["--check", "--file", "-"], &script.replace("dport 25", "dport nonsense"));
}

#[test]
fn iptables_accepts_the_rules() {
    let text = both().rule(Product::Iptables).text;
    for (command, number) in [("iptables", 4), ("ip6tables", 2)] {
        let rules = lines(&text, &format!("{command} "));
        assert_eq!(rules.len(), number, "{rules:?}");
        let script = format!("*filter\n{}\nCOMMIT\n", rules.join("\n"));
        check(&format!("{command}-restore"), &["--test"], &script);
        check_refused(&format!("{command}-restore"), &["--test"], &script.replace("--dport", "--no-such-thing"));
    }
}

#[test]
fn pf_accepts_the_rules() {
    check("pfctl", &["-nf", "-"], &both().rule(Product::Pf).text);
}

fn check(program: &str, arguments: &[&str], script: &str) {
    match run(program, arguments, script) {
        Ok((true, _)) => {}
        Ok((false, said)) => panic!("{program} does not accept:\n{script}\n{said}"),
        Err(reason) => eprintln!("SKIPPED: {reason}"),
    }
}

/// That the checker does check.
fn check_refused(program: &str, arguments: &[&str], script: &str) {
    if let Ok((accepted, _)) = run(program, arguments, script) {
        assert!(!accepted, "{program} accepts:\n{script}");
    }
}

/// Runs a checker in a network namespace of its own, so that it can see no rules but ours.
fn run(program: &str, arguments: &[&str], script: &str) -> Result<(bool, String), String> {
    let start = |arguments: &[&str]| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", program])
            .args(arguments)
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{program} was not asked, unshare cannot be started: {e}"))
    };
    let version = start(&["--version"])?.wait_with_output().map_err(|e| e.to_string())?;
    if !version.status.success() {
        let said = String::from_utf8_lossy(&version.stderr).trim().to_owned();
        return Err(format!("{program} cannot be run in a network namespace of its own: {said}"));
    }
    let mut child = start(arguments)?;
    let mut input = child.stdin.take().ok_or("no standard input")?;
    // A checker that stops reading has its reasons, and says them.
    let _ = input.write_all(script.as_bytes());
    drop(input);
    let done = child.wait_with_output().map_err(|e| e.to_string())?;
    Ok((done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned()))
}
