//! Tasks: asked for by a request that waits, carried out side by side within bounds, answered until the
//! deadline and no longer. An answer that was lost is given again; the engine takes it once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Agent, LinkError};
use crate::engine::ports::wire::{
    AgentJob, AgentResult, MAX_HELD, MAX_RESULT, PollAnswer, PollRequest, ResultReport, TaskOffer,
};

/// Conversations at the same time.
const SIDE_BY_SIDE: usize = 32;
/// How long the engine may hold a request for work.
const WAIT: Duration = Duration::from_secs(20);
/// What is under way when the agent is stopped has so long to end.
const GRACE: Duration = Duration::from_secs(20);
/// After another process took over: long, so that two do not fight over one name.
const REPLACED: u32 = 8;

/// Ids of tasks that are under way.
type Held = Arc<Mutex<BTreeSet<String>>>;

impl Agent {
    pub(super) async fn work(self: Arc<Self>, stop: CancellationToken) {
        let held: Held = Held::default();
        let mut tasks = JoinSet::new();
        let mut failures = 0;
        while !stop.is_cancelled() {
            while tasks.try_join_next().is_some() {}
            if tasks.len() >= SIDE_BY_SIDE {
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = tasks.join_next() => {}
                }
                continue;
            }
            let request = self.request(&held, SIDE_BY_SIDE - tasks.len());
            let answer = tokio::select! {
                () = stop.cancelled() => break,
                answer = self.parts.link.post::<PollAnswer>(&["v1", "agent", "tasks"], &request, WAIT) => answer,
            };
            match answer {
                Ok(answer) => {
                    failures = 0;
                    for offer in self.settle(answer, &request) {
                        if hold(&held, &offer.id) {
                            tasks.spawn(Arc::clone(&self).carry_out(offer, held.clone(), stop.clone()));
                        }
                    }
                }
                Err(error) => {
                    failures = self.lost(&error, failures + 1);
                    self.pause(failures, &stop).await;
                }
            }
        }
        let rest = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, rest).await.is_err() {
            tracing::warn!("what was under way is given up");
        }
    }

    fn request(&self, held: &Held, room: usize) -> PollRequest {
        let holding: Vec<String> = held.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        PollRequest {
            session: self.session(),
            version: self.parts.version.clone(),
            holding,
            room: u32::try_from(room).unwrap_or(1),
            wait_ms: u64::try_from(WAIT.as_millis()).unwrap_or(0),
        }
    }

    /// Notes what the engine says of us; the tasks.
    fn settle(&self, answer: PollAnswer, request: &PollRequest) -> Vec<TaskOffer> {
        let PollAnswer { agent, session, routes, mut tasks } = answer;
        {
            let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            standing.session = Some(session);
            standing.routes = routes;
        }
        let carries = if routes { ", and carries its routes" } else { "" };
        self.say(&format!("agent `{agent}` works for {}{carries}", self.parts.link.engine()));
        tasks.truncate(request.room as usize);
        tasks
    }

    /// Says what is wrong; the number of failures to pause for.
    fn lost(&self, error: &LinkError, failures: u32) -> u32 {
        if error.is_conflict() {
            // The number of this process counts no more: it asks for another one, later.
            self.standing.lock().unwrap_or_else(PoisonError::into_inner).session = None;
            self.say(&format!("{}; give each agent a token of its own", plain(error)));
            return REPLACED;
        }
        self.say(&format!("{}; tries again", plain(error)));
        failures
    }

    /// One task from beginning to end. Whatever happens, it is held no more afterwards.
    async fn carry_out(self: Arc<Self>, offer: TaskOffer, held: Held, stop: CancellationToken) {
        let deadline = Instant::now() + Duration::from_millis(offer.within_ms);
        let session = self.session().unwrap_or_default();
        let result = match offer.task {
            AgentJob::Dialogue(task) => match tokio::time::timeout_at(deadline, self.parts.talker.talk(&task)).await {
                Ok(dialogue) => AgentResult::Dialogue { dialogue: Box::new(dialogue) },
                Err(_) => AgentResult::Failed { reason: "it took longer than the task may".to_owned() },
            },
            AgentJob::Question(task) => match tokio::time::timeout_at(deadline, self.parts.talker.resolve(&task)).await
            {
                Ok(asked) => AgentResult::Asked { asked: Box::new(asked) },
                Err(_) => AgentResult::Failed { reason: "it took longer than the task may".to_owned() },
            },
            AgentJob::Unknown => {
                let reason = format!("version {} does not know this kind of task", self.parts.version);
                AgentResult::Failed { reason }
            }
        };
        let report = ResultReport { session, task: offer.id.clone(), result: bounded(result) };
        self.answer(report, deadline, &stop).await;
        held.lock().unwrap_or_else(PoisonError::into_inner).remove(&offer.id);
    }

    async fn answer(&self, mut report: ResultReport, deadline: Instant, stop: &CancellationToken) {
        let mut failures = 0;
        loop {
            let sent = self.parts.link.post::<()>(&["v1", "agent", "results"], &report, Duration::ZERO).await;
            match sent {
                Ok(()) => return,
                Err(error) if error.is_too_large() && matches!(report.result, AgentResult::Dialogue { .. }) => {
                    report.result =
                        AgentResult::Failed { reason: "the engine takes no answer of this size".to_owned() };
                }
                Err(error) if error.is_passing() && Instant::now() < deadline && !stop.is_cancelled() => {
                    failures += 1;
                    self.pause(failures, stop).await;
                }
                Err(error) => {
                    tracing::warn!(task = report.task, %error, "an answer is given up");
                    return;
                }
            }
        }
    }
}

/// Without the full stop that some answers end with.
fn plain(error: &LinkError) -> String {
    error.to_string().trim_end_matches('.').to_owned()
}

/// `false` for a task that is under way already.
fn hold(held: &Held, id: &str) -> bool {
    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
    held.len() < MAX_HELD && held.insert(id.to_owned())
}

/// Without its transcript where it would be too long.
fn bounded(result: AgentResult) -> AgentResult {
    let AgentResult::Dialogue { mut dialogue } = result else { return result };
    let fits = |dialogue: &_| serde_json::to_vec(dialogue).is_ok_and(|bytes| bytes.len() + 1024 <= MAX_RESULT);
    if !fits(&dialogue) {
        dialogue.transcript = vec!["* left out: too long".to_owned()];
    }
    if fits(&dialogue) {
        return AgentResult::Dialogue { dialogue };
    }
    AgentResult::Failed { reason: "what was seen is too long to be told".to_owned() }
}
