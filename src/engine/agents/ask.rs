//! The asking side: one task, one wait, one answer or the reason why there is none.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::observation::{ResolverAnswer, SmtpDialogue};
use fencepost_checks::vantage::WINDOW;
use jiff::SignedDuration;
use tokio::time::Instant;

use super::answer::Said;
use super::{Agents, answer};
use crate::engine::ports::wire::AgentJob;
use crate::engine::ports::{Asked, DialogueTask, QuestionTask, Vantages};
use crate::engine::vantages;
use crate::store::{AgentTaskState, NewAgentTask, ProofNote, VantageNote};

/// How long tasks stay known after their deadline, so that a repeated answer is recognised.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// How often it is looked whether the agent went away meanwhile.
const ABSENCE: Duration = Duration::from_secs(1);

#[async_trait]
impl Vantages for Agents {
    async fn distrusted(&self) -> BTreeMap<String, String> {
        vantages::distrusted(self.store.as_ref(), self.clock.now()).await
    }

    async fn away(&self, agent: &str) -> Option<String> {
        self.absence(agent, self.clock.now()).await
    }

    async fn talk(&self, agent: &str, task: DialogueTask, patience: Duration) -> Result<SmtpDialogue, String> {
        let said = self.ask(agent, &AgentJob::Dialogue(Box::new(task.clone())), patience).await?;
        answer::dialogue(&task, &said).map_err(|why| format!("the agent `{agent}` says: {why}"))
    }

    async fn question(&self, agent: &str, task: QuestionTask, patience: Duration) -> Result<ResolverAnswer, String> {
        let said = self.ask(agent, &AgentJob::Question(Box::new(task.clone())), patience).await?;
        let asked = answer::asked(&task, &said).map_err(|why| format!("the agent `{agent}` says: {why}"))?;
        self.note(&task, &asked).await;
        Ok(asked.answer)
    }
}

impl Agents {
    /// One task to its end.
    async fn ask(&self, agent: &str, job: &AgentJob, patience: Duration) -> Result<Said, String> {
        if let Some(absence) = self.absence(agent, self.clock.now()).await {
            return Err(absence);
        }
        let asked_at = self.clock.now();
        let deadline = SignedDuration::try_from(patience)
            .ok()
            .and_then(|patience| asked_at.checked_add(patience).ok())
            .ok_or("the deadline of a task lies beyond all time")?;
        let id = crate::engine::desk::fresh_id(asked_at, self.dice.bytes());
        let body = serde_json::to_string(job).map_err(|e| e.to_string())?;
        let new = NewAgentTask { id: id.clone(), agent: agent.to_owned(), body, asked_at, deadline };
        let failed = |error: crate::store::StoreError| format!("the agent `{agent}` could not be asked: {error}");
        if !self.store.ask_agent(new, asked_at - KEPT).await.map_err(failed)? {
            return Err(format!("the agent `{agent}` has too many tasks waiting"));
        }
        self.news.notify_waiters();
        let until = Instant::now() + patience;
        let state = self.wait_for(agent, &id, until).await;
        // Whatever comes now comes too late.
        if let Err(error) = self.store.close_agent_task(&id, self.clock.now()).await {
            tracing::warn!(%error, id, "a task of an agent stays until its deadline");
        }
        let AgentTaskState { taken_at, answered_at, result } = state?;
        let result = result.ok_or("the answer of the agent is gone")?;
        Ok(Said { result, taken_at: taken_at.unwrap_or(asked_at), answered_at: answered_at.unwrap_or(deadline) })
    }

    /// That a resolver answered there, and from where it was asked.
    async fn note(&self, task: &QuestionTask, asked: &Asked) {
        let now = self.clock.now();
        let note = VantageNote {
            vantage: task.vantage.id.clone(),
            subject_id: task.domain.to_string(),
            target: asked.answer.address.ip().to_string(),
            // Resolvers that fail say nothing of the way to customers.
            good: None,
            proof: asked.proof.as_ref().map(|proof| proof.outside.map_or(ProofNote::NotReached, ProofNote::SeenAs)),
        };
        if let Err(error) = self.store.note_looks(vec![note], now, now - WINDOW).await {
            tracing::warn!(%error, "how a vantage is doing could not be noted");
        }
    }

    /// The state with an answer, or why there will be none.
    async fn wait_for(&self, agent: &str, id: &str, until: Instant) -> Result<AgentTaskState, String> {
        let mut looked_for = Instant::now();
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let state = self.store.agent_task(id).await.map_err(|error| format!("the store failed: {error}"))?;
            let state = state.ok_or("the task was cleared away")?;
            if state.answered_at.is_some() {
                return Ok(state);
            }
            if Instant::now() >= until {
                return Err(match state.taken_at {
                    None => format!("the agent `{agent}` did not fetch the task in time"),
                    Some(_) => format!("the agent `{agent}` has the task and did not answer in time"),
                });
            }
            // One that holds the task may come back with the answer before the deadline.
            if state.taken_at.is_none() && looked_for.elapsed() >= ABSENCE {
                looked_for = Instant::now();
                if let Some(absence) = self.absence(agent, self.clock.now()).await {
                    return Err(absence);
                }
            }
            self.some_news(news, until).await;
        }
    }
}
