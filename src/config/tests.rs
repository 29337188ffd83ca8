//! What is accepted, and the words for what is not.

use super::known::KnownKeys;
use super::{Config, ConfigError, EgressAddress, MxHost, from_text, load};

pub(super) const ANNOTATED: &str = include_str!("../../config/fencepost.yaml");

/// What `config check` would print for a text.
fn complaints(text: &str) -> String {
    match from_text(text) {
        Ok(_) => "(accepted)".to_owned(),
        Err(mistakes) => ConfigError::Mistakes { path: "fencepost.yaml".into(), mistakes }.to_string(),
    }
}

#[test]
fn the_annotated_file_is_the_default_and_an_example_gateway() {
    let mut expected = Config::default();
    let name = |text: &str| text.parse().unwrap();
    expected.gateway.mx_hosts =
        vec![MxHost::current(name("mx1.gateway.example"), 10), MxHost::current(name("mx2.gateway.example"), 20)];
    let egress =
        |last, label: &str| EgressAddress { label: label.to_owned(), ..EgressAddress::here([192, 0, 2, last].into()) };
    expected.gateway.egress = vec![egress(10, "site-1"), egress(11, "site-2")];
    let annotated = from_text(ANNOTATED).unwrap();
    assert_eq!(annotated, expected);
    assert_eq!(annotated.missing_for_serving(), []);
}

#[test]
fn the_container_s_file_serves() {
    let config = from_text(include_str!("../../config/container.yaml")).unwrap();
    assert_eq!(config.missing_for_serving(), []);
    assert!(config.http.listen.ip().is_unspecified(), "a published port ends at this address of the container");
}

#[test]
fn a_postfix_that_is_never_told_is_refused() {
    let adapter = "kind: postfix, relay_domains: a, transport: b";
    for (reload, fine) in [("[]", false), ("['']", false), ("[postfix, reload]", true)] {
        let text = format!("gateway:\n  adapter: {{ {adapter}, reload: {reload} }}\n");
        assert_eq!(from_text(&text).is_ok(), fine, "{reload}");
    }
}

#[test]
fn the_annotated_file_mentions_every_key() {
    for kind in [None, Some("postfix"), Some("http"), Some("agents")] {
        for (parent, key) in KnownKeys::with_adapter(kind).paths() {
            let written = ANNOTATED.lines().any(|line| {
                let line = line.trim_start_matches(['#', ' ', '-']);
                line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'))
            });
            assert!(written, "config/fencepost.yaml does not mention `{parent}.{key}`");
        }
    }
}

#[test]
fn each_commented_adapter_works_when_uncommented() {
    for (kind, marker) in [("postfix", "  #   kind: postfix"), ("http", "  #   kind: http")] {
        let lines: Vec<&str> = ANNOTATED.lines().collect();
        let start = lines.iter().position(|line| *line == marker).unwrap() - 1;
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            let line = if index >= start && line.starts_with("  # ") && index < start + 5 {
                line.replacen("# ", "", 1)
            } else if line.trim() == "kind: manual" || (line.trim() == "adapter:" && index < start) {
                continue;
            } else {
                (*line).to_owned()
            };
            text += &line;
            text.push('\n');
            if line.trim().is_empty() && index > start {
                break;
            }
        }
        let config = from_text(&text).unwrap_or_else(|mistakes| panic!("{kind}: {mistakes:?}\n{text}"));
        let shown = serde_json::to_value(&config.gateway.adapter).unwrap();
        assert_eq!(shown["kind"], kind);
    }
}

#[test]
fn nothing_at_all_is_the_default() {
    for text in ["", "# only a comment\n", "---\n", "{}\n", "store:\n  path: data/fencepost.db\n"] {
        assert_eq!(from_text(text).unwrap(), Config::default(), "{text:?}");
    }
}

#[test]
fn mistakes_in_the_shape_name_line_column_and_way_out() {
    insta::assert_snapshot!("unknown_key", complaints("notify:\n  smarthots: smtp://127.0.0.1:25\n"));
    insta::assert_snapshot!(
        "several_unknown_keys",
        complaints(
            "stroe:\n  path: x\nhttp:\n  mx_ttl: 5\n  colour: red\ngateway:\n  mx_hosts:\n    - name: mx.gateway.example\n      \
             prefrence: 10\n"
        )
    );
    insta::assert_snapshot!("duplicate_key", complaints("http:\n  max_concurrent: 1\n  max_concurrent: 2\n"));
    insta::assert_snapshot!("duplicate_section", complaints("http: {}\nnotify: {}\nhttp: {}\n"));
    insta::assert_snapshot!("wrong_type_number", complaints("engine:\n  concurrency: many\n"));
    insta::assert_snapshot!("wrong_type_negative", complaints("engine:\n  concurrency: -1\n"));
    insta::assert_snapshot!("wrong_type_port", complaints("gateway:\n  smtp_port: 70000\n"));
    insta::assert_snapshot!("wrong_type_bool", complaints("engine:\n  auto_register: yes\n"));
    insta::assert_snapshot!("wrong_type_list", complaints("probe:\n  resolvers: 192.0.2.1:53\n"));
    insta::assert_snapshot!("wrong_type_mapping", complaints("probe: fast\n"));
    insta::assert_snapshot!("bad_socket", complaints("probe:\n  resolvers:\n    - 192.0.2.1\n"));
    insta::assert_snapshot!("bad_name", complaints("gateway:\n  ehlo_name: probe..example\n"));
    insta::assert_snapshot!("bad_variant", complaints("commerce:\n  on_no_decision: ignore\n"));
    insta::assert_snapshot!("missing_key", complaints("gateway:\n  mx_hosts:\n    - name: mx.gateway.example\n"));
    insta::assert_snapshot!("adapter_kind", complaints("gateway:\n  adapter:\n    kind: exim\n"));
    insta::assert_snapshot!(
        "adapter_unknown_key",
        complaints("gateway:\n  adapter:\n    kind: http\n    uri: https://a.example\n")
    );
    insta::assert_snapshot!(
        "adapter_missing",
        complaints("gateway:\n  adapter:\n    kind: postfix\n    transport: /x\n")
    );
    insta::assert_snapshot!("no_yaml", complaints("http:\n  listen: [127.0.0.1:80\nnotify: {}\n"));
    insta::assert_snapshot!("tab", complaints("http:\n\tlisten: 127.0.0.1:80\n"));
    insta::assert_snapshot!("alias", complaints("store: &a\n  path: x\nhttp: *a\n"));
    insta::assert_snapshot!("two_documents", complaints("http: {}\n---\nhttp: {}\n"));
}

#[test]
fn values_that_cannot_be_meant_are_refused_with_their_place() {
    insta::assert_snapshot!(
        "values",
        complaints(
            "\
store:
  path: ''
engine:
  lease_seconds: 60
  concurrency: 0
http:
  public_url: onboarding.example
gateway:
  mx_hosts:
    - {name: mx1.gateway.example, preference: 10}
    - {name: MX1.gateway.example., preference: 20}
    - {name: mx.not-served-here.example, preference: 20}
  egress:
    - address: 192.0.2.10
    - address: 0.0.0.0
  adapter:
    kind: http
    url: http://gateway.example/api
    token_file: /run/token
probe:
  connect_timeout_ms: 200000
  outsiders: [192.0.2.10]
  allow_targets:
    - 10.0.0.0/8
    - 10.0.0.0/33
notify:
  from: onboarding
  smarthost: mail.example
  username: fencepost
  message_id_domain: 192.0.2.1
commerce:
  time_zone: Europe/Helsingfors
  group_15_until_day: 31
"
        )
    );
}

#[test]
fn mistakes_of_every_kind_are_told_at_once() {
    let text = complaints(
        "gateway:
  mx_hosts: [{ name: mx1.gateway.example, preference: 10, weight: 5 }]
  smtp_port: 0
notify:
  desk: nobody
  fromm: x
probe:
  dns_attempts: many
commerce:
  trial_days: 0
  time_zone: Europe/Helsingfors
",
    );
    for told in ["weight", "gateway.smtp_port", "notify.desk", "fromm", "commerce.trial_days", "commerce.time_zone"] {
        assert!(text.contains(told), "{told}:\n{text}");
    }
}

#[test]
fn a_public_url_that_leads_elsewhere_is_noted() {
    let notes = |listen: &str, url: &str| {
        let text = format!("http:\n  listen: {listen}\n  public_url: {url}\n");
        from_text(&text).unwrap().notes().into_iter().filter(|p| p.key == "http.public_url").count()
    };
    assert_eq!(notes("127.0.0.1:8080", "http://127.0.0.1:8080"), 0);
    assert_eq!(notes("127.0.0.1:8080", "http://localhost:8080/"), 0);
    assert_eq!(notes("127.0.0.1:8080", "https://onboarding.example"), 0, "a proxy");
    assert_eq!(notes("127.0.0.1:9090", "http://127.0.0.1:8080"), 1);
    assert_eq!(notes("127.0.0.2:8080", "http://127.0.0.1:8080"), 1);
    assert_eq!(notes("0.0.0.0:8080", "http://127.0.0.1:8080"), 1);
}

#[test]
fn what_serving_needs_and_what_may_surprise() {
    let text = |problems: Vec<super::Problem>| {
        problems.into_iter().map(|p| format!("{}: {}\n", p.key, p.message)).collect::<String>()
    };
    let config = from_text("http:\n  listen: 0.0.0.0:8080\n").unwrap();
    insta::assert_snapshot!("missing_for_serving", text(config.missing_for_serving()));
    insta::assert_snapshot!("notes", text(config.notes()));
}

#[test]
fn files_are_read_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fencepost.yaml");
    let missing = load(&path).unwrap_err();
    assert!(missing.is_missing_file() && missing.to_string().contains("--config"), "{missing}");

    std::fs::write(&path, "# ".repeat(1 << 19) + "\n").unwrap();
    assert!(matches!(load(&path).unwrap_err(), ConfigError::TooLarge { .. }));

    std::fs::write(&path, b"store:\n  path: \xff\n").unwrap();
    assert!(matches!(load(&path).unwrap_err(), ConfigError::NotText { .. }));

    std::fs::write(&path, ANNOTATED).unwrap();
    load(&path).unwrap();
}

#[test]
fn deep_and_long_texts_end_soon() {
    assert!(from_text(&"[".repeat(100_000)).is_err());
    assert!(from_text(&"a: {".repeat(100_000)).is_err());
    assert!(from_text(&format!("probe:\n  allow_targets: [{}]\n", "x,".repeat(100_000))).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = complaints(&text);
    }

    #[test]
    fn no_yaml_makes_it_panic(text in "([a-z_]{1,8}|  |\n|: |- |\\[|\\]|\\{|\\}|gateway|adapter|kind|mx_hosts|\"|'|&a|\\*a|<<|!t|\\||>|#|,|[0-9]{1,3}){0,60}") {
        let _ = complaints(&text);
    }
}

#[test]
fn the_line_shown_is_the_line_meant_whatever_ends_it() {
    for end in ["\n", "\r\n", "\r"] {
        let told = complaints(&format!("# one{end}probe:{end}  dns_prt: 53{end}"));
        assert!(told.contains(":3:3: ") && told.contains("    3 |   dns_prt: 53\n"), "{end:?}: {told}");
    }
}

/// What `fuzz/run` found or began with.
#[test]
fn the_corpus_of_files_holds() {
    crate::corpus::replay("config_file", super::properties::check);
}

#[test]
fn places_are_plain_strings_or_say_where_they_are_in_their_life() {
    let text = "gateway:
  mx_hosts:
    - mx1.gateway.example
    - { name: mx0.gateway.example, preference: 5, state: accepted }
    - { name: old.gateway.example, preference: 5, state: retired }
  egress:
    - 192.0.2.10
    - 2001:db8::10
    - { address: 192.0.2.40, agent: oulu, state: announced }
    - { address: 192.0.2.9, local: false, state: retired }
";
    let gateway = from_text(text).unwrap().gateway;
    let addresses = |addresses: Vec<std::net::IpAddr>| addresses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(addresses(gateway.delivering()), ["192.0.2.10", "2001:db8::10"]);
    assert_eq!(addresses(gateway.asked()), ["192.0.2.10", "2001:db8::10", "192.0.2.40"]);
    assert_eq!(gateway.every_egress().len(), 4);
    let expected = gateway.expected_mx();
    assert_eq!(expected.gateway_hosts[0].as_str(), "mx1.gateway.example");
    assert_eq!((expected.preferences, expected.leaving.len(), expected.retired.len()), (vec![10], 1, 1));
}

#[test]
fn places_that_cannot_be_meant_are_refused_with_their_place() {
    insta::assert_snapshot!(
        "places",
        complaints(
            "\
gateway:
  mx_hosts:
    - { name: mx1.gateway.example, preference: 10, state: retired }
    - { name: mx1.gateway.example, preference: 20, state: accepted }
  egress:
    - { address: 192.0.2.10, state: announced }
    - { address: 192.0.2.10, state: retired }
    - { address: 192.0.2.11, state: announced, local: false }
"
        )
    );
    insta::assert_snapshot!(
        "place_state",
        complaints("gateway:\n  egress:\n    - { address: 192.0.2.10, state: current }\n")
    );
    insta::assert_snapshot!(
        "place_no_address",
        complaints("gateway:\n  egress:\n    - 192.0.2.10\n    - 192.0.2.300\n")
    );
    insta::assert_snapshot!("place_no_name", complaints("gateway:\n  mx_hosts:\n    - mx1..example\n"));
}

/// An address that nobody can probe from would hold up every customer for ever.
#[test]
fn an_address_without_a_vantage_is_refused_unless_it_is_retired() {
    for (state, fine) in [("active", false), ("announced", false), ("retired", true)] {
        let text = format!(
            "gateway:\n  egress:\n    - 192.0.2.1\n    - {{ address: 192.0.2.10, local: false, state: {state} }}\n"
        );
        let told = complaints(&text);
        assert_eq!(told == "(accepted)", fine, "{told}");
        assert!(fine || told.contains("gateway.egress[1].local: is false"), "{told}");
    }
}
