//! The mailbox in which every notice arrives, whoever it is for: the smarthost of the
//! demonstration. It parses what it gets, so that people can wait for a message and read it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use mail_parser::MessageParser;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::error::{LabResult, While};
use super::smtp::{MailHost, Message, Reply, serve};
use super::task::Task;
use crate::clock::Clock;
use crate::demo::agenda::{Agenda, Busy};

/// Messages kept; further ones are refused, which a run shows as notices that stay in the outbox.
const KEPT: usize = 50_000;

/// A notice as somebody reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub at: Timestamp,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub message_id: String,
    /// Header lines in their order, unfolded.
    pub headers: Vec<(String, String)>,
}

impl Mail {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A running mailbox; it stops when dropped.
pub struct Mailbox {
    pub address: SocketAddr,
    inner: Arc<Inner>,
    _task: Task,
}

struct Inner {
    agenda: Agenda,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mails: Vec<Arc<Mail>>,
    waiting: Vec<Waiting>,
}

type Wanted = Box<dyn Fn(&Mail) -> bool + Send>;

struct Waiting {
    wanted: Wanted,
    found: oneshot::Sender<(usize, Arc<Mail>, Busy)>,
}

impl Mailbox {
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr, agenda: Agenda) -> LabResult<Self> {
        let listener = TcpListener::bind(address).await.during(&format!("binding the mailbox on {address}"))?;
        let inner = Arc::new(Inner { agenda, state: Mutex::default() });
        let host: Arc<dyn MailHost> = Arc::<Inner>::clone(&inner);
        let task = Task::spawn(serve(Arc::new(listener), host, None));
        Ok(Self { address, inner, _task: task })
    }

    /// The first wanted message at or after position `from`, with its position; time goes on while
    /// none is there, and stands still from the moment it arrives.
    pub async fn wait(
        &self,
        from: usize,
        held: Option<Busy>,
        wanted: impl Fn(&Mail) -> bool + Send + 'static,
    ) -> (usize, Arc<Mail>, Busy) {
        let receiver = {
            let mut state = self.inner.state();
            let here = state.mails.iter().enumerate().skip(from).find(|(_, mail)| wanted(mail));
            if let Some((position, mail)) = here {
                let busy = held.unwrap_or_else(|| self.inner.agenda.busy());
                return (position, Arc::clone(mail), busy);
            }
            let (found, receiver) = oneshot::channel();
            state.waiting.push(Waiting { wanted: Box::new(wanted), found });
            receiver
        };
        drop(held);
        match receiver.await {
            Ok(found) => found,
            // Only when the mailbox itself is gone: then nothing will ever come.
            Err(_) => std::future::pending().await,
        }
    }

    /// Every message so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Arc<Mail>> {
        self.inner.state().mails.clone()
    }

    /// For somebody who reads what arrives, and nothing else.
    #[must_use]
    pub fn letters(&self) -> Letters {
        Letters(Arc::clone(&self.inner))
    }
}

/// What has arrived in a mailbox. Cheap to clone.
#[derive(Clone)]
pub struct Letters(Arc<Inner>);

impl Letters {
    /// Every message so far, the oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Mail>> {
        self.0.state().mails.clone()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MailHost for Inner {
    fn name(&self) -> &str {
        "mailbox.example"
    }

    async fn recipient(&self, _peer: SocketAddr, _sender: &str, _recipient: &str) -> Reply {
        Reply::new(250, "2.1.5 Recipient accepted")
    }

    async fn message(&self, message: Message) -> Reply {
        let Some(mail) = parse(&message, self.agenda.now()) else {
            return Reply::new(554, "5.6.0 This is no message");
        };
        let mail = Arc::new(mail);
        let mut state = self.state();
        if state.mails.len() >= KEPT {
            return Reply::new(452, "4.2.2 The mailbox is full");
        }
        let position = state.mails.len();
        state.mails.push(Arc::clone(&mail));
        for waiting in state.waiting.extract_if(.., |waiting| (waiting.wanted)(&mail)) {
            drop(waiting.found.send((position, Arc::clone(&mail), self.agenda.busy())));
        }
        Reply::new(250, "2.0.0 Message taken")
    }
}

fn parse(message: &Message, at: Timestamp) -> Option<Mail> {
    let parsed = MessageParser::default().parse(&message.content)?;
    let headers = parsed.headers_raw().map(|(name, value)| (name.to_owned(), unfold(value))).collect();
    Some(Mail {
        at,
        to: message.recipients.clone(),
        subject: parsed.subject().unwrap_or_default().to_owned(),
        text: parsed.body_text(0).unwrap_or_default().into_owned(),
        message_id: parsed.message_id().unwrap_or_default().to_owned(),
        headers,
    })
}

fn unfold(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}
