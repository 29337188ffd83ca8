//! What agents and the engine's side say to each other over HTTP, as JSON. Both halves use these very
//! types. Durations are in milliseconds and never instants, so that clocks need not agree.

use std::net::IpAddr;

use fencepost_checks::DomainName;
use fencepost_checks::observation::SmtpDialogue;
use serde::{Deserialize, Serialize};

use super::{Asked, DialogueTask, QuestionTask};
use crate::lifecycle::connection::RouteMode;
use crate::order::MailServer;

/// Tasks that an agent holds at most.
pub const MAX_HELD: usize = 64;
/// Routes in one answer, and reports in one request.
pub const MAX_ROUTES: usize = 200;
/// Bytes of one request of an agent, and of one answer to it.
pub const MAX_MESSAGE: usize = 1 << 20;
/// Bytes of one dialogue as an agent sends it.
pub const MAX_RESULT: usize = 256 * 1024;

/// `POST /v1/agent/tasks`: asks for work, and waits for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PollRequest {
    /// `null` when a process begins; the answer has its number.
    pub session: Option<u64>,
    /// Of the program.
    pub version: String,
    /// Ids of tasks that are under way.
    #[serde(default)]
    pub holding: Vec<String>,
    /// How many more it takes.
    pub room: u32,
    /// How long the answer may wait for work.
    pub wait_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PollAnswer {
    /// The name under which the engine knows the agent.
    pub agent: String,
    pub session: u64,
    /// Whether it shall fetch routes, too.
    pub routes: bool,
    pub tasks: Vec<TaskOffer>,
}

/// A task with its name and its deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskOffer {
    pub id: String,
    /// An answer that comes later is refused.
    pub within_ms: u64,
    pub task: AgentJob,
}

/// What an agent can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentJob {
    Dialogue(Box<DialogueTask>),
    Question(Box<QuestionTask>),
    /// Of a newer engine.
    #[serde(other)]
    Unknown,
}

/// `POST /v1/agent/results`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultReport {
    pub session: u64,
    /// Id of the task.
    pub task: String,
    pub result: AgentResult,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AgentResult {
    /// What was seen. The outside address of the agent stands in its `proof`.
    Dialogue { dialogue: Box<SmtpDialogue> },
    /// What a resolver said.
    Asked { asked: Box<Asked> },
    /// The agent could not do it.
    Failed { reason: String },
}

/// `POST /v1/agent/routes`: says what became of routes, and asks for those that are open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoutesRequest {
    pub session: u64,
    /// The process begins: everything is asked for again.
    #[serde(default)]
    pub all: bool,
    #[serde(default)]
    pub reports: Vec<RouteResult>,
    pub wait_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutesAnswer {
    pub routes: Vec<WantedRoute>,
}

/// What the gateway shall do with a domain's mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedRoute {
    pub domain: DomainName,
    pub mode: RouteMode,
    pub servers: Vec<MailServer>,
    /// A gateway that has a higher one refuses this.
    pub generation: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteResult {
    pub domain: DomainName,
    pub generation: u64,
    pub outcome: RouteResultKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RouteResultKind {
    Applied,
    Failed {
        reason: String,
    },
    /// The gateway has this generation.
    Stale {
        seen: u64,
    },
}

/// The outside address that a dialogue proves.
#[must_use]
pub fn outside(dialogue: &SmtpDialogue) -> Option<IpAddr> {
    dialogue.proof.as_ref()?.outside
}
