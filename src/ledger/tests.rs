//! What must always hold of chain, fold and invoicing, over random histories.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use super::chain::{Anchor, Broken, Head, verify};
use super::fold::{active, check_append, spans, state, state_of};
use super::invoice::{InvoiceLine, LineKind, charge, from_bytes, run, share, to_bytes, totals};
use super::period::{ProRating, group_of_run, parts, period};
use super::{EntryDraft, EntryKind, Evidence, Money, PriceMode, StoredEntry};

const START: Date = date(2026, 1, 1);

fn day(n: u16) -> Date {
    START.saturating_add(i64::from(n).days())
}

fn euro(minor: i64) -> Money {
    Money { minor, currency: super::Currency::Eur }
}

fn draft(kind: EntryKind, valid_from: Date) -> EntryDraft {
    EntryDraft {
        customer_id: "c1".to_owned(),
        kind,
        valid_from,
        evidence: Evidence::Rule { rule: "test".to_owned(), version: 1, facts: String::new() },
        recorded_by: "engine".to_owned(),
        approved_by: None,
        supersedes: None,
    }
}

/// Gives drafts their place, leaving out those that could not be appended.
fn ledger(drafts: Vec<EntryDraft>) -> Vec<StoredEntry> {
    let mut head = Head::EMPTY;
    let mut entries = Vec::new();
    for d in drafts {
        if check_append(&entries, &d).is_ok() {
            entries.extend(head.append(Timestamp::UNIX_EPOCH, vec![d]));
        }
    }
    entries
}

fn kinds() -> impl Strategy<Value = EntryKind> {
    prop_oneof![
        Just(EntryKind::Activated),
        Just(EntryKind::Deactivated),
        (0..2000_i64).prop_map(|m| EntryKind::PriceSet { mode: PriceMode::Total, amount: euro(m) }),
        (0..50_i64).prop_map(|m| EntryKind::PriceSet { mode: PriceMode::PerMailbox, amount: euro(m) }),
        (1..90_u32).prop_map(|mailboxes| EntryKind::MailboxBasisSet { mailboxes }),
        prop_oneof![Just(15_u8), Just(30)].prop_map(|group| EntryKind::GroupSet { group }),
        (0..700_u16).prop_map(|d| EntryKind::NoticeGiven { ends: day(d) }),
        Just(EntryKind::NoticeWithdrawn),
        (1..25_u64).prop_map(|target| EntryKind::Void { target }),
    ]
}

fn drafts() -> impl Strategy<Value = Vec<EntryDraft>> {
    let one =
        (kinds(), 0..600_u16, proptest::option::weighted(0.15, 1..25_u64)).prop_map(|(kind, from, supersedes)| {
            let supersedes = supersedes.filter(|_| !matches!(kind, EntryKind::Void { .. }));
            EntryDraft { supersedes, ..draft(kind, day(from)) }
        });
    proptest::collection::vec(one, 1..25)
}

/// A customer that can be invoiced, then whatever comes.
fn customer(b: Date, group: u8, more: Vec<EntryDraft>) -> Vec<EntryDraft> {
    let mut all = vec![
        draft(EntryKind::BillingPartySet { party: "Customer Ltd".to_owned() }, START),
        draft(EntryKind::PriceSet { mode: PriceMode::Total, amount: euro(12_000) }, START),
        draft(EntryKind::MailboxBasisSet { mailboxes: 10 }, START),
        draft(EntryKind::GroupSet { group }, START),
        draft(EntryKind::Activated, b),
    ];
    all.extend(more);
    all
}

/// Every run day from the start for so many days.
fn run_days(days: u16) -> impl Iterator<Item = Date> {
    (0..days).map(day).filter(|d| group_of_run(*d).is_some())
}

proptest! {
    #[test]
    fn appending_never_changes_what_was_known(all in drafts(), on in 0..700_u16, cut in 0..25_usize) {
        let entries = ledger(all);
        let cut = cut.min(entries.len());
        let before = &entries[..cut];
        let known = u64::try_from(cut).unwrap();
        prop_assert_eq!(state(before, day(on), known), state(&entries, day(on), known));
    }

    #[test]
    fn a_void_takes_out_one_entry_and_its_own_void_brings_it_back(all in drafts(), pick in 0..25_usize) {
        let all: Vec<_> = all.into_iter().filter(|d| d.supersedes.is_none()).collect();
        let entries = ledger(all);
        let plain: Vec<u64> = active(&entries, u64::MAX).iter()
            .filter(|e| !matches!(e.draft.kind, EntryKind::Void { .. })).map(|e| e.seq).collect();
        prop_assume!(!plain.is_empty());
        let target = plain[pick % plain.len()];
        let seqs = |e: &[StoredEntry]| active(e, u64::MAX).iter()
            .filter(|e| !matches!(e.draft.kind, EntryKind::Void { .. })).map(|e| e.seq).collect::<Vec<_>>();
        let mut drafts: Vec<_> = entries.iter().map(|e| e.draft.clone()).collect();
        drafts.push(draft(EntryKind::Void { target }, START));
        let voided = ledger(drafts.clone());
        prop_assert_eq!(voided.len(), entries.len() + 1);
        prop_assert_eq!(seqs(&voided), plain.iter().copied().filter(|s| *s != target).collect::<Vec<_>>());
        prop_assert!(check_append(&voided, &draft(EntryKind::Void { target }, START)).is_err(), "voided twice");
        drafts.push(draft(EntryKind::Void { target: u64::try_from(voided.len()).unwrap() }, START));
        let restored = ledger(drafts);
        prop_assert_eq!(restored.len(), voided.len() + 1);
        prop_assert_eq!(seqs(&restored), plain);
    }

    /// Group switches at any time, recorded at any time, through two Februaries and four changes of the
    /// clock: every period is invoiced exactly once.
    #[test]
    fn one_line_a_customer_and_period(
        b in 0..400_u16,
        group in prop_oneof![Just(15_u8), Just(30)],
        switches in proptest::collection::vec((0..750_u16, prop_oneof![Just(15_u8), Just(30)], 0..750_u16), 0..6),
    ) {
        let b = super::period::first_charged_day(day(b));
        // (day of recording, entry)
        let mut late: Vec<_> = switches.into_iter()
            .map(|(from, group, recorded)| (recorded, draft(EntryKind::GroupSet { group }, day(from)))).collect();
        late.sort_by_key(|(recorded, _)| *recorded);
        let base = customer(b, group, Vec::new()).len();
        let entries = ledger(customer(b, group, late.iter().map(|(_, d)| d.clone()).collect()));
        let mut closed: Vec<InvoiceLine> = Vec::new();
        for on in run_days(800) {
            let known = base + late.iter().filter(|(recorded, _)| day(*recorded) <= on).count();
            let known = u64::try_from(known).unwrap();
            let now = run(&entries, on, known, &closed, ProRating::None).unwrap();
            prop_assert_eq!(&now.problems, &Vec::new());
            prop_assert_eq!(to_bytes(&run(&entries, on, known, &closed, ProRating::None).unwrap().lines), to_bytes(&now.lines));
            closed.extend(now.lines);
        }
        let mut starts: Vec<Date> = closed.iter().map(|l| { assert_eq!(l.kind, LineKind::Period); l.period.from }).collect();
        starts.sort();
        let due = day(799).saturating_sub(2.months());
        let expected: Vec<Date> = (0..40).map(|n| period(b, n).from).filter(|d| *d <= due).collect();
        prop_assert_eq!(&starts[..expected.len().min(starts.len())], &expected[..]);
        let count = starts.len();
        starts.dedup();
        prop_assert_eq!(starts.len(), count);
    }

    /// Whatever was charged and corrected on the way: in the end, lines and adjustments together are
    /// the charge under final knowledge, whole or by days.
    #[test]
    fn lines_and_adjustments_are_the_charge_under_final_knowledge(more in drafts(), b in 0..200_u16, daily: bool) {
        let rule = if daily { ProRating::Daily } else { ProRating::None };
        let entries = ledger(customer(day(b), 15, more));
        let mut closed: Vec<InvoiceLine> = Vec::new();
        for (i, on) in run_days(900).enumerate() {
            let known = u64::try_from(5 + i * 2).unwrap();
            closed.extend(run(&entries, on, known, &closed, rule).unwrap().lines);
        }
        let last = run_days(900).last().unwrap();
        let in_force = active(&entries, u64::MAX);
        prop_assume!(state_of(&in_force, last).group.is_some());
        prop_assume!(in_force.iter().any(|e| matches!(e.draft.kind, EntryKind::BillingPartySet { .. })));
        let mut due = 0;
        for span in spans(&in_force) {
            for part in parts(span.from).take(60).take_while(|part| span.contains(part.period.from)) {
                let s = state_of(&in_force, part.period.from);
                let known = s.price.is_some() && s.billing_party.is_some() && s.mailboxes.is_some();
                prop_assume!(known && s.group.is_some());
                // A period that no run of its group has met yet is not invoiced yet.
                let from = part.period.from;
                if from > last || super::period::next_run(s.group.unwrap().value, from) > last {
                    continue;
                }
                due += match rule {
                    ProRating::None if part.is_beginning() => 0,
                    ProRating::None => charge(&s).unwrap().minor,
                    ProRating::Daily => share(charge(&s).unwrap(), Some(part.days(span.until))).unwrap().minor,
                };
            }
        }
        let charged: i64 = totals(&closed).unwrap().iter().map(|m| m.minor).sum();
        prop_assert_eq!(charged, due);
    }

    /// What is configured later changes no period that is invoiced already, and no day is charged twice.
    #[test]
    fn another_rule_of_days_leaves_what_was_invoiced(b in 0..200_u16, ends in 200..700_u16, from in 0..24_usize, first: bool) {
        let rules = if first { [ProRating::Daily, ProRating::None] } else { [ProRating::None, ProRating::Daily] };
        let entries = ledger(customer(day(b), 15, vec![draft(EntryKind::NoticeGiven { ends: day(ends) }, day(b) )]));
        let mut closed: Vec<InvoiceLine> = Vec::new();
        for (i, on) in run_days(900).enumerate() {
            let rule = rules[usize::from(i >= from)];
            closed.extend(run(&entries, on, u64::MAX, &closed, rule).unwrap().lines);
        }
        prop_assert!(closed.iter().all(|line| line.kind == LineKind::Period), "{closed:?}");
        let mut periods: Vec<_> = closed.iter().map(|line| line.period).collect();
        periods.sort();
        prop_assert!(periods.windows(2).all(|two| two[0].to <= two[1].from), "{periods:?}");
    }

    #[test]
    fn any_change_is_found_at_its_entry(all in drafts(), at in 0..25_usize, what in 0..9_u8) {
        let good = ledger(customer(day(3), 15, all));
        let anchor = verify(&good, &[]).unwrap().anchor();
        let i = at % good.len();
        let mut bad = good.clone();
        let seq = bad[i].seq;
        match what {
            0 => bad[i].draft.valid_from = bad[i].draft.valid_from.saturating_add(1.day()),
            1 => bad[i].draft.customer_id.push('x'),
            2 => bad[i].draft.recorded_by = String::new(),
            3 => bad[i].draft.approved_by = Some(String::new()),
            4 => bad[i].recorded_at += jiff::SignedDuration::from_nanos(1),
            5 => bad[i].hash[at % 32] ^= 1 << (at % 8),
            6 => bad[i].prev_hash[at % 32] ^= 1 << (at % 8),
            7 => bad[i].draft.evidence = Evidence::Document { sha256: "0".to_owned(), name: String::new() },
            _ => bad[i].draft.supersedes = Some(bad[i].draft.supersedes.unwrap_or(0) + 1),
        }
        prop_assert_eq!(verify(&bad, &[]).unwrap_err().seq, seq);

        let mut removed = good.clone();
        removed.remove(i);
        let found = verify(&removed, &[anchor]).unwrap_err();
        prop_assert_eq!(found.seq, seq);

        if i + 1 < good.len() {
            let mut swapped = good.clone();
            swapped.swap(i, i + 1);
            prop_assert_eq!(verify(&swapped, &[]).unwrap_err().seq, seq);
        }
        let cut = verify(&good[..i], &[anchor]).unwrap_err();
        prop_assert_eq!(cut.what, Broken::Truncated);
    }

    #[test]
    fn a_chain_that_was_rewritten_whole_does_not_meet_its_anchor(all in drafts()) {
        let good = ledger(customer(day(3), 15, all));
        let anchor = verify(&good, &[]).unwrap().anchor();
        let mut drafts: Vec<_> = good.iter().map(|e| e.draft.clone()).collect();
        drafts[0].recorded_by = "somebody else".to_owned();
        let rewritten = Head::EMPTY.clone().append(Timestamp::UNIX_EPOCH, drafts);
        prop_assert!(verify(&rewritten, &[]).is_ok());
        prop_assert_eq!(verify(&rewritten, &[anchor]).unwrap_err().what, Broken::Anchor);
    }
}

#[test]
fn every_flipped_bit_of_the_stored_form_is_found() {
    let good = ledger(customer(day(3), 15, vec![draft(EntryKind::NoticeGiven { ends: day(90) }, day(60))]));
    let text = serde_json::to_string(&good[5]).unwrap();
    let mut read = 0;
    for i in 0..text.len() {
        for bit in 0..7 {
            let mut bytes = text.clone().into_bytes();
            bytes[i] ^= 1 << bit;
            let Ok(entry) = serde_json::from_slice::<StoredEntry>(&bytes) else { continue };
            if entry == good[5] {
                continue;
            }
            read += 1;
            let mut bad = good.clone();
            bad[5] = entry;
            let found = verify(&bad, &[]).unwrap_err();
            assert_eq!(found.seq, 6, "bit {bit} of byte {i}");
        }
    }
    assert!(read > 500, "only {read} flips could be read at all");
}

#[test]
fn recorded_at_grows_when_the_clock_stands_still_or_goes_back() {
    let mut head = Head::EMPTY;
    let noon: Timestamp = "2026-03-15T12:00:00.0000005Z".parse().unwrap();
    let mut all = head.append(noon, vec![draft(EntryKind::Activated, START), draft(EntryKind::Deactivated, START)]);
    all.extend(head.append("2026-03-15T11:00:00Z".parse().unwrap(), vec![draft(EntryKind::Activated, START)]));
    let times: Vec<String> = all.iter().map(|e| e.recorded_at.to_string()).collect();
    assert_eq!(times, ["2026-03-15T12:00:00Z", "2026-03-15T12:00:00.000001Z", "2026-03-15T12:00:00.000002Z"]);
    assert!(verify(&all, &[]).is_ok());
}

#[test]
fn the_bytes_that_are_sealed_never_change() {
    // If this fails, every ledger in the field would fail to verify.
    let entry = &ledger(customer(day(3), 15, Vec::new()))[1];
    insta::assert_snapshot!(hex::encode(entry.hash));
}

#[test]
fn an_anchor_beyond_the_end_tells_of_a_cut() {
    let anchor = Anchor { seq: 3, hash: [7; 32] };
    assert_eq!(
        verify(&[], &[anchor]).unwrap_err().to_string(),
        "ledger entry 3: an anchor names it, but the ledger ends before: its end was cut off"
    );
}

#[test]
fn a_late_change_becomes_an_adjustment_in_the_next_run_and_never_an_edit() {
    let b = date(2026, 3, 4);
    let entries = ledger(customer(
        b,
        15,
        vec![draft(EntryKind::PriceSet { mode: PriceMode::Total, amount: euro(10_000) }, date(2026, 4, 1))],
    ));
    let march = run(&entries, date(2026, 3, 15), 5, &[], ProRating::None).unwrap().lines;
    let april = run(&entries, date(2026, 4, 15), 5, &march, ProRating::None).unwrap().lines;
    let closed = [march, april].concat();
    assert!(
        run(&entries, date(2026, 4, 30), 6, &closed, ProRating::None).unwrap().lines.is_empty(),
        "not the customer's group"
    );
    let may = run(&entries, date(2026, 5, 15), 6, &closed, ProRating::None).unwrap().lines;
    let shown: Vec<_> = may.iter().map(|l| format!("{:?} {} {}", l.kind, l.period.from, l.amount)).collect();
    assert_eq!(shown, ["Period 2026-05-04 100.00 EUR", "Adjustment 2026-04-04 -20.00 EUR"]);
    let closed = [closed, may.clone()].concat();
    let june = run(&entries, date(2026, 6, 15), 6, &closed, ProRating::None).unwrap().lines;
    assert_eq!(june.len(), 1, "adjusted once");
    assert_eq!(from_bytes(&to_bytes(&may)).unwrap(), may);
}

#[test]
fn what_cannot_be_invoiced_is_said_and_holds_up_nobody_else() {
    let mut drafts = vec![draft(EntryKind::Activated, day(3))];
    drafts
        .extend(customer(day(3), 15, Vec::new()).into_iter().map(|d| EntryDraft { customer_id: "c2".to_owned(), ..d }));
    let entries = Head::EMPTY.clone().append(Timestamp::UNIX_EPOCH, drafts);
    let run = run(&entries, date(2026, 1, 15), 99, &[], ProRating::None).unwrap();
    assert_eq!(run.lines.len(), 1);
    assert_eq!(run.problems[0].to_string(), "customer c1: no invoicing group on 2026-01-04");
    assert!(super::invoice::run(&entries, date(2026, 1, 16), 99, &[], ProRating::None).is_err());
}
