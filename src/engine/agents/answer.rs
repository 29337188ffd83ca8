//! What an agent says is taken for what it is: words from another machine. Who, where and what was asked
//! is known here and not believed; times lie between asking and answering; text is bounded and
//! harmless. Pure.

use fencepost_checks::escape::clean;
use fencepost_checks::observation::smtp::{StageOutcome, TlsFacts};
use fencepost_checks::observation::{ConnectOutcome, Proof, SmtpDialogue};
use jiff::Timestamp;

use crate::engine::ports::DialogueTask;
use crate::engine::ports::wire::AgentResult;

const MAX_STAGES: usize = 32;
const MAX_LINES: usize = 500;
const MAX_LINE: usize = 1_000;
const MAX_LIST: usize = 100;
const MAX_TEXT: usize = 500;

/// Reads a stored result of the task.
///
/// # Errors
/// Why the agent could not do it, or why its answer cannot be read.
pub(super) fn read(
    task: &DialogueTask,
    result: &str,
    taken_at: Timestamp,
    answered_at: Timestamp,
) -> Result<SmtpDialogue, String> {
    match serde_json::from_str(result).map_err(|error| clean(&error.to_string(), MAX_TEXT))? {
        AgentResult::Failed { reason } => Err(clean(&reason, MAX_TEXT)),
        AgentResult::Dialogue { dialogue } => Ok(sound(task, *dialogue, taken_at, answered_at)),
    }
}

fn sound(task: &DialogueTask, seen: SmtpDialogue, taken_at: Timestamp, answered_at: Timestamp) -> SmtpDialogue {
    // An agent's clock may be wrong; evidence is never younger than its answer.
    let moment = |at: Timestamp| at.max(taken_at).min(answered_at);
    let mut stages = seen.stages;
    stages.truncate(MAX_STAGES);
    for record in &mut stages {
        match &mut record.outcome {
            StageOutcome::Reply { reply } => {
                lines(&mut reply.lines, MAX_LIST, MAX_LINE);
                if let Some(enhanced) = &mut reply.enhanced {
                    *enhanced = clean(enhanced, 20);
                }
            }
            StageOutcome::Failed { detail }
            | StageOutcome::Protocol { detail, .. }
            | StageOutcome::TlsFailed { detail } => {
                *detail = clean(detail, MAX_TEXT);
            }
            StageOutcome::Done | StageOutcome::Closed | StageOutcome::TimedOut { .. } | StageOutcome::TlsInjection => {}
        }
    }
    let mut dialogue = SmtpDialogue {
        vantage: task.vantage.clone(),
        host: task.host.clone(),
        peer: Some(task.peer),
        port: task.peer.port(),
        standby: task.standby,
        started_at: moment(seen.started_at),
        connect: connect(seen.connect),
        stages,
        capabilities: seen.capabilities,
        tls: seen.tls.map(tls),
        // A proof may be somewhat older than the task; it never comes from the future.
        proof: seen.proof.map(|proof| Proof {
            at: proof.at.min(answered_at),
            outside: proof.outside,
            detail: clean(&proof.detail, MAX_TEXT),
        }),
        transcript: seen.transcript,
    };
    lines(&mut dialogue.capabilities, MAX_LIST, MAX_TEXT);
    lines(&mut dialogue.transcript, MAX_LINES, MAX_LINE);
    dialogue
}

fn connect(mut connect: ConnectOutcome) -> ConnectOutcome {
    match &mut connect {
        ConnectOutcome::Unreachable { detail }
        | ConnectOutcome::Unresolvable { detail }
        | ConnectOutcome::BlockedTarget { detail }
        | ConnectOutcome::VantageFault { detail } => *detail = clean(detail, MAX_TEXT),
        ConnectOutcome::Connected { .. }
        | ConnectOutcome::TimedOut { .. }
        | ConnectOutcome::Refused
        | ConnectOutcome::Prohibited => {}
    }
    connect
}

fn tls(mut facts: TlsFacts) -> TlsFacts {
    for text in [&mut facts.version, &mut facts.cipher, &mut facts.subject, &mut facts.issuer] {
        *text = clean(text, MAX_TEXT);
    }
    lines(&mut facts.names, MAX_LIST, MAX_TEXT);
    facts.chain_error = facts.chain_error.map(|why| clean(&why, MAX_TEXT));
    facts.chain.truncate(16);
    facts
}

fn lines(list: &mut Vec<String>, most: usize, longest: usize) {
    list.truncate(most);
    for line in list {
        *line = clean(line, longest);
    }
}
