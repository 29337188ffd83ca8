//! An SMTP server that misbehaves by script, on loopback. A script is data: what the server does when
//! somebody connects, and what it does on each command. It keeps every byte it hears, so that a test
//! can say what must never be sent. One whose greeting begins with TLS is a hostile HTTPS server.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A flood ends here, so that a client without a bound shows in the test and not in the machine.
const FLOOD: usize = 64 << 20;
/// What one connection keeps of the client's bytes.
const KEPT: usize = 1 << 20;

/// What the server does next.
#[derive(Clone)]
pub enum Step {
    /// Bytes as they are.
    Say(Vec<u8>),
    /// One byte at a time, over and over.
    Drip(&'static [u8], Duration),
    /// As fast as it goes, over and over.
    Flood(&'static [u8]),
    /// Inside a greeting: the client must stay silent.
    Pause(Duration),
    /// Takes whatever comes next, unread.
    Swallow,
    /// Takes lines up to an empty one: the head of an HTTP request.
    Request,
    /// Takes lines up to a dot alone: a message.
    Message,
    /// A TLS handshake as server.
    Tls(TlsAcceptor),
    /// Bytes below TLS, where there is a TLS session.
    Raw(&'static [u8]),
    /// Silent, with the connection open.
    Hang,
    Close,
    Reset,
}

pub fn say(text: impl AsRef<[u8]>) -> Step {
    Step::Say(text.as_ref().to_vec())
}

/// Greeting and answers. A command without an answer of its own gets a polite one.
#[derive(Clone)]
pub struct Script {
    greeting: Vec<Step>,
    /// By verb; `EHLO+` is the one inside TLS, `RCPT2` the second recipient.
    on: HashMap<&'static str, Vec<Step>>,
}

impl Script {
    /// A server without STARTTLS that accepts everything.
    pub fn polite() -> Self {
        Self { greeting: vec![say("220 mail.customer.example ESMTP\r\n")], on: HashMap::new() }
    }

    /// One that offers STARTTLS and does `steps` after its 220.
    pub fn starttls(steps: impl IntoIterator<Item = Step>) -> Self {
        let go = [say("220 go ahead\r\n")].into_iter().chain(steps);
        Self::polite().on("EHLO", [say("250-mail.customer.example\r\n250 STARTTLS\r\n")]).on("STARTTLS", go)
    }

    pub fn greeting(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.greeting = steps.into_iter().collect();
        self
    }

    pub fn on(mut self, verb: &'static str, steps: impl IntoIterator<Item = Step>) -> Self {
        self.on.insert(verb, steps.into_iter().collect());
        self
    }

    fn answer(&self, verb: &str) -> Vec<Step> {
        let polite = match verb {
            "EHLO" | "EHLO+" => "250-mail.customer.example\r\n250 SIZE 10240000\r\n",
            "QUIT" => "221 2.0.0 bye\r\n",
            "DATA" => "354 go on\r\n",
            _ => "250 2.0.0 ok\r\n",
        };
        self.on.get(verb).cloned().unwrap_or_else(|| vec![say(polite)])
    }
}

/// One connection as the server heard it.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Who connected.
    pub from: Option<SocketAddr>,
    /// Whole lines with their ends, and whether they came inside TLS.
    pub lines: Vec<(Vec<u8>, bool)>,
    /// More bytes were there when a command was read: the client did not wait for the answer.
    pub pipelined: bool,
    /// Something came while the greeting was not complete.
    pub spoke_first: bool,
    /// Plain bytes that are no command line: a TLS handshake, for example.
    pub swallowed: usize,
}

/// A running server; it stops when dropped.
pub struct HostileSmtp {
    pub address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    most_at_once: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl HostileSmtp {
    pub async fn start(address: SocketAddr, script: Script) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let (ears, most) = (heard.clone(), most_at_once.clone());
        let task = tokio::spawn(async move {
            let mut guests = tokio::task::JoinSet::new();
            let now = Arc::new(AtomicUsize::new(0));
            while let Ok((socket, from)) = listener.accept().await {
                // The end of an earlier connection may not have been noticed here yet.
                let left = async {
                    while now.load(Ordering::SeqCst) > 0 {
                        tokio::task::yield_now().await;
                    }
                };
                let _ = tokio::time::timeout(Duration::from_millis(300), left).await;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let slot = {
                    let mut all = ears.lock().unwrap();
                    all.push(Heard { from: Some(from), ..Heard::default() });
                    all.len() - 1
                };
                let mut guest = Guest { plain: Some(socket), tls: None, input: Vec::new(), heard: ears.clone(), slot };
                let (script, now) = (script.clone(), now.clone());
                guests.spawn(async move {
                    let _ = guest.serve(&script).await;
                    drop(guest);
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Ok(Self { address, heard, most_at_once, task })
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// How many connections were open at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }
}

impl Drop for HostileSmtp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Guest {
    plain: Option<TcpStream>,
    tls: Option<Box<TlsStream<TcpStream>>>,
    input: Vec<u8>,
    heard: Arc<Mutex<Vec<Heard>>>,
    slot: usize,
}

/// The connection is over.
struct Gone;

impl Guest {
    async fn serve(&mut self, script: &Script) -> Result<(), Gone> {
        self.act(&script.greeting).await?;
        let mut recipients = 0;
        loop {
            let line = self.hear().await?;
            let word: String = line.iter().take_while(|b| b.is_ascii_alphabetic()).map(|b| char::from(*b)).collect();
            recipients += usize::from(word == "RCPT");
            let verb = match word.as_str() {
                "EHLO" if self.tls.is_some() => "EHLO+",
                "RCPT" if recipients == 2 => "RCPT2",
                other => other,
            };
            self.act(&script.answer(verb)).await?;
            if word == "QUIT" {
                return Err(Gone);
            }
        }
    }

    async fn act(&mut self, steps: &[Step]) -> Result<(), Gone> {
        for step in steps {
            match step {
                Step::Say(bytes) => self.write(bytes).await?,
                Step::Drip(bytes, every) => loop {
                    for byte in *bytes {
                        self.write(&[*byte]).await?;
                        tokio::time::sleep(*every).await;
                    }
                },
                Step::Flood(bytes) => {
                    let block = bytes.repeat((16 << 10) / bytes.len().max(1) + 1);
                    for _ in 0..FLOOD / block.len() {
                        self.write(&block).await?;
                    }
                }
                Step::Pause(time) => {
                    let socket = self.plain.as_ref().ok_or(Gone)?;
                    if let Ok(Ok(1..)) = tokio::time::timeout(*time, socket.peek(&mut [0])).await {
                        self.note(|heard| heard.spoke_first = true);
                    }
                }
                Step::Swallow => {
                    let count = self.receive().await?;
                    self.input.clear();
                    self.note(|heard| heard.swallowed += count);
                }
                Step::Request => while self.hear().await?.as_slice() != b"\r\n" {},
                Step::Message => while self.hear().await?.as_slice() != b".\r\n" {},
                Step::Tls(acceptor) => {
                    let socket = self.plain.take().ok_or(Gone)?;
                    self.tls = Some(Box::new(acceptor.accept(socket).await.map_err(|_| Gone)?));
                }
                Step::Raw(bytes) => {
                    let below = self.tls.as_mut().map(|tls| tls.get_mut().0);
                    below.ok_or(Gone)?.write_all(bytes).await.map_err(|_| Gone)?;
                }
                Step::Hang => loop {
                    self.receive().await?;
                },
                Step::Close => {
                    if let Some(tls) = &mut self.tls {
                        let _ = tls.shutdown().await;
                    }
                    return Err(Gone);
                }
                Step::Reset => {
                    let socket = self.plain.as_ref().or_else(|| self.tls.as_ref().map(|tls| tls.get_ref().0));
                    let lingers = socket2::SockRef::from(socket.ok_or(Gone)?).set_linger(Some(Duration::ZERO));
                    lingers.unwrap();
                    return Err(Gone);
                }
            }
        }
        Ok(())
    }

    /// One line of the client's, with its end.
    async fn hear(&mut self) -> Result<Vec<u8>, Gone> {
        loop {
            if let Some(end) = self.input.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                let (more, encrypted) = (!self.input.is_empty(), self.tls.is_some());
                self.note(|heard| {
                    heard.pipelined |= more;
                    heard.lines.push((line.clone(), encrypted));
                });
                return Ok(line);
            }
            if self.receive().await.is_err() {
                let rest = std::mem::take(&mut self.input);
                let encrypted = self.tls.is_some();
                if !rest.is_empty() {
                    self.note(|heard| heard.lines.push((rest, encrypted)));
                }
                return Err(Gone);
            }
        }
    }

    async fn receive(&mut self) -> Result<usize, Gone> {
        let mut space = [0; 4096];
        let count = match (&mut self.plain, &mut self.tls) {
            (Some(socket), _) => socket.read(&mut space).await,
            (None, Some(tls)) => tls.read(&mut space).await,
            (None, None) => return Err(Gone),
        };
        match count {
            Ok(count @ 1..) if self.input.len() < KEPT => {
                self.input.extend_from_slice(&space[..count]);
                Ok(count)
            }
            _ => Err(Gone),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let done = match (&mut self.plain, &mut self.tls) {
            (Some(socket), _) => socket.write_all(bytes).await,
            (None, Some(tls)) => match tls.write_all(bytes).await {
                Ok(()) => tls.flush().await,
                error => error,
            },
            (None, None) => return Err(Gone),
        };
        done.map_err(|_| Gone)
    }

    fn note(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.heard.lock().unwrap()[self.slot]);
    }
}
