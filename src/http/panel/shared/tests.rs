//! What the page says in each answer, as somebody reads it from the top: without tags, line by line.

use askama::Template;
use fencepost_checks::mx::propagation::Propagation;
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ResolverAnswer, ServerAnswer};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::SharedPage;
use crate::http::panel::status::{Audience, Seen, StatusView};
use crate::http::panel::words::Times;
use crate::status::DomainStatus;
use crate::store::Observation;

const NOW: &str = "2026-03-10T10:00:00Z";

fn record(preference: u16, exchange: &str, spelled: bool) -> Value {
    let mut record = json!({ "name": "example.com.", "ttl": 300, "preference": preference, "exchange": exchange });
    if spelled {
        let bare = exchange.trim_end_matches('.');
        record["spellings"] = json!({
            "fqdn": { "name": "example.com.", "preference": preference, "exchange": exchange },
            "relative": { "name": "@", "preference": preference, "exchange": bare },
            "zone_line": format!("example.com. 300 IN MX {preference} {exchange}"),
        });
    }
    record
}

/// A status with what a case says on top of it.
fn status(case: &Value) -> DomainStatus {
    let ours = record(10, "mx1.gateway.example.", true);
    let old = record(10, "mail.example.com.", false);
    let mut status = json!({
        "domain": "example.com", "connection_id": "c1", "as_of": NOW, "phase": "ready", "phase_since": "2026-03-10T09:40:00Z",
        "answer": "wait", "reason": "", "mx_change_permitted": false, "permit": null, "waiting_for": [],
        "next_check_at": "2026-03-10T10:15:00Z", "records_to_set": [ours], "records_to_remove": [old],
        "current_mx": [old], "previous_mx": [old], "mx_verdict": "foreign_only", "fastest_change_after": null,
        "all_senders_switched_by": null, "old_path_needed_until": null, "findings": [], "window": null,
    });
    for (name, value) in case.as_object().unwrap() {
        status[name] = value.clone();
    }
    serde_json::from_value(status).unwrap()
}

fn page(status: &DomainStatus, observations: &[Observation]) -> String {
    let times = Times::new("Europe/Helsinki", status.as_of);
    let seen = Seen { status, observations, events: &[], audience: Audience::Link };
    SharedPage { s: StatusView::new(&seen, &times), until: None }.render().unwrap()
}

/// The words of a page in the order in which they are read.
fn read(page: &str) -> String {
    let main = &page[page.find("<main").unwrap()..page.find("</main>").unwrap()];
    let mut text = String::new();
    for piece in main.split('<').skip(1) {
        let (tag, words) = piece.split_once('>').unwrap();
        let tag = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
        let inline = ["b", "span", "time", "code", "a", "del", "small", "th", "td", "dd"].contains(&tag);
        text.push(if inline { ' ' } else { '\n' });
        text.push_str(words);
    }
    let text = text.replace("&#39;", "'").replace("&#34;", "\"");
    let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn wait(who: &str, what: &str) -> Value {
    json!([{ "who": who, "what": what, "since": "2026-03-10T08:00:00Z" }])
}

#[test]
fn the_page_says_in_each_answer_what_to_do() {
    let ours = record(10, "mx1.gateway.example.", true);
    let old = record(10, "mail.example.com.", true);
    let window = json!({
        "opened_at": "2026-03-10T04:00:00Z", "clean_rounds": 5, "earliest_close": "2026-03-11T04:00:00Z",
        "escalates_at": "2026-03-13T04:00:00Z", "broken_by": null,
    });
    let cases = [
        (
            "wait",
            json!({
                "phase": "allowlisting", "reason": "The gateway's addresses do not all reach the mail server yet.",
                "waiting_for": wait("customer", "let every gateway address through the firewall (FW_PARTIAL)"),
            }),
        ),
        (
            "change_now",
            json!({
                "answer": "change_now", "mx_change_permitted": true,
                "reason": "Every gateway address reaches the mail server, and nothing stands against the change.",
                "permit": { "id": "c1/1", "issued_at": "2026-03-10T09:40:00Z", "valid_until": "2026-03-10T15:30:00Z", "evidence": [] },
                "waiting_for": wait("partner", "relay the MX change"),
                "dns_provider": { "name": "Example DNS", "instructions": ["Sign in at Example DNS."], "domain_connect": null, "console": null },
            }),
        ),
        (
            "stop",
            json!({
                "answer": "stop", "phase": "cancelled", "reason": "The order was withdrawn. Do not change the MX.",
                "records_to_set": [], "records_to_remove": [], "next_check_at": null,
            }),
        ),
        (
            "roll_back",
            json!({
                "answer": "roll_back", "phase": "probing", "reason": "The MX already names the gateway before the checks have passed.",
                "records_to_set": [old], "records_to_remove": [ours], "current_mx": [ours],
                "waiting_for": wait("partner", "set the previous MX again"),
                "rollback": { "records": [old], "seen_at": null, "mta_sts": [], "mta_sts_policy": null, "spf": [], "tlsa": [] },
            }),
        ),
        (
            "confirming",
            json!({
                "phase": "confirming", "reason": "The new MX has been seen; it has to stay for the whole confirmation window.",
                "records_to_remove": [], "current_mx": [ours], "window": window,
                "waiting_for": wait("time", "the window closes at 2026-03-11 04:00 UTC"),
                "all_senders_switched_by": "2026-03-10T22:00:00Z", "old_path_needed_until": "2026-03-15T22:00:00Z",
                "switch_terms": [{ "at": "2026-03-10T22:00:00Z", "because": "ns1 served the old MX with a TTL of a day." }],
            }),
        ),
        (
            "done",
            json!({
                "answer": "done", "phase": "connected", "reason": "Mail flows through the gateway; the MX is watched.",
                "records_to_remove": [], "current_mx": [ours],
            }),
        ),
        (
            "move_away",
            json!({
                "answer": "move_away", "phase": "releasing", "current_mx": [ours],
                "reason": "The service is ending and the next destination accepts mail: move the MX away now.",
                "records_to_set": [], "records_to_remove": [ours],
                "waiting_for": wait("partner", "relay the move of the MX"),
            }),
        ),
        (
            "suspended",
            json!({
                "phase": "probing", "reason": "The service desk has suspended this connection (they have not paid); mail is delivered.",
                "suspension": { "since": "2026-03-10T08:00:00Z", "reason": "they have not paid", "mail_deferred_until": null },
                "waiting_for": wait("desk", "end the suspension"),
            }),
        ),
    ];
    for (name, case) in cases {
        insta::assert_snapshot!(format!("page_{name}"), read(&page(&status(&case), &[])));
    }
}

fn observation(kind: &str, body: &impl serde::Serialize, at: Timestamp) -> Observation {
    let body = serde_json::to_string(body).unwrap();
    Observation { kind: kind.to_owned(), digest: String::new(), first_at: at, last_at: at, body }
}

#[test]
fn the_propagation_picture_says_who_answered_what_and_when() {
    let now: Timestamp = NOW.parse().unwrap();
    let expected = fencepost_checks::mx::Expected {
        gateway_hosts: vec!["mx1.gateway.example".parse().unwrap()],
        ..Default::default()
    };
    let mx =
        |name: &str| DnsAnswer::Mx { records: vec![MxRecord { preference: 10, exchange: name.to_owned() }], ttl: 300 };
    let mut spread = Propagation::default();
    for (hours_ago, first, second, resolver) in [
        (6, mx("mail.example.com"), mx("mail.example.com"), mx("mail.example.com")),
        (3, mx("mx1.gateway.example"), mx("mail.example.com"), mx("mail.example.com")),
        (1, mx("mx1.gateway.example"), DnsAnswer::TimedOut, mx("mx1.gateway.example")),
    ] {
        let observed_at = now - SignedDuration::from_hours(hours_ago);
        let server = |name: &str, address: &str, answer| ServerAnswer {
            name: name.to_owned(),
            address: address.parse().unwrap(),
            in_parent: true,
            in_child: true,
            answer,
            elapsed_ms: 1,
            observed_at,
        };
        let round = DnsRound {
            domain: "example.com".parse().unwrap(),
            started_at: observed_at,
            finished_at: observed_at,
            zone: None,
            servers: vec![
                server("ns1.<script>.example", "192.0.2.1:53", first),
                server("ns2.dns.example", "[2001:db8::2]:53", second),
            ],
            servers_without_address: Vec::new(),
            resolvers: vec![ResolverAnswer {
                vantage: "quad".to_owned(),
                address: "9.9.9.9:53".parse().unwrap(),
                answer: resolver,
                elapsed_ms: 1,
                observed_at,
            }],
            exchanges: Vec::new(),
            ns_ttl: None,
            parents: Vec::new(),
            delegation_error: None,
        };
        spread.observe(&round, &expected);
    }
    let page = page(&status(&json!({})), &[observation("propagation", &spread, now)]);
    let at = page.find("id=\"propagation\"").unwrap();
    let picture = &page[at..at + page[at..].find("</section>").unwrap()];
    assert!(!page.contains("<script>") && !picture.contains("style="), "{picture}");
    insta::assert_snapshot!(picture.trim());
}
