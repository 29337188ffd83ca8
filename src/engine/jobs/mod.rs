//! What is done when a timer is due, one file a kind: ask a port, judge with `fencepost-checks`,
//! return the fact. Nothing here commits or decides, and no database transaction is open meanwhile.

mod allowlist;
mod canary;
mod deadline;
mod gateway;
mod lint;
mod mx;
mod next_destination;
mod places;
mod probe;
mod route;
mod seen;
mod strangers;

pub(super) use mx::{SWEPT, calm_set};
pub(super) use seen::{Kept, observation as kept};

use fencepost_checks::Judgement;
use fencepost_checks::mx::Expected;
use fencepost_checks::observation::SmtpDialogue;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::connections::Loaded;
use super::ports::ServerTask;
use super::{EngineParts, vantages};
use crate::lifecycle::connection::{Fact, Gate, GateFact, TimerKind};
use crate::store::{Observation, StoreError};

/// What a job works with.
pub(super) struct Job<'a> {
    pub parts: &'a EngineParts,
    pub loaded: &'a Loaded,
    pub kept: &'a Kept,
}

/// Which own servers are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Those to which mail goes.
    Present,
    /// Those that shall replace them.
    Next,
}

impl Whose {
    /// The kind of an observation of them.
    fn kind(self, kind: &str) -> String {
        match self {
            Self::Present => kind.to_owned(),
            Self::Next => format!("next_{kind}"),
        }
    }

    fn fact(self, fact: GateFact) -> Fact {
        match self {
            Self::Present => Fact::Gate(fact),
            Self::Next => Fact::NewServer(fact),
        }
    }
}

/// What a job found out.
#[derive(Debug)]
pub(super) struct Found {
    pub fact: Fact,
    pub observations: Vec<Observation>,
    /// The gateway needs the desired route again, under a new generation.
    pub route_again: bool,
}

/// Why a job has nothing to tell. It is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum JobError {
    #[error("{0}")]
    Failed(String),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Found {
    fn of(fact: Fact, observations: Vec<Observation>) -> Self {
        Self { fact, observations, route_again: false }
    }
}

pub(super) async fn run(kind: TimerKind, job: &Job<'_>) -> Result<Found, JobError> {
    match kind {
        TimerKind::Allowlist => allowlist::run(job, Whose::Present).await,
        TimerKind::Probe => probe::run(job, Whose::Present).await,
        TimerKind::NextAllowlist => allowlist::run(job, Whose::Next).await,
        TimerKind::NextProbe => probe::run(job, Whose::Next).await,
        TimerKind::Gateway => gateway::run(job).await,
        TimerKind::Lint => lint::run(job).await,
        TimerKind::Mx => Ok(mx::run(job).await),
        TimerKind::Route => route::run(job).await,
        TimerKind::NextDestination => next_destination::run(job).await,
        TimerKind::Deadline => Ok(deadline::run()),
    }
}

impl Job<'_> {
    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// What vantages saw of this customer, as far as they can be believed.
    async fn weigh(&self, dialogues: Vec<SmtpDialogue>) -> Result<Vec<SmtpDialogue>, JobError> {
        Ok(vantages::weigh(self.parts, &self.loaded.subject.id, dialogues).await?)
    }

    fn servers(&self) -> ServerTask {
        self.servers_of(Whose::Present)
    }

    fn servers_of(&self, whose: Whose) -> ServerTask {
        let connection = &self.loaded.connection;
        let domain = connection.domain.clone();
        let (servers, hosted) = match connection.route_change.as_ref().filter(|_| whose == Whose::Next) {
            Some(change) => (change.servers.as_slice(), change.hosted),
            None => (self.loaded.servers(), connection.hosted),
        };
        let test_mailbox = self.loaded.subject.order.test_address(&domain);
        ServerTask { test_mailbox, servers: servers.to_vec(), hosted, domain }
    }

    /// The fact that a judgement of a gate amounts to. Its evidence is named by kind and the
    /// SHA-256 of its body.
    fn gate_fact(&self, gate: Gate, judged: &Judgement, evidence: &Observation, observed_at: Timestamp) -> GateFact {
        let mut blocking: Vec<_> = judged.blocking().map(|finding| finding.code).collect();
        blocking.sort_unstable();
        blocking.dedup();
        GateFact {
            gate,
            verdict: judged.verdict,
            blocking,
            observed_at,
            retry_after: judged.retry_after,
            evidence: format!("{}:{}", evidence.kind, hex::encode(Sha256::digest(&evidence.body))),
            setup: self.loaded.connection.setup,
            egress: None,
        }
    }

    /// What the MX of the domain should be.
    fn expected(&self) -> Expected {
        self.loaded.connection.expects(self.parts.config.gateway.expected_mx())
    }
}
