//! The port to vantages on other machines, in both directions: what the engine's side asks of an agent,
//! and what an agent carries out. Never says how the two reach each other.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use fencepost_checks::observation::{Proof, ResolverAnswer, SmtpDialogue, Stage, Vantage};
use serde::{Deserialize, Serialize};

/// One conversation that a vantage shall have. Holds everything that is needed for it, so that an agent
/// knows of no order and no customer; what the agent may reach at all, it decides itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogueTask {
    pub vantage: Vantage,
    /// As ordered or configured; the certificate is compared with it.
    pub host: String,
    /// Resolved by the engine's side, so that every vantage speaks with the same address.
    pub peer: SocketAddr,
    #[serde(default)]
    pub standby: bool,
    pub ehlo_name: DomainName,
    /// In MAIL; `None` is the empty sender `<>`.
    #[serde(default)]
    pub sender: Option<String>,
    /// In RCPT, by stage. None at all: the whole banner, then QUIT.
    #[serde(default)]
    pub recipients: Vec<Recipient>,
    /// Whether digests of the certificates are taken.
    #[serde(default)]
    pub digests: bool,
    pub times: TaskTimes,
    /// Our own reference servers, which say from where they see the vantage.
    #[serde(default)]
    pub reference: Vec<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub stage: Stage,
    pub mailbox: String,
}

/// How long each part may take, in milliseconds. An agent may allow less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTimes {
    pub connect_ms: u64,
    pub banner_ms: u64,
    pub stage_ms: u64,
    pub total_ms: u64,
}

/// One MX question that a vantage shall put to a resolver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuestionTask {
    pub vantage: Vantage,
    pub domain: DomainName,
    /// `None`: the first resolver of that host.
    #[serde(default)]
    pub resolver: Option<SocketAddr>,
    /// As with [`DialogueTask`].
    #[serde(default)]
    pub reference: Vec<SocketAddr>,
}

/// What the resolver said, and from where our own reference server sees who asked it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub answer: ResolverAnswer,
    #[serde(default)]
    pub proof: Option<Proof>,
}

/// The vantages of an installation as whoever plans probes needs them.
#[async_trait]
pub trait Vantages: Send + Sync + Debug {
    /// Vantages that are not believed at present, by id, with the reason.
    async fn distrusted(&self) -> BTreeMap<String, String>;

    /// Why the agent cannot be asked now; `None` when it is there.
    async fn away(&self, agent: &str) -> Option<String>;

    /// Has the agent hold the conversation, within `patience` at most.
    ///
    /// # Errors
    /// Why there is nothing to tell: the agent is away, busy or late. No fault of the other side.
    async fn talk(&self, agent: &str, task: DialogueTask, patience: Duration) -> Result<SmtpDialogue, String>;

    /// Has the agent ask a resolver, within `patience` at most.
    ///
    /// # Errors
    /// As with [`talk`](Self::talk).
    async fn question(&self, agent: &str, task: QuestionTask, patience: Duration) -> Result<ResolverAnswer, String>;
}

/// Holds conversations and asks resolvers from addresses of this host: an agent's half. Bounded by the task's times and by
/// its own; never fails, as with [`Observer`](super::Observer).
#[async_trait]
pub trait Talker: Send + Sync {
    async fn talk(&self, task: &DialogueTask) -> SmtpDialogue;
    async fn resolve(&self, task: &QuestionTask) -> Asked;
}
