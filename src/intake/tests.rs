//! Notices as servers write them, and messages that only look like one.

use fencepost_checks::canary::Action;
use fencepost_checks::escape::is_harmful;
use proptest::prelude::*;

use super::*;

const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// As Postfix writes it.
fn postfix(action: &str, envelope: &str, returned: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx1.gateway.example\r\nTo: canary@intake.gateway.example\r\nSubject: Successful Mail Delivery Report\r\n\
         Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status;\r\n\
         \tboundary=\"B/mx1\"\r\n\r\nThis is a MIME-encapsulated message.\r\n\r\n--B/mx1\r\nContent-Description: Notification\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\nYour message was successfully delivered.\r\n\r\n--B/mx1\r\n\
         Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx1.gateway.example\r\n{envelope}X-Postfix-Queue-ID: 4F\r\nArrival-Date: Mon, 2 Mar 2026 12:00:00 +0000\r\n\r\n\
         Final-Recipient: rfc822; test@customer.example\r\nAction: {action}\r\nStatus: 2.0.0\r\nRemote-MTA: dns; mail.customer.example\r\n\
         Diagnostic-Code: smtp; 250 2.0.0\r\n    Ok: queued\r\n\r\n--B/mx1\r\nContent-Description: Message Headers\r\n\
         Content-Type: text/rfc822-headers\r\n\r\n{returned}\r\n--B/mx1--\r\n"
    )
}

fn read(message: &str) -> Result<Notice, NoNotice> {
    let intake = MailIntake::new(&IntakeConfig::default());
    intake.read(message.as_bytes(), Timestamp::UNIX_EPOCH)
}

fn envelope() -> String {
    format!("Original-Envelope-Id: {TOKEN}\r\n")
}

fn headers() -> String {
    format!(
        "Return-Path: <canary@intake.gateway.example>\r\nMessage-ID: <canary.{TOKEN}@intake.gateway.example>\r\nSubject: x\r\n"
    )
}

#[test]
fn a_notice_is_read_with_what_it_says() {
    let notice = read(&postfix("relayed (to a server that sends none)", &envelope(), &headers())).unwrap();
    assert_eq!((notice.token.as_str(), notice.action), (TOKEN, Action::Relayed));
    assert_eq!((notice.status.as_str(), notice.reporting_mta.as_str()), ("2.0.0", "mx1.gateway.example"));
    assert_eq!(notice.diagnostic, "250 2.0.0 Ok: queued");
}

/// Not every server gives the identifier of the envelope back.
#[test]
fn the_token_is_found_in_the_envelope_or_in_the_headers() {
    let other = format!("X-Fencepost-Canary: {TOKEN}\r\n");
    for (envelope, returned) in [(envelope(), String::new()), (String::new(), headers()), (String::new(), other)] {
        let notice = read(&postfix("delivered", &envelope, &returned)).unwrap();
        assert_eq!((notice.token.as_str(), notice.action), (TOKEN, Action::Delivered));
    }
    let whole = postfix("failed", "", &headers()).replace("text/rfc822-headers", "message/rfc822");
    assert_eq!(read(&whole).unwrap().token, TOKEN);
}

#[test]
fn what_is_no_notice_of_ours_is_refused_in_words() {
    let short = envelope().replace("0123456789abcdef\r\n", "\r\n");
    let foreign = headers().replace('0', "1");
    let rows = [
        ("Subject: hello\r\n\r\nhello\r\n".to_owned(), "no multipart/report"),
        (postfix("delivered", "", ""), "about no message of ours"),
        (postfix("delivered", &short, ""), "about no message of ours"),
        (postfix("delivered", &envelope(), &foreign), "two messages"),
        (postfix("eaten", &envelope(), ""), "no recipient"),
        (postfix("delivered", &envelope(), "").replace("message/delivery-status", "text/plain"), "no delivery-status"),
        (String::new(), "no mail message"),
    ];
    for (message, expected) in rows {
        let why = read(&message).unwrap_err().0;
        assert!(why.contains(expected), "{why}: {message}");
    }
}

#[test]
fn nothing_of_it_acts_on_a_terminal() {
    let odd = postfix("failed", &envelope(), "").replace("250 2.0.0\r\n", "550 \x1b[2J\u{202e}no\r\n");
    let notice = read(&odd).unwrap();
    assert!(!notice.diagnostic.chars().any(is_harmful), "{notice:?}");
}

#[tokio::test]
async fn a_maildir_gives_each_message_once() {
    let folder = tempfile::tempdir().unwrap();
    let maildir = folder.path().join("canary");
    let intake = MailIntake::new(&IntakeConfig { maildir: Some(maildir.clone()), ..IntakeConfig::default() });
    assert!(intake.waiting().await.unwrap().is_empty(), "the folder comes with the first message");
    let new = maildir.join("new");
    std::fs::create_dir_all(&new).unwrap();
    for (name, text) in [("2.b", "second"), ("1.a", "first"), (".hidden", "no")] {
        std::fs::write(new.join(name), text).unwrap();
    }
    std::fs::write(folder.path().join("secret"), "not ours").unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret"), new.join("0.link")).unwrap();
    let waiting = intake.waiting().await.unwrap();
    assert_eq!(waiting.iter().map(|w| &w.message[..]).collect::<Vec<_>>(), [&b"first"[..], b"second"]);
    intake.done(&waiting[0]).await.unwrap();
    intake.done(&waiting[0]).await.unwrap();
    assert_eq!(intake.waiting().await.unwrap().len(), 1);
    assert!(maildir.join("cur/1.a:2,S").exists());
}

proptest! {
    /// Whatever comes, it is read or refused, and what is kept of it is short.
    #[test]
    fn no_message_breaks_it(message in prop::collection::vec(any::<u8>(), 0..2000), cut in 0_usize..1400) {
        let intake = MailIntake::new(&IntakeConfig::default());
        let _ = intake.read(&message, Timestamp::UNIX_EPOCH);
        let mut spliced = postfix("delivered", &envelope(), &headers()).into_bytes();
        let at = cut.min(spliced.len());
        spliced.splice(at..(at + 3).min(spliced.len()), message.iter().take(6).copied());
        if let Ok(notice) = intake.read(&spliced, Timestamp::UNIX_EPOCH) {
            prop_assert!(notice.diagnostic.chars().count() <= 301 && notice.reporting_mta.chars().count() <= 301);
            let kept = [&notice.status, &notice.diagnostic, &notice.reporting_mta];
            prop_assert!(kept.iter().all(|text| !text.chars().any(is_harmful)));
        }
    }
}
