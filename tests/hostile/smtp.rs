//! What an SMTP server can do to whoever talks to it.

use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::SystemClock;
use fencepost::config::ProbeConfig;
use fencepost::engine::ports::{Observer, ServerTask};
use fencepost::order::MailServer;
use fencepost::probe::Prober;
use fencepost_checks::Verdict::{self, Fail, Inconclusive, Pass};
use fencepost_checks::observation::SmtpDialogue;
use fencepost_checks::smtp::{self, SmtpContext};
use jiff::Timestamp;

use super::lab::certificates::{Authority, Oddity};
use super::lab::hostile_dns::{A, Act, HostileDns, QR_RA, Record, Reply, Rule};
use super::lab::hostile_smtp::Step::{Close, Drip, Flood, Hang, Pause, Raw, Reset, Swallow, Tls};
use super::lab::hostile_smtp::{HostileSmtp, Script, Step, say};
use super::{DOMAIN, FUSE, SERVER, all, at, codes, expected, gateway_config, probe_config, unsafe_to_keep};

const AREA: u8 = 72;
/// Much more than any dialogue of these tests needs, and much less than a flood brings.
const KEPT: usize = 200_000;

pub(super) struct Row {
    pub(super) what: &'static str,
    script: Script,
    /// `TLS_ABSENT` is left out where it is not asked for: most scripts are in plain text.
    codes: &'static str,
    verdict: Verdict,
    /// Stages wait this long. Short where the server never answers.
    patience: Duration,
    pub(super) trusted: Option<std::path::PathBuf>,
}

pub(super) fn row(what: &'static str, script: Script, codes: &'static str, verdict: Verdict) -> Row {
    Row { what, script, codes, verdict, patience: Duration::from_secs(20), trusted: None }
}

/// A row whose server makes the prober wait in vain.
fn late(what: &'static str, script: Script, codes: &'static str, verdict: Verdict) -> Row {
    Row { patience: Duration::from_millis(500), ..row(what, script, codes, verdict) }
}

pub(super) fn greets(steps: impl IntoIterator<Item = Step>) -> Script {
    Script::polite().greeting(steps)
}

pub(super) fn on(verb: &'static str, steps: impl IntoIterator<Item = Step>) -> Script {
    Script::polite().on(verb, steps)
}

pub(super) fn starttls(steps: impl IntoIterator<Item = Step>) -> Script {
    Script::starttls(steps)
}

const SLOWLY: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn greetings() {
    run(
        0,
        vec![
            late("silence", greets([Hang]), "SMTP_NO_BANNER", Inconclusive),
            row("closes at once", greets([Close]), "SMTP_NO_BANNER", Inconclusive),
            row("resets at once", greets([Reset]), "SMTP_NO_BANNER", Inconclusive),
            row("closes in the middle of the code", greets([say("22"), Close]), "SMTP_NO_BANNER", Inconclusive),
            late("drips for ever", greets([Drip(b"220-a\r\n", SLOWLY)]), "SMTP_NO_BANNER", Inconclusive),
            late("never ends its line", greets([say("220 x\r"), Hang]), "SMTP_NO_BANNER", Inconclusive),
            row("floods with lines", greets([Flood(b"220-a\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
            row("floods with digits", greets([Flood(b"22")]), "SMTP_PROTOCOL_ERROR", Fail),
            row("floods with nothing but line ends", greets([Flood(b"\r\n")]), "SMTP_WRONG_PROTOCOL", Fail),
            row("floods with zeros", greets([Flood(b"\0")]), "SMTP_WRONG_PROTOCOL", Fail),
            row("a line of a megabyte", greets([say(long_line())]), "SMTP_PROTOCOL_ERROR", Fail),
            row("two codes in one greeting", greets([say("220-a\r\n250 b\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
            row("code 354", greets([say("354 go on\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
            row("code 199", greets([say("199 x\r\n"), Hang]), "SMTP_WRONG_PROTOCOL", Fail),
            row("code 999", greets([say("999 x\r\n"), Hang]), "SMTP_WRONG_PROTOCOL", Fail),
            row(
                "HTTP",
                greets([say("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"), Close]),
                "SMTP_WRONG_PROTOCOL",
                Fail,
            ),
            row("SSH", greets([say("SSH-2.0-OpenSSH_9.2p1\r\n"), Hang]), "SMTP_WRONG_PROTOCOL", Fail),
            row("POP3", greets([say("+OK ready <1.2@x>\r\n"), Hang]), "SMTP_WRONG_PROTOCOL", Fail),
            row("IMAP", greets([say("* OK IMAP4rev1\r\n"), Hang]), "SMTP_WRONG_PROTOCOL", Fail),
            row("TLS from the start", greets([say(ALERT), Close]), "SMTP_WRONG_PROTOCOL", Fail),
            late("a database", greets([say(b"\x4a\0\0\0\x0b8.0.36\0\x08\0\0\0"), Hang]), "SMTP_WRONG_PROTOCOL", Fail),
            row("421", greets([say("421 too many connections\r\n"), Close]), "SMTP_RATE_LIMITED", Inconclusive),
            row("450", greets([say("450 come back later\r\n")]), "SMTP_TEMP_FAIL", Inconclusive),
            row("554 and a block list", greets([say("554 5.7.1 listed by a dnsbl\r\n")]), "SMTP_POLICY_REJECT", Fail),
            row(
                "NUL, ESC and C1 bytes",
                greets([say(b"220 \0\x1b[2J\x9b31m\xc2\x9b\xe2\x80\xae\r\n")]),
                "SMTP_OK",
                Pass,
            ),
            row("bare LF", greets([say("220 x\n")]), "SMTP_OK", Pass),
            row("a bare code", greets([say("220\r\n")]), "SMTP_OK", Pass),
            row("two greetings", greets([say("220 x\r\n220 y\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
            row(
                "waits before the last line",
                greets([say("220-w\r\n"), Pause(Duration::from_millis(300)), say("220 x\r\n")]),
                "SMTP_OK",
                Pass,
            ),
            row("masks its greeting", greets([say("220 ************2*****\r\n")]), "SMTP_OK SMTP_MIDDLEBOX", Pass),
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_stage() {
    run(
        60,
        vec![
            row("closes at EHLO", on("EHLO", [Close]), "SMTP_EARLY_CLOSE", Inconclusive),
            row("resets at EHLO", on("EHLO", [Reset]), "SMTP_EARLY_CLOSE", Inconclusive),
            late("hangs at EHLO", on("EHLO", [Hang]), "SMTP_TARPIT", Inconclusive),
            late("drips at EHLO", on("EHLO", [Drip(b"250-a\r\n", SLOWLY)]), "SMTP_TARPIT", Inconclusive),
            row("floods at EHLO", on("EHLO", [Flood(b"250-SIZE 1\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
            row("421 at EHLO", on("EHLO", [say("421 no\r\n"), Close]), "SMTP_RATE_LIMITED", Inconclusive),
            row("garbage at EHLO", on("EHLO", [say(b"\xff\xfe\xfd\x1b]0;x\x07\n"), Hang]), "SMTP_PROTOCOL_ERROR", Fail),
            row(
                "EHLO and HELO unknown",
                on("EHLO", [say("502 no\r\n")]).on("HELO", [say("502 no\r\n")]),
                "SMTP_POLICY_REJECT",
                Fail,
            ),
            row(
                "hostile EHLO keywords",
                on("EHLO", [say("250-x\r\n250-\x1b[31mSIZE\0\r\n250-A\rB\r\n250 \u{202e}\r\n")]),
                "SMTP_OK",
                Pass,
            ),
            row("masks EHLO keywords", on("EHLO", [say("250-x\r\n250 XXXXXXXA\r\n")]), "SMTP_OK SMTP_MIDDLEBOX", Pass),
            row(
                "answers ahead",
                on("EHLO", [say("250 x\r\n250 ok\r\n250 ok\r\n250 ok\r\n")]),
                "SMTP_PROTOCOL_ERROR",
                Fail,
            ),
            row("closes at MAIL", on("MAIL", [Close]), "SMTP_EARLY_CLOSE", Inconclusive),
            row("resets at MAIL", on("MAIL", [Reset]), "SMTP_EARLY_CLOSE", Inconclusive),
            late("hangs at MAIL", on("MAIL", [Hang]), "SMTP_TARPIT", Inconclusive),
            row("421 at MAIL", on("MAIL", [say("421 4.7.0 too many\r\n")]), "SMTP_RATE_LIMITED", Inconclusive),
            row("two codes at MAIL", on("MAIL", [say("250-a\r\n550 b\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
            row(
                "refuses MAIL with escapes",
                on("MAIL", [say(b"550 5.7.1 \x1b[2J\x00\r\n")]),
                "SMTP_POLICY_REJECT",
                Fail,
            ),
            row("closes at RCPT", on("RCPT", [Close]), "SMTP_EARLY_CLOSE", Inconclusive),
            row("resets at RCPT", on("RCPT", [Reset]), "SMTP_EARLY_CLOSE", Inconclusive),
            late("hangs at RCPT", on("RCPT", [Hang]), "SMTP_TARPIT", Inconclusive),
            row("421 at RCPT", on("RCPT", [say("421 no\r\n")]), "SMTP_RATE_LIMITED", Inconclusive),
            row(
                "greylists",
                on("RCPT", [say("451 4.7.1 greylisted\r\n")]).on("RCPT2", [say("451 4.7.1 greylisted\r\n")]),
                "SMTP_GREYLISTED",
                Inconclusive,
            ),
            row(
                "invites to DATA at RCPT",
                on("RCPT", [say("354 go on\r\n")]).on("RCPT2", [say("354 go on\r\n")]),
                "SMTP_PROTOCOL_ERROR",
                Fail,
            ),
            row("a megabyte at RCPT", on("RCPT", [say(long_line())]), "SMTP_PROTOCOL_ERROR", Fail),
            row(
                "refuses in a hundred lines",
                on("RCPT", [refusals()]).on("RCPT2", [refusals()]),
                "SMTP_RCPT_REJECTED",
                Fail,
            ),
            row("closes after the first recipient", on("RCPT2", [Close]), "SMTP_OK", Pass),
            late("hangs at RSET", on("RSET", [Hang]), "SMTP_OK", Pass),
            row("421 at RSET", on("RSET", [say("421 no\r\n")]), "SMTP_OK", Pass),
            row("floods at RSET", on("RSET", [Flood(b"250-x\r\n")]), "SMTP_OK", Pass),
            late("hangs at QUIT", on("QUIT", [Hang]), "SMTP_OK", Pass),
            row("resets at QUIT", on("QUIT", [Reset]), "SMTP_OK", Pass),
            row("garbage at QUIT", on("QUIT", [say(b"\x1b[31m\xff\n")]), "SMTP_OK", Pass),
        ],
    )
    .await;
}

/// TLS offered and broken. A second connection without STARTTLS follows, as real senders do, so the
/// server still accepts mail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_tls() {
    let authority = Authority::new(SERVER);
    let tls = || Tls(authority.acceptor(Oddity::None));
    let broken = "SMTP_OK TLS_BROKEN";
    let old = "SMTP_OK TLS_TOO_OLD";
    let mut rows = vec![
        row("refuses STARTTLS", starttls([]).on("STARTTLS", [say("454 4.7.0 not now\r\n")]), broken, Pass),
        row(
            "421 at STARTTLS",
            starttls([]).on("STARTTLS", [say("421 no\r\n")]),
            "SMTP_RATE_LIMITED TLS_BROKEN",
            Inconclusive,
        ),
        row("closes at STARTTLS", starttls([]).on("STARTTLS", [Close]), "SMTP_EARLY_CLOSE TLS_BROKEN", Inconclusive),
        late("hangs at STARTTLS", starttls([]).on("STARTTLS", [Hang]), "SMTP_TARPIT", Inconclusive),
        row(
            "plain text behind the 220",
            starttls([]).on("STARTTLS", [say("220 go\r\n250 injected\r\n"), Hang]),
            "TLS_INJECTION",
            Fail,
        ),
        row(
            "half a line behind the 220",
            starttls([]).on("STARTTLS", [say("220 go\r\n25"), Hang]),
            "TLS_INJECTION",
            Fail,
        ),
        row("closes instead of the handshake", starttls([Close]), broken, Pass),
        row("resets in the handshake", starttls([Swallow, Reset]), broken, Pass),
        late("hangs in the handshake", starttls([Swallow, Hang]), broken, Pass),
        row("SMTP instead of TLS", starttls([Swallow, say("500 what is that?\r\n"), Hang]), broken, Pass),
        row("HTTP instead of TLS", starttls([Swallow, say("HTTP/1.1 400 Bad Request\r\n\r\n"), Close]), broken, Pass),
        row("a record of 64 KiB", starttls([Swallow, say(b"\x16\x03\x03\xff\xff"), Flood(b"\x02")]), broken, Pass),
        row("a flood of records", starttls([Swallow, Flood(b"\x16\x03\x03\x00\x04\x02\x00\xff\xff")]), broken, Pass),
        row("a flood of warnings", starttls([Swallow, Flood(b"\x15\x03\x03\x00\x02\x01\x5a")]), broken, Pass),
        row("a flood of empty records", starttls([Swallow, Flood(b"\x16\x03\x03\x00\x00")]), broken, Pass),
        late("a handshake that drips", starttls([Swallow, Drip(b"\x16\x03\x03\x40\x00", SLOWLY)]), broken, Pass),
        row("alert: handshake failure", starttls([Swallow, say(b"\x15\x03\x03\x00\x02\x02\x28"), Close]), broken, Pass),
        row("alert: protocol version", starttls([Swallow, say(b"\x15\x03\x01\x00\x02\x02\x46"), Close]), old, Pass),
        row("TLS 1.0", starttls([Swallow, say(server_hello(1)), Hang]), old, Pass),
        row("TLS 1.1", starttls([Swallow, say(server_hello(2)), Hang]), old, Pass),
        row("SSL 3", starttls([Swallow, say(server_hello(0)), Hang]), old, Pass),
        row("half a ServerHello", starttls([Swallow, say(&server_hello(3)[..20]), Close]), broken, Pass),
        row("a ServerHello of an unknown cipher", starttls([Swallow, say(server_hello(3)), Hang]), broken, Pass),
        row(
            "a demand for a client certificate",
            starttls([Tls(authority.acceptor(Oddity::WantsClient))]),
            broken,
            Pass,
        ),
        row(
            "plain bytes inside the session",
            starttls([tls(), Raw(b"250 not encrypted at all, long enough\r\n"), Hang]),
            broken,
            Pass,
        ),
        row(
            "a broken record inside the session",
            starttls([tls(), Raw(b"\x17\x03\x03\x00\x20aaaabbbbccccddddaaaabbbbccccdddd"), Hang]),
            broken,
            Pass,
        ),
        row(
            "renegotiation garbage inside the session",
            starttls([tls(), Raw(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"), Hang]),
            broken,
            Pass,
        ),
        row("closes after the handshake", starttls([tls(), Close]), "SMTP_EARLY_CLOSE", Inconclusive),
        row("resets after the handshake", starttls([tls(), Reset]), "SMTP_EARLY_CLOSE", Inconclusive),
        late("hangs at EHLO inside TLS", starttls([tls()]).on("EHLO+", [Hang]), "SMTP_TARPIT", Inconclusive),
        row("floods inside TLS", starttls([tls()]).on("EHLO+", [Flood(b"250-x\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
        row("refuses EHLO inside TLS", starttls([tls()]).on("EHLO+", [say("550 no\r\n")]), "SMTP_POLICY_REJECT", Fail),
        row(
            "offers STARTTLS inside TLS",
            starttls([tls()]).on("EHLO+", [say("250-x\r\n250 STARTTLS\r\n")]),
            "SMTP_OK",
            Pass,
        ),
        row(
            "breaks TLS in the middle",
            starttls([tls()]).on("RCPT", [Raw(b"\x17\x03\x03\x00\x04abcd"), Hang]),
            "SMTP_PROTOCOL_ERROR",
            Fail,
        ),
        row("leaves TLS without good-bye", starttls([tls()]).on("MAIL", [Reset]), "SMTP_EARLY_CLOSE", Inconclusive),
    ];
    for row in &mut rows {
        row.trusted = Some(authority.roots());
    }
    run(100, rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_certificates() {
    let authority = Authority::new(SERVER);
    let row = |what, oddity, codes| Row {
        trusted: Some(authority.roots()),
        ..row(what, starttls([Tls(authority.acceptor(oddity))]), codes, Pass)
    };
    run(
        140,
        vec![
            row("a sound one", Oddity::None, "SMTP_OK"),
            row("only TLS 1.2", Oddity::OldVersion, "SMTP_OK"),
            row("another name", Oddity::WrongName, "SMTP_OK TLS_PKIX"),
            row("expired", Oddity::Expired, "SMTP_OK TLS_PKIX"),
            row("not valid yet", Oddity::NotYetValid, "SMTP_OK TLS_PKIX"),
            row("self-signed", Oddity::SelfSigned, "SMTP_OK TLS_PKIX"),
            row("a huge chain", Oddity::HugeChain, "SMTP_OK"),
            row("thousands of names", Oddity::ManyNames, "SMTP_OK TLS_PKIX"),
            row("control bytes in the subject", Oddity::OddSubject, "SMTP_OK"),
        ],
    )
    .await;
}

/// An address of IPv6 is visited like one of IPv4.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_ipv6() {
    let server = HostileSmtp::start("[::1]:0".parse().unwrap(), Script::polite()).await.unwrap();
    let mut config = probe_config();
    config.allow_targets = vec!["::1/128".to_owned()];
    config.resolvers = vec!["127.0.0.1:1".parse().unwrap()];
    let prober = Prober::new(&config, &gateway_config(), Arc::new(SystemClock)).unwrap();
    let seen = prober.smtp(&task("::1", server.address.port())).await;
    assert_eq!(codes(&judge(&seen).findings), "SMTP_OK TLS_ABSENT");
    assert_eq!(seen[0].peer, Some(server.address));
    config.allow_targets.clear();
    let prober = Prober::new(&config, &gateway_config(), Arc::new(SystemClock)).unwrap();
    let seen = prober.smtp(&task("::1", server.address.port())).await;
    assert_eq!(codes(&judge(&seen).findings), "BLOCKED_TARGET");
    assert_eq!(server.heard().len(), 1, "nothing is sent to a refused address");
}

async fn run(first: u8, rows: Vec<Row>) {
    all(rows.into_iter().zip(first..).map(|(row, number)| misbehave(row, number))).await;
}

/// Complaints about one row.
pub(super) async fn misbehave(row: Row, number: u8) -> Vec<String> {
    let server = HostileSmtp::start((at(AREA, number, 25), 0).into(), row.script.clone()).await.unwrap();
    let address = server.address;
    let dns = resolver(number, address.ip()).await;
    let config = ProbeConfig {
        resolvers: vec![dns.address],
        banner_timeout_ms: u64::try_from(row.patience.as_millis()).unwrap(),
        stage_timeout_ms: u64::try_from(row.patience.as_millis()).unwrap(),
        total_timeout_ms: 40_000,
        extra_roots: row.trusted.clone(),
        ..probe_config()
    };
    let prober = Prober::new(&config, &gateway_config(), Arc::new(SystemClock)).unwrap();
    let Ok(seen) = tokio::time::timeout(FUSE, prober.smtp(&task(SERVER, address.port()))).await else {
        return vec![format!("{}: it does not end", row.what)];
    };
    let judged = judge(&seen);
    let mut wrong = unsafe_to_keep("observation", &seen, KEPT);
    wrong.extend(unsafe_to_keep("judgement", &judged, 20_000));
    let mut findings = judged.findings;
    if !row.codes.contains("TLS_ABSENT") {
        findings.retain(|f| f.code != fencepost_checks::Code::TlsAbsent);
    }
    let (got, wanted) = (codes(&findings), expected(row.codes));
    if got != wanted || judged.verdict != row.verdict {
        let transcript: Vec<_> = seen.iter().flat_map(|d| &d.transcript).take(12).collect();
        wrong.push(format!("got {got} {:?}, wanted {wanted} {:?}: {transcript:#?}", judged.verdict, row.verdict));
    }
    wrong.extend(rude(&server));
    wrong.into_iter().map(|complaint| format!("{}: {complaint}", row.what)).collect()
}

/// What the prober said that it must not say.
fn rude(server: &HostileSmtp) -> Vec<String> {
    let mut wrong = Vec::new();
    let heard = server.heard();
    if server.most_at_once() > 1 || heard.len() > 2 {
        wrong.push(format!("{} connections, {} at the same time", heard.len(), server.most_at_once()));
    }
    let allowed = [
        "EHLO probe.gateway.example",
        "HELO probe.gateway.example",
        "STARTTLS",
        "MAIL FROM:<>",
        "RCPT TO:<test@customer.example>",
        "RCPT TO:<postmaster@customer.example>",
        "RSET",
        "QUIT",
    ];
    for (number, connection) in heard.iter().enumerate() {
        if connection.pipelined || connection.spoke_first {
            wrong.push("it did not wait for its turn".to_owned());
        }
        for (line, encrypted) in &connection.lines {
            let text = String::from_utf8_lossy(line);
            let known = text.strip_suffix("\r\n").is_some_and(|command| allowed.contains(&command));
            // A ClientHello that the server did not take as one.
            let hello = line.starts_with(b"\x16\x03\x01") && !encrypted;
            if !known && !hello {
                wrong.push(format!("it said {text:?}"));
            }
            if number > 0 && text.starts_with("STARTTLS") {
                wrong.push("STARTTLS again after it was broken".to_owned());
            }
        }
    }
    let injected = heard.iter().flat_map(|c| &c.lines).skip_while(|(line, _)| line != b"STARTTLS\r\n").nth(1);
    if let Some((line, false)) = injected
        && heard.len() == 1
        && line != b"QUIT\r\n"
        && !line.starts_with(b"MAIL")
    {
        wrong.push(format!("in plain text after STARTTLS: {:?}", String::from_utf8_lossy(line)));
    }
    wrong
}

/// A resolver that knows the one host.
async fn resolver(number: u8, address: std::net::IpAddr) -> HostileDns {
    let answer = Reply { flags: QR_RA, ..Reply::of([Record::address(SERVER, address)]) };
    let rules = vec![Rule::at(SERVER, A, [Act::Send(answer)]), Rule::any([Act::Send(Reply::new(QR_RA))])];
    HostileDns::start((at(AREA, number, 53), 0).into(), false, rules).await.unwrap()
}

fn task(host: &str, port: u16) -> ServerTask {
    ServerTask {
        domain: DOMAIN.parse().unwrap(),
        servers: vec![MailServer { host: host.to_owned(), port, standby: false }],
        test_mailbox: format!("test@{DOMAIN}"),
        hosted: false,
    }
}

fn judge(seen: &[SmtpDialogue]) -> fencepost_checks::Judgement {
    smtp::judge(seen, &SmtpContext { domain: DOMAIN.parse().unwrap(), now: Timestamp::UNIX_EPOCH })
}

const ALERT: &[u8] = b"\x15\x03\x03\x00\x02\x02\x28";

fn long_line() -> Vec<u8> {
    let mut line = b"220 ".to_vec();
    line.resize(1 << 20, b'x');
    line.extend(b"\r\n");
    line
}

fn refusals() -> Step {
    say((0..99).map(|n| format!("550-5.7.1 line {n} {}\r\n", "y".repeat(200))).collect::<String>() + "550 end\r\n")
}

/// A ServerHello of version 3.`minor` with a cipher that nobody offered since (TLS_RSA_WITH_AES_128_CBC_SHA).
fn server_hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([0x5a; 32]);
    body.extend([0, 0x00, 0x2f, 0]);
    let length = u8::try_from(body.len()).unwrap();
    [&[0x16, 3, minor, 0, length + 4, 2, 0, 0, length][..], &body].concat()
}
