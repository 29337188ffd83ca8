//! What an agent says is taken for what it is: words from another machine. Who, where and what was asked
//! is known here and not believed; times lie between asking and answering; text is bounded and
//! harmless. Pure.

use fencepost_checks::escape::clean;
use fencepost_checks::observation::smtp::{StageOutcome, TlsFacts};
use fencepost_checks::observation::{ConnectOutcome, DnsAnswer, MxRecord, Proof, ResolverAnswer, SmtpDialogue};
use jiff::Timestamp;

use crate::engine::ports::wire::AgentResult;
use crate::engine::ports::{Asked, DialogueTask, QuestionTask};

const MAX_STAGES: usize = 32;
const MAX_LINES: usize = 500;
const MAX_LINE: usize = 1_000;
const MAX_LIST: usize = 100;
const MAX_TEXT: usize = 500;

/// A stored answer, and between when it was made.
#[derive(Debug)]
pub(super) struct Said {
    pub result: String,
    pub taken_at: Timestamp,
    pub answered_at: Timestamp,
}

impl Said {
    fn read(&self) -> Result<AgentResult, String> {
        match serde_json::from_str(&self.result).map_err(|error| clean(&error.to_string(), MAX_TEXT))? {
            AgentResult::Failed { reason } => Err(clean(&reason, MAX_TEXT)),
            other => Ok(other),
        }
    }

    /// An agent's clock may be wrong; evidence is never younger than its answer.
    fn moment(&self, at: Timestamp) -> Timestamp {
        at.max(self.taken_at).min(self.answered_at)
    }

    /// A proof may be somewhat older than the task; it never comes from the future.
    fn proof(&self, proof: &Proof) -> Proof {
        Proof { at: proof.at.min(self.answered_at), outside: proof.outside, detail: clean(&proof.detail, MAX_TEXT) }
    }
}

/// Reads what became of a conversation.
///
/// # Errors
/// Why the agent could not do it, or why its answer cannot be read.
pub(super) fn dialogue(task: &DialogueTask, said: &Said) -> Result<SmtpDialogue, String> {
    match said.read()? {
        AgentResult::Dialogue { dialogue } => Ok(sound(task, *dialogue, said)),
        _ => Err("something else than what was asked".to_owned()),
    }
}

/// Reads what a resolver said.
///
/// # Errors
/// As with [`dialogue`].
pub(super) fn asked(task: &QuestionTask, said: &Said) -> Result<Asked, String> {
    let AgentResult::Asked { asked } = said.read()? else {
        return Err("something else than what was asked".to_owned());
    };
    let Asked { answer, proof } = *asked;
    let answer = ResolverAnswer {
        vantage: task.vantage.id.clone(),
        address: task.resolver.unwrap_or(answer.address),
        answer: dns(answer.answer),
        elapsed_ms: answer.elapsed_ms,
        observed_at: said.moment(answer.observed_at),
    };
    Ok(Asked { answer, proof: proof.map(|proof| said.proof(&proof)) })
}

fn dns(mut answer: DnsAnswer) -> DnsAnswer {
    match &mut answer {
        DnsAnswer::Mx { records, .. } => exchanges(records),
        DnsAnswer::Cname { target, records, .. } => {
            *target = clean(target, MAX_LINE);
            exchanges(records);
        }
        DnsAnswer::Unreachable { detail } | DnsAnswer::Malformed { detail } | DnsAnswer::VantageFault { detail } => {
            *detail = clean(detail, MAX_TEXT);
        }
        DnsAnswer::NoData { .. }
        | DnsAnswer::NxDomain { .. }
        | DnsAnswer::Lame
        | DnsAnswer::ServFail
        | DnsAnswer::Refused
        | DnsAnswer::OtherRcode { .. }
        | DnsAnswer::TimedOut => {}
    }
    answer
}

fn exchanges(records: &mut Vec<MxRecord>) {
    records.truncate(MAX_LIST);
    for record in records {
        record.exchange = clean(&record.exchange, MAX_LINE);
    }
}

fn sound(task: &DialogueTask, seen: SmtpDialogue, said: &Said) -> SmtpDialogue {
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
        started_at: said.moment(seen.started_at),
        connect: connect(seen.connect),
        stages,
        capabilities: seen.capabilities,
        tls: seen.tls.map(tls),
        proof: seen.proof.map(|proof| said.proof(&proof)),
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
