//! The one thread that writes. Whatever waits is gathered into one transaction, so that a group
//! costs one flush to disk; within it every piece of work has a savepoint of its own, so that a
//! refused one leaves no trace and hinders nobody.

use std::collections::HashSet;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::failpoint::{Step, around_blocking};
use crate::metrics;
use crate::store::{StoreError, StoreResult};

/// Work that may wait in the queue; more waits at the caller.
const QUEUE: usize = 4096;
/// Work in one transaction.
const GROUP: usize = 2048;

/// Told why the group did not reach the disk; nothing when it did.
type Deliver = Box<dyn FnOnce(Option<&str>) + Send>;

/// The flag says whether what was written shall stay.
type Work = Box<dyn FnOnce(&Connection) -> (bool, Deliver) + Send>;

struct Job {
    /// At most one job of a subject is in a group.
    subject: Option<String>,
    work: Work,
}

/// The handle to the thread. The thread ends when the last handle is dropped and the queue is empty.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    queue: mpsc::Sender<Job>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> StoreResult<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || run(&connection, jobs))
            .map_err(|source| StoreError::Database { what: "the writer cannot start", source: Box::new(source) })?;
        Ok(Self { queue })
    }

    /// Runs `work` inside a transaction; returns once it is on disk. An error leaves no trace.
    pub(super) async fn write<T, F>(&self, subject: Option<&str>, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let work = Box::new(move |connection: &Connection| {
            let result = work(connection);
            let keep = result.is_ok();
            let deliver: Deliver = Box::new(move |lost: Option<&str>| {
                let result = lost.filter(|_| keep).map_or(result, |why| Err(not_written(why)));
                // The caller may have gone away; what is stored stays stored.
                let _ = answer.send(result);
            });
            (keep, deliver)
        });
        let job = Job { subject: subject.map(str::to_owned), work };
        self.queue.send(job).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn run(connection: &Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut waiting: Vec<Job> = Vec::new();
    loop {
        if waiting.is_empty() {
            match jobs.blocking_recv() {
                Some(job) => waiting.push(job),
                None => return,
            }
        }
        while waiting.len() < GROUP {
            match jobs.try_recv() {
                Ok(job) => waiting.push(job),
                Err(_) => break,
            }
        }
        let (group, rest) = one_a_subject(std::mem::take(&mut waiting));
        waiting = rest;
        write_group(connection, group);
    }
}

/// Splits into a group with at most one job a subject, in id order (neighbours share pages), and
/// the jobs that have to wait for the next group, in the order they came.
fn one_a_subject(jobs: Vec<Job>) -> (Vec<Job>, Vec<Job>) {
    let mut seen = HashSet::new();
    let (mut group, rest): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().partition(|job| job.subject.as_ref().is_none_or(|subject| seen.insert(subject.clone())));
    group.sort_by(|a, b| a.subject.cmp(&b.subject));
    (group, rest)
}

fn write_group(connection: &Connection, group: Vec<Job>) {
    let (pieces, started) = (group.len(), Instant::now());
    let mut deliveries = Vec::with_capacity(group.len());
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    let mut lost = begun.err().map(|error| {
        tracing::error!(%error, "the database cannot be written");
        error.to_string()
    });
    for job in group {
        if lost.is_some() {
            // Without its transaction the work must not run at all; dropping it tells the caller.
            drop(job);
            continue;
        }
        match in_savepoint(connection, job) {
            Ok(deliver) => deliveries.push(deliver),
            Err(error) => {
                tracing::error!(%error, "a group of outcomes is lost");
                lost = Some(error.to_string());
            }
        }
    }
    if lost.is_none()
        && let Err(error) = around_blocking(Step::Flush, || connection.execute_batch("COMMIT"))
    {
        tracing::debug!(%error, "a group of outcomes could not be committed");
        lost = Some(error.to_string());
    }
    if lost.is_none() {
        metrics::of_process().committed(pieces, started.elapsed());
    }
    if lost.is_some() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    for deliver in deliveries {
        deliver(lost.as_deref());
    }
}

fn in_savepoint(connection: &Connection, job: Job) -> rusqlite::Result<Deliver> {
    let exec = |sql| connection.prepare_cached(sql)?.execute([]);
    exec("SAVEPOINT work")?;
    let (keep, deliver) = (job.work)(connection);
    if !keep {
        exec("ROLLBACK TO work")?;
    }
    exec("RELEASE work")?;
    Ok(deliver)
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the database writer is gone or could not write".into())
}

/// Locked by another process, out of space or out of reach: what cannot be written now may be later.
fn not_written(why: &str) -> StoreError {
    StoreError::Unavailable(format!("the outcome did not reach the disk: {why}").into())
}
