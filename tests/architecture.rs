//! Holds the structure that ARCHITECTURE.md describes: which module may know which, where SQL, time
//! and the environment may be read, and that every file says what it is for.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Module → modules of this crate that it may use. What is not listed is forbidden.
const MAY_USE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("telemetry", &["config"]),
    ("metrics", &[]),
    ("failpoint", &[]),
    ("dice", &[]),
    ("words", &[]),
    ("config", &["words"]),
    ("ledger", &[]),
    ("einvoice", &["config", "ledger", "order"]),
    ("order", &["ledger", "lifecycle", "words"]),
    ("proposal", &["ledger"]),
    ("lifecycle", &["config", "ledger", "order", "status", "words"]),
    ("report", &["ledger", "lifecycle", "words"]),
    ("status", &["config", "lifecycle", "ledger", "order", "store", "words"]),
    ("store", &["config", "failpoint", "ledger", "lifecycle", "order", "metrics"]),
    (
        "engine",
        &[
            "clock",
            "config",
            "dice",
            "einvoice",
            "ledger",
            "lifecycle",
            "order",
            "proposal",
            "report",
            "status",
            "store",
            "metrics",
            "words",
        ],
    ),
    ("probe", &["clock", "config", "dice", "engine", "failpoint", "order"]),
    ("gateway", &["config", "engine", "failpoint", "lifecycle", "order", "report"]),
    ("intake", &["config", "engine", "proposal"]),
    ("sweep", &["engine"]),
    ("notify", &["config", "engine", "failpoint", "ledger", "lifecycle", "order", "report", "status", "words"]),
    ("agent", &["dice", "engine"]),
    (
        "http",
        &[
            "clock",
            "config",
            "einvoice",
            "engine",
            "ledger",
            "lifecycle",
            "order",
            "proposal",
            "report",
            "status",
            "store",
            "metrics",
            "words",
        ],
    ),
];

/// Ports' implementations know the port, not the machinery behind it.
const ONLY_THE_PORTS: &[&str] = &["agent", "probe", "gateway", "notify", "intake", "sweep"];

#[test]
fn dependencies_point_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let module = top_module(&file);
        // The wiring (`cli`, `demo`, `main`, `lib`) may know everything.
        let Some(permitted) = allowed.get(module.as_str()) else { continue };
        for used in used_modules(&production_code(&file)) {
            if used != module && !permitted.contains(&used.as_str()) {
                wrong.push(format!("{}: `{module}` must not use `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn adapters_know_the_port_and_nothing_behind_it() {
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")).into_iter().filter(|f| ONLY_THE_PORTS.contains(&top_module(f).as_str())) {
        let code = production_code(&file);
        for (at, _) in code.match_indices("crate::engine::") {
            let rest = &code[at + "crate::engine::".len()..];
            if !rest.starts_with("ports") {
                wrong.push(format!("{}: uses crate::engine::{}", file.display(), first_word(rest)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_is_known_to_the_rules() {
    let known: BTreeSet<&str> = MAY_USE.iter().map(|(m, _)| *m).chain(["cli", "demo", "main", "lib"]).collect();
    let found: BTreeSet<String> = rust_files(Path::new("src")).iter().map(|f| top_module(f)).collect();
    let unknown: Vec<_> = found.iter().filter(|m| !known.contains(m.as_str())).collect();
    assert!(unknown.is_empty(), "modules without a rule in this test: {unknown:?}");
}

#[test]
fn the_pure_crate_stays_pure() {
    let manifest = fs::read_to_string("checks/Cargo.toml").unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split("[dev-dependencies]").next().unwrap();
    for banned in ["tokio", "reqwest", "rusqlite", "sqlx", "socket2", "hickory", "async"] {
        assert!(!dependencies.contains(banned), "checks must not depend on {banned}");
    }
    for file in rust_files(Path::new("checks/src")) {
        let code = production_code(&file);
        for banned in ["std::fs", "std::env", "std::process", "std::thread", "TcpStream", "UdpSocket", "::now()"] {
            assert!(!code.contains(banned), "{}: {banned} has no place in checks", file.display());
        }
    }
}

#[test]
fn only_the_store_contains_sql() {
    for file in rust_files(Path::new("src")).into_iter().filter(|f| top_module(f) != "store") {
        let code = production_code(&file);
        for sql in ["rusqlite", "SELECT ", "INSERT INTO", "UPDATE subject", "DELETE FROM"] {
            assert!(!code.contains(sql), "{}: `{sql}` belongs in store", file.display());
        }
    }
}

/// What cannot be undone once it is done, as it is written in the code.
const IRREVOCABLE: &[&str] = &["send_raw(", "fs::rename(", "reload::run(", ".send()", "\"COMMIT\"", "writer.write("];

#[test]
fn every_commit_and_every_effect_has_a_point_before_and_after_it() {
    let (mut found, mut wrong) = (0, Vec::new());
    for file in rust_files(Path::new("src")) {
        if !["store", "gateway", "notify"].contains(&top_module(&file).as_str()) {
            continue;
        }
        let code = production_code(&file);
        let lines: Vec<&str> = code.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            if IRREVOCABLE.iter().any(|call| line.contains(call)) {
                found += 1;
                let around = &lines[at.saturating_sub(1)..(at + 2).min(lines.len())];
                if !around.iter().any(|line| line.contains("around(") || line.contains("around_blocking(")) {
                    wrong.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(found >= IRREVOCABLE.len(), "only {found} found: the list above is out of date");
    assert!(wrong.is_empty(), "without fail points:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_in_the_program_arms_a_fail_point() {
    for file in rust_files(Path::new("src")).into_iter().filter(|f| top_module(f) != "failpoint") {
        let code = production_code(&file);
        assert!(!code.contains("failpoint::install"), "{}: that is for tests alone", file.display());
    }
}

#[test]
fn pure_modules_do_no_io() {
    for file in rust_files(Path::new("src")) {
        if !["einvoice", "lifecycle", "ledger", "order", "proposal", "report", "status"]
            .contains(&top_module(&file).as_str())
        {
            continue;
        }
        let code = production_code(&file);
        for banned in ["tokio", "std::fs", "std::net::Tcp", "async fn", "std::env", "reqwest", "::now()"] {
            assert!(!code.contains(banned), "{}: {banned} in a pure module", file.display());
        }
    }
}

#[test]
fn every_file_opens_by_saying_what_it_is_for() {
    for file in rust_files(Path::new("src")).into_iter().chain(rust_files(Path::new("checks/src"))) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!"), "{}: the first line must say what the file is for", file.display());
    }
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources below {}", root.display());
    found
}

/// `src/store/sqlite/mod.rs` → `store`; `src/order.rs` → `order`.
fn top_module(file: &Path) -> String {
    let first = file.components().nth(1).unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// The text without comments and without its unit tests (which may use anything).
fn production_code(file: &Path) -> String {
    if file.file_name().is_some_and(|n| n == "tests.rs" || n == "model.rs")
        || file.components().any(|c| c.as_os_str() == "tests")
    {
        return String::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Modules named as `crate::module`, also inside `use crate::{a, b::c}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut at_start = true;
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        used.insert(std::mem::take(&mut word));
                        at_start = true;
                    }
                    c if at_start && (c.is_alphanumeric() || c == '_') => word.push(c),
                    c if c.is_whitespace() => {}
                    _ => at_start = false,
                }
            }
            used.insert(word);
        } else {
            used.insert(first_word(rest));
        }
    }
    used.remove("");
    used
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn the_rules_can_fail() {
    let used = used_modules("use crate::{store::Store, http};\nfn f() { crate::engine::run(); fencepost_crate::x(); }");
    assert_eq!(used.into_iter().collect::<Vec<_>>(), ["engine", "http", "store"]);
}
