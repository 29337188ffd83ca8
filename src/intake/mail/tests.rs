//! Mails as they come, hostile ones, and authentication against a DNS server of our own.

use proptest::prelude::*;

use super::lab::{COVERED, Signer, TxtServer};
use super::*;
use crate::proposal::Verdict;

fn mail(from: &str, body: &str) -> String {
    format!(
        "From: Anna <{from}>\r\nTo: desk@provider.example\r\nSubject: Change\r\nDate: Mon, 23 Nov 2026 10:00:00 +0200\r\n\
         Message-ID: <1@partner.example>\r\n\r\n{body}\r\n"
    )
}

#[tokio::test]
async fn a_signature_is_verified_and_its_key_is_kept() {
    let signer = Signer::new("partner.example");
    let (name, key) = signer.record();
    let dns =
        TxtServer::start(&[(name.as_str(), key.as_str()), ("_dmarc.partner.example", "v=DMARC1; p=reject")]).await;
    let raw = signer.sign(&mail("anna@partner.example", "25 mailboxes"), COVERED);
    let found = dns.reader().authenticate(&raw, &Envelope::default()).await;
    let dkim = &found.dkim[0];
    assert_eq!(
        (dkim.result, dkim.domain.as_str(), dkim.selector.as_str()),
        (Verdict::Pass, "partner.example", "s1"),
        "{found:?}"
    );
    assert_eq!(dkim.key.as_deref(), Some(key.as_str()));
    assert!(dkim.signed.contains(&"subject".to_owned()));
    assert_eq!((found.dmarc.result, found.dmarc.policy.as_deref()), (Verdict::Pass, Some("reject")));
    assert_eq!(found.spf.result, Verdict::None, "nobody said from where it came");

    let changed = String::from_utf8(raw.clone()).unwrap().replace("25 mailboxes", "5 mailboxes");
    let found = dns.reader().authenticate(changed.as_bytes(), &Envelope::default()).await;
    assert_ne!(found.dkim[0].result, Verdict::Pass);
    assert_eq!(found.dmarc.result, Verdict::Fail);

    dns.records.lock().unwrap().insert(name, "SERVFAIL".to_owned());
    let found = dns.reader().authenticate(&raw, &Envelope::default()).await;
    assert!(found.is_unsettled(), "{found:?}");
}

#[tokio::test]
async fn spf_goes_by_the_address_that_our_own_server_saw() {
    let dns = TxtServer::start(&[("partner.example", "v=spf1 ip4:192.0.2.7 -all")]).await;
    let verdict = async |client: [u8; 4]| {
        let envelope =
            Envelope { sender: Some("anna@partner.example".to_owned()), client: Some(client.into()), helo: None };
        dns.reader().authenticate(mail("anna@partner.example", "x").as_bytes(), &envelope).await.spf
    };
    let good = verdict([192, 0, 2, 7]).await;
    assert_eq!((good.result, good.domain.as_str()), (Verdict::Pass, "partner.example"));
    assert_eq!(good.record.as_deref(), Some("v=spf1 ip4:192.0.2.7 -all"));
    assert_eq!(verdict([192, 0, 2, 8]).await.result, Verdict::Fail);
}

#[test]
fn only_our_own_servers_word_says_from_where_it_came() {
    let ours = "Return-Path: <Anna@Partner.example>\r\nReceived: from mx.partner.example (mx.partner.example [192.0.2.7])\r\n\
                \tby mx.provider.example (Postfix) with ESMTPS id 1; Mon, 23 Nov 2026 10:00:00 +0200\r\n";
    let forged = ours.replace("mx.provider.example", "mx.evil.example").replace("192.0.2.7", "203.0.113.9");
    let names = ["mx.provider.example".to_owned()];
    let seen = read::envelope(format!("{ours}{forged}{}", mail("a@b.example", "x")).as_bytes(), &names);
    assert_eq!((seen.client, seen.sender.as_deref()), (Some([192, 0, 2, 7].into()), Some("anna@partner.example")));
    // Below somebody else's, our name proves nothing.
    let seen = read::envelope(format!("{forged}{ours}{}", mail("a@b.example", "x")).as_bytes(), &names);
    assert_eq!(seen, Envelope::default());
}

#[test]
fn the_same_message_has_one_fingerprint_whichever_way_it_came() {
    let one = mail("anna@partner.example", "25 mailboxes");
    let other = format!(
        "Return-Path: <a@b.example>\r\nReceived: by mx2\r\nX-Spam: no\r\n{}\r\n\r\n",
        one.replace("\r\n", "\n").replace("Subject: Change", "Subject:  Change")
    );
    let fingerprint = |raw: &str| read::read(raw.as_bytes()).fingerprint;
    assert_eq!(fingerprint(&one), fingerprint(&other));
    for changed in [
        one.replace("25", "26"),
        one.replace("Change", "Other"),
        one.replace("<1@", "<2@"),
        one.replace("anna@", "otto@"),
    ] {
        assert_ne!(fingerprint(&one), fingerprint(&changed));
    }
}

#[test]
fn what_machines_write_is_told_from_what_people_write() {
    for (header, automatic) in [
        ("Auto-Submitted: auto-replied", true),
        ("Auto-Submitted: no", false),
        ("Precedence: bulk", true),
        ("List-Id: <x.example>", true),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=x", true),
        ("X-Other: y", false),
    ] {
        let read = read::read(format!("{header}\r\n{}", mail("a@b.example", "x")).as_bytes());
        assert_eq!(read.automatic.is_some(), automatic, "{header}");
    }
}

#[test]
fn hostile_mails_are_read_with_bounds_and_what_is_odd_is_said() {
    let plain = mail("a@b.example", "x");
    let two = format!("From: evil@evil.example\r\n{plain}");
    assert!(read::read(two.as_bytes()).oddities[0].contains("From 2 times"), "{:?}", read::read(two.as_bytes()));
    let subjects = format!("Subject: other\r\n{plain}");
    assert!(read::read(subjects.as_bytes()).oddities[0].contains("Subject 2 times"));
    let long = format!("X-Long: {}\r\n{plain}", "y".repeat(200_000));
    assert!(read::read(long.as_bytes()).oddities[0].contains("too long"));
    let signatures = format!("{}{plain}", "DKIM-Signature: v=1\r\n".repeat(40));
    assert!(read::read(signatures.as_bytes()).oddities.iter().any(|odd| odd.contains("40 signatures")));
    // A message in a message in a message …
    let mut bomb = plain.clone();
    for n in 0..200 {
        bomb = format!(
            "Subject: {n}\r\nFrom: a@b.example\r\nContent-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\nContent-Type: message/rfc822\r\n\r\n{bomb}\r\n--b{n}--\r\n"
        );
    }
    let read_bomb = read::read(bomb.as_bytes());
    assert!(read_bomb.text.len() <= 64 << 10);
    let parts = "--b\r\n\r\nx\r\n".repeat(2_000);
    let many =
        format!("From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{parts}--b--\r\n");
    assert!(read::read(many.as_bytes()).oddities[0].contains("parts"));
    assert_eq!(read::read(b"").oddities, ["it is no mail message"]);
}

#[test]
fn html_alone_and_other_charsets_are_read_as_text() {
    let html = "From: a@b.example\r\nSubject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>We have <b>25</b> mailboxes.</p><script>no customer</script>\r\n";
    let read_html = read::read(html.as_bytes());
    assert!(read_html.html_only && read_html.text.contains("25") && !read_html.text.contains("<b>"), "{read_html:?}");
    let latin = b"From: a@b.example\r\nSubject: =?iso-8859-1?Q?Laskutusryhm=E4?=\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nLaskutusryhm\xe4 15\r\n";
    let read_latin = read::read(latin);
    assert_eq!((read_latin.subject.as_str(), read_latin.text.trim()), ("Laskutusryhmä", "Laskutusryhmä 15"));
    // Text and HTML that say different things: the text is read, and the text is shown.
    let both = "From: a@b.example\r\nSubject: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n25 mailboxes\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>5 mailboxes</p>\r\n--b--\r\n";
    assert_eq!(read::read(both.as_bytes()).text.trim(), "25 mailboxes");
}

proptest! {
    #[test]
    fn no_message_breaks_it(raw in prop::collection::vec(any::<u8>(), 0..1500), cut in 0_usize..400) {
        let read_raw = read::read(&raw);
        prop_assert!(read_raw.text.len() <= 64 << 10 && read_raw.from.len() <= 10);
        let mut spliced = mail("anna@partner.example", "25 mailboxes").into_bytes();
        let at = cut.min(spliced.len());
        spliced.splice(at..at, raw.iter().take(40).copied());
        let _ = (read::read(&spliced), read::envelope(&spliced, &["x".to_owned()]));
    }
}
