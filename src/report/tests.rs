//! What a report says of a month that is known, of one that is not, and what no input can do to it.

use fencepost_checks::observation::lint::PolicyFetch;
use fencepost_checks::observation::{ConnectOutcome, MtaStsObservation, TextLookup, TlsFacts, Vantage, VantageRole};
use fencepost_checks::{Code, Severity};
use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;
use crate::lifecycle::connection::{Gate, Health, Phase, open};

fn zone() -> TimeZone {
    TimeZone::get("Europe/Helsinki").unwrap()
}

fn at(text: &str) -> Timestamp {
    format!("{text}:00Z").parse().unwrap()
}

fn entered(when: &str, phase: Phase) -> (Timestamp, Event) {
    (at(when), Event::PhaseEntered { phase, why: "because".to_owned() })
}

fn moved(when: &str, verdict: &str, names: &[&str]) -> (Timestamp, Event) {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    (at(when), Event::MxChanged { verdict: verdict.to_owned(), names })
}

fn gate(when: &str, gate: Gate, verdict: &str) -> (Timestamp, Event) {
    (at(when), Event::GateChanged { gate, verdict: verdict.to_owned(), blocking: Vec::new() })
}

/// Connected on 7 October; left the gateway for most of a day on the 20th.
fn seen(domain: &str) -> DomainFacts {
    let domain = DomainName::parse(domain).unwrap();
    let mut connection = open(domain.clone(), false, at("2026-10-01T08:00")).0;
    connection.phase = Phase::Connected;
    connection.connected_at = Some(at("2026-10-07T09:00"));
    connection.old_path_needed_until = Some(at("2026-10-12T09:00"));
    connection.observed.mx = serde_json::from_value(serde_json::json!({
        "verdict": "ours_only", "names": ["mx1.gateway.example"], "ours_published": true, "old_published": false,
        "complete": true, "first_at": "2026-10-20T16:00:00Z", "last_at": "2026-11-14T21:40:00Z", "clean_rounds": 40,
        "last_clean_at": "2026-11-14T21:40:00Z", "bad_rounds": 0, "bad_since": null, "t_star": null,
        "resolvers_stale": false, "names_us": true, "gone": false, "gone_since": null,
    }))
    .unwrap();
    connection.observed.probe = serde_json::from_value(serde_json::json!({
        "verdict": "pass", "blocking": [], "first_at": "2026-10-07T09:00:00Z", "last_at": "2026-11-14T10:00:00Z",
        "last_pass_at": "2026-11-14T10:00:00Z", "not_before": null, "misses": 0, "evidence": "e",
    }))
    .unwrap();
    let events = vec![
        entered("2026-10-01T08:00", Phase::Allowlisting),
        gate("2026-10-01T08:05", Gate::Allowlist, "pass"),
        gate("2026-10-01T08:10", Gate::Probe, "pass"),
        gate("2026-10-01T08:20", Gate::Lint, "pass"),
        moved("2026-10-01T08:30", "foreign_only", &["old.example.net"]),
        entered("2026-10-06T09:00", Phase::Confirming),
        moved("2026-10-06T09:00", "ours_only", &["mx1.gateway.example"]),
        entered("2026-10-07T09:00", Phase::Connected),
        moved("2026-10-20T01:10", "foreign_only", &["mail.cheap.example"]),
        entered("2026-10-20T01:40", Phase::Drifted),
        moved("2026-10-20T15:55", "ours_only", &["mx1.gateway.example"]),
        entered("2026-10-20T16:00", Phase::Confirming),
        entered("2026-10-21T16:10", Phase::Connected),
        gate("2026-11-02T06:00", Gate::Probe, "inconclusive"),
        gate("2026-11-02T07:00", Gate::Probe, "pass"),
    ];
    let mut tally = Tally::begin(at("2026-10-01T08:00"));
    let mut day = date(2026, 10, 1);
    while day < date(2026, 11, 15) {
        for _ in 0..20 {
            // The service stood still for two days.
            if !(date(2026, 11, 7)..=date(2026, 11, 8)).contains(&day) {
                tally.count(Look::Mx, day);
            }
        }
        tally.count(Look::MailServer, day);
        tally.count(Look::Policies, day);
        day = day.tomorrow().unwrap();
    }
    DomainFacts {
        events,
        history_cut: false,
        tally: Some(tally),
        mx: None,
        smtp: Some((at("2026-11-14T10:00"), vec![dialogue("mail.example.com")])),
        lint: Some((at("2026-11-14T11:00"), policies(&domain))),
        findings: vec![
            (at("2026-11-14T12:00"), finding(Code::FwOpenWorld, Severity::Warning, "Let only the gateway in.")),
            (at("2026-11-14T11:00"), finding(Code::DnssecNone, Severity::Info, "")),
        ],
        outsiders_at: Some(at("2026-11-12T12:00")),
        connection,
    }
}

fn finding(code: Code, severity: Severity, remedy: &str) -> Finding {
    let finding = Finding::new(code, severity, "mail.example.com:25", at("2026-11-14T12:00"));
    if remedy.is_empty() { finding } else { finding.remedy(Actor::Customer, remedy) }
}

fn dialogue(host: &str) -> SmtpDialogue {
    let text = |text: &str| text.to_owned();
    SmtpDialogue {
        vantage: Vantage { id: text("egress"), role: VantageRole::Egress, address: None },
        host: text(host),
        peer: None,
        port: 25,
        standby: false,
        started_at: at("2026-11-14T10:00"),
        connect: ConnectOutcome::Connected { elapsed_ms: 4 },
        stages: Vec::new(),
        capabilities: Vec::new(),
        tls: Some(TlsFacts {
            version: text("TLSv1.3"),
            cipher: text("TLS13_AES_128_GCM_SHA256"),
            subject: text("CN=mail.example.com"),
            names: vec![text(host)],
            issuer: text("CN=Example CA"),
            not_before: at("2026-09-01T00:00"),
            not_after: at("2027-02-12T00:00"),
            name_matches: true,
            chain_error: None,
            chain: Vec::new(),
        }),
        proof: None,
        transcript: Vec::new(),
    }
}

fn policies(domain: &DomainName) -> LintObservation {
    let found = |text: &str| TextLookup::Found { texts: vec![text.to_owned()], ttl: 300 };
    let policy = "version: STSv1\nmode: enforce\nmx: mx1.gateway.example\nmax_age: 86400\n";
    serde_json::from_value(serde_json::json!({
        "domain": domain, "observed_at": "2026-11-14T11:00:00Z",
        "mta_sts": MtaStsObservation {
            record: found("v=STSv1; id=1"), policy: PolicyFetch::Fetched { body: policy.to_owned() },
        },
        "spf": found("v=spf1 include:_spf.example.com -all"), "dmarc": found("v=DMARC1; p=none; rua=mailto:d@example.com"),
        "own_servers": [], "tls_rpt": TextLookup::Failed { detail: "timeout".to_owned() },
    }))
    .unwrap()
}

fn figures() -> StatisticsFacts {
    let mut days: Vec<DayFigures> = Vec::new();
    let mut day = date(2026, 10, 15);
    while day < date(2026, 11, 15) {
        let received = 300 + u64::try_from(day.day()).unwrap() * 9;
        days.push(DayFigures { day, received, stopped: received / 3 });
        day = day.tomorrow().unwrap();
    }
    let received = days.iter().map(|day| day.received).sum();
    let figures =
        Figures { received, delivered: Some(8_810), spam: Some(690), malware: Some(6), days, ..Figures::default() };
    StatisticsFacts::Known { figures, without: Vec::new() }
}

struct Asked {
    on: Date,
    from: Date,
    now: Timestamp,
    trial: Option<TrialFacts>,
    statistics: StatisticsFacts,
    language: Language,
}

fn november() -> Asked {
    Asked {
        language: Language::En,
        on: date(2026, 11, 15),
        from: date(2026, 10, 15),
        now: at("2026-11-14T22:00"),
        trial: None,
        statistics: figures(),
    }
}

fn reported(asked: &Asked, domains: &[DomainFacts], before: Option<&Report>) -> Report {
    make(&Facts {
        customer_id: "k1",
        customer_name: "Example Oy",
        partner: "Acme IT",
        on: asked.on,
        from: asked.from,
        now: asked.now,
        zone: &zone(),
        trial: asked.trial.as_ref(),
        domains,
        statistics: &asked.statistics,
        before,
        language: asked.language,
    })
}

/// As of the middle of October, in the trial.
fn october() -> Report {
    october_in(Language::En)
}

fn october_in(language: Language) -> Report {
    let mut of = seen("example.com");
    of.events.truncate(8);
    of.findings.clear();
    of.outsiders_at = None;
    of.lint = None;
    let asked = Asked {
        on: date(2026, 10, 15),
        from: date(2026, 10, 7),
        now: at("2026-10-14T21:00"),
        trial: Some(TrialFacts {
            ends: date(2026, 11, 6),
            decide_before: date(2026, 12, 6),
            price: "120.00 EUR".to_owned(),
        }),
        statistics: StatisticsFacts::Missing { why: NoFigures::NotConfigured },
        language,
    };
    let mut tally = Tally::begin(at("2026-10-01T08:00"));
    for day in 1..15 {
        tally.count(Look::Mx, date(2026, 10, day));
    }
    of.tally = Some(tally);
    reported(&asked, &[of], None)
}

/// One to send in tests of others.
pub(crate) fn sample() -> Report {
    reported(&november(), &[seen("example.com")], Some(&october()))
}

fn text(report: &Report) -> String {
    let link = "https://onboarding.gateway.example/reports/k1/2026-11";
    format!(
        "Subject: {}\n\n{}",
        subject(report),
        mail_text(report, "Example Gateway", "desk@gateway.example", Some(link))
    )
}

#[test]
fn a_month_with_a_drift_compared_with_the_one_before() {
    let report = reported(&november(), &[seen("example.com")], Some(&october()));
    insta::assert_snapshot!("november", text(&report));
    let of = &report.domains[0];
    // Helsinki: 20 October 04:40 to 19:00, a single day.
    assert_eq!(of.drifts, [Stretch { from: at("2026-10-20T01:40"), until: Some(at("2026-10-20T16:00")) }]);
    let mx = &of.lanes[0];
    assert_eq!(mx.days, "+++++x+++++++++++++++++??++++++");
    assert_eq!(mx.days.chars().count(), 31);
    // The tally went on from 14 to 900 - 40 looks at the MX and 45 each at two others.
    assert_eq!(of.rows[0].says, (900 - 40 + 90 - 14).to_string());
    assert_eq!(of.rows[0].before.as_deref(), Some("14"));
}

#[test]
fn the_first_report_of_a_trial_claims_nothing_that_was_not_seen() {
    let report = october();
    insta::assert_snapshot!("october", text(&report));
    let says = |about: About| report.domains[0].rows.iter().find(|row| row.about == about).unwrap().clone();
    for about in [About::LockDown, About::MtaSts, About::Spf, About::Dmarc, About::TlsRpt, About::Dnssec] {
        assert_eq!((says(about).tone, says(about).says.as_str()), (Tone::Unknown, "not known"), "{about:?}");
    }
}

#[test]
fn of_a_domain_of_which_nothing_is_known_nothing_is_said() {
    let mut of = seen("example.com");
    of.connection.observed = Default::default();
    of.events.retain(|(_, event)| matches!(event, Event::PhaseEntered { .. }));
    of.events.truncate(3);
    (of.tally, of.mx, of.smtp, of.lint, of.findings) = (None, None, None, None, Vec::new());
    let asked = Asked { statistics: StatisticsFacts::Missing { why: NoFigures::NotAnswered }, ..november() };
    let report = reported(&asked, &[of], None);
    let said: Vec<(About, Tone)> = report.domains[0].rows.iter().map(|row| (row.about, row.tone)).collect();
    for (about, tone) in said {
        // That it never left the gateway is known from the history.
        assert_eq!(tone, if about == About::Drift { Tone::Good } else { Tone::Unknown }, "{about:?}");
    }
    assert!(report.domains[0].lanes[0].days.chars().all(|sign| sign == '?'), "{:?}", report.domains[0].lanes);
    assert_eq!(report.tone, Tone::Unknown);
}

#[test]
fn a_drift_that_goes_on_is_counted_up_to_now_and_a_failing_server_is_told() {
    let mut of = seen("example.com");
    of.events.truncate(10);
    of.connection.phase = Phase::Drifted;
    of.connection.health = Health::DeliveryFailing;
    of.events.push((at("2026-11-14T12:00"), Event::HealthChanged { health: Health::DeliveryFailing }));
    let report = reported(&november(), &[of], None);
    let row = |about: About| report.domains[0].rows.iter().find(|row| row.about == about).unwrap();
    assert_eq!(row(About::Drift).says, "once, 25 days 20 h in all, and it goes on");
    assert_eq!((row(About::Delivery).tone, report.tone), (Tone::Bad, Tone::Bad));
    assert!(report.domains[0].lanes[1].days.ends_with("+x"), "{:?}", report.domains[0].lanes);
}

#[test]
fn days_are_those_of_the_business_zone_also_when_the_clock_goes_back() {
    let mut of = seen("example.com");
    of.events.truncate(8);
    // 25 October has 25 hours in Helsinki; 22:30 UTC on the 25th is the 26th there.
    of.events.push(entered("2026-10-25T22:30", Phase::Drifted));
    of.events.push(entered("2026-10-25T23:30", Phase::Confirming));
    let days = reported(&november(), &[of], None).domains[0].lanes[0].days.clone();
    assert_eq!(days.find('x'), Some(11), "{days}");
    assert_eq!(days.matches('x').count(), 1);
}

/// The same months for whoever reads Finnish.
#[test]
fn a_report_in_finnish_says_the_same() {
    let asked = Asked { language: Language::Fi, ..november() };
    let before = october_in(Language::Fi);
    let report = reported(&asked, &[seen("example.com")], Some(&before));
    insta::assert_snapshot!("fi_october", text(&before));
    insta::assert_snapshot!("fi_november", text(&report));
    let html = mail_html(&report, "Example Gateway", "desk@gateway.example", None, &Source::Inline).unwrap().html;
    assert!(html.contains("<html lang=\"fi\">"), "{html}");
    let english = reported(&november(), &[seen("example.com")], Some(&october()));
    assert_eq!((report.tone, report.advice().count()), (english.tone, english.advice().count()));
    let tones = |report: &Report| report.domains[0].rows.iter().map(|row| (row.about, row.tone)).collect::<Vec<_>>();
    assert_eq!(tones(&report), tones(&english));
    let changed = |report: &Report| report.domains[0].rows.iter().map(Row::changed).collect::<Vec<_>>();
    assert_eq!(changed(&report), changed(&english), "the same rows differ from the month before");
    // Against a report in another language nothing is said to have changed.
    let mixed = reported(&asked, &[seen("example.com")], Some(&october()));
    assert!(mixed.compared_with.is_none() && mixed.domains[0].rows.iter().all(|row| !row.changed()));
    for words in [text(&before), text(&report)] {
        let said = words.split('"').step_by(2).collect::<Vec<_>>().join(" ").replace("Example Gateway", "");
        for word in said.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ':' | '(' | ')')) {
            let english = ["the", "and", "of", "to", "is", "not", "until", "since", "days", "month", "your", "none"];
            assert!(!english.contains(&word.to_lowercase().trim_end_matches('.')), "`{word}` in {said}");
        }
    }
    for english in
        ["To do", "Changes of", "What could be better", "Filtered", "One bar", "before:", "Compared", "received"]
    {
        assert!(!html.contains(english), "{english}");
    }
}

#[test]
fn the_html_is_balanced_and_names_every_picture_once() {
    let report = reported(&november(), &[seen("example.com")], Some(&october()));
    let source = Source::Mail { suffix: ".abc@gateway.example".to_owned() };
    let made = mail_html(&report, "Example Gateway", "desk@gateway.example", None, &source).unwrap();
    for (id, png) in &made.pictures {
        assert_eq!(made.html.matches(&format!("\"cid:{id}\"")).count(), 1, "{id}");
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.len() < 2_000, "{id}: {} bytes", png.len());
    }
    assert_eq!(made.pictures.len(), 5, "four strips and the bars");
    assert_eq!(made.html.matches("<img ").count(), made.html.matches(" alt=\"").count());
    insta::assert_snapshot!("html", made.html);
    insta::assert_snapshot!("strip", lane_svg(&report.domains[0].lanes[0], Language::En));
}

#[test]
fn a_picture_has_one_bar_a_day_of_the_colour_and_height_of_the_day() {
    let lane = Lane { label: "MX records".to_owned(), days: "+!x?.".to_owned() };
    let png = lane_png(&lane).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (174, 48));
    let column = |day: usize| -> Vec<u8> { (0..48).map(|y| pixels[y * 174 + day * 36 + 5]).collect() };
    let tall = |day: usize, colour: u8| column(day).iter().filter(|pixel| **pixel == colour).count();
    assert_eq!([tall(0, 1), tall(1, 2), tall(2, 3), tall(3, 4), tall(4, 5)], [32, 40, 48, 16, 6]);
    assert_eq!(
        lane.in_words(Language::En),
        "MX records: in order on 1 day, not quite in order on 1 day, in trouble on 1 day, not looked at on 1 day"
    );
}

#[test]
fn many_domains_have_one_strip_each_and_the_rest_is_counted() {
    let domains: Vec<DomainFacts> = (0..60).map(|n| seen(&format!("d{n:02}.example"))).collect();
    let report = reported(&november(), &domains, None);
    assert_eq!((report.domains.len(), report.more_domains), (50, 10));
    let source = Source::Mail { suffix: "@x".to_owned() };
    let made = mail_html(&report, "G", "desk@gateway.example", None, &source).unwrap();
    assert_eq!(made.pictures.len(), 21, "twenty strips and the bars");
    assert_eq!(report.domains[0].overall(Language::En).days, "+++++x++++++++++++!++++??++++++");
}

#[test]
fn what_is_kept_of_a_report_is_the_report() {
    let report = reported(&november(), &[seen("example.com")], Some(&october()));
    let kept = serde_json::to_string(&report).unwrap();
    assert!(kept.len() < 8_000, "{} bytes", kept.len());
    assert_eq!(serde_json::from_str::<Report>(&kept).unwrap(), report);
}

#[test]
fn a_month_is_written_in_one_way_only() {
    assert_eq!("2026-10".parse::<Month>().unwrap().in_words(Language::En), "October 2026");
    assert_eq!("2026-01".parse::<Month>().unwrap().before().to_string(), "2025-12");
    for wrong in ["2026-13", "2026-1", "2026", "26-10", "2026-10-01", "", "2026-10\n", "-026-10"] {
        assert!(wrong.parse::<Month>().is_err(), "{wrong:?}");
    }
}

#[test]
fn a_tally_knows_its_last_days_and_survives_a_clock_that_was_set_back() {
    let mut tally = Tally::begin(at("2026-10-01T08:00"));
    for day in [date(2026, 10, 1), date(2026, 10, 3), date(2026, 10, 2), date(2026, 10, 3)] {
        tally.count(Look::Mx, day);
    }
    tally.count(Look::Gateway, date(2026, 10, 5));
    let looked = |day: i8| tally.looked_on(date(2026, 10, day));
    assert_eq!([looked(1), looked(2), looked(3), looked(4)], [Some(true), Some(true), Some(true), Some(false)]);
    assert_eq!(tally.looked_on(date(2026, 7, 1)), None, "too long ago to know");
    assert_eq!(tally.looks.sum(), 5);
    tally.count(Look::Mx, date(2027, 10, 3));
    assert_eq!(tally.looked_on(date(2027, 10, 2)), Some(false));
}

#[test]
fn figures_are_added_up_and_what_one_does_not_count_is_not_known_of_both() {
    let day = |n: i8, received, stopped| DayFigures { day: date(2026, 10, n), received, stopped };
    let a = Figures { received: 10, spam: Some(3), days: vec![day(16, 9, 20), day(15, 1, 0)], ..Figures::default() };
    let b = Figures {
        received: 5,
        spam: Some(1),
        malware: Some(1),
        days: vec![day(15, 5, 1), day(1, 7, 7)],
        ..Figures::default()
    };
    let sum = a.and(&b).within(date(2026, 10, 15), date(2026, 11, 15));
    assert_eq!((sum.received, sum.spam, sum.malware), (15, Some(4), None));
    assert_eq!(sum.days, [day(15, 6, 1), day(16, 9, 9)]);
}

proptest! {
    /// Whatever stands in names, issuers and records: no tag, no line, no control character of its own.
    #[test]
    fn no_input_becomes_markup(input in "(\\PC|\r|\n|<|>|&|\"|'|<script>|\u{202e}){0,40}") {
        let mut of = seen("example.com");
        of.events.push((at("2026-11-01T00:00"), Event::MxChanged { verdict: input.clone(), names: vec![input.clone()] }));
        if let Some(mx) = &mut of.connection.observed.mx {
            mx.names = vec![input.clone()];
        }
        if let Some(tls) = of.smtp.as_mut().and_then(|(_, dialogues)| dialogues[0].tls.as_mut()) {
            tls.issuer.clone_from(&input);
            tls.version.clone_from(&input);
        }
        if let Some((_, lint)) = &mut of.lint {
            lint.spf = TextLookup::Found { texts: vec![input.clone()], ttl: 1 };
            lint.dmarc = TextLookup::Failed { detail: input.clone() };
        }
        of.findings.push((at("2026-11-14T12:00"), finding(Code::FwPartial, Severity::Blocking, &format!("x{input}"))));
        let zone = zone();
        let asked = november();
        let facts = Facts {
            customer_id: "k1", customer_name: &input, partner: &input, on: asked.on, from: asked.from, now: asked.now,
            zone: &zone, trial: None, domains: &[of], statistics: &asked.statistics, before: None,
            language: Language::En,
        };
        let report = make(&facts);
        let plain = reported(&asked, &[seen("example.com")], None);
        let tags = |report: &Report| mail_html(report, "G", "d@g.example", None, &Source::Inline).unwrap().html;
        prop_assert_eq!(tags(&report).matches("<script").count(), 0);
        prop_assert_eq!(tags(&report).matches("<img").count(), tags(&plain).matches("<img").count());
        let text = mail_text(&report, "G", "d@g.example", None);
        prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        prop_assert!(!subject(&report).contains(['\r', '\n']));
        prop_assert!(text.starts_with("To do:"));
    }
}
