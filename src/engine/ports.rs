//! What the engine needs from the outside world.

use async_trait::async_trait;
use fencepost_checks::DomainName;
use fencepost_checks::observation::{DnsRound, LintObservation, SmtpDialogue};

use crate::lifecycle::connection::RouteMode;
use crate::order::MailServer;

/// Executes observations. Never judges; never fails: what could not be observed is part of the
/// observation (`VantageFault`, `TimedOut`, …). Every call is bounded in time by its configuration.
#[async_trait]
pub trait Observer: Send + Sync {
    /// MX of the domain at every address of every authoritative server, and at the resolvers.
    async fn mx_round(&self, domain: &DomainName) -> DnsRound;

    /// Firewall matrix: egress – outsider – egress against every own server.
    async fn firewall(&self, task: &ServerTask) -> Vec<SmtpDialogue>;

    /// A whole SMTP dialogue with every own server from one egress address.
    async fn smtp(&self, task: &ServerTask) -> Vec<SmtpDialogue>;

    /// Every gateway MX host, asked from an outsider for the domain's test mailbox or postmaster.
    async fn gateway(&self, domain: &DomainName, test_mailbox: &str) -> Vec<SmtpDialogue>;

    /// Policies around the domain.
    async fn lint(&self, domain: &DomainName, servers: &[MailServer]) -> LintObservation;

    /// While releasing: the present exchanges of the domain that are not the gateway's, or the own
    /// servers, asked from an outsider.
    async fn next_destination(&self, task: &ServerTask) -> Vec<SmtpDialogue>;
}

/// Which servers to talk to, and about what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTask {
    pub domain: DomainName,
    pub servers: Vec<MailServer>,
    /// Whole address.
    pub test_mailbox: String,
    pub hosted: bool,
}

/// A gateway that can be told what to do with a domain's mail.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Makes the gateway do what `desire` says. Idempotent; refuses a generation lower than the one
    /// it has seen.
    ///
    /// # Errors
    /// [`GatewayError::Stale`] for a lower generation, [`GatewayError::Failed`] with the reason
    /// otherwise; the engine tries again.
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError>;

    /// What the gateway has for the domain now, `None` when it does not know it.
    ///
    /// # Errors
    /// [`GatewayError::Failed`] when it could not be asked.
    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError>;
}

/// What the route of a domain shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteDesire {
    pub domain: DomainName,
    pub mode: RouteMode,
    pub servers: Vec<MailServer>,
    /// Grows with every change of the desire.
    pub generation: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("the gateway has generation {seen} of {domain}, {ours} comes too late")]
    Stale { domain: DomainName, ours: u64, seen: u64 },
    #[error("{0}")]
    Failed(String),
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands one message to the next hop. `message_id` makes a repetition recognisable.
    ///
    /// # Errors
    /// [`MailError::Permanent`] must not be tried again; [`MailError::Transient`] may.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// A rendered message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Mail {
    /// Without angle brackets.
    pub message_id: String,
    pub to: Vec<String>,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Threads the messages of one domain.
    pub in_reply_to: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error("{0}")]
    Transient(String),
    #[error("{0}")]
    Permanent(String),
}
