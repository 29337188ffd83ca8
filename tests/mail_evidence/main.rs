//! Mail as evidence from the outside: `fencepost serve` as a process, `fencepost ledger ingest` as a person
//! and as a pipe of a real Postfix calls it, LMTP as Postfix speaks it, and what the commands say then.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../lab/mod.rs"]
mod lab;
mod postfix;
mod service;

use service::Service;

/// A customer with 20 mailboxes for 120.00 EUR a month, and a mail that says 25 for 180.50.
const BODY: &str = "We have 25 mailboxes.\r\nThe price is 180,50 EUR a month.";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_change_ten_times_and_a_forged_one() {
    let service = Service::start().await;
    let before = service.entries().await;
    // The panel says 25 first: nothing that is charged changes, and both see what differs.
    let set = service.run(&["mailboxes", service::DOMAIN, "25"]);
    assert_eq!(set.status, Some(0), "{set:?}");
    assert!(set.out.contains("20 are charged until an approved entry says otherwise"), "{set:?}");
    let differs = service.run(&["discrepancies"]);
    assert_eq!(differs.status, Some(1), "{differs:?}");
    assert!(
        differs.out.contains("MAILBOXES_DIFFER") && differs.out.contains("20 mailboxes are charged, 25"),
        "{differs:?}"
    );
    assert!(differs.out.contains(&service.subject_token()), "the mail finds the customer: {differs:?}");
    assert_eq!(service.entries().await, before, "no entry");

    let letter = service.letter("rep@partner.example", BODY);
    let forged = service.ingest(letter.as_bytes());
    assert_eq!(forged.status, Some(0), "{forged:?}");
    assert!(forged.out.contains("is in quarantine: nothing proves that it comes from partner.example"), "{forged:?}");
    for n in 1..=10 {
        let hop = format!("Received: from mx{n} by mx.provider.example; Mon, 7 Sep 2026 10:00:0{} +0300\r\n", n % 10);
        let told = service.ingest(&[hop.into_bytes(), service.signer.sign(&letter)].concat());
        assert_eq!(told.status, Some(0), "{told:?}");
        assert!(told.out.contains("waits for approval"), "{told:?}");
        assert_eq!(told.out.contains(&format!("delivered {n} times, kept once")), n > 1, "{told:?}");
    }
    let open = service.proposals("open").await;
    let [one] = open.as_slice() else { panic!("{open:?}") };
    let id = one["id"].as_str().unwrap();
    assert_eq!(one["copies"], 10);
    assert_eq!(service.entries().await, before, "a proposal is no entry");

    let approved = service.run(&["proposals", "approve", id]);
    assert_eq!(approved.status, Some(0), "{approved:?}");
    let again = service.run(&["proposals", "approve", id]);
    assert_eq!(again.status, Some(1), "once: {again:?}");
    assert_eq!(service.entries().await, before + 2, "mailboxes and price, once");
    let quarantined = service.proposals("quarantined").await;
    let [forgery] = quarantined.as_slice() else { panic!("{quarantined:?}") };
    assert!(forgery["reason"].as_str().unwrap().contains("nothing proves"), "{forgery}");
    let refused = service.run(&["proposals", "approve", forgery["id"].as_str().unwrap()]);
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.err.contains("in quarantine"), "{refused:?}");

    // The entry has ended what differed, and the books are whole.
    let agree = service.run(&["discrepancies"]);
    assert_eq!((agree.status, agree.out.as_str()), (Some(0), "operation and accounting agree\n"), "{agree:?}");
    let whole = service.run(&["ledger", "verify"]);
    assert!(whole.status == Some(0) && whole.out.starts_with("whole: "), "{whole:?}");
}
