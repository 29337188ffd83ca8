//! What must hold of the ledger and its runs on either store, over random histories and the golden year: what
//! is stored is what the plain functions give, byte for byte, and so the same on both.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tempfile::TempDir;

use crate::clock::Clock;
use crate::config::{self, Config, StoreConfig};
use crate::engine::{Accounts, Known};
use crate::ledger::chain::{Broken, Head};
use crate::ledger::fold::{check_append, state};
use crate::ledger::invoice::{self, InvoiceLine, from_bytes, to_bytes};
use crate::ledger::period::{ProRating, group_of_run};
use crate::ledger::{EntryDraft, EntryKind, Evidence, Money, PriceMode, StoredEntry};
use crate::lifecycle::subscription::golden_year;
use crate::store::Store;
use crate::store::postgres::server::Server;
use crate::store::postgres::{LeaseClock, PostgresStore};
use crate::store::sqlite::SqliteStore;

const START: Date = date(2026, 1, 1);
const CUSTOMERS: usize = 3;

#[derive(Debug)]
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

struct Office {
    store: Arc<dyn Store>,
    clock: Arc<Set>,
    accounts: Accounts,
    _folder: TempDir,
}

impl Office {
    fn over(store: Arc<dyn Store>, folder: TempDir, rule: ProRating) -> Self {
        let mut config = Config::default();
        if rule == ProRating::Daily {
            config.commerce.pro_rating = config::ProRating::Daily;
        }
        let clock = Arc::new(Set(AtomicI64::new(0)));
        let accounts = Accounts::new(store.clone(), clock.clone(), Arc::new(config));
        Self { store, clock, accounts, _folder: folder }
    }

    fn sqlite(rule: ProRating) -> Self {
        let folder = TempDir::new().unwrap();
        let store = SqliteStore::open(&StoreConfig::sqlite(folder.path().join("t.db"))).unwrap();
        Self::over(Arc::new(store), folder, rule)
    }

    async fn postgres(rule: ProRating) -> Self {
        let config = StoreConfig { connections: 4, ..StoreConfig::at(&Server::shared().database()) };
        crate::store::migrate(&config).await.unwrap();
        let store = PostgresStore::open(&config, LeaseClock::Caller).await.unwrap();
        Self::over(Arc::new(store), TempDir::new().unwrap(), rule)
    }

    fn at(&self, at: Timestamp) {
        self.clock.0.store(at.as_microsecond(), Ordering::SeqCst);
    }

    /// Everything that accounting rests on, as bytes.
    async fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for row in self.store.raw_entries(0, 100_000).await.unwrap() {
            all.extend([row.customer_id, row.kind, row.valid_from, row.body, row.prev_hash, row.hash].concat());
            all.extend([row.seq.to_be_bytes(), row.recorded_at.unwrap().to_be_bytes()].concat());
        }
        for run in self.store.closed_runs().await.unwrap() {
            all.extend(run.run_date.to_string().bytes());
            all.extend([run.lines, run.head_hash.to_vec(), run.prev_hash.to_vec(), run.hash.to_vec()].concat());
        }
        all
    }
}

fn noon(day: Date) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

/// What comes on one day: entries of several customers.
type History = Vec<(Date, Vec<EntryDraft>)>;

fn draft(customer: usize, kind: EntryKind, valid_from: Date) -> EntryDraft {
    EntryDraft {
        customer_id: format!("0189-{customer:04}"),
        kind,
        valid_from,
        evidence: Evidence::Rule { rule: "test".to_owned(), version: 1, facts: "ä \"quoted\" \\ fact".to_owned() },
        recorded_by: "engine".to_owned(),
        approved_by: None,
        supersedes: None,
    }
}

fn kinds() -> impl Strategy<Value = EntryKind> {
    let euro = |minor| Money { minor, currency: crate::ledger::Currency::Eur };
    let day = |n: u16| START.saturating_add(i64::from(n).days());
    prop_oneof![
        2 => Just(EntryKind::Activated),
        1 => Just(EntryKind::Deactivated),
        2 => (0..2000_i64).prop_map(move |m| EntryKind::PriceSet { mode: PriceMode::Total, amount: euro(m) }),
        2 => (0..50_i64).prop_map(move |m| EntryKind::PriceSet { mode: PriceMode::PerMailbox, amount: euro(m) }),
        2 => (1..90_u32).prop_map(|mailboxes| EntryKind::MailboxBasisSet { mailboxes }),
        2 => prop_oneof![Just(15_u8), Just(30)].prop_map(|group| EntryKind::GroupSet { group }),
        1 => (0..400_u16).prop_map(move |d| EntryKind::NoticeGiven { ends: day(d) }),
        1 => Just(EntryKind::NoticeWithdrawn),
        2 => (1..40_u64).prop_map(|target| EntryKind::Void { target }),
    ]
}

fn histories() -> impl Strategy<Value = (History, bool)> {
    let entry = (0..CUSTOMERS, kinds(), 0..300_u16, proptest::option::weighted(0.1, 1..40_u64)).prop_map(
        |(customer, kind, from, supersedes)| {
            let supersedes = supersedes.filter(|_| !matches!(kind, EntryKind::Void { .. }));
            EntryDraft { supersedes, ..draft(customer, kind, START.saturating_add(i64::from(from).days())) }
        },
    );
    let later = proptest::collection::vec((1..300_u16, proptest::collection::vec(entry, 1..5)), 1..12);
    (later, any::<bool>()).prop_map(|(mut later, daily)| {
        let base = (0..CUSTOMERS).flat_map(|customer| {
            let price = Money { minor: 12_345, currency: crate::ledger::Currency::Eur };
            [
                EntryKind::BillingPartySet { party: format!("Customer {customer} Öy") },
                EntryKind::PriceSet { mode: PriceMode::Total, amount: price },
                EntryKind::MailboxBasisSet { mailboxes: 7 },
                EntryKind::GroupSet { group: if customer == 0 { 15 } else { 30 } },
                EntryKind::Activated,
            ]
            .map(|kind| draft(customer, kind, START))
        });
        later.sort_by_key(|(day, _)| *day);
        let mut all: History = vec![(START, base.collect())];
        all.extend(later.into_iter().map(|(day, drafts)| (START.saturating_add(i64::from(day).days()), drafts)));
        (all, daily)
    })
}

/// Lets a history happen: entries on their days, a run on each run day. Everything is compared with what the
/// plain functions give on the way.
async fn happen(office: &Office, history: &History, rule: ProRating) -> Vec<u8> {
    let (mut head, mut entries) = (Head::EMPTY, Vec::<StoredEntry>::new());
    let mut closed: Vec<InvoiceLine> = Vec::new();
    let mut waiting = history.iter().peekable();
    for on in (0..330).map(|n| START.saturating_add(n.days())) {
        while let Some((_, drafts)) = waiting.next_if(|(day, _)| *day <= on) {
            for one in drafts {
                let own: Vec<StoredEntry> =
                    entries.iter().filter(|e| e.draft.customer_id == one.customer_id).cloned().collect();
                if check_append(&own, one).is_err() {
                    continue;
                }
                let sealed = head.append(noon(on), vec![one.clone()]);
                assert_eq!(office.store.append_entries(vec![one.clone()], noon(on)).await.unwrap(), sealed);
                entries.extend(sealed);
            }
        }
        if group_of_run(on).is_none() {
            continue;
        }
        office.at(noon(on) + SignedDuration::from_hours(1));
        let run = office.accounts.close(on, "accounting").await.unwrap();
        let replayed = invoice::run(&entries, on, head.seq, &closed, rule).unwrap();
        assert_eq!(run.problems, replayed.problems);
        let stored = office.store.closed_run(on).await.unwrap().unwrap();
        assert_eq!(stored.lines, to_bytes(&replayed.lines), "run of {on}");
        assert_eq!(stored.head_hash, head.hash);
        closed.extend(replayed.lines);
    }
    // The projection of each customer is the fold of its entries, on any day, known at any entry.
    for customer in (0..CUSTOMERS).map(|n| format!("0189-{n:04}")) {
        let own: Vec<StoredEntry> = entries.iter().filter(|e| e.draft.customer_id == customer).cloned().collect();
        for known in [1, head.seq / 2, head.seq] {
            for on in [START, date(2026, 2, 28), date(2026, 7, 1)] {
                let told = office.accounts.as_of(&customer, on, Known::Seq(known)).await.unwrap();
                assert_eq!(told.state, state(&own, on, known));
            }
        }
    }
    assert_eq!(office.store.entries(None, 0, 100_000).await.unwrap(), entries);
    let audit = office.accounts.verify(&[head.anchor()]).await.unwrap();
    assert!(audit.is_whole(), "{:?}", audit.faults);
    // Closing again from the stored head gives what stands.
    let again = office.accounts.close(date(2026, 11, 15), "somebody else").await.unwrap();
    assert_eq!(again.closed.unwrap().1, "accounting");
    office.bytes().await
}

#[test]
fn replay_is_the_projection_and_both_stores_have_the_same_bytes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&histories(), |(history, daily)| {
            let rule = if daily { ProRating::Daily } else { ProRating::None };
            runtime.block_on(async {
                let one = happen(&Office::sqlite(rule), &history, rule).await;
                let other = happen(&Office::postgres(rule).await, &history, rule).await;
                assert!(one == other, "the stores differ");
            });
            Ok(())
        })
        .unwrap();
}

/// The customers of the golden year in one ledger: a run on each day of two years.
async fn golden(office: &Office, rule: ProRating) -> Vec<u8> {
    let customers = golden_year::everybody(rule);
    let mut coming: Vec<(Timestamp, EntryDraft)> = customers.iter().flat_map(|(entries, _)| entries.clone()).collect();
    coming.sort_by_key(|(at, _)| *at);
    let mut coming = coming.into_iter().peekable();
    let mut got: Vec<InvoiceLine> = Vec::new();
    let mut on = date(2026, 1, 1);
    while on < date(2028, 1, 1) {
        if group_of_run(on).is_some() {
            while let Some((at, entry)) = coming.next_if(|(at, _)| *at <= noon(on)) {
                office.store.append_entries(vec![entry], at).await.unwrap();
            }
            office.at(noon(on));
            let run = office.accounts.close(on, "accounting").await.unwrap();
            assert_eq!(run.problems, [], "{on}");
            got.extend(from_bytes(&office.store.closed_run(on).await.unwrap().unwrap().lines).unwrap());
        }
        on = on.tomorrow().unwrap();
    }
    for (n, (_, wanted)) in customers.iter().enumerate() {
        let of_one = got.iter().filter(|l| l.customer_id == format!("c{n:02}") && l.run.year() == 2027);
        assert_eq!(&of_one.map(golden_year::shown).collect::<Vec<_>>(), wanted, "customer {n}");
    }
    assert!(office.accounts.verify(&[]).await.unwrap().is_whole());
    office.bytes().await
}

#[tokio::test]
async fn the_golden_year_is_closed_on_both_stores_with_the_same_bytes() {
    for rule in [ProRating::None, ProRating::Daily] {
        let one = golden(&Office::sqlite(rule), rule).await;
        let other = golden(&Office::postgres(rule).await, rule).await;
        assert!(one == other, "the stores differ");
    }
}

/// Cutting off the end is seen against a head that was written down elsewhere, on both stores.
#[tokio::test]
async fn an_anchor_beyond_the_end_tells_of_a_cut_on_both_stores() {
    for office in [Office::sqlite(ProRating::None), Office::postgres(ProRating::None).await] {
        let kept = office.store.append_entries(vec![draft(0, EntryKind::Activated, START)], noon(START)).await.unwrap();
        let mut head = Head::after(&kept[0]);
        let _cut = head.append(noon(START), vec![draft(0, EntryKind::Deactivated, START)]);
        let audit = office.accounts.verify(&[head.anchor()]).await.unwrap();
        assert_eq!(audit.faults.len(), 1);
        assert!(audit.faults[0].to_string().contains(&Broken::Truncated.to_string()), "{}", audit.faults[0]);
    }
}
