//! What the engine needs from the outside world.

mod mail;
mod sweep;
mod vantage;
pub mod wire;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use fencepost_checks::canary::Notice;
use fencepost_checks::observation::{DnsRound, LintObservation, MxRecord, SmtpDialogue};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::ledger::Money;
use crate::lifecycle::connection::RouteMode;
use crate::lifecycle::subscription::{Dates, OrderKind};
use crate::order::{Language, MailServer};
use crate::report::{Figures, Report};
use crate::status::DomainStatus;

pub use mail::{Envelope, MailReader, MailReceipt, MailSink, TryLater};
pub use sweep::{MxLook, MxStream, NextName, SweepCounters};
pub use vantage::{Asked, DialogueTask, QuestionTask, Recipient, Talker, TaskTimes, Vantages};

/// Executes observations. Never judges; never fails: what could not be observed is part of the
/// observation (`VantageFault`, `TimedOut`, …). Every call is bounded in time by its configuration.
#[async_trait]
pub trait Observer: Send + Sync {
    /// MX of the domain at every address of every authoritative server, and at the resolvers.
    async fn mx_round(&self, domain: &DomainName) -> DnsRound;

    /// One MX question, the cheap one before a whole round: to a server of the zone, or as senders ask it.
    /// The records; `None` where there was no plain answer.
    async fn mx_glance(&self, domain: &DomainName, server: Option<SocketAddr>) -> Option<Vec<MxRecord>> {
        let _ = (domain, server);
        None
    }

    /// [`firewall`](Self::firewall) without the outsiders, where they were asked lately.
    async fn firewall_from_egress(&self, task: &ServerTask) -> FirewallRound {
        self.firewall(task).await
    }

    /// Firewall matrix: egress – outsider – egress against every own server, and before and after it
    /// every outsider against one of the gateway's MX hosts.
    async fn firewall(&self, task: &ServerTask) -> FirewallRound;

    /// A whole SMTP dialogue with every own server from one egress address.
    async fn smtp(&self, task: &ServerTask) -> Vec<SmtpDialogue>;

    /// Every own server, asked from an outsider for a mailbox that cannot exist and for a foreign domain. Empty
    /// where the configuration does not ask for that.
    async fn strangers(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        let _ = (task,);
        Vec::new()
    }

    /// Every gateway MX host, asked from an outsider for the domain's test mailbox or postmaster.
    async fn gateway(&self, domain: &DomainName, test_mailbox: &str) -> Vec<SmtpDialogue>;

    /// Policies around the domain, and the own servers as receivers of a sender that they might refuse.
    async fn lint(&self, task: &ServerTask) -> LintObservation;

    /// Sends a canary to the gateway's first MX host that takes it, from an outsider.
    async fn canary(&self, letter: &CanaryLetter) -> SmtpDialogue;

    /// While releasing: the present exchanges of the domain that are not the gateway's, or the own
    /// servers, asked from an outsider.
    async fn next_destination(&self, task: &ServerTask) -> Vec<SmtpDialogue>;
}

/// Manners towards hosts that are not ours, kept for the whole installation: one connection to an address at
/// a time, pauses, looks in a day, questions to a name server. Probes ask before they send anything.
#[async_trait]
pub trait Politeness: Send + Sync + std::fmt::Debug {
    /// Asks for the turn at an address. `holder` tells this visit from every other one.
    async fn ask(&self, visit: &Visit) -> Admission;
    /// Gives the turn back.
    async fn leave(&self, address: IpAddr, holder: &str);
    /// Draws questions to a name server: how many may be asked, and for how long that holds.
    async fn questions(&self, server: IpAddr, wanted: u32) -> (u32, Duration);
}

/// A visit that is planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub address: IpAddr,
    /// The name by which the address was found.
    pub host: String,
    pub vantage: String,
    pub holder: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    Yours,
    /// Ask again after this.
    Wait(Duration),
    /// Not now; the text says why and until when.
    Refused(String),
}

/// What a look at the firewall saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FirewallRound {
    pub dialogues: Vec<SmtpDialogue>,
    /// Outsiders at our own reference server: whether they reach anything at all. Empty where the
    /// gateway has no MX host that an outsider could reach.
    pub reference: Vec<SmtpDialogue>,
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

/// A test message through the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryLetter {
    pub token: String,
    /// Envelope sender: notices go there.
    pub sender: String,
    /// Whole address.
    pub mailbox: String,
    pub at: Timestamp,
}

/// Mail that comes for fencepost itself: reads delivery notices, and finds those that wait.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Reads a message.
    ///
    /// # Errors
    /// Why it is no delivery notice about a canary.
    fn read(&self, message: &[u8], at: Timestamp) -> Result<Notice, NoNotice>;

    /// Messages that wait to be read, the oldest first, a bounded number of bounded size. Empty where
    /// no folder is watched.
    ///
    /// # Errors
    /// [`IntakeError`] when the folder cannot be read.
    async fn waiting(&self) -> Result<Vec<Waiting>, IntakeError>;

    /// A message was looked at and is not given again.
    ///
    /// # Errors
    /// [`IntakeError`] when it could not be put aside; then it is given again.
    async fn done(&self, waiting: &Waiting) -> Result<(), IntakeError>;
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub id: String,
    pub message: Vec<u8>,
}

/// Why a message says nothing about a canary. For people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoNotice(pub String);

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct IntakeError(pub String);

/// A gateway that can be told what to do with a domain's mail.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Makes the gateway do what `desire` says. Idempotent; refuses a generation lower than the one
    /// it has seen.
    ///
    /// # Errors
    /// [`GatewayError::Stale`] for a lower generation, [`GatewayError::ByHand`] where people have to do it,
    /// [`GatewayError::Failed`] with the reason otherwise; the engine tries again.
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError>;

    /// What the gateway has for the domain now, `None` when it does not know it.
    ///
    /// # Errors
    /// [`GatewayError::Failed`] when it could not be asked.
    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError>;

    /// What the gateway has filtered for a domain, `None` where it counts nothing of it. Bounded in bytes
    /// and time.
    ///
    /// # Errors
    /// [`GatewayError::Failed`] when it gave no usable answer.
    async fn figures(&self, task: &FiguresTask) -> Result<Option<Figures>, GatewayError> {
        let _ = (task,);
        Ok(None)
    }
}

/// A question for the gateway's figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiguresTask {
    pub domain: DomainName,
    /// The first day, in the business time zone.
    pub from: Date,
    /// The first day that does not count any more.
    pub until: Date,
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
    /// People set the route; it counts as set when the service desk says so.
    #[error("the route is set by hand, and nobody has confirmed it yet")]
    ByHand,
    #[error("{0}")]
    Failed(String),
}

/// Renders a notice and hands it to the next hop.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Delivers one letter; the text returned is kept with the outbox item (next hop's reply).
    /// The Message-ID derives from `letter.dedupe_key`, so that a repetition is recognisable.
    ///
    /// # Errors
    /// [`NotifyError::Permanent`] must not be tried again; [`NotifyError::Transient`] may.
    async fn deliver(&self, letter: &Letter) -> Result<String, NotifyError>;

    /// Hands one message to the accounting system; the text returned is kept with the outbox item. The id
    /// goes with it, so that a repetition is recognisable.
    ///
    /// # Errors
    /// As [`Notifier::deliver`].
    async fn tell(&self, message: &Told) -> Result<String, NotifyError> {
        let _ = message;
        Err(NotifyError::Permanent("there is no way to an accounting system here".to_owned()))
    }
}

/// A message to the accounting system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The same for the same message, however often it is sent.
    pub id: String,
    /// Of this attempt.
    pub at: Timestamp,
    /// JSON.
    pub body: Vec<u8>,
}

/// Everything that a notice may speak of. Made by the engine at the moment of sending, so that a
/// letter never says what has ceased to be true.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// Snake-case name of the notice, for example `mx_change_may_be_relayed`.
    pub notice: String,
    pub dedupe_key: String,
    pub language: Language,
    /// Addresses, already chosen for this notice.
    pub to: Vec<String>,
    pub at: Timestamp,
    pub customer_name: String,
    pub partner: String,
    /// Of the connection that it is about, where it is about one.
    pub status: Option<DomainStatus>,
    /// Where the status can be read by whoever has the link; the page that wants a sign-in where there is none.
    #[serde(default)]
    pub link: Option<String>,
    /// Gateway egress addresses, for firewall instructions.
    pub egress: Vec<IpAddr>,
    pub servers: Vec<MailServer>,
    pub hosted: bool,
    pub commerce: Option<CommerceFacts>,
    /// Of the vantage that it is about, where it is about one.
    #[serde(default)]
    pub vantage: Option<VantageFacts>,
    /// The monthly report, where it is one.
    #[serde(default)]
    pub report: Option<Box<Report>>,
    /// Of the link to sign in with, where it carries one.
    #[serde(default)]
    pub sign_in: Option<SignInFacts>,
}

/// What a mail with a link to sign in speaks of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInFacts {
    pub name: String,
    /// Whoever has it may sign in with it, once.
    pub link: String,
    /// For how long.
    pub minutes: u32,
}

impl std::fmt::Debug for SignInFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInFacts").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a notice about a vantage speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VantageFacts {
    pub id: String,
    /// The quarantine.
    pub since: Timestamp,
    pub by: String,
    pub why: String,
}

/// What commercial notices speak of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommerceFacts {
    pub customer_id: String,
    pub domains: Vec<String>,
    pub price: Money,
    pub mailboxes: u32,
    pub kind: OrderKind,
    pub group: Option<u8>,
    pub dates: Option<Dates>,
    pub charged_from: Option<Date>,
    pub notice_ends: Option<Date>,
    /// Use after the end is charged from then on.
    #[serde(default)]
    pub use_charged_from: Option<Date>,
    /// The last word of the customer on whether it stays.
    #[serde(default)]
    pub decided: Option<bool>,
}

#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("{0}")]
    Transient(String),
    #[error("{0}")]
    Permanent(String),
}
