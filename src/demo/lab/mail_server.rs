//! A customer's own mail server, with habits that change while it runs: down, greylisting, a
//! firewall, domains that it accepts. It keeps what it received, so that lost mail can be counted.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::error::{LabResult, While};
use super::firewall::Firewall;
use super::smtp::{MailHost, Message, Reply, serve};
use super::task::Task;
use crate::clock::SharedClock;

/// Messages kept; more are accepted and not kept.
const KEPT: usize = 20_000;
/// Greylisting tuples remembered; beyond that all are forgotten.
const TUPLES: usize = 20_000;
const BACKLOG: u32 = 128;

/// A mail server that listens, or is down.
pub struct MailServer {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    tls: Option<TlsAcceptor>,
    listening: Mutex<Option<Listening>>,
}

struct Listening {
    listener: Arc<TcpListener>,
    task: Task,
    ended: JoinHandle<()>,
}

struct Inner {
    name: String,
    clock: SharedClock,
    habits: Mutex<Habits>,
    seen: Mutex<HashMap<(IpAddr, String, String), Timestamp>>,
    received: Mutex<Vec<Received>>,
}

#[derive(Default)]
struct Habits {
    domains: HashSet<String>,
    greylisting: Option<SignedDuration>,
    firewall: Firewall,
}

/// One message as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub at: Timestamp,
    pub from: IpAddr,
    pub sender: String,
    pub recipients: Vec<String>,
    /// The `Message-ID` header, with its brackets.
    pub message_id: String,
    pub encrypted: bool,
}

impl MailServer {
    /// A server for `domain` that is still down.
    #[must_use]
    pub fn new(name: &str, address: SocketAddr, domain: &str, tls: Option<TlsAcceptor>, clock: SharedClock) -> Self {
        let habits = Habits { domains: HashSet::from([domain.to_ascii_lowercase()]), ..Habits::default() };
        let inner = Inner {
            name: name.to_owned(),
            clock,
            habits: Mutex::new(habits),
            seen: Mutex::default(),
            received: Mutex::default(),
        };
        Self { address, inner: Arc::new(inner), tls, listening: Mutex::default() }
    }

    /// Begins to listen; nothing happens when it does already.
    ///
    /// # Errors
    /// When the address cannot be bound, or the firewall not be set.
    pub fn start(&self) -> LabResult<()> {
        let what = format!("starting the mail server {} on {}", self.inner.name, self.address);
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.is_some() {
            return Ok(());
        }
        let socket = TcpSocket::new_v4().during(&what)?;
        socket.set_reuseaddr(true).during(&what)?;
        socket.bind(self.address).during(&what)?;
        let listener = Arc::new(socket.listen(BACKLOG).during(&what)?);
        self.inner.habits().firewall.apply(&listener).during(&what)?;
        let host: Arc<dyn MailHost> = Arc::<Inner>::clone(&self.inner);
        let (task, ended) = Task::spawn_joined(serve(Arc::clone(&listener), host, self.tls.clone()));
        *listening = Some(Listening { listener, task, ended });
        Ok(())
    }

    /// Goes down: from the return on the port refuses connections; sessions are cut off.
    pub async fn stop(&self) {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Listening { listener, task, ended }) = listening {
            drop((listener, task));
            // Ends with an error because it was aborted; then its socket is closed.
            let _ = ended.await;
        }
    }

    /// Changes the firewall in front of the server.
    ///
    /// # Errors
    /// When the kernel refuses the rule.
    pub fn set_firewall(&self, firewall: Firewall) -> LabResult<()> {
        if let Some(listening) = &*self.listening.lock().unwrap_or_else(PoisonError::into_inner) {
            firewall.apply(&listening.listener).during("setting the firewall of a mail server")?;
        }
        self.inner.habits().firewall = firewall;
        Ok(())
    }

    /// From now on the first attempt of a peer, sender and recipient is put off, and accepted when
    /// it comes again after `delay`. `None` ends that.
    pub fn set_greylisting(&self, delay: Option<SignedDuration>) {
        self.inner.habits().greylisting = delay;
    }

    /// What has arrived so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Inner {
    fn habits(&self) -> std::sync::MutexGuard<'_, Habits> {
        self.habits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this tuple has still to wait.
    fn put_off(&self, peer: IpAddr, sender: &str, recipient: &str) -> bool {
        let Some(delay) = self.habits().greylisting else { return false };
        let now = self.clock.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= TUPLES {
            seen.clear();
        }
        let tuple = (peer, sender.to_ascii_lowercase(), recipient.to_ascii_lowercase());
        let first = *seen.entry(tuple).or_insert(now);
        now.duration_since(first) < delay
    }
}

#[async_trait]
impl MailHost for Inner {
    fn name(&self) -> &str {
        &self.name
    }

    async fn recipient(&self, peer: SocketAddr, sender: &str, recipient: &str) -> Reply {
        let domain = recipient.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
        if !self.habits().domains.contains(&domain) {
            return Reply::new(550, "5.7.1 We do not take mail for that domain");
        }
        if self.put_off(peer.ip(), sender, recipient) {
            return Reply::new(451, "4.7.1 Greylisted, please come again in a few minutes");
        }
        Reply::new(250, "2.1.5 Recipient accepted")
    }

    async fn message(&self, message: Message) -> Reply {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if received.len() < KEPT {
            received.push(Received {
                at: self.clock.now(),
                from: message.peer.ip(),
                message_id: message_id(&message.content),
                sender: message.sender,
                recipients: message.recipients,
                encrypted: message.encrypted,
            });
        }
        Reply::new(250, "2.0.0 Message taken")
    }
}

/// The `Message-ID` of a message; empty where there is none.
fn message_id(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    let headers = text.split("\r\n\r\n").next().unwrap_or_default();
    let value = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("message-id").then(|| value.trim().to_owned())
    });
    value.unwrap_or_default()
}
