//! LMTP as a mail server speaks it, and as nobody should.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::engine::ports::{Envelope, MailReceipt, TryLater};

#[derive(Default)]
struct Sink {
    taken: Mutex<Vec<(Vec<u8>, Envelope)>>,
    away: AtomicBool,
}

#[async_trait]
impl MailSink for Sink {
    async fn take(&self, raw: Vec<u8>, envelope: Envelope, via: &str) -> Result<MailReceipt, TryLater> {
        assert_eq!(via, "lmtp");
        if self.away.load(Ordering::SeqCst) {
            return Err(TryLater("the store is away".to_owned()));
        }
        self.taken.lock().unwrap().push((raw, envelope));
        Ok(MailReceipt { id: "m1".to_owned(), state: "open".to_owned(), reason: String::new(), copies: 1 })
    }
}

struct Door {
    address: std::net::SocketAddr,
    sink: Arc<Sink>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn door(change: impl FnOnce(&mut Bounds)) -> Door {
    let mut bounds = Bounds::of(&MailConfig { max_message_bytes: 2_000, ..MailConfig::default() });
    bounds.patience = Duration::from_secs(20);
    change(&mut bounds);
    let listener = listen(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    let Listener::Tcp(tcp) = &listener else { panic!("TCP was asked for") };
    let address = tcp.local_addr().unwrap();
    let (sink, stop) = (Arc::new(Sink::default()), CancellationToken::new());
    let task = tokio::spawn(serve(listener, sink.clone(), bounds, stop.clone()));
    Door { address, sink, stop, task }
}

/// Sends everything at once, and reads until the other side closes.
async fn talk(door: &Door, input: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    stream.write_all(input.as_bytes()).await.unwrap();
    let mut output = String::new();
    let _ = stream.read_to_string(&mut output).await;
    output.lines().map(|line| line.get(..3).unwrap_or(line).to_owned()).collect()
}

const START: &str = "LHLO mx\r\n";
/// Greeting and the answer to LHLO.
const STARTED: [&str; 8] = ["220", "250", "250", "250", "250", "250", "250", "250"];

async fn replies(door: &Door, input: &str) -> Vec<String> {
    let all = talk(door, &format!("{START}{input}")).await;
    assert_eq!(all[..8], STARTED, "{all:?}");
    all[8..].to_vec()
}

#[tokio::test]
async fn a_message_is_kept_and_each_recipient_has_its_reply() {
    let door = door(|_| {}).await;
    let input = "XFORWARD ADDR=192.0.2.7 HELO=mx.partner.example\r\nMAIL FROM:<Anna@partner.example> SIZE=40\r\nRCPT TO:<a@x.example>\r\n\
                 RCPT TO:<b@x.example>\r\nDATA\r\nSubject: x\r\n\r\n..one dot\r\n.\r\nQUIT\r\n";
    assert_eq!(replies(&door, input).await, ["250", "250", "250", "250", "354", "250", "250", "221"]);
    let taken = door.sink.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 1, "one message, whoever it is for");
    assert_eq!(taken[0].0, b"Subject: x\r\n\r\n.one dot\r\n");
    let Envelope { sender, client, helo } = &taken[0].1;
    assert_eq!(
        (sender.as_deref(), *client, helo.as_deref()),
        (Some("anna@partner.example"), Some([192, 0, 2, 7].into()), Some("mx.partner.example"))
    );
    door.stop.cancel();
    door.task.await.unwrap();
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_accepted() {
    let door = door(|_| {}).await;
    door.sink.away.store(true, Ordering::SeqCst);
    let input = "MAIL FROM:<>\r\nRCPT TO:<a@x.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    assert_eq!(replies(&door, input).await, ["250", "250", "354", "451", "221"]);
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_the_session_goes_on() {
    let door = door(|bounds| bounds.accepted = vec!["a@x.example".to_owned()]).await;
    let begin = "MAIL FROM:<b@y.example>\r\nRCPT TO:<A@x.example>\r\nDATA\r\n";
    let line = "y".repeat(90);
    let long = format!("{line}\r\n").repeat(30);
    let input = format!(
        "MAIL FROM:<b@y.example> SIZE=999999\r\nMAIL FROM:<b@y.example>\r\nRCPT TO:<nobody@x.example>\r\nDATA\r\nRSET\r\n\
         {begin}{long}.\r\n{begin}bare\nline\r\n.\r\n{begin}{}\r\n.\r\n{begin}fine\r\n.\r\nQUIT\r\n",
        "z".repeat(20_000)
    );
    let expected = [
        "552", "250", "550", "503", "250", "250", "250", "354", "552", "250", "250", "354", "554", "250", "250", "354",
        "554", "250", "250", "354", "250", "221",
    ];
    assert_eq!(replies(&door, &input).await, expected);
    assert_eq!(door.sink.taken.lock().unwrap().len(), 1, "the last one alone");
}

#[tokio::test]
async fn commands_out_of_order_and_endless_ones() {
    let door = door(|_| {}).await;
    assert_eq!(talk(&door, "MAIL FROM:<a@b.example>\r\nEHLO x\r\nQUIT\r\n").await, ["220", "503", "500", "221"]);
    assert_eq!(
        replies(&door, "DATA\r\nRCPT TO:<a@b.example>\r\nBDAT 3\r\nQUIT\r\n").await,
        ["503", "503", "500", "221"]
    );
    let faults = replies(&door, &"X\r\n".repeat(100)).await;
    assert_eq!((faults.len(), faults.last().map(String::as_str)), (22, Some("421")));
    // It is broken off; whether the last words still arrive is up to the network.
    let endless =
        format!("MAIL FROM:<a@b.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n{}", "yyyyyyyy\r\n".repeat(300_000));
    let mut stream = TcpStream::connect(door.address).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let mut rest = Vec::new();
    let begun = format!("{START}{endless}");
    let (_, ended) = tokio::join!(writing.write_all(begun.as_bytes()), reading.read_to_end(&mut rest));
    drop(ended);
    assert!(door.sink.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn too_many_sessions_are_told_to_come_again() {
    let door = door(|bounds| bounds.connections = 1).await;
    let mut first = TcpStream::connect(door.address).await.unwrap();
    let mut greeting = [0; 3];
    first.read_exact(&mut greeting).await.unwrap();
    assert_eq!(talk(&door, "").await, ["421"]);
    drop(first);
}

#[tokio::test]
async fn a_socket_that_a_dead_process_left_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lmtp.sock");
    let address = LmtpAddress::Unix(path.clone());
    drop(listen(&address).await.unwrap());
    assert!(path.exists(), "nobody takes it away");
    let alive = listen(&address).await.unwrap();
    assert!(listen(&address).await.is_err(), "somebody answers there");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    drop(alive);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "a file of somebody's").unwrap();
    assert!(listen(&address).await.is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file of somebody's");
}
