//! Editing the gateway's MX hosts: a set that was in order stays so while it is published, whatever becomes of
//! the hosts; a set that changes is judged as a change.

use fencepost_checks::DomainName;
use fencepost_checks::mx::{Expected, MxJudgement, MxVerdict, judge};
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ServerAnswer};
use jiff::Timestamp;
use proptest::prelude::*;

const POOL: [&str; 5] = ["mx0", "mx1", "mx2", "mx3", "mx4"];

/// What the operator says of each host of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Current,
    Accepted,
    Retired,
    Nothing,
}

fn host(n: usize) -> DomainName {
    format!("{}.gateway.example", POOL[n]).parse().expect("a name")
}

fn expected(said: &[Said]) -> Expected {
    let those = |wanted: Said| (0..POOL.len()).filter(|n| said[*n] == wanted).map(host).collect();
    Expected {
        gateway_hosts: those(Said::Current),
        leaving: those(Said::Accepted),
        retired: those(Said::Retired),
        ..Expected::default()
    }
}

fn round(set: &[usize]) -> DnsRound {
    let at = Timestamp::from_second(1_772_000_000).expect("an instant");
    let records: Vec<MxRecord> =
        set.iter().map(|n| MxRecord { preference: 10, exchange: host(*n).to_string() }).collect();
    let server = |n: u8| ServerAnswer {
        name: format!("ns{n}.dns.example"),
        address: ([192, 0, 2, n], 53).into(),
        in_parent: true,
        in_child: true,
        answer: DnsAnswer::Mx { records: records.clone(), ttl: 300 },
        elapsed_ms: 1,
        observed_at: at,
    };
    DnsRound {
        domain: "example.com".parse().expect("a name"),
        started_at: at,
        finished_at: at,
        zone: None,
        servers: vec![server(1), server(2)],
        servers_without_address: Vec::new(),
        resolvers: Vec::new(),
        exchanges: Vec::new(),
        ns_ttl: Some(3600),
        parents: Vec::new(),
        delegation_error: None,
    }
}

fn names(texts: &[String]) -> Vec<DomainName> {
    texts.iter().map(|text| text.parse().expect("a name")).collect()
}

/// With what was seen last.
fn judged(set: &[usize], said: &[Said], before: Option<&MxJudgement>) -> MxJudgement {
    let mut expected = expected(said);
    if let Some(before) = before {
        expected.held = names(&before.ours);
        if before.clean && before.verdict == MxVerdict::OursOnly {
            expected.whole = names(&before.names);
        }
    }
    judge(&round(set), &expected)
}

fn saying() -> impl Strategy<Value = Vec<Said>> {
    let one = prop_oneof![Just(Said::Current), Just(Said::Accepted), Just(Said::Retired), Just(Said::Nothing)];
    prop::collection::vec(one, POOL.len()).prop_filter("some host is current", |said| said.contains(&Said::Current))
}

fn set() -> impl Strategy<Value = Vec<usize>> {
    prop::sample::subsequence((0..POOL.len()).collect::<Vec<_>>(), 1..=POOL.len())
}

/// A set, and what was said of the hosts when it was in order.
fn in_order() -> impl Strategy<Value = (Vec<usize>, Vec<Said>)> {
    (set(), prop::collection::vec(any::<bool>(), POOL.len()), saying()).prop_map(|(set, accepted, mut said)| {
        for n in 0..POOL.len() {
            said[n] = match (set.contains(&n), said[n]) {
                (true, _) if accepted[n] && set[0] != n => Said::Accepted,
                (true, _) => Said::Current,
                (false, Said::Current) => Said::Nothing,
                (false, other) => other,
            };
        }
        (set, said)
    })
}

proptest! {
    #[test]
    fn no_edits_turn_a_set_that_was_in_order(
        (set, first) in in_order(),
        edits in prop::collection::vec(saying(), 1..6),
    ) {
        let mut seen = judged(&set, &first, None);
        prop_assert!(seen.clean, "{seen:?}");
        for said in &edits {
            seen = judged(&set, said, Some(&seen));
            prop_assert!(seen.clean && seen.ours_published && !seen.gone && !seen.old_published, "{seen:?}");
            for n in &set {
                let told = seen.retired.contains(&host(*n).to_string());
                prop_assert_eq!(told, matches!(said[*n], Said::Retired | Said::Nothing), "{:?}", seen);
            }
        }
    }

    /// However a name came to count as the gateway's: while it is published, nothing takes the route away.
    #[test]
    fn no_edit_makes_a_published_host_gone(set in set(), first in saying(), then in saying()) {
        let seen = judged(&set, &first, None);
        prop_assume!(seen.ours_published);
        let after = judged(&set, &then, Some(&seen));
        prop_assert!(after.ours_published && !after.gone, "{after:?}");
    }

    #[test]
    fn a_set_that_names_a_retired_host_anew_is_not_in_order(before in set(), set in set(), said in saying()) {
        let seen = judged(&before, &said, None);
        let anew = |n: &usize| said[*n] == Said::Retired && !seen.ours.contains(&host(*n).to_string());
        prop_assume!(set.iter().any(anew));
        prop_assert!(!judged(&set, &said, Some(&seen)).clean);
    }
}
