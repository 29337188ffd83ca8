//! Delivery over a real socket to a next hop that refuses, postpones and disappears.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// A next hop that answers RCPT as told and keeps what it took.
#[derive(Default)]
struct Sink {
    /// Answers to RCPT by address, in turn; 250 when there are no more.
    replies: Mutex<HashMap<&'static str, Vec<&'static str>>>,
    /// Envelope and message of each transaction that ended well.
    taken: Mutex<Vec<(Vec<String>, String)>>,
}

impl Sink {
    async fn start(replies: &[(&'static str, &[&'static str])]) -> (Arc<Self>, SmtpNotifier) {
        let sink = Arc::new(Self {
            replies: Mutex::new(replies.iter().map(|(to, all)| (*to, all.to_vec())).collect()),
            ..Self::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let notifier = notifier(listener.local_addr().unwrap().port());
        let serving = Arc::clone(&sink);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sink = Arc::clone(&serving);
                tokio::spawn(async move {
                    let _ = sink.talk(stream).await;
                });
            }
        });
        (sink, notifier)
    }

    async fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut envelope = Vec::new();
        write.write_all(b"220 sink ESMTP\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            let reply = match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => "250 sink".to_owned(),
                "MAIL" => {
                    envelope = vec![line];
                    "250 ok".to_owned()
                }
                "RCPT" => {
                    let to = line.split(['<', '>']).nth(1).unwrap_or_default();
                    let mut replies = self.replies.lock().unwrap();
                    let told = replies.get_mut(to).filter(|left| !left.is_empty()).map(|left| left.remove(0));
                    envelope.push(line.clone());
                    told.unwrap_or("250 ok").to_owned()
                }
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await?;
                    let mut message = String::new();
                    while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
                        message += &line;
                        message.push('\n');
                    }
                    self.taken.lock().unwrap().push((envelope.clone(), message));
                    "250 2.0.0 queued as 4711".to_owned()
                }
                "QUIT" => "221 bye".to_owned(),
                _ => "250 ok".to_owned(),
            };
            write.write_all(format!("{reply}\r\n").as_bytes()).await?;
        }
        Ok(())
    }

    fn recipients(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|(envelope, _)| envelope[1].clone()).collect()
    }
}

fn notifier(port: u16) -> SmtpNotifier {
    let config = NotifyConfig { smarthost: format!("smtp://127.0.0.1:{port}"), ..NotifyConfig::default() };
    SmtpNotifier::new(&config, "https://onboarding.gateway.example").unwrap()
}

fn letter(to: &[&str]) -> Letter {
    let mut letter = sample::letter("connected", crate::words::Language::En).unwrap();
    letter.to = to.iter().map(|to| (*to).to_owned()).collect();
    letter
}

#[tokio::test]
async fn a_notice_arrives_whole() {
    let (sink, notifier) = Sink::start(&[]).await;
    let said = notifier.deliver(&letter(&["Pat <pat@partner.example>"])).await.unwrap();
    assert!(said.contains("pat@partner.example: 250 2.0.0 queued as 4711"), "{said}");
    let taken = sink.taken.lock().unwrap();
    let [(envelope, message)] = taken.as_slice() else { panic!("{taken:?}") };
    assert_eq!(envelope[0], "MAIL FROM:<onboarding@gateway.example>");
    assert_eq!(envelope[1], "RCPT TO:<pat@partner.example>");
    let parts: Vec<&str> = message.matches("Content-Type: text/").collect();
    assert_eq!(parts.len(), 2, "{message}");
    assert!(message.contains("bakery.example of Bakery Lindqvist & Sons is connected."), "{message}");
    assert!(said.starts_with('<') && message.contains(said.split(' ').next().unwrap()), "{said}");
}

#[tokio::test]
async fn one_refused_address_keeps_nobody_else_from_reading() {
    let (sink, notifier) = Sink::start(&[("gone@partner.example", &["550 5.1.1 no such user"])]).await;
    let said = notifier.deliver(&letter(&["gone@partner.example", "pat@partner.example"])).await.unwrap();
    assert!(said.contains("gone@partner.example: refused") && said.contains("5.1.1"), "{said}");
    assert_eq!(sink.recipients(), ["RCPT TO:<pat@partner.example>"]);
}

#[tokio::test]
async fn everybody_refused_is_permanent() {
    let (sink, notifier) = Sink::start(&[("gone@partner.example", &["550 5.1.1 no such user"])]).await;
    let error = notifier.deliver(&letter(&["gone@partner.example"])).await.unwrap_err();
    assert!(matches!(&error, NotifyError::Permanent(why) if why.contains("no such user")), "{error}");
    assert!(sink.recipients().is_empty());
}

#[tokio::test]
async fn a_repetition_goes_only_to_those_who_have_not_got_it() {
    let (sink, notifier) = Sink::start(&[("late@partner.example", &["451 4.7.1 later", "452 4.2.2 full"])]).await;
    let letter = letter(&["pat@partner.example", "late@partner.example"]);
    for _ in 0..2 {
        let error = notifier.deliver(&letter).await.unwrap_err();
        assert!(matches!(error, NotifyError::Transient(_)), "{error}");
        assert_eq!(sink.recipients(), ["RCPT TO:<pat@partner.example>"]);
    }
    notifier.deliver(&letter).await.unwrap();
    assert_eq!(sink.recipients(), ["RCPT TO:<pat@partner.example>", "RCPT TO:<late@partner.example>"]);
    let taken = sink.taken.lock().unwrap();
    assert_eq!(taken[0].1, taken[1].1, "the same message to both");
}

#[tokio::test]
async fn nobody_there_or_no_next_hop_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = notifier(port).deliver(&letter(&["pat@partner.example"])).await.unwrap_err();
    assert!(matches!(error, NotifyError::Transient(_)), "{error}");

    let none = SmtpNotifier::new(&NotifyConfig::default(), "https://x.example").unwrap();
    let error = none.deliver(&letter(&["pat@partner.example"])).await.unwrap_err();
    assert!(matches!(&error, NotifyError::Transient(why) if why.contains("smarthost")), "{error}");
}
