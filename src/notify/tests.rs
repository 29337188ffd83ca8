//! What people see of notices, and what no input can do to a message.

use lettre::message::Mailbox;
use proptest::prelude::*;

use super::*;
use crate::config::NotifyConfig;
use crate::words::Language;

fn notifier() -> SmtpNotifier {
    SmtpNotifier::new(&NotifyConfig::default(), "https://onboarding.gateway.example/")
        .unwrap()
        .with_calendar(&CommerceConfig::default())
        .unwrap()
}

fn letter(notice: &str) -> Letter {
    sample::letter(notice, Language::En).unwrap()
}

fn in_finnish(notice: &str) -> Letter {
    sample::letter(notice, Language::Fi).unwrap()
}

/// The message as it goes over the wire.
fn wire(letter: &Letter) -> String {
    String::from_utf8(notifier().message(letter).unwrap().formatted()).unwrap()
}

fn headers(wire: &str) -> &str {
    wire.split_once("\r\n\r\n").unwrap().0
}

#[test]
fn what_every_notice_says() {
    for name in NAMES {
        let rendered = notifier().render(&letter(name)).unwrap();
        insta::assert_snapshot!(*name, format!("Subject: {}\n\n{}", rendered.subject, rendered.text));
        let rendered = notifier().render(&in_finnish(name)).unwrap();
        insta::assert_snapshot!(format!("fi_{name}"), format!("Subject: {}\n\n{}", rendered.subject, rendered.text));
    }
}

#[test]
fn every_notice_begins_with_what_to_do_who_by_when_and_why() {
    for (name, language) in NAMES.iter().flat_map(|name| Language::ALL.map(|language| (name, language))) {
        let text = notifier().render(&sample::letter(name, language).unwrap()).unwrap().text;
        let lines: Vec<&str> = text.lines().collect();
        let at = |label: &str| lines.iter().position(|line| line.starts_with(label));
        let labels = match language {
            Language::En => ["To do:", "Who:", "By:", "Why:"],
            Language::Fi => ["Tehtävä:", "Kuka:", "Milloin:", "Miksi:"],
        };
        let places = labels.map(at);
        assert_eq!(places[0], Some(0), "{name}");
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{name}: {places:?}");
        assert!(!text.contains("{{") && !text.contains("\n\n\n"), "{name}");
        let short = |line: &str| line.chars().count() <= 78 || line.starts_with("    ") || !line.trim().contains(' ');
        assert!(text.lines().all(short), "{name}: {text}");
    }
}

/// Words that stand in nearly every English sentence, and in no Finnish one.
const ENGLISH: &[&str] = &[
    "the", "and", "is", "are", "was", "of", "to", "you", "your", "this", "that", "with", "from", "not", "until",
    "before", "after", "while", "our", "we", "by", "it", "its", "which", "has", "have", "will", "please", "nothing",
    "nobody", "customer", "partner", "server", "name", "type", "priority", "desk", "gateway", "service", "mail",
    "records",
];

#[test]
fn no_finnish_letter_is_half_english() {
    let quoted = |text: &str| text.split('"').step_by(2).collect::<Vec<_>>().join(" ");
    for name in NAMES {
        let letter = in_finnish(name);
        // What is copied, never read: addresses, and rules with their comments, which are said to be English.
        let rendered = notifier().render(&letter).unwrap();
        // The head is indented where it goes on, and read all the same.
        let (head, body) = rendered.text.split_once("\n\n").unwrap();
        let read = body.lines().filter(|line| !line.starts_with("    "));
        let said = head.lines().chain(read).collect::<Vec<_>>().join("\n");
        let without = |text: String| {
            ["Bakery Lindqvist & Sons", "Northern Networks", "Mail gateway", "iptables and ip6tables"]
                .iter()
                .fold(text, |text, given| text.split(given).collect::<Vec<_>>().join(" "))
        };
        // A name may be broken over two lines.
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        // What the checks saw is quoted, after words that say that it is English.
        for (at, _) in flat.match_indices("englanniksi: \"") {
            assert!(flat[at..].matches('"').count() >= 2, "{name}: an open quotation");
        }
        let flat = without(quoted(&flat));
        for word in flat.split(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '@' | '-' | '/' | ':' | '_' | '`'))
        {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
            assert!(!ENGLISH.contains(&word.as_str()), "{name}: `{word}` in {flat}");
        }
        assert!(
            !without(rendered.subject.clone()).to_lowercase().split(' ').any(|word| ENGLISH.contains(&word)),
            "{name}"
        );
    }
}

#[test]
fn both_languages_give_the_same_values() {
    let values: Vec<String> = [
        "bakery.example",
        "lindqvist.example",
        "mx1.gateway.example.",
        "mx2.gateway.example.",
        "mail.bakery.example. 3600",
        "bakery.example. 3600 IN MX 10 mail.bakery.example.",
        "bakery.example. 300 IN MX 10 mx1.gateway.example.",
        "192.0.2.10",
        "192.0.2.11",
        "2525",
        "Bakery Lindqvist & Sons",
        "Northern Networks",
        "desk@gateway.example",
        "FW_PARTIAL",
        "TTL_HIGH",
        "Example DNS",
        "egress-192.0.2.10",
        "https://onboarding.gateway.example/domains/bakery.example",
        "451",
        "550",
        "postilaatikoita 25|25 mailboxes",
        "30. päivä|30th",
        "120,00 €|120.00 EUR",
        "24.12.2026|24 December 2026",
        "24.1.2027|24 January 2027",
        "24.11.2026|24 November 2026",
        "24.6.2027|24 June 2027",
        "2.7.2027|2 July 2027",
        "23.11.2026 klo 18.00 EET|23 November 2026 at 18:00 (EET)",
        "24.11.2026 klo 14.05 EET|24 November 2026 at 14:05 (EET)",
        "fencepost vantages release",
        "fencepost release bakery.example --departed",
    ]
    .map(str::to_owned)
    .to_vec();
    for name in NAMES {
        let flat = |letter: &Letter| {
            let rendered = notifier().render(letter).unwrap();
            let text = format!("{} {}", rendered.subject, rendered.text).replace('\u{a0}', " ");
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let (english, finnish) = (flat(&letter(name)), flat(&in_finnish(name)));
        for value in &values {
            let (fi, en) = value.split_once('|').unwrap_or((value, value));
            assert_eq!(english.contains(en), finnish.contains(fi), "{name}: {value}\n{english}\n{finnish}");
        }
    }
}

#[test]
fn the_lifecycle_names_no_notice_without_a_template() {
    use crate::lifecycle::{connection, subscription};
    // Exhaustive on purpose: a new variant does not compile until it is listed here.
    let connection = |notice| match notice {
        connection::Notice::OrderReceived
        | connection::Notice::FirewallInstructions
        | connection::Notice::MxChangeMayBeRelayed
        | connection::Notice::PermissionWithdrawn
        | connection::Notice::MxChangeSeen
        | connection::Notice::EarlyCutoverAlarm
        | connection::Notice::MayCloseOldPath
        | connection::Notice::Connected
        | connection::Notice::Overdue
        | connection::Notice::Drift
        | connection::Notice::Repaired
        | connection::Notice::DeliveryFailing
        | connection::Notice::MoveAway
        | connection::Notice::Stop
        | connection::Notice::Released
        | connection::Notice::NewServerInstructions
        | connection::Notice::RouteChanged
        | connection::Notice::RouteChangeFailed
        | connection::Notice::Suspended
        | connection::Notice::Resumed
        | connection::Notice::CutOffAnnounced
        | connection::Notice::CutOffBegun
        | connection::Notice::ReleaseUndecidable
        | connection::Notice::ImportUnconfirmed
        | connection::Notice::HostRetiring
        | connection::Notice::HostRetired
        | connection::Notice::AddressAnnounced
        | connection::Notice::AddressRetired => serde_json::to_value(notice).unwrap(),
    };
    let subscription = |notice| match notice {
        subscription::Notice::TrialStarted
        | subscription::Notice::TrialExtended
        | subscription::Notice::TrialReminder
        | subscription::Notice::TrialEnded
        | subscription::Notice::DecisionNeeded
        | subscription::Notice::WillBeInvoiced
        | subscription::Notice::LastCall
        | subscription::Notice::DecisionOverdue
        | subscription::Notice::Invoiced
        | subscription::Notice::ThankYou
        | subscription::Notice::NoticeConfirmed
        | subscription::Notice::NoticeWithdrawn
        | subscription::Notice::UsedAfterEnd
        | subscription::Notice::UseInvoiced
        | subscription::Notice::PartnerChanged => serde_json::to_value(notice).unwrap(),
    };
    let named: Vec<serde_json::Value> = NAMES.iter().map(|name| serde_json::json!(name)).collect();
    // 28 + 15 templates, and each name parses as one of the two; and two that are about no customer.
    assert_eq!(named.len(), 45);
    for name in named.into_iter().filter(|name| name != "vantage_quarantined" && name != "sign_in_link") {
        let known = serde_json::from_value(name.clone()).map(connection).is_ok_and(|back| back == name)
            || serde_json::from_value(name.clone()).map(subscription).is_ok_and(|back| back == name);
        assert!(known, "{name}");
    }
}

#[test]
fn a_letter_with_nothing_in_it_still_reads() {
    for name in NAMES {
        let mut bare = letter(name);
        bare.egress.clear();
        bare.servers.clear();
        bare.commerce = None;
        if let Some(status) = &mut bare.status {
            status.permit = None;
            status.window = None;
            status.findings.clear();
            status.waiting_for.clear();
            status.records_to_set.clear();
            status.records_to_remove.clear();
            status.current_mx.clear();
            status.previous_mx.clear();
            status.fastest_change_after = None;
            status.all_senders_switched_by = None;
            status.old_path_needed_until = None;
        }
        let rendered = notifier().render(&bare).unwrap();
        assert!(rendered.text.starts_with("To do:"), "{name}: {}", rendered.text);
    }
}

#[test]
fn the_html_part_says_the_same_and_is_escaped() {
    let mut hostile = letter("permission_withdrawn");
    hostile.partner = "<script>alert(1)</script> & Co".to_owned();
    if let Some(status) = &mut hostile.status {
        status.findings[0].detail = "banner \"><img src=x onerror=alert(1)>".to_owned();
    }
    let html = notifier().render(&hostile).unwrap().html;
    assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    assert!(html.contains("&#60;script&#62;") && html.contains("&#38; Co"), "{html}");
    for name in ["mx_change_may_be_relayed", "permission_withdrawn", "connected", "trial_started"] {
        insta::assert_snapshot!(format!("html_{name}"), notifier().render(&letter(name)).unwrap().html);
        insta::assert_snapshot!(format!("html_fi_{name}"), notifier().render(&in_finnish(name)).unwrap().html);
    }
}

#[test]
fn html_asks_for_nothing_from_elsewhere_and_reads_in_the_dark() {
    for (name, language) in NAMES.iter().flat_map(|name| Language::ALL.map(|language| (name, language))) {
        let html = notifier().render(&sample::letter(name, language).unwrap()).unwrap().html;
        for loading in ["<img", "<link", "<script", "src=", "url(", "@import"] {
            assert!(!html.contains(loading), "{name}: {loading}");
        }
        assert!(html.contains(&format!("<html lang=\"{}\">", language.tag())), "{name}");
        assert!(html.contains("prefers-color-scheme: dark") && html.contains("content=\"light dark\""), "{name}");
    }
}

#[test]
fn html_tags_are_balanced() {
    for name in NAMES {
        let html = notifier().render(&letter(name)).unwrap().html;
        let mut open: Vec<String> = Vec::new();
        for tag in html.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
            let word = tag.split_whitespace().next().unwrap().to_owned();
            if let Some(closed) = word.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(closed), "{name}");
            } else if !matches!(word.as_str(), "!DOCTYPE" | "meta" | "br") {
                open.push(word);
            }
        }
        assert_eq!(open, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_headers_of_a_notice() {
    let wire = wire(&letter("connected"));
    insta::assert_snapshot!("headers", headers(&wire).replace("\r\n", "\n"));
    let finnish = String::from_utf8(notifier().message(&in_finnish("connected")).unwrap().formatted()).unwrap();
    assert!(headers(&finnish).contains("\r\nContent-Language: fi\r\n"), "{finnish}");
}

#[test]
fn a_repetition_is_the_same_message_and_another_notice_is_not() {
    let first = letter("connected");
    let id =
        |letter: &Letter| headers(&wire(letter)).lines().find(|l| l.starts_with("Message-ID:")).unwrap().to_owned();
    assert_eq!(wire(&first), wire(&first.clone()));
    let mut other = first.clone();
    other.dedupe_key.push('x');
    assert_ne!(id(&first), id(&other));
    let mut later = first.clone();
    later.at += jiff::SignedDuration::from_hours(1);
    assert_eq!(id(&first), id(&later));
}

#[test]
fn a_report_is_one_message_with_its_pictures_in_it() {
    let mut report = letter("security_report");
    report.report = Some(Box::new(crate::report::tests::sample()));
    report.dedupe_key = "cust-sample/report/2026-11".to_owned();
    let sent = wire(&report);
    assert_eq!(sent, wire(&report.clone()), "sent again, it is the same message");
    let read = mail_parser::MessageParser::default().parse(sent.as_bytes()).unwrap();
    assert_eq!(read.subject().unwrap(), "Example Oy: security report of November 2026");
    let html = read.body_html(0).unwrap();
    let text = read.body_text(0).unwrap();
    assert!(text.starts_with("To do:") && text.contains("/reports/k1/2026-11"), "{text}");
    let pictures: Vec<_> = read.attachments().collect();
    assert_eq!(pictures.len(), 5);
    for picture in pictures {
        let id = mail_parser::MimeHeaders::content_id(picture).unwrap();
        assert!(html.contains(&format!("src=\"cid:{id}\"")), "{id}");
        assert!(picture.contents().starts_with(b"\x89PNG"), "{id}");
        assert!(mail_parser::MimeHeaders::content_disposition(picture).unwrap().is_inline(), "{id}");
    }
    assert_eq!(sent.matches("Content-Type: multipart/").count(), 2, "alternative, and HTML with what belongs to it");
    assert!(sent.lines().all(|line| line.len() <= 998), "RFC 5322 2.1.1");
    // As an ordinary notice is told from others.
    assert!(headers(&sent).contains("X-Fencepost-Notice: security_report"));
}

#[test]
fn an_unknown_notice_and_a_bad_address_are_permanent() {
    assert!(
        matches!(notifier().render(&letter("no_such")), Err(NotifyError::Permanent(why)) if why.contains("no_such"))
    );
    for to in [vec![], vec!["nobody"], vec!["a@b.example\r\nBcc: c@d.example"], vec!["a@b.example"; 51]] {
        let mut bad = letter("connected");
        bad.to = to.into_iter().map(str::to_owned).collect();
        assert!(matches!(notifier().message(&bad), Err(NotifyError::Permanent(_))), "{:?}", bad.to);
    }
}

#[test]
fn what_cannot_work_is_told_at_the_start() {
    let bad = |change: fn(&mut NotifyConfig)| {
        let mut config = NotifyConfig::default();
        change(&mut config);
        SmtpNotifier::new(&config, "https://x.example").unwrap_err().to_string()
    };
    assert!(bad(|c| c.from = "nobody".into()).starts_with("notify.from"));
    assert!(bad(|c| c.desk = String::new()).starts_with("notify.desk"));
    assert!(bad(|c| c.smarthost = "mail.example".into()).starts_with("notify.smarthost"));
    let password = bad(|c| {
        c.smarthost = "smtps://mail.example".into();
        c.username = Some("u".into());
        c.password_file = Some("/does/not/exist".into());
    });
    assert!(password.starts_with("notify.password_file"), "{password}");
}

proptest! {
    /// Whatever stands in names, reasons and keys: no header more, none less, one line each.
    #[test]
    fn nothing_gets_into_the_headers(text in "(\\PC|\r|\n|\r\n|\t|\0|:|<|>|Bcc: x@y.example){0,60}", index in 0..NAMES.len(), finnish: bool) {
        let notice = NAMES[index];
        let plain = if finnish { in_finnish(notice) } else { letter(notice) };
        let mut hostile = plain.clone();
        hostile.customer_name.clone_from(&text);
        hostile.partner.clone_from(&text);
        hostile.dedupe_key.clone_from(&text);
        if let Some(status) = &mut hostile.status {
            status.reason.clone_from(&text);
            status.connection_id.clone_from(&text);
            status.findings[0].detail.clone_from(&text);
            status.records_to_set[0].exchange.clone_from(&text);
        }
        if let Some(facts) = &mut hostile.commerce {
            facts.domains[0].clone_from(&text);
        }
        let names = |letter: &Letter| -> Vec<String> {
            headers(&wire(letter))
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().unwrap().to_owned())
                .collect()
        };
        prop_assert_eq!(names(&hostile), names(&plain));
        let rendered = notifier().render(&hostile).unwrap();
        prop_assert!(!rendered.subject.contains(['\r', '\n']));
        prop_assert!(rendered.text.starts_with("To do:") || rendered.text.starts_with("Tehtävä:"));
        let to: Vec<Mailbox> = message::recipients(&hostile).unwrap();
        prop_assert_eq!(to.len(), 1);
    }

    /// A template's blocks survive any text within them.
    #[test]
    fn wrapping_loses_no_word(words in prop::collection::vec("[a-z]{1,90}", 0..40)) {
        let document = Document::parse(&format!("Subject: x\n\n{}\n", words.join(" ")), Language::En);
        let text = document.text();
        prop_assert_eq!(text.split_whitespace().collect::<Vec<_>>(), words);
    }
}
