//! What a DNS server can do to whoever asks it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::SystemClock;
use fencepost::config::ProbeConfig;
use fencepost::engine::ports::{Observer, ServerTask};
use fencepost::probe::Prober;
use fencepost_checks::DomainName;
use fencepost_checks::lint::{self, LintContext};
use fencepost_checks::mx::{self, Expected};
use fencepost_checks::observation::{DnsRound, LintObservation};
use jiff::Timestamp;

use super::lab::hostile_dns::Act::{Bytes, Drip, Flood, Hang, Pause, Send, SendFromElsewhere};
use super::lab::hostile_dns::{
    A, Act, HostileDns, MX, NS, QR_AA, QR_RA, Record, Reply, Rule, TC, TXT, wire, wire_labels,
};
use super::{DOMAIN, FUSE, all, at, codes, expected, gateway_config, probe_config, unsafe_to_keep};

const AREA: u8 = 73;
const KEPT: usize = 200_000;
/// Far more than an orderly round needs of one server.
const QUESTIONS: usize = 24;

/// Rules in front of the sound ones, for each server of a small world: a root that delegates the
/// domain, two servers of it, a resolver.
struct Row {
    what: &'static str,
    root: Vec<Rule>,
    ns1: Vec<Rule>,
    resolver: Vec<Rule>,
    /// Whether TCP of the first server is open.
    tcp: bool,
    /// The kind of answer of the first server, empty where it is not asked.
    answer: &'static str,
    /// Without information that a sound world gives too.
    codes: &'static str,
    patience: Duration,
}

/// The first server answers the MX question so.
fn row(what: &'static str, acts: impl IntoIterator<Item = Act>, answer: &'static str, codes: &'static str) -> Row {
    rules(what, vec![Rule::at(DOMAIN, MX, acts)], answer, codes)
}

fn rules(what: &'static str, ns1: Vec<Rule>, answer: &'static str, codes: &'static str) -> Row {
    let patience = Duration::from_secs(10);
    Row { what, root: Vec::new(), ns1, resolver: Vec::new(), tcp: true, answer, codes, patience }
}

/// The prober waits in vain.
fn late(row: Row) -> Row {
    Row { patience: Duration::from_millis(400), ..row }
}

fn without_tcp(row: Row) -> Row {
    Row { tcp: false, ..row }
}

/// The root answers questions for the domain so.
fn root(what: &'static str, acts: impl IntoIterator<Item = Act>, answer: &'static str, codes: &'static str) -> Row {
    Row { root: vec![Rule::any(acts)], ..rules(what, Vec::new(), answer, codes) }
}

/// The resolver answers every question so.
fn resolver(what: &'static str, acts: impl IntoIterator<Item = Act>, codes: &'static str) -> Row {
    Row { resolver: vec![Rule::any(acts)], ..rules(what, Vec::new(), "mx", codes) }
}

fn ours() -> Reply {
    Reply::of([Record::mx(DOMAIN, 10, "mx1.gateway.example")])
}

fn many(count: u16) -> Reply {
    Reply::of((0..count).map(|n| Record { owner: vec![0xc0, 0x0c], ..Record::mx(DOMAIN, n, &format!("h{n}.example")) }))
}

fn cut() -> Reply {
    Reply::new(QR_AA | TC)
}

fn raw_mx(exchange: &[u8]) -> Reply {
    Reply::of([Record::mx_raw(DOMAIN, 10, exchange)])
}

fn aliases(count: u16) -> Reply {
    let name = |n: u16| if n == 0 { DOMAIN.to_owned() } else { format!("a{n}.customer.example") };
    Reply::of((0..count).map(|n| Record::cname(&name(n), &name(n + 1))))
}

const SLOWLY: Duration = Duration::from_millis(30);
const GOOD: &str = "MX_OURS_ONLY";
const BAD: &str = "MX_OURS_ONLY DNS_MALFORMED";
const SILENT: &str = "MX_OURS_ONLY NS_UNREACHABLE";
const LAME: &str = "MX_OURS_ONLY NS_LAME";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages() {
    run(
        0,
        vec![
            row("nothing odd", [Send(ours())], "mx", GOOD),
            late(row("silence", [], "timed_out", SILENT)),
            late(row("a wrong id", [Send(ours().with(|r| r.id = 1))], "malformed", BAD)),
            row("a wrong id, then the answer", [Send(ours().with(|r| r.id = 1)), Send(ours())], "mx", GOOD),
            rules(
                "a flood of wrong ids, then the answer",
                vec![
                    Rule::at(DOMAIN, MX, [Flood(ours().with(|r| r.id = 7), 100), Send(ours())]).tcp(false),
                    Rule::at(DOMAIN, MX, [Send(ours())]).tcp(true),
                ],
                "mx",
                GOOD,
            ),
            late(without_tcp(row(
                "nothing but a flood of wrong ids",
                [Flood(ours().with(|r| r.id = 7), 2000)],
                "malformed",
                BAD,
            ))),
            late(row(
                "another question",
                [Send(ours().with(|r| r.question = Some([&wire("other.example")[..], &[0, 15, 0, 1]].concat())))],
                "malformed",
                BAD,
            )),
            late(row("no question", [Send(ours().with(|r| r.question = Some(Vec::new())))], "malformed", BAD)),
            late(row(
                "two questions",
                [Send(ours().with(|r| {
                    r.question = Some([&wire(DOMAIN)[..], &[0, 15, 0, 1], &wire(DOMAIN), &[0, 15, 0, 1]].concat());
                    r.counts = Some([2, 1, 0, 0]);
                }))],
                "malformed",
                BAD,
            )),
            late(row("a wrong source port", [SendFromElsewhere(ours())], "timed_out", SILENT)),
            late(row("QR of a question", [Send(ours().with(|r| r.flags = 0x0400))], "malformed", BAD)),
            late(row("an odd opcode", [Send(ours().with(|r| r.flags |= 0x2800))], "malformed", BAD)),
            late(row("an empty packet", [Bytes(Vec::new())], "malformed", BAD)),
            late(row(
                "a header and nothing else",
                [Send(Reply::new(QR_AA).with(|r| r.cut = Some(12)))],
                "malformed",
                BAD,
            )),
            late(row("half a header", [Send(ours().with(|r| r.cut = Some(6)))], "malformed", BAD)),
            late(row("cut in a record", [Send(ours().with(|r| r.cut = Some(50)))], "malformed", BAD)),
            row(
                "counts that lie",
                [Send(ours().with(|r| r.counts = Some([1, 65535, 65535, 65535])))],
                "malformed",
                BAD,
            ),
            row(
                "RDLENGTH too long",
                [Send(Reply::of([Record::mx(DOMAIN, 1, "x.example").with(|r| r.length = Some(400))]))],
                "malformed",
                BAD,
            ),
            row(
                "RDLENGTH too short",
                [Send(Reply::of([Record::mx(DOMAIN, 1, "x.example").with(|r| r.length = Some(3))]))],
                "malformed",
                BAD,
            ),
            row(
                "RDLENGTH zero",
                [Send(Reply::of([Record::mx(DOMAIN, 1, "x.example").with(|r| r.length = Some(0))]))],
                "malformed",
                BAD,
            ),
            row("a pointer to itself", [Send(raw_mx(&[0xc0, 0x40]))], "malformed", BAD),
            row("pointers in a circle", [Send(raw_mx(&[1, b'a', 0xc0, 0x40]))], "malformed", BAD),
            row("a pointer past the end", [Send(raw_mx(&[0xff, 0xff]))], "malformed", BAD),
            row("a reserved label type", [Send(raw_mx(&[0x80, 1, 0]))], "malformed", BAD),
            row("bytes behind the message", [Send(ours().with(|r| r.tail = vec![0xff; 300]))], "mx", GOOD),
            row("the answer twice, late", [Send(ours()), Pause(SLOWLY), Send(ours())], "mx", GOOD),
            row(
                "class CHAOS",
                [Send(Reply::of([Record::mx(DOMAIN, 1, "x.example").with(|r| r.class = 3)]))],
                "no_data",
                "MX_NONE NS_INCONSISTENT",
            ),
            row(
                "the answer in the authority section",
                [Send(Reply::new(QR_AA).with(|r| r.authorities = ours().answers))],
                "no_data",
                "MX_NONE NS_INCONSISTENT",
            ),
            row(
                "somebody else's MX",
                [Send(Reply::of([Record::mx("other.example", 1, "x.example")]))],
                "no_data",
                "MX_NONE NS_INCONSISTENT",
            ),
            row(
                "somebody else's MX beside",
                [Send(ours().with(|r| r.answers.push(Record::mx("other.example", 1, "evil.example"))))],
                "mx",
                GOOD,
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transport() {
    run(
        40,
        vec![
            rules("truncated, whole over TCP", on_tcp([Send(ours())]), "mx", GOOD),
            without_tcp(row("truncated, TCP closed", [Send(cut())], "unreachable", SILENT)),
            late(rules("truncated, TCP hangs", on_tcp([Hang]), "unreachable", SILENT)),
            rules("truncated, TCP closes", on_tcp([]), "unreachable", SILENT),
            late(rules("truncated, TCP drips", on_tcp([Drip(ours(), SLOWLY)]), "unreachable", SILENT)),
            late(rules(
                "truncated, TCP length too long",
                on_tcp([Bytes(vec![0xff, 0xff, 1, 2, 3]), Hang]),
                "unreachable",
                SILENT,
            )),
            rules(
                "truncated, TCP length too long and closed",
                on_tcp([Bytes(vec![0xff, 0xff, 1, 2, 3])]),
                "unreachable",
                SILENT,
            ),
            rules("truncated, TCP length zero", on_tcp([Bytes(vec![0, 0])]), "malformed", BAD),
            rules("truncated, TCP truncated", on_tcp([Send(cut())]), "malformed", BAD),
            rules("truncated, TCP wrong id", on_tcp([Send(ours().with(|r| r.id = 3))]), "malformed", BAD),
            rules("truncated, 3,000 MX records", on_tcp([Send(many(3000))]), "malformed", BAD),
            rules(
                "truncated, 64 KiB of zeros",
                on_tcp([Bytes(vec![0xff; 2]), Bytes(vec![0; 65535])]),
                "malformed",
                BAD,
            ),
            late(rules("EDNS dropped", vec![Rule::at(DOMAIN, MX, []).edns(true)], "mx", GOOD)),
            rules("EDNS: FORMERR", vec![Rule::at(DOMAIN, MX, [Send(Reply::error(1))]).edns(true)], "mx", GOOD),
            rules("EDNS: NOTIMP", vec![Rule::at(DOMAIN, MX, [Send(Reply::error(4))]).edns(true)], "mx", GOOD),
            rules(
                "EDNS: FORMERR and the bare header",
                vec![Rule::at(DOMAIN, MX, [Send(Reply::error(1).with(|r| r.question = Some(Vec::new())))]).edns(true)],
                "mx",
                GOOD,
            ),
            rules(
                "EDNS: BADVERS",
                vec![
                    Rule::at(DOMAIN, MX, [Send(Reply::new(QR_AA).with(|r| r.additionals = vec![opt(0x0100_0000)]))])
                        .edns(true),
                ],
                "mx",
                GOOD,
            ),
            row("two OPT records", [Send(ours().with(|r| r.additionals = vec![opt(0), opt(0)]))], "malformed", BAD),
            row("SERVFAIL", [Send(Reply::error(2))], "serv_fail", SILENT),
            row("REFUSED", [Send(Reply::error(5))], "refused", LAME),
            row("NOTIMP for ever", [Send(Reply::error(4))], "other_rcode", SILENT),
            row("FORMERR for ever", [Send(Reply::error(1))], "other_rcode", SILENT),
            row("NOTAUTH", [Send(Reply::error(9))], "other_rcode", SILENT),
            row("no AA", [Send(ours().with(|r| r.flags = 0x8000))], "lame", LAME),
            row("an upward referral", [Send(Reply::referral(".", &[("a.root.example", None)]))], "lame", LAME),
            row(
                "a referral to itself",
                [Send(Reply::referral(DOMAIN, &[("ns1.customer.example", None)]))],
                "lame",
                LAME,
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records() {
    let odd = wire_labels(&[b"a.b\0\x1b[2J\xff", b"exa mple", b"\"();@$"]);
    run(
        80,
        vec![
            row("3,000 MX records in one packet", [Send(many(3000).with(|r| r.cut = Some(4096)))], "malformed", BAD),
            row("names of odd bytes", [Send(raw_mx(&odd))], "mx", "MX_INVALID NS_INCONSISTENT"),
            row(
                "the root beside others",
                [Send(Reply::of([Record::mx(DOMAIN, 0, "."), Record::mx(DOMAIN, 10, "mx1.gateway.example")]))],
                "mx",
                "MX_INVALID MX_NULL_MIXED NS_INCONSISTENT",
            ),
            row(
                "the root alone",
                [Send(Reply::of([Record::mx(DOMAIN, 0, ".")]))],
                "mx",
                "MX_NULL MX_NULL_MIXED NS_INCONSISTENT",
            ),
            row(
                "an address as exchange",
                [Send(Reply::of([Record::mx(DOMAIN, 0, "192.0.2.1")]))],
                "mx",
                "MX_INVALID NS_INCONSISTENT",
            ),
            row("TTL 0", [Send(ours().with(|r| r.answers[0].ttl = 0))], "mx", GOOD),
            row("TTL 2^31", [Send(ours().with(|r| r.answers[0].ttl = 1 << 31))], "mx", GOOD),
            row("TTL 2^31 - 1", [Send(ours().with(|r| r.answers[0].ttl = (1 << 31) - 1))], "mx", GOOD),
            row(
                "an alias of itself",
                [Send(Reply::of([Record::cname(DOMAIN, DOMAIN)]))],
                "cname",
                "MX_LOOKUP_ERROR MX_OWNER_ALIAS NS_INCONSISTENT",
            ),
            row(
                "aliases in a circle",
                [Send(Reply::of([Record::cname(DOMAIN, "b.example"), Record::cname("b.example", DOMAIN)]))],
                "cname",
                "MX_LOOKUP_ERROR MX_OWNER_ALIAS NS_INCONSISTENT",
            ),
            row("fifty aliases", [Send(aliases(50))], "cname", "MX_LOOKUP_ERROR MX_OWNER_ALIAS NS_INCONSISTENT"),
            row("NXDOMAIN with an MX", [Send(ours().with(|r| r.flags |= 3))], "malformed", BAD),
            row("NXDOMAIN", [Send(Reply::error(3))], "nx_domain", "MX_NONE NS_INCONSISTENT"),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delegations() {
    let to = |name| Reply::referral(DOMAIN, &[(name, None)]);
    run(
        110,
        vec![
            late(root("a silent root", [], "", "MX_LOOKUP_ERROR")),
            root("a root that refuses", [Send(Reply::error(5))], "", "MX_LOOKUP_ERROR"),
            root("a referral to the root", [Send(Reply::referral(".", &[("a.example", None)]))], "", "MX_LOOKUP_ERROR"),
            root(
                "a referral to a brother",
                [Send(Reply::referral("other.example", &[("a.example", None)]))],
                "",
                "MX_LOOKUP_ERROR",
            ),
            root("a server without address", [Send(to("nowhere.example"))], "", "MX_LOOKUP_ERROR NS_NO_ADDRESS"),
            root("a server of the domain's own name", [Send(to(DOMAIN))], "", "MX_LOOKUP_ERROR NS_NO_ADDRESS"),
            root("a server of the root's name", [Send(to("."))], "", "MX_LOOKUP_ERROR NS_NO_ADDRESS"),
            root(
                "private addresses as glue",
                [Send(Reply::referral(DOMAIN, &[("ns9.customer.example", "10.0.0.1".parse().ok())]))],
                "",
                "MX_LOOKUP_ERROR NS_UNREACHABLE",
            ),
            root(
                "a hundred servers",
                [Send(Reply::new(0x8000).with(|r| {
                    r.authorities = (0..100)
                        .map(|n| Record {
                            owner: vec![0xc0, 0x0c],
                            ..Record::new(DOMAIN, NS, 1, wire(&format!("n{n}.example")))
                        })
                        .collect();
                }))],
                "",
                "MX_LOOKUP_ERROR NS_NO_ADDRESS",
            ),
            rules("a child that names nobody", vec![Rule::at(DOMAIN, NS, [Send(Reply::of([]))])], "mx", GOOD),
            rules(
                "a child that names hundreds",
                vec![Rule::at(
                    DOMAIN,
                    NS,
                    [Send(Reply::of((0..200).map(|n| Record {
                        owner: vec![0xc0, 0x0c],
                        ..Record::new(DOMAIN, NS, 1, wire(&format!("n{n}.x")))
                    })))],
                )],
                "mx",
                "MX_OURS_ONLY NS_NO_ADDRESS",
            ),
            rules(
                "a child of odd bytes",
                vec![Rule::at(
                    DOMAIN,
                    NS,
                    [Send(Reply::of([Record::new(DOMAIN, NS, 1, wire_labels(&[b"\x1b[31m\0", b"example"]))]))],
                )],
                "mx",
                "MX_OURS_ONLY NS_NO_ADDRESS",
            ),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resolvers() {
    let text = |text: &'static [u8]| {
        let answer = |name: &str| Send(Reply { flags: QR_RA, ..Reply::of([Record::text(name, text)]) });
        vec![
            Rule::at(DOMAIN, TXT, [answer(DOMAIN)]),
            Rule::at("_dmarc.customer.example", TXT, [answer("_dmarc.customer.example")]),
        ]
    };
    run(
        140,
        vec![
            late(resolver("silence", [], GOOD)),
            resolver("SERVFAIL", [Send(Reply::new(QR_RA | 2))], GOOD),
            late(resolver("garbage", [Bytes(vec![0xff; 512])], GOOD)),
            late(resolver("wrong ids", [Flood(Reply { id: 9, ..Reply::new(QR_RA) }, 50)], GOOD)),
            Row {
                resolver: text(b"v=spf1 \x1b[2J\0\xff include:\x07.example -all"),
                ..rules("SPF of odd bytes", Vec::new(), "mx", GOOD)
            },
            Row { resolver: text(b"v=DMARC1; p=\x1b]0;x\x07"), ..rules("DMARC of odd bytes", Vec::new(), "mx", GOOD) },
        ],
    )
    .await;
}

fn on_tcp(acts: impl IntoIterator<Item = Act>) -> Vec<Rule> {
    vec![Rule::at(DOMAIN, MX, acts).tcp(true), Rule::at(DOMAIN, MX, [Send(cut())]).tcp(false)]
}

fn opt(ttl: u32) -> Record {
    Record { class: 1232, ..Record::new(".", super::lab::hostile_dns::OPT, ttl, Vec::new()) }
}

async fn run(first: u8, rows: Vec<Row>) {
    all(rows.into_iter().zip(first..).map(|(row, number)| misbehave(row, number))).await;
}

/// The servers of one row, all on the same port of their addresses.
struct World {
    port: u16,
    root: HostileDns,
    ns1: HostileDns,
    _ns2: HostileDns,
    resolver: HostileDns,
}

impl World {
    async fn start(row: &Row, number: u8) -> Self {
        let place = |host| at(AREA, number, host);
        let (ns1, ns2): (IpAddr, IpAddr) = (place(1), place(2));
        let servers = [("ns1.customer.example", Some(ns1)), ("ns2.customer.example", Some(ns2))];
        let upper = vec![Rule::any([Send(Reply::referral(DOMAIN, &servers))])];
        let ns = Reply::of(servers.iter().map(|(name, _)| Record::new(DOMAIN, NS, 3600, wire(name))));
        let zone = vec![
            Rule::at(DOMAIN, MX, [Send(ours())]),
            Rule::at(DOMAIN, NS, [Send(ns)]),
            Rule::any([Send(Reply::new(QR_AA))]),
        ];
        let known = |name: &str, address| {
            Rule::at(name, A, [Send(Reply { flags: QR_RA, ..Reply::of([Record::address(name, address)]) })])
        };
        let seen = vec![
            Rule::at(DOMAIN, MX, [Send(Reply { flags: QR_RA, ..ours() })]),
            known("mx1.gateway.example", place(25)),
            known("ns1.customer.example", ns1),
            known("ns2.customer.example", ns2),
            Rule::any([Send(Reply::new(QR_RA))]),
        ];
        let with = |odd: &Vec<Rule>, sound: &Vec<Rule>| odd.iter().chain(sound).cloned().collect::<Vec<_>>();
        for _ in 0..50 {
            let listener = tokio::net::TcpListener::bind((place(3), 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let start = |host, tcp, rules| HostileDns::start(SocketAddr::new(place(host), port), tcp, rules);
            if let (Ok(root), Ok(ns1), Ok(ns2), Ok(resolver)) = (
                start(3, true, with(&row.root, &upper)).await,
                start(1, row.tcp, with(&row.ns1, &zone)).await,
                start(2, true, zone.clone()).await,
                start(11, true, with(&row.resolver, &seen)).await,
            ) {
                return Self { port, root, ns1, _ns2: ns2, resolver };
            }
        }
        panic!("no free port");
    }
}

/// Complaints about one row.
async fn misbehave(row: Row, number: u8) -> Vec<String> {
    let world = World::start(&row, number).await;
    let config = ProbeConfig {
        resolvers: vec![world.resolver.address],
        roots: vec![world.root.address],
        dns_port: world.port,
        dns_timeout_ms: u64::try_from(row.patience.as_millis()).unwrap(),
        // No policy server: port 1 of loopback is closed.
        https_port: 1,
        ..probe_config()
    };
    let prober = Prober::new(&config, &gateway_config(), Arc::new(SystemClock)).unwrap();
    let domain: DomainName = DOMAIN.parse().unwrap();
    let test_mailbox = format!("postmaster@{domain}");
    let task = ServerTask { domain: domain.clone(), servers: Vec::new(), test_mailbox, hosted: false };
    let both = async { tokio::join!(prober.mx_round(&domain), prober.lint(&task)) };
    let Ok((round, policies)) = tokio::time::timeout(FUSE, both).await else {
        return vec![format!("{}: it does not end", row.what)];
    };
    let mut wrong = unsafe_to_keep("round", &round, KEPT);
    wrong.extend(unsafe_to_keep("policies", &policies, KEPT));
    wrong.extend(judged(&row, &round, &policies));
    for (server, name) in [(&world.root, "root"), (&world.ns1, "ns1")] {
        let asked = server.asked();
        if asked.len() > QUESTIONS || asked.iter().any(|q| q.recursion) {
            wrong.push(format!("{name} was asked {} times: {asked:?}", asked.len()));
        }
    }
    wrong.into_iter().map(|complaint| format!("{}: {complaint}", row.what)).collect()
}

fn judged(row: &Row, round: &DnsRound, policies: &LintObservation) -> Vec<String> {
    let hosts = vec!["mx1.gateway.example".parse().unwrap()];
    let judged = mx::judge(round, &Expected { gateway_hosts: hosts.clone(), ..Expected::default() });
    let context = LintContext { gateway_hosts: hosts, now: Timestamp::UNIX_EPOCH, ..LintContext::default() };
    let lint = lint::judge(policies, Some(round), &context);
    let mut wrong = unsafe_to_keep("findings", &judged.findings, 50_000);
    wrong.extend(unsafe_to_keep("lint", &lint, 50_000));
    let first = round.servers.iter().find(|s| s.name == "ns1.customer.example");
    let kind = first.map(|s| serde_json::to_value(&s.answer).unwrap()["kind"].as_str().unwrap().to_owned());
    let (kind, got, wanted) = (kind.unwrap_or_default(), codes(&judged.findings), expected(row.codes));
    if kind != row.answer || got != wanted {
        let answer = first.map(|s| &s.answer).map(|a| format!("{a:?}").chars().take(200).collect::<String>());
        wrong.push(format!(
            "got {kind} and {got}, wanted {} and {wanted}: {answer:?} {:?}",
            row.answer, round.delegation_error
        ));
    }
    wrong
}
