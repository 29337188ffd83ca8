//! Mail as evidence in the store: kept once, approved once, never lost.

use super::fixture::{at, placed, subject, transition};
use super::ledger::draft;
use crate::store::{CommitOutcome, MailState, NewMail, Page, SenderRow, SettledMail, Store};

pub(crate) fn mail(n: u32, state: MailState) -> NewMail {
    NewMail {
        id: format!("m{n}"),
        dedupe: format!("d{n}"),
        raw: format!("From: a@b.example\r\n\r\n{n}").into_bytes(),
        verdicts: b"{}".to_vec(),
        received_at: at(5),
        via: "lmtp".to_owned(),
        sender: "a@b.example".to_owned(),
        subject: "25 mailboxes".to_owned(),
        message_id: Some(format!("{n}@b.example")),
        customer_id: Some("k1".to_owned()),
        state,
        reason: if state == MailState::Open { String::new() } else { "unsigned".to_owned() },
        body: "{}".to_owned(),
    }
}

fn page() -> Page {
    Page { after: None, limit: 10 }
}

fn settled(id: &str) -> SettledMail {
    SettledMail { id: id.to_owned(), by: "desk".to_owned(), note: "so be it".to_owned() }
}

pub(crate) async fn a_mail_is_kept_once_and_its_copies_are_counted(store: &dyn Store) {
    for copies in 1..=10 {
        let again = NewMail {
            id: format!("other{copies}"),
            raw: format!("by another way {copies}").into_bytes(),
            ..mail(1, MailState::Open)
        };
        let kept = store.keep_mail(if copies == 1 { mail(1, MailState::Open) } else { again }).await.unwrap();
        assert_eq!((kept.id.as_str(), kept.state, kept.copies), ("m1", MailState::Open, copies));
    }
    store.keep_mail(mail(2, MailState::Quarantined)).await.unwrap();
    let row = store.mail("m1").await.unwrap().unwrap();
    assert_eq!((row.copies, row.received_at, row.message_id.as_deref()), (10, at(5), Some("1@b.example")));
    assert_eq!(store.evidence(&row.sha256).await.unwrap().unwrap(), mail(1, MailState::Open).raw);
    assert_eq!(store.evidence(&row.authentication).await.unwrap().unwrap(), b"{}");
    let ids =
        async |state| store.mails(state, &page()).await.unwrap().rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(None).await, ["m2", "m1"]);
    assert_eq!(ids(Some(MailState::Quarantined)).await, ["m2"]);
    assert_eq!(store.kept_evidence("", 100).await.unwrap().len(), 3, "two messages and one verdict");
    let small = Page { after: None, limit: 1 };
    let first = store.mails(None, &small).await.unwrap();
    let next = store.mails(None, &Page { after: first.next, limit: 1 }).await.unwrap();
    assert_eq!((next.rows[0].id.as_str(), next.next), ("m1", None));
}

pub(crate) async fn a_proposal_is_approved_once_with_its_entries(store: &dyn Store) {
    placed(store, 1).await;
    store.keep_mail(mail(1, MailState::Open)).await.unwrap();
    store.keep_mail(mail(2, MailState::Quarantined)).await.unwrap();
    let outcome = async |id: &str| {
        let mut outcome = transition(&subject(store, "k1").await, None, 7);
        outcome.entries = vec![draft("k1")];
        outcome.settles = Some(settled(id));
        outcome
    };
    // Two people at the same moment, both on what they have seen.
    let (one, other) = (outcome("m1").await, outcome("m1").await);
    let (one, other) = tokio::join!(store.commit(one), store.commit(other));
    let committed =
        [one.unwrap(), other.unwrap()].iter().filter(|o| matches!(o, CommitOutcome::Committed { .. })).count();
    assert_eq!(committed, 1);
    for id in ["m1", "m2", "m3"] {
        assert_eq!(store.commit(outcome(id).await).await.unwrap(), CommitOutcome::Repeated, "{id} is no open proposal");
    }
    assert_eq!(store.entries(Some("k1"), 0, 10).await.unwrap().len(), 1);
    let row = store.mail("m1").await.unwrap().unwrap();
    assert_eq!((row.state, row.settled), (MailState::Approved, Some((at(7), "desk: so be it".to_owned()))));
    assert!(!store.reject_mail(&settled("m1"), at(8)).await.unwrap(), "what is approved stays approved");
}

pub(crate) async fn a_mail_is_rejected_or_admitted_while_it_waits(store: &dyn Store) {
    store.keep_mail(mail(1, MailState::Quarantined)).await.unwrap();
    assert!(store.admit_mail("m1", "k9", "desk").await.unwrap());
    assert!(!store.admit_mail("m1", "k8", "desk").await.unwrap());
    let row = store.mail("m1").await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.customer_id.as_deref(), row.reason.as_str()),
        (MailState::Open, Some("k9"), "unsigned (admitted by desk)")
    );
    assert!(store.reject_mail(&settled("m1"), at(8)).await.unwrap());
    assert!(!store.reject_mail(&settled("m1"), at(9)).await.unwrap());
    assert_eq!(store.mail("m1").await.unwrap().unwrap().settled.unwrap().0, at(8));
    assert!(store.mail("m0").await.unwrap().is_none());
}

pub(crate) async fn the_list_of_senders_is_what_was_said_last(store: &dyn Store) {
    placed(store, 2).await;
    let named = async |customer: &str| {
        let rows = store.senders(customer).await.unwrap();
        rows.into_iter().filter(|row| row.allowed).map(|row| row.address).collect::<Vec<_>>()
    };
    assert_eq!(named("k1").await, ["orders@partner.example", "rep@partner.example", "tech@customer.example"]);
    assert_eq!(store.customers_of_sender("rep@partner.example").await.unwrap(), ["k1", "k2"]);
    let say = async |address: &str, allowed| {
        let row = SenderRow { address: address.to_owned(), allowed, at: at(0), by: "desk".to_owned() };
        store.set_sender("k1", &row).await.unwrap();
    };
    say("rep@partner.example", false).await;
    say("new@partner.example", false).await;
    // At the same instant by the clock: what came later counts.
    say("new@partner.example", true).await;
    assert_eq!(named("k1").await, ["new@partner.example", "orders@partner.example", "tech@customer.example"]);
    assert_eq!(store.customers_of_sender("rep@partner.example").await.unwrap(), ["k2"]);
    assert!(store.customers_of_sender("nobody@x.example").await.unwrap().is_empty());
}
