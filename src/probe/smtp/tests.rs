//! Dialogues with servers that misbehave on purpose, over loopback.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fencepost_checks::observation::VantageRole;
use fencepost_checks::observation::smtp::StageOutcome;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::dialogue::{Depth, Mailbox, Plan, Times, talk};
use super::*;
use crate::clock::{SharedClock, SystemClock};
use crate::probe::tls::Trust;
use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, Stage, StageRecord, Vantage};

const HOST: &str = "mail.customer.example";

/// What the server does next.
#[derive(Clone)]
enum Act {
    Say(Vec<u8>),
    /// Waits for one line of the client's.
    Hear,
    /// Says it byte by byte, for ever slower than the prober waits.
    Drip(&'static [u8]),
    /// Repeats until the client goes away.
    Flood(&'static [u8]),
    Tls(TlsAcceptor),
    /// Keeps the connection open and silent.
    Hang,
}

fn say(text: &str) -> Act {
    Act::Say(text.as_bytes().to_vec())
}

/// A server with one script a connection. What it heard is kept.
struct Server {
    peer: std::net::SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = heard.clone();
        tokio::spawn(async move {
            for script in scripts {
                let (socket, _) = listener.accept().await.unwrap();
                act(socket, script.into(), &ears).await;
            }
        });
        Self { peer, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

type Script = std::collections::VecDeque<Act>;

trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

async fn act(socket: tokio::net::TcpStream, mut script: Script, heard: &Mutex<Vec<String>>) {
    let mut stream: BufReader<Box<dyn Socket>> = BufReader::new(Box::new(socket));
    while let Some(next) = script.pop_front() {
        let done = match next {
            Act::Say(bytes) => stream.write_all(&bytes).await,
            Act::Hear => {
                let mut line = String::new();
                let outcome = stream.read_line(&mut line).await.map(drop);
                heard.lock().unwrap().push(line.trim_end().to_owned());
                outcome
            }
            Act::Drip(bytes) => loop {
                for byte in bytes {
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            },
            Act::Flood(bytes) => loop {
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            },
            Act::Tls(acceptor) => match acceptor.accept(stream.into_inner()).await {
                Ok(tls) => {
                    stream = BufReader::new(Box::new(tls));
                    Ok(())
                }
                Err(_) => return,
            },
            Act::Hang => stream.read_to_end(&mut Vec::new()).await.map(drop),
        };
        if done.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// An authority, an acceptor with a certificate for `name`, and the file to trust it by.
fn authority(name: &str) -> (tempfile::TempDir, PathBuf, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.pem");
    std::fs::write(&file, issuer.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (folder, file, TlsAcceptor::from(Arc::new(config)))
}

fn plan(peer: std::net::SocketAddr) -> Plan {
    let domain = "customer.example".parse().unwrap();
    Plan {
        vantage: Vantage { id: "egress-127.0.0.1".to_owned(), role: VantageRole::Egress, address: None },
        source: Source::Bound("127.0.0.1".parse().unwrap()),
        host: HOST.to_owned(),
        peer,
        standby: false,
        ehlo_name: "probe.gateway.example".parse().unwrap(),
        depth: Depth::Recipients(vec![
            (Stage::RcptTest, Mailbox::parse("test@customer.example").unwrap()),
            (Stage::RcptPostmaster, Mailbox::postmaster(&domain).unwrap()),
        ]),
        sender: None,
        digests: false,
        times: Times {
            connect: Duration::from_millis(2000),
            banner: Duration::from_millis(400),
            stage: Duration::from_millis(400),
            total: Duration::from_millis(5000),
        },
    }
}

async fn run(plan: &Plan, roots: Option<&PathBuf>) -> SmtpDialogue {
    let clock: SharedClock = Arc::new(SystemClock);
    talk(plan, &Trust::new(roots.map(PathBuf::as_path)).unwrap(), &clock).await
}

async fn probe(scripts: Vec<Vec<Act>>) -> (SmtpDialogue, Server) {
    let server = Server::start(scripts).await;
    (run(&plan(server.peer), None).await, server)
}

/// Replies of a server without STARTTLS, one before each thing it hears.
fn polite(banner: &str, ehlo: &str) -> Vec<Act> {
    let mut script = vec![say(banner)];
    for reply in [ehlo, "250 ok\r\n", "250 2.1.5 ok\r\n", "550 5.1.1 no such user\r\n", "250 reset\r\n", "221 bye\r\n"]
    {
        script.extend([Act::Hear, say(reply)]);
    }
    script
}

/// What came after connecting.
fn codes(seen: &SmtpDialogue) -> Vec<(Stage, u16)> {
    let code = |outcome: &StageOutcome| match outcome {
        StageOutcome::Reply { reply } => reply.code,
        StageOutcome::Done => 1,
        _ => 0,
    };
    seen.stages.iter().filter(|s| s.stage != Stage::Connect).map(|s| (s.stage, code(&s.outcome))).collect()
}

fn last(seen: &SmtpDialogue) -> (Stage, &StageOutcome) {
    seen.stages.last().map(|s| (s.stage, &s.outcome)).unwrap()
}

#[tokio::test]
async fn a_whole_dialogue_never_reaches_data() {
    let (seen, server) =
        probe(vec![polite("220-a\r\n220 b ESMTP\r\n", "250-b\r\n250-SIZE 10\r\n250 8BITMIME\r\n")]).await;
    assert_eq!(
        codes(&seen),
        [
            (Stage::Banner, 220),
            (Stage::Ehlo, 250),
            (Stage::MailFrom, 250),
            (Stage::RcptTest, 250),
            (Stage::RcptPostmaster, 550),
            (Stage::Rset, 250),
            (Stage::Quit, 221)
        ]
    );
    assert_eq!(seen.capabilities, ["SIZE 10", "8BITMIME"]);
    assert_eq!(
        server.heard(),
        [
            "EHLO probe.gateway.example",
            "MAIL FROM:<>",
            "RCPT TO:<test@customer.example>",
            "RCPT TO:<postmaster@customer.example>",
            "RSET",
            "QUIT"
        ]
    );
    insta::assert_snapshot!(seen.transcript.join("\n"));
}

#[tokio::test]
async fn loose_wire_forms_are_understood_and_kept() {
    let (seen, _) = probe(vec![polite("220\n", "250-\x1b[2J\n250-STARTTL\n250\n")]).await;
    assert_eq!(last(&seen).0, Stage::Quit);
    assert!(seen.transcript.iter().all(|line| !line.chars().any(char::is_control)), "{:?}", seen.transcript);
    let mut raw = polite("220 x\r\n", "");
    raw[2] = Act::Say(b"250-caf\xe9\r\n250 HELP\r\n".to_vec());
    let (seen, _) = probe(vec![raw]).await;
    assert_eq!(last(&seen).0, Stage::Quit);
    assert!(seen.transcript.contains(&"S: 250-caf\\xe9".to_owned()));
}

#[tokio::test]
async fn an_old_server_is_greeted_with_helo() {
    let mut script = polite("220 old\r\n", "502 what?\r\n");
    script.splice(3..3, [Act::Hear, say("250 hello\r\n")]);
    let (seen, server) = probe(vec![script]).await;
    assert_eq!(codes(&seen)[1..4], [(Stage::Ehlo, 502), (Stage::Ehlo, 250), (Stage::MailFrom, 250)]);
    assert_eq!(server.heard()[1], "HELO probe.gateway.example");
}

#[tokio::test]
async fn tls_facts_are_recorded_and_the_session_goes_on() {
    let (_folder, roots, acceptor) = authority(HOST);
    let mut script = vec![say("220 x\r\n"), Act::Hear, say("250-x\r\n250 STARTTLS\r\n"), Act::Hear, say("220 go\r\n")];
    script.push(Act::Tls(acceptor));
    script.extend(polite("", "250-x\r\n250 SIZE 5\r\n").into_iter().skip(1));
    let server = Server::start(vec![script.clone(), script]).await;

    let seen = run(&plan(server.peer), Some(&roots)).await;
    assert_eq!(
        codes(&seen)[1..5],
        [(Stage::Ehlo, 250), (Stage::Starttls, 220), (Stage::Certificate, 1), (Stage::EhloTls, 250)]
    );
    assert_eq!(last(&seen).0, Stage::Quit);
    let tls = seen.tls.unwrap();
    assert_eq!((tls.version.as_str(), tls.name_matches, tls.chain_error), ("TLSv1.3", true, None));
    assert_eq!((tls.names, seen.capabilities), (vec![HOST.to_owned()], vec!["SIZE 5".to_owned()]));

    let mut elsewhere = plan(server.peer);
    elsewhere.host = "other.example".to_owned();
    let seen = run(&elsewhere, None).await;
    assert_eq!(last(&seen).0, Stage::Quit, "a bad certificate does not end an opportunistic session");
    let tls = seen.tls.unwrap();
    assert!(!tls.name_matches);
    assert!(tls.chain_error.unwrap().contains("trusted root"));
}

#[tokio::test]
async fn plain_text_after_starttls_stops_the_dialogue() {
    let script = vec![
        say("220 x\r\n"),
        Act::Hear,
        say("250-x\r\n250 STARTTLS\r\n"),
        Act::Hear,
        say("220 go\r\n250 injected\r\n"),
        Act::Hear,
    ];
    let (seen, server) = probe(vec![script]).await;
    assert_eq!(last(&seen), (Stage::Starttls, &StageOutcome::TlsInjection));
    assert_eq!(server.heard().get(2).map_or("", String::as_str), "", "nothing is said after it");
}

#[tokio::test]
async fn a_failing_handshake_is_followed_by_plain_text() {
    let broken = vec![
        say("220 x\r\n"),
        Act::Hear,
        say("250-x\r\n250 STARTTLS\r\n"),
        Act::Hear,
        say("220 go\r\n"),
        Act::Hear,
        say("this is no TLS at all, and long enough to be sure of it\r\n"),
    ];
    let (seen, server) = probe(vec![broken, polite("220 x\r\n", "250-x\r\n250 STARTTLS\r\n")]).await;
    assert!(
        seen.stages
            .iter()
            .any(|s| s.stage == Stage::Certificate && matches!(&s.outcome, StageOutcome::TlsFailed { .. }))
    );
    assert_eq!(last(&seen).0, Stage::Quit);
    assert_eq!(server.heard().iter().filter(|l| *l == "STARTTLS").count(), 1);
    assert!(seen.tls.is_none());
}

#[tokio::test]
async fn endless_servers_are_cut_off() {
    for (act, stage) in [
        (Act::Hang, "timed_out"),
        (Act::Drip(b"220-a\r\n"), "timed_out"),
        (Act::Flood(b"220-a\r\n"), "more than 100 lines"),
        (Act::Flood(b"22"), "a line of more than"),
        (Act::Flood(b"\n"), "not an SMTP reply"),
    ] {
        let (seen, _server) = probe(vec![vec![act]]).await;
        let (at, outcome) = last(&seen);
        assert_eq!(at, Stage::Banner);
        let text = serde_json::to_string(outcome).unwrap();
        assert!(text.contains(stage), "{text}");
    }
}

#[tokio::test]
async fn the_whole_dialogue_is_bounded_too() {
    // Every stage is fast enough by itself; together they are not.
    let server = Server::start(vec![vec![say("220 x\r\n"), Act::Hear, Act::Hang]]).await;
    let mut plan = plan(server.peer);
    plan.times.stage = Duration::from_secs(3600);
    plan.times.total = Duration::from_millis(300);
    let seen = run(&plan, None).await;
    assert!(matches!(last(&seen), (Stage::Ehlo, StageOutcome::TimedOut { .. })));
}

#[tokio::test]
async fn a_server_may_leave_at_any_point() {
    let whole = polite("220 x\r\n", "250 x\r\n");
    let stages =
        [Stage::Banner, Stage::Ehlo, Stage::MailFrom, Stage::RcptTest, Stage::RcptPostmaster, Stage::Rset, Stage::Quit];
    for (index, stage) in stages.into_iter().enumerate() {
        let (seen, _) = probe(vec![whole[..index * 2].to_vec()]).await;
        assert_eq!(last(&seen), (stage, &StageOutcome::Closed));
    }
}

#[tokio::test]
async fn other_protocols_and_refusals_are_told_apart() {
    let (ssh, _) = probe(vec![vec![say("SSH-2.0-OpenSSH_9.2\r\n"), Act::Hang]]).await;
    assert!(matches!(last(&ssh), (Stage::Banner, StageOutcome::Protocol { detail, .. }) if detail.contains("SSH-2.0")));
    let (no, server) = probe(vec![vec![say("554 go away\r\n"), Act::Hear, say("221 bye\r\n")]]).await;
    assert_eq!(codes(&no), [(Stage::Banner, 554), (Stage::Quit, 221)]);
    assert_eq!(server.heard(), ["QUIT"]);
    let (bye, server) = probe(vec![vec![say("220 x\r\n"), Act::Hear, say("421 too many\r\n"), Act::Hear]]).await;
    assert_eq!(codes(&bye), [(Stage::Banner, 220), (Stage::Ehlo, 421)]);
    assert_eq!(server.heard().len(), 1);
    let (shifted, _) = probe(vec![vec![say("220 x\r\n250 y\r\n"), Act::Hear]]).await;
    assert!(
        matches!(last(&shifted), (Stage::Ehlo, StageOutcome::Protocol { detail, .. }) if detail.contains("more than it was asked"))
    );
}

#[tokio::test]
async fn a_knock_ends_after_the_whole_banner() {
    let server = Server::start(vec![vec![say("220-a\r\n220 b\r\n"), Act::Hear, say("221 bye\r\n")]]).await;
    let mut plan = plan(server.peer);
    plan.depth = Depth::Banner;
    let seen = run(&plan, None).await;
    assert_eq!(codes(&seen), [(Stage::Banner, 220), (Stage::Quit, 221)]);
    assert_eq!(server.heard(), ["QUIT"]);
}

#[tokio::test]
async fn connections_fail_in_different_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut closed = plan(listener.local_addr().unwrap());
    drop(listener);
    let refused = run(&closed, None).await;
    assert_eq!(refused.connect, ConnectOutcome::Refused);
    let [StageRecord { stage: Stage::Connect, outcome: StageOutcome::Failed { detail }, .. }] = &refused.stages[..]
    else {
        panic!("connecting is a stage of its own: {:?}", refused.stages)
    };
    assert_eq!(detail, "refused");
    closed.source = Source::Bound("192.0.2.1".parse().unwrap());
    let ConnectOutcome::VantageFault { detail } = run(&closed, None).await.connect else { panic!("a fault of ours") };
    assert!(detail.contains("192.0.2.1 is not usable on this host"), "{detail}");
}

#[tokio::test]
async fn a_sender_is_named_where_the_plan_has_one() {
    let server = Server::start(vec![polite("220 b ESMTP\r\n", "250 b\r\n")]).await;
    let sender = Mailbox::parse("probe@spf-test.gateway.example");
    run(&Plan { sender, ..plan(server.peer) }, None).await;
    assert!(server.heard().contains(&"MAIL FROM:<probe@spf-test.gateway.example>".to_owned()), "{:?}", server.heard());
}

/// What `fuzz/run` found or began with.
#[test]
fn the_corpus_of_the_guard_holds() {
    crate::corpus::replay("smtp_guard", properties::check);
}
