//! T* against simulated resolvers: whatever they cached, and however unluckily, none still uses the
//! old MX after T*; and T* is no later than the observations require.

use std::collections::BTreeMap;

use fencepost_checks::DomainName;
use fencepost_checks::mx::Expected;
use fencepost_checks::mx::history::RrsetHistory;
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ServerAnswer};
use jiff::Timestamp;
use proptest::prelude::*;

/// What a server was seen to serve: whether the old set, and with which TTL.
type Seen = (bool, u32);

const ASSUMED: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_000_000 + second).expect("an instant")
}

fn name(text: &str) -> DomainName {
    text.parse().expect("a name")
}

fn answer((old, ttl): Seen) -> DnsAnswer {
    let exchange = if old { "mail.example.com" } else { "mx1.gateway.example" };
    DnsAnswer::Mx { records: vec![MxRecord { preference: 10, exchange: exchange.to_owned() }], ttl }
}

fn round(second: i64, seen: &[Seen]) -> DnsRound {
    let servers = (1_u8..)
        .zip(seen)
        .map(|(n, seen)| ServerAnswer {
            name: format!("ns{n}.dns.example"),
            address: ([192, 0, 2, n], 53).into(),
            in_parent: true,
            in_child: true,
            answer: answer(*seen),
            elapsed_ms: 1,
            observed_at: at(second),
        })
        .collect();
    DnsRound {
        domain: name("example.com"),
        started_at: at(second),
        finished_at: at(second),
        zone: None,
        servers,
        servers_without_address: Vec::new(),
        resolvers: Vec::new(),
        exchanges: Vec::new(),
        ns_ttl: Some(3600),
        parents: Vec::new(),
        delegation_error: None,
    }
}

fn expected() -> Expected {
    Expected { gateway_hosts: vec![name("mx1.gateway.example")], ..Expected::default() }
}

/// Rounds of `servers` servers that end with the new set everywhere: gaps in seconds, and what each
/// server served, with changes of TTL and flips back in between.
fn story() -> impl Strategy<Value = Vec<(i64, Vec<Seen>)>> {
    let ttl = prop_oneof![Just(60_u32), Just(300), Just(3600), Just(14_400), Just(86_400)];
    (1_usize..4).prop_flat_map(move |servers| {
        let seen = prop::collection::vec((prop::bool::weighted(0.7), ttl.clone()), servers);
        let last = prop::collection::vec(ttl.clone().prop_map(|t| (false, t)), servers);
        (prop::collection::vec((1_i64..40_000, seen), 1..20), 1_i64..40_000, last).prop_map(|(rounds, gap, last)| {
            let mut second = 0;
            let mut story: Vec<(i64, Vec<Seen>)> = Vec::new();
            for (gap, seen) in rounds.into_iter().chain([(gap, last)]) {
                second += gap;
                story.push((second, seen));
            }
            story
        })
    })
}

/// Until when the unluckiest resolver uses the old set: it asks in the last second in which an old
/// answer can have been served. `change` says where between two looks the zone really changed.
fn unluckiest(story: &[(i64, Vec<Seen>)], change: &BTreeMap<usize, f64>) -> i64 {
    let servers = story.first().map_or(0, |(_, seen)| seen.len());
    let mut latest = story.first().map_or(0, |(second, _)| second - 1 + ASSUMED);
    for server in 0..servers {
        for (i, pair) in story.windows(2).enumerate() {
            let [(from, seen), (to, next)] = pair else { continue };
            let (old, ttl) = seen[server];
            if !old {
                continue;
            }
            let share = if seen[server] == next[server] { 1.0 } else { change.get(&i).copied().unwrap_or(1.0) };
            #[expect(clippy::cast_possible_truncation, reason = "a share of a gap of less than a day")]
            let end = from + ((to - from) as f64 * share) as i64;
            latest = latest.max(end - 1 + i64::from(ttl));
        }
    }
    latest
}

proptest! {
    #[test]
    fn no_resolver_uses_the_old_set_after_t_star(story in story(), shares in prop::collection::vec(0.0_f64..=1.0, 20)) {
        let mut history = RrsetHistory::default();
        for (second, seen) in &story {
            history.observe(&round(*second, seen));
        }
        let t_star = history.t_star(&expected(), &[]).expect("every server serves the new set").at;
        let change = shares.into_iter().enumerate().collect();
        prop_assert!(at(unluckiest(&story, &change)) < t_star, "{story:?}");
        // The bound itself: the unluckiest change is the one just before the next look.
        prop_assert_eq!(at(unluckiest(&story, &BTreeMap::new()) + 1), t_star, "{:?}", story);
    }

    #[test]
    fn there_is_no_t_star_while_a_server_is_old(story in story(), server in 0_usize..3) {
        let mut history = RrsetHistory::default();
        for (second, seen) in &story {
            history.observe(&round(*second, seen));
        }
        let (second, mut seen) = story.last().cloned().expect("a round");
        let server = server % seen.len();
        seen[server] = (true, 300);
        history.observe(&round(second + 60, &seen));
        prop_assert_eq!(history.t_star(&expected(), &[]), None);
    }

    #[test]
    fn storing_and_repeating_changes_nothing(story in story()) {
        let (mut once, mut again) = (RrsetHistory::default(), RrsetHistory::default());
        for (second, seen) in &story {
            once.observe(&round(*second, seen));
            again.observe(&round(*second, seen));
            again.observe(&round(*second, seen));
            again.observe(&round(0, &[(true, 999)]));
            again = serde_json::from_str(&serde_json::to_string(&again).expect("JSON")).expect("a history");
        }
        prop_assert_eq!(once, again);
    }
}

/// A server that changes its TTL at every answer neither fills the store nor moves T* forward.
#[test]
fn a_restless_server_is_bounded() {
    let mut history = RrsetHistory::default();
    let mut required = 0;
    for i in 0..5_000_u32 {
        let second = i64::from(i) * 60;
        history.observe(&round(second, &[(true, 300 + i % 977)]));
        required = required.max(second + 60 + i64::from(300 + i % 977));
    }
    history.observe(&round(5_000 * 60, &[(false, 300)]));
    let size = serde_json::to_string(&history).expect("JSON").len();
    assert!(size < 20_000, "{size} bytes");
    assert!(history.t_star(&expected(), &[]).expect("a bound").at >= at(required));
}
