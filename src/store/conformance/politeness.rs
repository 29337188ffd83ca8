//! Manners: one visitor at a target in the whole installation, pauses, looks in a day, allowances.

use jiff::SignedDuration;

use super::fixture::{at, new_order, request, timer};
use crate::store::{Allowance, Drawn, Manners, Spread, Store, TurnAnswer, TurnRequest};

const DAY: i64 = 86_400;
const MANNERS: Manners = Manners {
    same: SignedDuration::from_secs(30),
    other: SignedDuration::from_secs(5),
    looks: 3,
    look: SignedDuration::from_mins(5),
};

async fn ask(store: &dyn Store, vantage: &str, holder: &str, seconds: i64) -> TurnAnswer {
    let request = TurnRequest {
        target: "smtp 192.0.2.25".to_owned(),
        vantage: vantage.to_owned(),
        holder: holder.to_owned(),
        now: at(seconds),
        lease: SignedDuration::from_secs(200),
        manners: MANNERS,
    };
    store.take_turn(request).await.unwrap()
}

fn wait(seconds: i64) -> TurnAnswer {
    TurnAnswer::Wait { pause: SignedDuration::from_secs(seconds) }
}

async fn leave(store: &dyn Store, holder: &str, seconds: i64) {
    store.end_turn("smtp 192.0.2.25", holder, at(seconds)).await.unwrap();
}

pub(crate) async fn a_target_has_one_visitor_at_a_time(store: &dyn Store) {
    assert_eq!(ask(store, "a", "node-1", 0).await, TurnAnswer::Yours);
    assert_eq!(ask(store, "b", "node-2", 10).await, wait(1));
    leave(store, "node-2", 12).await;
    assert_eq!(ask(store, "b", "node-2", 13).await, wait(1), "it was never its turn to end");
    leave(store, "node-1", 20).await;
    assert_eq!(ask(store, "b", "node-2", 21).await, wait(4), "a pause between vantages");
    assert_eq!(ask(store, "a", "node-1", 21).await, wait(29), "a longer one for the same");
    assert_eq!(ask(store, "b", "node-2", 25).await, TurnAnswer::Yours);
    // Its node dies: the lease ends by itself, once.
    assert_eq!(ask(store, "c", "node-3", 224).await, wait(1));
    assert_eq!(ask(store, "c", "node-3", 225).await, TurnAnswer::Yours);
    leave(store, "node-2", 230).await;
    assert_eq!(ask(store, "d", "node-4", 240).await, wait(1), "the late one ends nothing");
}

pub(crate) async fn asked_by_many_at_once_one_gets_the_turn(store: &dyn Store) {
    let holders: Vec<String> = (0..12).map(|n| format!("node-{n}")).collect();
    let asked = holders.iter().map(|holder| ask(store, holder, holder, 0));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| **answer == TurnAnswer::Yours).count(), 1, "{answers:?}");
}

pub(crate) async fn looks_of_a_vantage_are_counted_for_a_day(store: &dyn Store) {
    for (n, start) in [0, 1000, 2000].into_iter().enumerate() {
        // Two knocks within minutes are one look.
        for second in [start, start + 60] {
            let holder = format!("{n}-{second}");
            assert_eq!(ask(store, "a", &holder, second).await, TurnAnswer::Yours, "{second}");
            leave(store, &holder, second + 1).await;
        }
    }
    assert_eq!(ask(store, "a", "x", 3000).await, TurnAnswer::Spent { until: at(DAY) });
    assert_eq!(ask(store, "b", "y", 3000).await, TurnAnswer::Yours, "another vantage has looks of its own");
    leave(store, "y", 3001).await;
    assert_eq!(ask(store, "a", "x", DAY - 1).await, TurnAnswer::Spent { until: at(DAY) });
    assert_eq!(ask(store, "a", "x", DAY).await, TurnAnswer::Yours);
}

pub(crate) async fn an_allowance_is_shared_and_begins_anew(store: &dyn Store) {
    let allowance = Allowance { count: 100, per: SignedDuration::from_mins(1) };
    let drawn = async |wanted, seconds| store.draw("dns 192.0.2.53", wanted, allowance, at(seconds)).await.unwrap();
    assert_eq!(drawn(60, 0).await, Drawn { granted: 60, lasts: SignedDuration::from_secs(60) });
    assert_eq!(drawn(60, 30).await, Drawn { granted: 40, lasts: SignedDuration::from_secs(30) }, "what is left");
    assert_eq!(drawn(60, 59).await, Drawn { granted: 0, lasts: SignedDuration::from_secs(1) });
    assert_eq!(drawn(60, 60).await, Drawn { granted: 60, lasts: SignedDuration::from_secs(60) });
    let other = store.draw("dns 192.0.2.54", 100, allowance, at(61)).await.unwrap();
    assert_eq!(other.granted, 100, "another server's is its own");
    let many = futures_util::future::join_all((0..20).map(|_| drawn(10, 61))).await;
    assert_eq!(many.iter().map(|d| d.granted).sum::<u32>(), 40, "never more than there is");
}

pub(crate) async fn overdue_looks_at_connected_domains_are_spread_out(store: &dyn Store) {
    for n in 1..=4 {
        let mut order = new_order(n, "p", &format!("d{n}.example"));
        order.subjects[1].phase = if n == 4 { "ready" } else { "connected" }.to_owned();
        order.subjects[1].timers = vec![timer("mx", i64::from(n))];
        store.place_order(order).await.unwrap();
    }
    let hour = SignedDuration::from_hours(1);
    let spread = |pace, most| Spread { now: at(5000), late: SignedDuration::from_mins(15), pace, most };
    let seconds = SignedDuration::from_secs;
    assert_eq!(
        store.spread_overdue(Spread { late: hour * 2, ..spread(hour, hour) }).await.unwrap(),
        0,
        "not late enough"
    );
    assert_eq!(store.spread_overdue(spread(seconds(100), hour)).await.unwrap(), 3);
    let due = async |second| -> Vec<String> {
        store.claim(request(second)).await.unwrap().into_iter().map(|claim| claim.subject_id).collect()
    };
    assert_eq!(
        due(5000).await,
        ["c4", "c1"],
        "whoever waits for a permit is not put off; the rest one after the other"
    );
    assert!(due(5099).await.is_empty());
    assert_eq!(due(5100).await, ["c2"]);
    assert_eq!(due(5200).await, ["c3"]);
    // However much it is, all of it comes within the longest time.
    for n in 5..=8 {
        let mut order = new_order(n, "p", &format!("d{n}.example"));
        order.subjects[1].phase = "connected".to_owned();
        order.subjects[1].timers = vec![timer("mx", 0)];
        store.place_order(order).await.unwrap();
    }
    assert_eq!(store.spread_overdue(spread(seconds(100), seconds(40))).await.unwrap(), 4);
    assert_eq!(due(5030).await.len(), 4);
}
