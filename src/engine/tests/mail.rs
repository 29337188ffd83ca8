//! Mail that asks for a change: the same one ten times and a forged one, from the door to the ledger.

use std::sync::Arc;

use jiff::Timestamp;

use super::Stage;
use crate::engine::connections::With;
use crate::engine::ports::{Envelope, MailReceipt, MailSink};
use crate::engine::{Approval, Caller, Desk, DeskError, Mailroom, Outlook, Proposals, subscriptions};
use crate::intake::lab::{COVERED, Signer, TxtServer};
use crate::ledger::{EntryKind, Evidence, chain};
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::subscription::Fact;
use crate::proposal::{Change, subject_token};
use crate::store::conformance::fixture::order;
use crate::store::{MailState, Page, Scope, Store};

struct Office {
    stage: Stage,
    store: Arc<dyn Store>,
    desk: Desk,
    proposals: Proposals,
    room: Mailroom,
    dns: TxtServer,
    partner: Signer,
    customer: String,
    token: String,
}

fn caller() -> Caller {
    Caller { who: "desk".to_owned(), scope: Scope::All, idempotency: None }
}

impl Office {
    /// A trial customer whose first domain is connected.
    async fn new() -> Self {
        let stage = Stage::new();
        let (engine, store) = stage.engine();
        let partner = Signer::new("partner.example");
        let (name, key) = partner.record();
        let dns = TxtServer::start(&[(name.as_str(), key.as_str())]).await;
        let config = Arc::new(stage.config.clone());
        let room = Mailroom::new(store.clone(), stage.clock.clone(), &config, Arc::new(dns.reader()));
        let desk = engine.desk();
        let proposals = Proposals::new(store.clone(), stage.clock.clone(), config.clone(), desk.clone());
        let placed = desk.place_order(order("partner", "customer.example"), &caller()).await.unwrap();
        let customer = placed.customer_id;
        let loaded =
            subscriptions::Loaded::read(store.customer(&customer, &Scope::All).await.unwrap().unwrap()).unwrap();
        let now = stage.clock.now();
        let fact = Fact::DomainConnected { domain: "customer.example".to_owned(), at: now };
        let calendar = Calendar::from_config(&config.commerce).unwrap();
        let (transition, ..) = subscriptions::transition(&loaded, &calendar, &fact, With::default(), now).unwrap();
        store.commit(transition).await.unwrap();
        let token = subject_token(&customer).unwrap();
        Self { stage, store, desk, proposals, room, dns, partner, customer, token }
    }

    fn letter(&self, from: &str, body: &str) -> String {
        format!(
            "From: {from}\r\nTo: desk@provider.example\r\nSubject: Change {}\r\nDate: Mon, 7 Sep 2026 10:00:00 +0300\r\n\
             Message-ID: <{}@partner.example>\r\n\r\n{body}\r\n",
            self.token,
            body.len()
        )
    }

    async fn send(&self, raw: Vec<u8>) -> MailReceipt {
        self.room.take(raw, Envelope::default(), "lmtp").await.unwrap()
    }

    async fn signed(&self, from: &str, body: &str) -> MailReceipt {
        self.send(self.partner.sign(&self.letter(from, body), COVERED)).await
    }

    async fn entries(&self) -> Vec<crate::ledger::StoredEntry> {
        self.store.entries(Some(&self.customer), 0, 100).await.unwrap()
    }
}

#[tokio::test]
async fn ten_deliveries_are_one_entry_after_approval_and_a_forgery_is_quarantined() {
    let office = Office::new().await;
    let before = office.entries().await.len();
    let body = "We have 25 mailboxes from 2026-09-10.\r\nThe price is 180,50 EUR a month.";
    let letter = office.letter("rep@partner.example", body);
    // The forgery comes first: it must not stand in the way.
    let forged = office.send(letter.clone().into_bytes()).await;
    assert_eq!(forged.state, "quarantined");
    assert!(forged.reason.contains("nothing proves that it comes from partner.example"), "{forged:?}");
    let mut ids = Vec::new();
    for n in 0..10 {
        let hop = format!("Received: from mx{n} by mx.provider.example; Mon, 7 Sep 2026 10:00:0{n} +0300\r\n");
        let raw = [hop.into_bytes(), office.partner.sign(&letter, COVERED)].concat();
        let receipt = office.send(raw).await;
        assert_eq!((receipt.state.as_str(), receipt.copies), ("open", n + 1));
        ids.push(receipt.id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(office.entries().await.len(), before, "a proposal is no entry");

    let shown = office.proposals.show(&ids[0]).await.unwrap();
    let Outlook::Records(lines) = &shown.outlook else { panic!("{:?}", shown.outlook) };
    assert_eq!(lines, &["25 mailboxes from 2026-09-10", "180.50 EUR a month in total from 2026-09-10"]);

    let approve = || async { office.proposals.approve(&ids[0], &Approval::default(), &caller()).await };
    let (one, other) = tokio::join!(approve(), approve());
    assert!(one.is_ok() != other.is_ok(), "one of two people: {one:?} {other:?}");
    assert!(matches!(approve().await, Err(DeskError::Conflict(why)) if why.contains("approved")));
    let entries = office.entries().await;
    assert_eq!(entries.len(), before + 2, "mailboxes and price, once");
    let entry = &entries[before];
    assert_eq!(entry.draft.kind, EntryKind::MailboxBasisSet { mailboxes: 25 });
    assert_eq!(entry.draft.approved_by.as_deref(), Some("desk"));
    let Evidence::Mail { sha256, authentication: Some(verdicts), .. } = &entry.draft.evidence else {
        panic!("{entry:?}")
    };
    let kept = String::from_utf8(office.store.evidence(sha256).await.unwrap().unwrap()).unwrap();
    assert!(kept.contains("25 mailboxes"));
    let verdicts = String::from_utf8(office.store.evidence(verdicts).await.unwrap().unwrap()).unwrap();
    assert!(verdicts.contains(&office.partner.record().1), "the key that was seen is kept: {verdicts}");
    chain::verify(&office.store.entries(None, 0, 100).await.unwrap(), &[]).unwrap();

    // Delivered once more afterwards, it is still the same one.
    let late = office.send(office.partner.sign(&letter, COVERED)).await;
    assert_eq!((late.id.as_str(), late.state.as_str()), (ids[0].as_str(), "approved"));
    // Nobody can approve the forgery, whatever the list says.
    assert!(matches!(
        office.proposals.approve(&forged.id, &Approval::default(), &caller()).await,
        Err(DeskError::Conflict(_))
    ));
    assert!(matches!(office.proposals.again(&forged.id, &caller()).await, Err(DeskError::Conflict(_))));
    assert_eq!(office.entries().await.len(), before + 2);
}

#[tokio::test]
async fn whoever_is_not_on_the_list_waits_for_the_desk_to_put_them_there() {
    let office = Office::new().await;
    let receipt = office.signed("new@partner.example", "Customer").await;
    assert!(receipt.reason.contains("not on the list"), "{receipt:?}");
    // Keys are changed: what was seen when it came counts.
    office.dns.records.lock().unwrap().clear();
    assert!(office.proposals.again(&receipt.id, &caller()).await.is_err());
    office.proposals.set_sender(&office.customer, "New@Partner.example", true, &caller()).await.unwrap();
    assert_eq!(office.proposals.again(&receipt.id, &caller()).await.unwrap(), office.customer);
    let approved = office.proposals.approve(&receipt.id, &Approval::default(), &caller()).await.unwrap();
    assert_eq!(
        (approved.phase.as_str(), approved.recorded.as_slice()),
        ("active", &["the customer stays".to_owned()][..])
    );
    let kinds: Vec<EntryKind> = office.entries().await.into_iter().map(|entry| entry.draft.kind).collect();
    assert!(kinds.ends_with(&[EntryKind::Decision { customer: true }, EntryKind::Activated]), "{kinds:?}");
    assert!(office.proposals.set_sender(&office.customer, "no address", true, &caller()).await.is_err());
}

#[tokio::test]
async fn the_desk_says_what_the_mail_says_where_it_was_not_understood() {
    let office = Office::new().await;
    let receipt = office.signed("rep@partner.example", "Could we have five more, as agreed on the telephone?").await;
    assert_eq!(receipt.state, "open");
    let nothing = office.proposals.approve(&receipt.id, &Approval::default(), &caller()).await;
    assert!(matches!(nothing, Err(DeskError::Conflict(why)) if why.contains("nothing was understood")));
    let with = |changes: Vec<Change>| Approval { changes: Some(changes), ..Approval::default() };
    let alone = office.proposals.approve(&receipt.id, &with(vec![Change::Mailboxes { count: 15 }]), &caller()).await;
    assert!(matches!(alone, Err(DeskError::Conflict(why)) if why.contains("--price")));
    office.proposals.reject(&receipt.id, "asked back", &caller()).await.unwrap();
    assert!(office.proposals.reject(&receipt.id, "again", &caller()).await.is_err());
    let row =
        office.store.mails(Some(MailState::Rejected), &Page { after: None, limit: 5 }).await.unwrap().rows.remove(0);
    assert_eq!(row.settled.map(|(_, by)| by).as_deref(), Some("desk: asked back"));
    let _ = &office.desk;
}

#[tokio::test]
async fn while_dns_is_away_a_message_that_matters_is_sent_again_and_a_days_old_one_is_kept() {
    let office = Office::new().await;
    let (name, _) = office.partner.record();
    office.dns.records.lock().unwrap().insert(name, "SERVFAIL".to_owned());
    let raw = office.partner.sign(&office.letter("rep@partner.example", "Customer"), COVERED);
    assert!(office.room.take(raw.clone(), Envelope::default(), "lmtp").await.is_err());
    let now: Timestamp = office.stage.clock.now();
    let old = now - jiff::SignedDuration::from_hours(25);
    let receipt = office.room.take_in(raw, Envelope::default(), "maildir", old).await.unwrap();
    assert_eq!(receipt.state, "quarantined");
}
