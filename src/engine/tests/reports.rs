//! Monthly reports through time, on both stores: on the day of the group, to whom they are due, each once,
//! compared with the one before, and as they were kept.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::date;
use tokio_util::sync::CancellationToken;

use super::{Stage, caller};
use crate::config::StoreConfig;
use crate::engine::{Engine, EngineParts};
use crate::report::{About, Figures, Month, NoFigures, StatisticsFacts, Tone};
use crate::store::conformance::fixture::order;
use crate::store::postgres::server::Server;
use crate::store::postgres::{LeaseClock, PostgresStore};
use crate::store::{Scope, Store};

#[tokio::test]
async fn a_customers_first_months_on_sqlite() {
    let stage = stage();
    let (engine, store) = stage.engine();
    months(&stage, engine, store).await;
}

#[tokio::test]
async fn a_customers_first_months_on_postgres() {
    let url = Server::shared().database();
    let config = StoreConfig { connections: 4, ..StoreConfig::at(&url) };
    crate::store::migrate(&config).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(PostgresStore::open(&config, LeaseClock::Caller).await.unwrap());
    let stage = stage();
    let engine = Engine::new(EngineParts {
        dice: crate::dice::Dice::new(),
        store: store.clone(),
        observer: stage.world.clone(),
        gateway: stage.world.clone(),
        notifier: stage.world.clone(),
        clock: stage.clock.clone(),
        config: Arc::new(stage.config.clone()),
    });
    months(&stage, engine, store).await;
}

fn stage() -> Stage {
    let mut stage = Stage::new();
    stage.config.gateway.statistics_url = Some("http://127.0.0.1:1/statistics".to_owned());
    stage
}

/// Ordered on 7 September, connected on the 8th or 9th: group 15. Nobody decides, so it is charged from
/// November on.
async fn months(stage: &Stage, engine: Engine, store: Arc<dyn Store>) {
    *stage.world.figures.lock().unwrap() = Some(Figures { received: 7, ..Figures::default() });
    let placed = engine.desk().place_order(order("p", "d1.example"), &caller()).await.unwrap();
    let shutdown = CancellationToken::new();
    let working = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    let four = async {
        while stage.world.reports.lock().unwrap().iter().map(|(_, report)| report.month).collect::<BTreeSet<_>>().len()
            < 4
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), four).await.expect("too few reports");
    shutdown.cancel();
    working.await.unwrap();

    let mut got = stage.world.reports.lock().unwrap().clone();
    got.dedup();
    let days: Vec<_> = got.iter().map(|(_, report)| (report.from, report.until)).take(4).collect();
    assert!((date(2026, 9, 8)..=date(2026, 9, 10)).contains(&days[0].0), "from the connection on: {days:?}");
    let fifteenth = |month| date(2026, month, 15);
    assert_eq!(
        days.iter().map(|day| day.1).collect::<Vec<_>>(),
        [fifteenth(9), fifteenth(10), fifteenth(11), fifteenth(12)]
    );
    assert_eq!(days[1].0, fifteenth(9), "nothing is left out between two");
    // The sales rep as long as nobody has decided.
    let both = ["rep@partner.example", "tech@customer.example"];
    assert_eq!([&got[0].0[..], &got[1].0[..], &got[2].0[..]], [&both[..], &both[..], &both[1..]]);
    assert_eq!(got[0].1.statistics, StatisticsFacts::Missing { why: NoFigures::NotAnswered });
    assert!(matches!(&got[1].1.statistics, StatisticsFacts::Known { figures, .. } if figures.received == 7));

    let second = &got[1].1;
    assert_eq!(second.compared_with, Some(Month::of(fifteenth(9))));
    let rows = &second.domains[0].rows;
    let row = |about: About| rows.iter().find(|row| row.about == about).unwrap();
    let counted: u64 = row(About::Checks).says.parse().unwrap();
    assert!(counted >= 30, "at least daily: {counted}");
    let looks: Vec<u64> = got.iter().map(|(_, report)| report.domains[0].looks.unwrap().sum()).collect();
    assert_eq!(counted, looks[1] - looks[0], "counted since the report before");
    assert_eq!(row(About::Checks).before.as_ref(), Some(&got[0].1.domains[0].rows[0].says));
    assert_eq!((row(About::Mx).tone, row(About::Drift).says.as_str()), (Tone::Good, "none"));
    assert_eq!(row(About::Certificate).tone, Tone::Unknown, "this world has no certificates");
    assert_eq!(second.domains[0].lanes[0].days, "+".repeat(30), "{:?}", second.domains[0].lanes);

    // Kept as it was sent, and one mail a month under one key.
    for (_, report) in &got {
        let shown = engine.desk().reports().show(&placed.customer_id, Some(report.month), &Scope::All).await.unwrap();
        assert_eq!(shown, *report);
    }
    let sent = store.notices(&placed.customer_id, 100).await.unwrap();
    let keys: Vec<_> = sent.iter().map(|row| &row.dedupe_key).filter(|key| key.contains("/report/")).take(4).collect();
    let wanted: Vec<String> = (9..=12).map(|m| format!("{}/report/2026-{m:02}", placed.customer_id)).collect();
    assert_eq!(keys, wanted.iter().collect::<Vec<_>>());
}
