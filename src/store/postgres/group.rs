//! Outcomes that wait are gathered into one transaction of set-based statements: each table is
//! written once a group, not once an outcome. A few groups may be under way at the same time; more
//! outcomes wait, and become larger groups. A group that fails is taken apart, so that one bad outcome
//! hinders nobody.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::commit;
use super::failure::{unavailable, undisturbed};
use super::pool::Pool;
use crate::failpoint::{Step, around};
use crate::metrics;
use crate::store::{CommitOutcome, StoreError, StoreResult, Transition};

/// Outcomes that may wait here; more wait at the caller.
const QUEUE: usize = 1024;
/// Outcomes in one transaction.
const GROUP: usize = 256;
/// Groups under way at the same time: one is being sent while another one is being flushed.
const GROUPS: usize = 2;

type Answer = oneshot::Sender<StoreResult<CommitOutcome>>;

struct Job {
    transition: Transition,
    answer: Answer,
}

/// The handle. The task ends when the last handle is dropped and the queue is empty.
#[derive(Debug, Clone)]
pub(super) struct Groups {
    queue: mpsc::Sender<Job>,
}

impl Groups {
    pub(super) fn start(pool: Arc<Pool>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(run(pool, jobs));
        Self { queue }
    }

    /// Returns once the outcome is on the server's disk, or refused.
    pub(super) async fn commit(&self, transition: Transition) -> StoreResult<CommitOutcome> {
        let (answer, answered) = oneshot::channel();
        let gone = |()| unavailable("the store is being closed");
        self.queue.send(Job { transition, answer }).await.map_err(|_| gone(()))?;
        answered.await.map_err(|_| gone(()))?
    }
}

async fn run(pool: Arc<Pool>, mut jobs: mpsc::Receiver<Job>) {
    let turns = Arc::new(Semaphore::new(GROUPS));
    let mut waiting: Vec<Job> = Vec::new();
    loop {
        if waiting.is_empty() {
            match jobs.recv().await {
                Some(job) => waiting.push(job),
                None => return,
            }
        }
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        while waiting.len() < GROUP {
            match jobs.try_recv() {
                Ok(job) => waiting.push(job),
                Err(_) => break,
            }
        }
        let (group, rest) = apart(std::mem::take(&mut waiting));
        waiting = rest;
        let pool = pool.clone();
        tokio::spawn(async move {
            write(&pool, group).await;
            drop(turn);
        });
    }
}

/// Splits into a group in which nobody touches what another one touches, in id order, and the jobs
/// that have to wait for the next group, in the order they came.
fn apart(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut touched = HashSet::new();
    let (mut group, mut rest) = (Vec::new(), Vec::new());
    for job in jobs {
        let keys = touches(&job.transition);
        if keys.iter().any(|key| touched.contains(key)) {
            rest.push(job);
        } else {
            group.push(job);
        }
        // Whoever waits keeps those after him waiting that touch the same.
        touched.extend(keys);
    }
    group.sort_by(|a, b| a.transition.subject_id.cmp(&b.transition.subject_id));
    (group, rest)
}

fn touches(transition: &Transition) -> Vec<(u8, String)> {
    let mut keys = vec![(0, transition.subject_id.clone())];
    keys.extend(transition.inbox.iter().map(|inbox| (1, inbox.key.clone())));
    keys.extend(transition.consumes.iter().map(|key| (2, key.clone())));
    keys.extend(transition.settles.iter().map(|mail| (4, mail.id.clone())));
    keys.extend(transition.route.iter().map(|route| (3, route.domain.as_str().to_owned())));
    keys
}

async fn write(pool: &Pool, group: Vec<Job>) {
    let (transitions, answers): (Vec<Transition>, Vec<Answer>) =
        group.into_iter().map(|job| (job.transition, job.answer)).unzip();
    let (pieces, started) = (transitions.len(), Instant::now());
    let together = around(Step::Flush, pool.bounded(undisturbed(|| commit::group(pool, &transitions)))).await;
    let outcomes: Vec<StoreResult<CommitOutcome>> = match together {
        Ok(outcomes) => {
            metrics::of_process().committed(pieces, started.elapsed());
            outcomes
        }
        Err(error) if transitions.len() == 1 => vec![Err(error)],
        // Nothing says whether the database heard of it before it went away: nothing is tried again here.
        Err(StoreError::Unavailable(source)) => {
            let why = source.to_string();
            transitions.iter().map(|_| Err(unavailable(why.clone()))).collect()
        }
        Err(error) => {
            tracing::warn!(%error, outcomes = transitions.len(), "a group of outcomes is stored one by one");
            one_by_one(pool, &transitions).await
        }
    };
    for (answer, outcome) in answers.into_iter().zip(outcomes) {
        // The caller may have gone away; what is stored stays stored.
        let _ = answer.send(outcome);
    }
}

async fn one_by_one(pool: &Pool, transitions: &[Transition]) -> Vec<StoreResult<CommitOutcome>> {
    let mut outcomes = Vec::with_capacity(transitions.len());
    for transition in transitions {
        let alone = std::slice::from_ref(transition);
        let stored = pool.bounded(undisturbed(|| commit::group(pool, alone))).await;
        outcomes.push(stored.and_then(|mut one| one.pop().unwrap_or_else(|| Err(unavailable("nothing was answered")))));
    }
    outcomes
}
