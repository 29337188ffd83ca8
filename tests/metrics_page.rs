//! Holds the table of docs/metrics.md to what the program tells. `UPDATE_DOCS=1` writes it anew.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test says what went wrong by panicking")]

use fencepost::metrics::CATALOGUE;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
const BEGIN: &str = "<!-- table: made from the program, see tests/metrics_page.rs -->\n";
const END: &str = "<!-- end of table -->";

#[test]
fn the_page_describes_every_metric() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the page says where the table begins");
    let (found, tail) = rest.split_once(END).expect("the page says where the table ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, format!("{head}{BEGIN}{}{END}{tail}", table())).unwrap();
        return;
    }
    assert_eq!(found, table(), "UPDATE_DOCS=1 cargo test --test metrics_page writes it anew");
}

#[test]
fn alerts_name_metrics_that_there_are() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let words = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for word in words.filter(|word| word.starts_with("fencepost_")) {
        assert!(CATALOGUE.iter().any(|metric| metric.name == word), "{word} is no metric");
    }
}

fn table() -> String {
    let mut table = "\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in CATALOGUE {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, help) = (metric.name, metric.kind.word(), metric.help);
        table.push_str(&format!("| `{name}` | {kind} | {} | {help} |\n", labels.join(", ")));
    }
    table + "\n"
}
