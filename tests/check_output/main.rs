//! What people and programs read of `fencepost check`: the real binary against a world of one healthy
//! domain and twenty that are broken, each in its own way.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod helo;
mod hostile;
#[path = "../lab/mod.rs"]
mod lab;
mod strangers;
mod world;

use std::collections::BTreeSet;
use std::process::Command;

use futures_util::StreamExt;
use serde_json::Value;
use world::World;

const SCHEMA: &str = include_str!("../../docs/check.schema.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_domain_as_people_read_it() {
    let world = World::start().await;
    for (domain, text) in everywhere(&world, &[]).await {
        insta::assert_snapshot!(domain.replace(['.', '-'], "_"), text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_domain_as_programs_read_it() {
    let world = World::start().await;
    let strict = jsonschema::validator_for(&closed(serde_json::from_str(SCHEMA).unwrap())).unwrap();
    let mut members = BTreeSet::new();
    for (domain, text) in everywhere(&world, &["--output", "json"]).await {
        let (status, json) = text.split_once('\n').unwrap();
        let value: Value = serde_json::from_str(json).unwrap();
        let wrong: Vec<String> = strict.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{domain}:\n{}", wrong.join("\n"));
        let exit = match value["verdict"].as_str().unwrap() {
            "pass" => "exit status 0",
            "fail" => "exit status 1",
            _ => "exit status 3",
        };
        assert_eq!(status, exit, "{domain}");
        names(&value, &mut members);
    }
    // What no domain showed would be described without anybody having seen it.
    // A reference server of our own (tests/agents.rs has one) and wrong bytes (tests/hostile) are elsewhere.
    members.extend(["proof", "at", "outside", "smtp"].map(str::to_owned));
    for described in described(&serde_json::from_str(SCHEMA).unwrap()) {
        assert!(members.contains(&described), "no domain of the world shows `{described}`");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_for_the_firewall_that_one_has() {
    let world = World::start().await;
    let domain = "one-blocked.example";
    insta::assert_snapshot!("rules_fortigate", told(&world, domain, &["--rules", "fortigate"]).await);
    let all = told(&world, domain, &["--rules", "all"]).await;
    for product in fencepost_checks::firewall::Product::ALL {
        assert!(all.contains(&format!("Rules to paste, {}:", product.name())), "{all}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_is_filled_and_never_overrun() {
    let world = World::start().await;
    for columns in [40, 80] {
        let text = on_terminal(&world.arguments("unmoved.example"), &["TERM=xterm", "NO_COLOR=1"], columns);
        assert!(!text.contains('\u{1b}'), "NO_COLOR is honoured:\n{text}");
        for line in text.lines() {
            // Names are never broken, and what is to be copied stays on one line.
            let words = line.split_whitespace().count();
            let to_copy = line.contains(" IN MX ") || line.starts_with("    ") || words < 3;
            assert!(to_copy || line.chars().count() <= columns, "{columns} columns:\n{line}");
        }
        insta::assert_snapshot!(format!("terminal_{columns}"), world.settled(&text));
    }
    let coloured = on_terminal(&world.arguments("unmoved.example"), &["TERM=xterm"], 80);
    assert!(coloured.contains("\u{1b}[1;31munmoved.example"), "{coloured}");
    let dumb = on_terminal(&world.arguments("unmoved.example"), &["TERM=dumb"], 80);
    assert!(!dumb.contains('\u{1b}'), "{dumb}");
}

#[test]
fn a_mistake_in_the_command_is_status_2() {
    for words in [
        &["check", "a..b"][..],
        &["check", "a.example", "--server", "x:0"],
        &["--config", "/none", "check", "a.example"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_fencepost")).args(words).env_clear().output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{words:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stage_has_a_time_of_its_own() {
    let world = World::start().await;
    let json = async |domain: &str, server: Option<&str>| -> Value {
        let more: Vec<&str> =
            ["--output", "json"].into_iter().chain(server.into_iter().flat_map(|s| ["--server", s])).collect();
        serde_json::from_slice(&world.run(domain, &more).await.stdout).unwrap()
    };
    let stages = |dialogue: &Value| -> Vec<String> {
        let all = dialogue["stages"].as_array().unwrap().iter();
        all.map(|stage| {
            assert!(stage["elapsed_ms"].is_u64(), "{stage}");
            format!("{} {}", stage["stage"].as_str().unwrap(), stage["outcome"]["kind"].as_str().unwrap())
        })
        .collect()
    };
    let healthy = json("healthy.example", None).await;
    let whole = &healthy["dialogues"][0];
    assert_eq!(stages(whole)[..4], ["resolve done", "connect done", "banner reply", "ehlo reply"], "{whole}");
    assert!(whole["transcript"].as_array().unwrap().iter().any(|line| line == "C: QUIT"), "{whole}");

    let literal = format!("127.66.10.1:{}", world.port);
    let by_address = json("healthy.example", Some(&literal)).await;
    let dialogues = by_address["dialogues"].as_array().unwrap();
    let of_literal = dialogues.iter().find(|dialogue| dialogue["host"] == "127.66.10.1").unwrap();
    assert_eq!(stages(of_literal)[..2], ["connect done", "banner reply"], "an address is not looked up");

    let down = json("down.example", None).await;
    assert_eq!(stages(&down["dialogues"][0]), ["resolve done", "connect failed"], "{down}");
    let nowhere = format!("nowhere.down.example:{}", world.port);
    let down = json("down.example", Some(&nowhere)).await;
    let unresolved =
        down["dialogues"].as_array().unwrap().iter().find(|d| d["host"] == "nowhere.down.example").unwrap();
    assert_eq!((stages(unresolved), &unresolved["peer"]), (vec!["resolve failed".to_owned()], &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_are_told_which_finding_follows_from_which() {
    let world = World::start().await;
    let output = world.run("all-blocked.example", &["--output", "json"]).await;
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let finding = |code: &str| findings.iter().find(|f| f["code"] == code).unwrap_or_else(|| panic!("{code}: {value}"));
    let effect = finding("SMTP_UNREACHABLE");
    let root = finding(effect["follows_from"]["code"].as_str().unwrap());
    assert_eq!(effect["follows_from"]["subject"], root["subject"], "{effect}");
    assert!(root.get("follows_from").is_none() && root["code"].as_str().unwrap().starts_with("FW_"), "{root}");
    let text = told(&world, "all-blocked.example", &[]).await;
    assert!(text.contains("Follows from it: SMTP_UNREACHABLE"), "as people are told:\n{text}");
}

/// Status and output of every domain, in the order of the world.
async fn everywhere<'a>(world: &'a World, more: &'a [&'a str]) -> Vec<(&'static str, String)> {
    futures_util::stream::iter(world.domains.clone())
        .map(|domain| async move { (domain, told(world, domain, more).await) })
        .buffered(3)
        .collect()
        .await
}

async fn told(world: &World, domain: &str, more: &[&str]) -> String {
    let output = world.run(domain, more).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    world.settled(&format!("exit status {}\n{said}{text}", output.status.code().unwrap()))
}

/// Runs the binary on a terminal of its own (util-linux' `script` makes one) and returns what it showed.
fn on_terminal(arguments: &[String], environment: &[&str], columns: usize) -> String {
    let quoted: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let command =
        format!("stty cols {columns} rows 50; exec '{}' {}", env!("CARGO_BIN_EXE_fencepost"), quoted.join(" "));
    let mut terminal = Command::new("/usr/bin/env");
    terminal.arg("-i").arg("PATH=/usr/bin:/bin").args(environment);
    terminal.args(["timeout", "60", "script", "--quiet", "--command", &command, "/dev/null"]);
    let output = terminal.stdin(std::process::Stdio::null()).output().expect("`script` of util-linux");
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}

/// The schema with every object closed: what the code writes and the schema does not know is an error.
fn closed(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(members) => {
            for (_, member) in members.iter_mut() {
                *member = closed(member.take());
            }
            if members.get("type").is_some_and(|kind| kind == "object") {
                members.insert("additionalProperties".to_owned(), false.into());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = closed(item.take());
            }
        }
        _ => {}
    }
    schema
}

/// The names of all members.
fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.keys().cloned());
            members.values().for_each(|member| names(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

/// The names that the schema describes.
fn described(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(next) = open.pop() {
        if let Value::Object(members) = next {
            if let Some(Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().cloned());
            }
            open.extend(members.values());
        }
    }
    found
}
