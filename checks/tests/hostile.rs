//! Whatever was observed: judging never panics, no finding holds a character that acts on what shows
//! it, everything is bounded, and `Fail` means that a blocking finding says why.

use fencepost_checks::mx::history::RrsetHistory;
use fencepost_checks::mx::{self, Expected};
use fencepost_checks::observation::dns::ExchangeAddresses;
use fencepost_checks::observation::lint::{
    DnssecObservation, DsLookup, HeloLookup, LintObservation, MtaStsObservation, PolicyFetch, SenderTest, TextLookup,
    TlsaLookup, TlsaRecord, TlsaRecords,
};
use fencepost_checks::observation::smtp::{ConnectOutcome, SmtpReply, StageOutcome, TlsFacts};
use fencepost_checks::observation::{
    DnsAnswer, DnsRound, MxRecord, ParentAnswer, ParentSays, ResolverAnswer, ServerAnswer, SmtpDialogue, Stage,
    StageRecord, Vantage, VantageRole,
};
use fencepost_checks::{DomainName, Finding, Judgement, Severity, Verdict, escape, firewall, gateway, lint, smtp};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    let odd = prop_oneof![
        Just('\u{1b}'),
        Just('\n'),
        Just('\r'),
        Just('\0'),
        Just('\u{202e}'),
        Just('\u{2066}'),
        Just('\u{9b}'),
        any::<char>()
    ];
    prop_oneof![
        3 => prop::collection::vec(odd, 0..40).prop_map(|c| c.into_iter().collect::<String>()),
        1 => Just("mx1.gateway.example".to_owned()),
        1 => Just("mail.example.com".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just("\u{1b}[2J".repeat(500)),
        1 => "[a-z0-9.*:=/ -]{0,60}",
    ]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp::MIN),
        Just(Timestamp::MAX),
        (0_i64..4_000_000_000).prop_map(|s| Timestamp::from_second(s).expect("an instant")),
    ]
}

fn records() -> impl Strategy<Value = Vec<MxRecord>> {
    prop::collection::vec(
        (any::<u16>(), text()).prop_map(|(preference, exchange)| MxRecord { preference, exchange }),
        0..5,
    )
}

fn answer() -> impl Strategy<Value = DnsAnswer> {
    prop_oneof![
        4 => (records(), any::<u32>()).prop_map(|(records, ttl)| DnsAnswer::Mx { records, ttl }),
        1 => any::<Option<u32>>().prop_map(|negative_ttl| DnsAnswer::NoData { negative_ttl }),
        1 => any::<Option<u32>>().prop_map(|negative_ttl| DnsAnswer::NxDomain { negative_ttl }),
        1 => (text(), records(), any::<u32>()).prop_map(|(target, records, ttl)| DnsAnswer::Cname { target, records, ttl }),
        1 => prop_oneof![Just(DnsAnswer::Lame), Just(DnsAnswer::ServFail), Just(DnsAnswer::Refused), Just(DnsAnswer::TimedOut)],
        1 => any::<u16>().prop_map(|rcode| DnsAnswer::OtherRcode { rcode }),
        1 => text().prop_map(|detail| DnsAnswer::Malformed { detail }),
        1 => text().prop_map(|detail| DnsAnswer::Unreachable { detail }),
        1 => text().prop_map(|detail| DnsAnswer::VantageFault { detail }),
    ]
}

prop_compose! {
    fn server()(name in text(), address in any::<std::net::SocketAddr>(), in_parent in any::<bool>(), in_child in any::<bool>(),
                answer in answer(), elapsed_ms in any::<u32>(), observed_at in instant()) -> ServerAnswer {
        ServerAnswer { name, address, in_parent, in_child, answer, elapsed_ms, observed_at }
    }
}

prop_compose! {
    fn resolver()(vantage in text(), address in any::<std::net::SocketAddr>(), answer in answer(), observed_at in instant()) -> ResolverAnswer {
        ResolverAnswer { vantage, address, answer, elapsed_ms: 1, observed_at }
    }
}

prop_compose! {
    fn exchange()(exchange in text(), addresses in prop::collection::vec(any::<std::net::IpAddr>(), 0..3), ttl in any::<Option<u32>>(),
                  is_cname in any::<bool>(), error in prop::option::of(text())) -> ExchangeAddresses {
        ExchangeAddresses { exchange, addresses, ttl, is_cname, error }
    }
}

fn parent() -> impl Strategy<Value = ParentAnswer> {
    let says = prop_oneof![
        prop::collection::vec(text(), 0..3).prop_map(|names| ParentSays::Delegates { names }),
        Just(ParentSays::NxDomain),
        Just(ParentSays::NotDelegated),
        text().prop_map(|detail| ParentSays::Silent { detail }),
    ];
    (any::<std::net::SocketAddr>(), says).prop_map(|(address, says)| ParentAnswer { address, says })
}

prop_compose! {
    fn round()(started_at in instant(), finished_at in instant(), servers in prop::collection::vec(server(), 0..4),
               servers_without_address in prop::collection::vec(text(), 0..3), resolvers in prop::collection::vec(resolver(), 0..3),
               exchanges in prop::collection::vec(exchange(), 0..3), ns_ttl in any::<Option<u32>>(),
               parents in prop::collection::vec(parent(), 0..4), delegation_error in prop::option::of(text()))
              -> DnsRound {
        DnsRound { domain: name("example.com"), started_at, finished_at, zone: None, servers, servers_without_address, resolvers, exchanges, ns_ttl, parents, delegation_error }
    }
}

fn outcome() -> impl Strategy<Value = StageOutcome> {
    prop_oneof![
        5 => (any::<u16>(), prop::sample::select(vec![200_u16, 220, 250, 354, 421, 450, 451, 550, 554]), any::<bool>(), prop::option::of(text()), prop::collection::vec(text(), 0..3))
            .prop_map(|(odd, code, use_odd, enhanced, lines)| StageOutcome::Reply { reply: SmtpReply { code: if use_odd { odd } else { code }, enhanced, lines } }),
        1 => prop_oneof![Just(StageOutcome::Done), Just(StageOutcome::Closed), Just(StageOutcome::TlsInjection)],
        1 => any::<u32>().prop_map(|after_ms| StageOutcome::TimedOut { after_ms }),
        1 => (text(), any::<bool>()).prop_map(|(detail, smtp)| StageOutcome::Protocol { detail, smtp }),
        1 => text().prop_map(|detail| StageOutcome::TlsFailed { detail }),
    ]
}

fn stage() -> impl Strategy<Value = Stage> {
    use Stage::{
        Banner, Certificate, Connect, Ehlo, EhloTls, MailFrom, Quit, RcptForeign, RcptPostmaster, RcptTest, Resolve,
        Rset, Starttls,
    };
    prop::sample::select(vec![
        Resolve,
        Connect,
        Banner,
        Ehlo,
        Starttls,
        Certificate,
        EhloTls,
        MailFrom,
        RcptTest,
        RcptPostmaster,
        RcptForeign,
        Rset,
        Quit,
    ])
}

fn connect() -> impl Strategy<Value = ConnectOutcome> {
    prop_oneof![
        4 => any::<u32>().prop_map(|elapsed_ms| ConnectOutcome::Connected { elapsed_ms }),
        1 => any::<u32>().prop_map(|after_ms| ConnectOutcome::TimedOut { after_ms }),
        1 => prop_oneof![Just(ConnectOutcome::Refused), Just(ConnectOutcome::Prohibited)],
        1 => text().prop_map(|detail| ConnectOutcome::Unreachable { detail }),
        1 => text().prop_map(|detail| ConnectOutcome::Unresolvable { detail }),
        1 => text().prop_map(|detail| ConnectOutcome::BlockedTarget { detail }),
        1 => text().prop_map(|detail| ConnectOutcome::VantageFault { detail }),
    ]
}

prop_compose! {
    fn facts()(version in text(), subject in text(), names in prop::collection::vec(text(), 0..3), issuer in text(),
               not_before in instant(), not_after in instant(), name_matches in any::<bool>(), chain_error in prop::option::of(text())) -> TlsFacts {
        TlsFacts { version, cipher: String::new(), subject, names, issuer, not_before, not_after, name_matches, chain_error, chain: Vec::new() }
    }
}

prop_compose! {
    fn dialogue()(id in text(), egress in any::<bool>(), address in any::<Option<std::net::IpAddr>>(), host in text(),
                  peer in any::<Option<std::net::SocketAddr>>(), port in any::<u16>(), standby in any::<bool>(), started_at in instant(),
                  connect in connect(), stages in prop::collection::vec((stage(), any::<u32>(), outcome()), 0..8),
                  capabilities in prop::collection::vec(text(), 0..3), tls in prop::option::of(facts())) -> SmtpDialogue {
        let role = if egress { VantageRole::Egress } else { VantageRole::Outsider };
        let stages = stages.into_iter().map(|(stage, elapsed_ms, outcome)| StageRecord { stage, elapsed_ms, outcome }).collect();
        SmtpDialogue { vantage: Vantage { id, role, address }, host, peer, port, standby, started_at, connect, stages, capabilities, tls, proof: None, transcript: Vec::new() }
    }
}

fn lookup() -> impl Strategy<Value = TextLookup> {
    let sts = prop_oneof![text(), Just("v=STSv1; id=1;".to_owned()), text().prop_map(|t| format!("v=spf1 mx {t}"))];
    prop_oneof![
        Just(TextLookup::Absent),
        text().prop_map(|detail| TextLookup::Failed { detail }),
        (prop::collection::vec(sts, 0..3), any::<u32>()).prop_map(|(texts, ttl)| TextLookup::Found { texts, ttl }),
    ]
}

prop_compose! {
    fn tlsa()(host in prop_oneof![text(), Just("mx1.gateway.example".to_owned())], authenticated in any::<bool>(), data in text(), usage in 0..4_u8, kind in 0..3) -> TlsaLookup {
        let records = match kind {
            0 => TlsaRecords::Absent,
            1 => TlsaRecords::Failed { detail: data },
            _ => TlsaRecords::Found { records: vec![TlsaRecord { usage, selector: 1, matching: 1, data }], ttl: 60 },
        };
        TlsaLookup { host, authenticated, records }
    }
}

prop_compose! {
    fn policies()(observed_at in instant(), record in lookup(), spf in lookup(), body in text(), mx in text(), kind in 0..4,
                  own in prop::collection::vec((text(), prop::collection::vec(any::<std::net::IpAddr>(), 0..3)), 0..3),
                  texts in lookup(), tlsa in prop::collection::vec(tlsa(), 0..3), odd in text(), dialogues in prop::collection::vec(dialogue().boxed(), 0..2).boxed()) -> LintObservation {
        let policy = match kind {
            0 => PolicyFetch::NotAsked,
            1 => PolicyFetch::Failed { detail: body },
            2 => PolicyFetch::Fetched { body },
            _ => PolicyFetch::Fetched { body: format!("version: STSv1\nmode: enforce\nmx: {mx}\nmax_age: 99\n") },
        };
        LintObservation {
            domain: name("example.com"), observed_at, mta_sts: MtaStsObservation { record, policy }, spf, dmarc: texts.clone(),
            gateway_addresses: own.clone(), own_servers: own, tls_rpt: texts.clone(), domain_connect: texts.clone(),
            dnssec: DnssecObservation { ds: DsLookup::Failed { detail: odd.clone() }, resolvers: Vec::new() },
            exchange_tlsa: tlsa.clone(), gateway_tlsa: tlsa,
            helo: vec![HeloLookup {
                name: name("probe.gateway.example"), address: [192, 0, 2, 10].into(), addresses: Vec::new(),
                error: Some(odd.clone()), reverse: texts.clone(),
            }],
            sender_test: Some(SenderTest { sender: odd, dialogues }),
        }
    }
}

fn name(text: &str) -> DomainName {
    text.parse().expect("a name")
}

fn harmless(what: &str, text: &str) -> Result<(), TestCaseError> {
    prop_assert!(!text.chars().any(escape::is_harmful), "{what}: {text:?}");
    prop_assert!(text.chars().count() <= escape::DETAIL + 1, "{what} has {} characters", text.chars().count());
    Ok(())
}

fn all_harmless(findings: &[Finding]) -> Result<(), TestCaseError> {
    prop_assert!(findings.len() <= 200, "{} findings", findings.len());
    for finding in findings {
        for text in [&finding.subject, &finding.detail, &finding.remedy].into_iter().chain(&finding.vantages) {
            harmless(finding.code.as_str(), text)?;
        }
        prop_assert!(!finding.detail.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
    }
    Ok(())
}

fn sound(judgement: &Judgement) -> Result<(), TestCaseError> {
    all_harmless(&judgement.findings)?;
    let blocks = judgement.findings.iter().any(|f| f.severity == Severity::Blocking);
    prop_assert_eq!(judgement.verdict == Verdict::Fail, blocks, "{:?}", judgement);
    prop_assert!(judgement.verdict == Verdict::Pass || !judgement.findings.is_empty());
    Ok(())
}

proptest! {
    #[test]
    fn rounds(rounds in prop::collection::vec(round(), 1..4)) {
        let expected = Expected { gateway_hosts: vec![name("mx1.gateway.example")], preferences: vec![10], suffixes: vec![name("mx.gateway.example")], accepted: Some(vec![name("mail.example.com")]), leaving: vec![name("mx0.gateway.example")], retired: vec![name("old.gateway.example")], ..Expected::default() };
        let mut history = RrsetHistory::default();
        for round in &rounds {
            history.observe(round);
            let judged = mx::judge_watched(round, &expected, &history);
            all_harmless(&judged.findings)?;
            prop_assert!(!judged.findings.is_empty());
            prop_assert!(!judged.clean || (judged.complete && !judged.old_published && judged.broken_by.is_none()));
            prop_assert!(judged.clean || judged.broken_by.is_some());
            for text in judged.names.iter().chain(&judged.broken_by) {
                harmless("names", text)?;
            }
            for bound in [history.t_star(&expected, &[]), history.departure(&expected)].into_iter().flatten() {
                harmless("because", &bound.because)?;
            }
            let _ = (history.previous_mx(&expected), history.fastest_change_after());
        }
    }

    #[test]
    fn dialogues(dialogues in prop::collection::vec(dialogue(), 0..6), flags in any::<[bool; 3]>(), now in instant()) {
        let domain = name("example.com");
        sound(&smtp::judge(&dialogues, &smtp::SmtpContext { domain: domain.clone(), now }))?;
        let mx_hosts = vec![name("mx1.gateway.example"), name("mail.example.com")];
        sound(&gateway::judge(&dialogues, &gateway::GatewayContext { domain: domain.clone(), mx_hosts, now }))?;
        let egress = dialogues.iter().filter_map(|d| d.vantage.address).collect();
        let [hosted, own_server_in_mx, old_path_drained] = flags;
        let context = firewall::FirewallContext { domain, egress, announced: Vec::new(), hosted, own_server_in_mx, old_path_drained, unsound: Vec::new(), now };
        sound(&firewall::judge(&dialogues, &context))?;
    }

    #[test]
    fn policies_of_all_kinds(seen in policies().boxed(), round in prop::option::of(round()).boxed(), contacts in prop::collection::vec(text(), 0..3), earlier in policies().boxed(), visited in prop::collection::vec(dialogue(), 0..3).boxed(), now in instant()) {
        let context = lint::LintContext {
            gateway_hosts: vec![name("mx1.gateway.example")],
            suffixes: vec![name("mx.gateway.example")],
            gateway_egress: vec![[192, 0, 2, 10].into()],
            contacts,
            sts: lint::sts::StsWatch::default(),
            dialogues: visited,
            now,
        };
        sound(&lint::judge(&seen, round.as_ref(), &context))?;
        let mut watch = lint::sts::StsWatch::default();
        let expected = Expected { gateway_hosts: context.gateway_hosts.clone(), ..Expected::default() };
        watch.observe(&earlier, &expected);
        watch.observe(&seen, &expected);
        if let Some(term) = watch.term() {
            harmless("because", &term.because)?;
        }
        sound(&lint::judge(&seen, round.as_ref(), &lint::LintContext { sts: watch, ..context }))?;
    }
}

/// A zone with thousands of exchanges is judged in a moment: the work grows with the answer.
#[test]
fn a_huge_set_is_judged() {
    let records: Vec<MxRecord> =
        (0..3_000_u16).map(|i| MxRecord { preference: i, exchange: format!("h{i}.example.net") }).collect();
    let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
    let servers = (1..=8)
        .map(|n| ServerAnswer {
            name: format!("ns{n}.example.net"),
            address: ([192, 0, 2, n], 53).into(),
            in_parent: true,
            in_child: true,
            answer: DnsAnswer::Mx { records: records.clone(), ttl: 300 },
            elapsed_ms: 1,
            observed_at: at,
        })
        .collect();
    let round = DnsRound {
        domain: name("example.com"),
        started_at: at,
        finished_at: at,
        zone: None,
        servers,
        servers_without_address: Vec::new(),
        resolvers: Vec::new(),
        exchanges: Vec::new(),
        ns_ttl: None,
        parents: Vec::new(),
        delegation_error: None,
    };
    let judged =
        mx::judge(&round, &Expected { gateway_hosts: vec![name("mx1.gateway.example")], ..Expected::default() });
    assert_eq!(judged.names.len(), 20);
    assert_eq!(judged.verdict, mx::MxVerdict::ForeignOnly);
}
