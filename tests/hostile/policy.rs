//! What an MTA-STS policy server can do to whoever fetches the policy (RFC 8461 §3.3). What cannot be
//! fetched is unknown, never "no policy" and never a policy that allows the gateway.

use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::SystemClock;
use fencepost::config::ProbeConfig;
use fencepost::engine::ports::{Observer, ServerTask};
use fencepost::probe::Prober;
use fencepost_checks::Verdict::{self, Fail, Inconclusive, Pass};
use fencepost_checks::lint::sts::StsWatch;
use fencepost_checks::lint::{self, LintContext};
use fencepost_checks::mx::Expected;
use jiff::Timestamp;

use super::lab::certificates::{Authority, Oddity};
use super::lab::hostile_dns::{A, Act, HostileDns, QR_RA, Record, Reply, Rule, TXT};
use super::lab::hostile_smtp::Step::{Close, Drip, Flood, Hang, Raw, Request, Reset, Swallow, Tls};
use super::lab::hostile_smtp::{HostileSmtp, Script, Step, say};
use super::{DOMAIN, FUSE, all, at, codes, expected, gateway_config, probe_config, unsafe_to_keep};

const AREA: u8 = 74;
/// More than the longest policy that is read.
const KEPT: usize = 100_000;
pub(super) const POLICY_HOST: &str = "mta-sts.customer.example";
const SLOWLY: Duration = Duration::from_millis(20);

const OURS: &str = "version: STSv1\nmode: enforce\nmx: mx1.gateway.example\nmax_age: 604800\n";
const OLD: &str = "version: STSv1\nmode: enforce\nmx: mail.old.example\nmax_age: 604800\n";

pub(super) struct Row {
    pub(super) what: &'static str,
    steps: Vec<Step>,
    code: &'static str,
    verdict: Verdict,
    /// TXT at `_mta-sts`.
    records: Vec<&'static [u8]>,
    pub(super) patience: Duration,
}

/// What the server does once somebody has connected.
pub(super) fn row(
    what: &'static str,
    steps: impl IntoIterator<Item = Step>,
    code: &'static str,
    verdict: Verdict,
) -> Row {
    let records = vec![&b"v=STSv1; id=1;"[..]];
    Row { what, steps: steps.into_iter().collect(), code, verdict, records, patience: Duration::from_secs(20) }
}

/// What cannot be fetched is unknown.
fn unknown(what: &'static str, steps: impl IntoIterator<Item = Step>) -> Row {
    row(what, steps, "STS_UNKNOWN", Inconclusive)
}

fn late(row: Row) -> Row {
    Row { patience: Duration::from_millis(600), ..row }
}

/// A sound answer with these header lines and this body.
fn answer(status: &str, headers: &str, body: &str) -> Step {
    say(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
}

fn ok(body: &str) -> Step {
    answer("200 OK", "Content-Type: text/plain\r\n", body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_and_certificates() {
    let authority = Authority::new(POLICY_HOST);
    let tls = |oddity| Tls(authority.acceptor(oddity));
    let serves = |oddity| [tls(oddity), Request, ok(OURS), Close];
    let rows = vec![
        row("a sound one", serves(Oddity::None), "STS_WAIT", Pass),
        row("only TLS 1.2", serves(Oddity::OldVersion), "STS_WAIT", Pass),
        row("a huge chain", serves(Oddity::HugeChain), "STS_WAIT", Pass),
        unknown("a certificate of another name", serves(Oddity::WrongName)),
        unknown("an expired certificate", serves(Oddity::Expired)),
        unknown("a certificate of the future", serves(Oddity::NotYetValid)),
        unknown("a certificate that nobody signed", serves(Oddity::SelfSigned)),
        unknown("a demand for a client certificate", serves(Oddity::WantsClient)),
        unknown("closes at once", [Close]),
        unknown("resets at once", [Reset]),
        unknown("HTTP without TLS", [Swallow, ok(OURS), Close]),
        unknown("SMTP", [say("220 mail.customer.example ESMTP\r\n"), Hang]),
        unknown("an alert", [Swallow, say(b"\x15\x03\x03\x00\x02\x02\x28"), Close]),
        unknown("closes in the handshake", [Swallow, Close]),
        unknown("resets in the handshake", [Swallow, Reset]),
        late(unknown("hangs in the handshake", [Swallow, Hang])),
        late(unknown("a handshake that drips", [Swallow, Drip(b"\x16\x03\x03\x40\x00", SLOWLY)])),
        unknown("a flood of records", [Swallow, Flood(b"\x16\x03\x03\x00\x04\x02\x00\xff\xff")]),
        unknown("closes after the handshake", [tls(Oddity::None), Close]),
        unknown("resets after the request", [tls(Oddity::None), Request, Reset]),
        unknown("closes after the request", [tls(Oddity::None), Request, Close]),
        late(unknown("hangs after the request", [tls(Oddity::None), Request, Hang])),
        unknown(
            "plain bytes inside the session",
            [tls(Oddity::None), Request, Raw(b"HTTP/1.1 200 OK\r\n\r\nversion: STSv1\n"), Hang],
        ),
    ];
    run(0, &authority, rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers() {
    let authority = Authority::new(POLICY_HOST);
    let tls = || Tls(authority.acceptor(Oddity::None));
    let after = |steps: Vec<Step>| [vec![tls(), Request], steps].concat();
    let unknown = |what, steps| unknown(what, after(steps));
    let to = |status: &str, place: &str| answer(status, &format!("Location: {place}\r\n"), OURS);
    let rows = vec![
        unknown("301 to another host", vec![to("301 Moved Permanently", "https://elsewhere.example/p"), Close]),
        unknown("302 to itself", vec![to("302 Found", "/.well-known/mta-sts.txt"), Close]),
        unknown("307 to plain HTTP", vec![to("307 Temporary Redirect", "http://mta-sts.customer.example/"), Close]),
        unknown("404 with a policy", vec![answer("404 Not Found", "", OURS), Close]),
        unknown("500", vec![answer("500 Internal Server Error", "", "no"), Close]),
        unknown("204", vec![say("HTTP/1.1 204 No Content\r\n\r\n"), Close]),
        unknown("206 with a policy", vec![answer("206 Partial Content", "", OURS), Close]),
        late(unknown("a flood of 100 Continue", vec![Flood(b"HTTP/1.1 100 Continue\r\n\r\n")])),
        unknown("a status line without end", vec![say("HTTP/1.1 200 "), Flood(b"x")]),
        unknown("a status that is none", vec![say("HTTP/1.1 2000 OK\r\n\r\n"), Close]),
        unknown("garbage", vec![say(b"\x00\xff\x1b[2J\r\n\r\n"), Close]),
        unknown("HTTP/0.9", vec![say(OURS), Close]),
        unknown("HTTP/2 unasked", vec![say(b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64"), Hang]),
        unknown("headers without end", vec![say("HTTP/1.1 200 OK\r\n"), Flood(b"X-Header: yes\r\n")]),
        unknown("a header without end", vec![say("HTTP/1.1 200 OK\r\nX-Header: "), Flood(b"yes")]),
        late(unknown("headers that drip", vec![say("HTTP/1.1 200 OK\r\n"), Drip(b"X: y\r\n", SLOWLY)])),
        unknown("a NUL in a header", vec![say("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"), Close]),
        unknown("two lengths", vec![answer("200 OK", "Content-Length: 3\r\n", OURS), Close]),
        unknown("a length that is none", vec![say("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Close]),
        unknown(
            "a body of gigabytes",
            vec![say("HTTP/1.1 200 OK\r\nContent-Length: 8589934592\r\n\r\n"), Flood(b"mx: a\n")],
        ),
        unknown("a body without length and end", vec![say("HTTP/1.1 200 OK\r\n\r\n"), Flood(b"mx: a.example\n")]),
        unknown("a body cut short", vec![say(format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{OURS}")), Close]),
        late(unknown("a body that drips", vec![say("HTTP/1.1 200 OK\r\n\r\n"), Drip(b"version: STSv1\n", SLOWLY)])),
        late(unknown("half a body", vec![say(format!("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{OURS}")), Hang])),
        unknown("chunks for ever", vec![say(CHUNKED), Flood(b"6\r\nmx: a\n\r\n")]),
        unknown("a chunk of a huge size", vec![say(CHUNKED), say("fffffffffffffffff\r\n"), Close]),
        unknown("a chunk without size", vec![say(CHUNKED), say("zz\r\nversion\r\n0\r\n\r\n"), Close]),
        late(unknown("a chunk size without end", vec![say(CHUNKED), Flood(b"0")])),
        unknown("chunk extensions without end", vec![say(CHUNKED), say("5;"), Flood(b"x")]),
        late(unknown("chunks that drip", vec![say(CHUNKED), Drip(b"1\r\nm\r\n", SLOWLY)])),
        unknown("trailers without end", vec![say(CHUNKED), say("0\r\n"), Flood(b"X: y\r\n")]),
        unknown("bytes that are no text", vec![say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xff\xfe\0a"), Close]),
        unknown("compressed unasked", vec![answer("200 OK", "Content-Encoding: gzip\r\n", OURS), Close]),
    ];
    run(40, &authority, rows).await;
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn policies() {
    let authority = Authority::new(POLICY_HOST);
    let tls = || Tls(authority.acceptor(Oddity::None));
    let served = |what, body: &str, code, verdict| row(what, [tls(), Request, ok(body), Close], code, verdict);
    let invalid = |what, body: &str| served(what, body, "STS_INVALID", Pass);
    let html = "<!DOCTYPE html><html><body>Not found</body></html>";
    let rows = vec![
        served("the old exchange alone", OLD, "STS_MISMATCH", Fail),
        row(
            "the old exchange alone, as HTML",
            [tls(), Request, answer("200 OK", "Content-Type: text/html\r\n", OLD), Close],
            "STS_MISMATCH",
            Fail,
        ),
        served("two policies, the wrong one first", &format!("{OLD}{OURS}"), "STS_WAIT", Pass),
        served("mode none, then enforce", &format!("mode: none\n{OLD}"), "STS_OK", Pass),
        served("enforce, then mode none", &format!("{OLD}mode: none\n"), "STS_MISMATCH", Fail),
        served("thousands of exchanges", &(OLD.to_owned() + &"mx: a.example\n".repeat(4000)), "STS_MISMATCH", Fail),
        served("a star alone", &OLD.replace("mail.old.example", "*"), "STS_MISMATCH", Fail),
        served("a star in the middle", &OLD.replace("mail.old", "mx1.*"), "STS_MISMATCH", Fail),
        served("a NUL in the exchange", &OURS.replace("mx1.", "mx1\0."), "STS_MISMATCH", Fail),
        served("escapes in the exchange", &OURS.replace("mx1.", "\u{1b}[2J\u{202e}."), "STS_MISMATCH", Fail),
        served("lines ended by CR LF", &OURS.replace('\n', "\r\n"), "STS_WAIT", Pass),
        served("lines ended by CR", &OURS.replace('\n', "\r"), "STS_INVALID", Pass),
        invalid("nothing", ""),
        invalid("nothing but line ends", &"\n".repeat(5000)),
        invalid("an HTML page", html),
        invalid("no exchange", "version: STSv1\nmode: enforce\nmax_age: 60\n"),
        invalid("another version", &OURS.replace("STSv1", "STSv2")),
        invalid("an age of centuries", &OURS.replace("604800", "99999999999999999999")),
        invalid("a line without colon and with escapes", &format!("{OURS}\u{1b}]0;x\u{7}\u{9b}31m\n")),
        invalid("a byte-order mark", &format!("\u{feff}{OURS}")),
        Row { records: vec![b"v=STSv1; id=1;", b"v=STSv1; id=2;"], ..invalid("two records", OURS) },
        Row { records: vec![b"v=STSv1"], ..invalid("a record without id", OURS) },
        Row { records: vec![b"v=STSv1; id=\x1b[2J;"], ..invalid("a record with a terminal in its id", OURS) },
    ];
    run(90, &authority, rows).await;
}

/// A policy server at an address that must not be reached is not reached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_address_is_left_alone() {
    let authority = Authority::new(POLICY_HOST);
    let tls = Tls(authority.acceptor(Oddity::None));
    let script = Script::polite().greeting([tls, Request, ok(OURS), Close]);
    let server = HostileSmtp::start((at(AREA, 200, 80), 0).into(), script).await.unwrap();
    let refused = row("refused", [], "STS_UNKNOWN", Inconclusive);
    let prober = prober(&refused, 200, &server, &authority, Vec::new()).await;
    let seen = prober.0.lint(&task()).await;
    let judged = judge(&seen);
    assert_eq!((codes_of(&judged), judged.verdict), ("STS_UNKNOWN".to_owned(), Inconclusive), "{:?}", seen.mta_sts);
    assert!(server.heard().is_empty(), "nothing is sent to a refused address");
}

async fn run(first: u8, authority: &Authority, rows: Vec<Row>) {
    all(rows.into_iter().zip(first..).map(|(row, number)| misbehave(row, number, authority))).await;
}

/// Complaints about one row.
pub(super) async fn misbehave(row: Row, number: u8, authority: &Authority) -> Vec<String> {
    let script = Script::polite().greeting(row.steps.iter().cloned());
    let server = HostileSmtp::start((at(AREA, number, 80), 0).into(), script).await.unwrap();
    let (prober, _dns) = prober(&row, number, &server, authority, vec!["127.0.0.0/8".to_owned()]).await;
    let Ok(seen) = tokio::time::timeout(FUSE, prober.lint(&task())).await else {
        return vec![format!("{}: it does not end", row.what)];
    };
    let judged = judge(&seen);
    let mut wrong = unsafe_to_keep("judgement", &judged, 20_000);
    let kept = serde_json::to_string(&seen).unwrap().len();
    if kept > KEPT {
        wrong.push(format!("{kept} bytes are kept"));
    }
    let (got, wanted) = (codes_of(&judged), expected(row.code));
    if got != wanted || judged.verdict != row.verdict {
        wrong.push(format!("got {got} {:?}, wanted {wanted} {:?}: {:?}", judged.verdict, row.verdict, seen.mta_sts));
    }
    wrong.extend(rude(&server));
    wrong.into_iter().map(|complaint| format!("{}: {complaint}", row.what)).collect()
}

/// One request for the policy, and nothing that tells of anybody.
fn rude(server: &HostileSmtp) -> Vec<String> {
    let heard = server.heard();
    let mut wrong = Vec::new();
    if heard.len() > 1 {
        wrong.push(format!("{} connections", heard.len()));
    }
    let allowed = ["get /.well-known/mta-sts.txt http/1.1", "host: mta-sts.customer.example:", "accept: */*", ""];
    for (line, encrypted) in heard.iter().flat_map(|connection| &connection.lines) {
        let text = String::from_utf8_lossy(line).trim_end().to_ascii_lowercase();
        let known = allowed.iter().any(|prefix| text == *prefix || (prefix.ends_with(':') && text.starts_with(prefix)));
        let hello = line.starts_with(b"\x16\x03\x01") && !encrypted;
        if (!known || !encrypted) && !hello {
            wrong.push(format!("it said {text:?}, encrypted: {encrypted}"));
        }
    }
    wrong
}

async fn prober(
    row: &Row,
    number: u8,
    server: &HostileSmtp,
    authority: &Authority,
    allow_targets: Vec<String>,
) -> (Prober, HostileDns) {
    let record = "_mta-sts.customer.example";
    let texts = row.records.iter().map(|text| Record::text(record, text));
    let reply = |reply: Reply| [Act::Send(Reply { flags: QR_RA, ..reply })];
    let rules = vec![
        Rule::at(record, TXT, reply(Reply::of(texts))),
        Rule::at(POLICY_HOST, A, reply(Reply::of([Record::address(POLICY_HOST, server.address.ip())]))),
        Rule::any([Act::Send(Reply::new(QR_RA))]),
    ];
    let dns = HostileDns::start((at(AREA, number, 53), 0).into(), false, rules).await.unwrap();
    let patience = u64::try_from(row.patience.as_millis()).unwrap();
    let config = ProbeConfig {
        resolvers: vec![dns.address],
        https_port: server.address.port(),
        connect_timeout_ms: patience,
        total_timeout_ms: patience,
        extra_roots: Some(authority.roots()),
        allow_targets,
        ..probe_config()
    };
    (Prober::new(&config, &gateway_config(), Arc::new(SystemClock)).unwrap(), dns)
}

fn task() -> ServerTask {
    let test_mailbox = format!("postmaster@{DOMAIN}");
    ServerTask { domain: DOMAIN.parse().unwrap(), servers: Vec::new(), test_mailbox, hosted: false }
}

fn judge(seen: &fencepost_checks::observation::LintObservation) -> fencepost_checks::Judgement {
    let gateway_hosts = vec!["mx1.gateway.example".parse().unwrap()];
    let mut sts = StsWatch::default();
    sts.observe(seen, &Expected { gateway_hosts: gateway_hosts.clone(), ..Expected::default() });
    lint::judge(seen, None, &LintContext { gateway_hosts, sts, now: Timestamp::UNIX_EPOCH, ..LintContext::default() })
}

fn codes_of(judged: &fencepost_checks::Judgement) -> String {
    let about: Vec<_> = judged.findings.iter().filter(|f| f.code.as_str().starts_with("STS_")).cloned().collect();
    codes(&about)
}
