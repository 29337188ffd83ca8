//! The use cases of mail as evidence that write: taken in, refused, let out of quarantine, an address put on
//! the list. The same in each process, whatever became of them before.

use fencepost::failpoint::Step;
use fencepost::store::{MailState, NewMail, Page, SenderRow, SettledMail, Store};
use jiff::Timestamp;

/// What is stopped at here.
pub const STEPS: [Step; 3] = [Step::KeepMail, Step::SettleMail, Step::SetSender];

/// Two mails, of which one is admitted and one is rejected.
pub async fn write(store: &dyn Store, customer: &str, now: Timestamp) {
    for id in ["admitted", "rejected"] {
        let kept = store.keep_mail(mail(id, now)).await.unwrap();
        assert_eq!(kept.id, id, "delivered again, it is the same");
    }
    store.admit_mail("admitted", customer, "desk").await.unwrap();
    let settled = SettledMail { id: "rejected".to_owned(), by: "desk".to_owned(), note: "forged".to_owned() };
    store.reject_mail(&settled, now).await.unwrap();
    let sender =
        SenderRow { address: "cfo@customer.example".to_owned(), allowed: true, at: now, by: "desk".to_owned() };
    store.set_sender(customer, &sender).await.unwrap();
}

/// What is to be found afterwards, without instants and the number of deliveries.
pub async fn told(store: &dyn Store, customer: &str) -> String {
    let page = Page { after: None, limit: 100 };
    let mut mails: Vec<String> = Vec::new();
    for row in store.mails(None, &page).await.unwrap().rows {
        let raw = store.evidence(&row.sha256).await.unwrap().map(|raw| String::from_utf8(raw).unwrap());
        mails.push(format!("{} {:?} {:?} {raw:?}", row.id, row.state, row.customer_id.is_some()));
    }
    mails.sort();
    let senders = store.senders(customer).await.unwrap();
    let senders: Vec<_> = senders.iter().map(|row| (&row.address, row.allowed)).collect();
    format!("{mails:?} {senders:?} {:?}\n", store.customers_of_sender("cfo@customer.example").await.unwrap().len())
}

fn mail(id: &str, now: Timestamp) -> NewMail {
    NewMail {
        id: id.to_owned(),
        dedupe: format!("fingerprint of {id}"),
        raw: format!("Subject: {id}\r\n\r\nWe stay.\r\n").into_bytes(),
        verdicts: b"{}".to_vec(),
        received_at: now,
        via: "ingest".to_owned(),
        sender: "cfo@customer.example".to_owned(),
        subject: id.to_owned(),
        message_id: None,
        customer_id: None,
        state: MailState::Quarantined,
        reason: "nothing proves where it comes from".to_owned(),
        body: "{}".to_owned(),
    }
}
