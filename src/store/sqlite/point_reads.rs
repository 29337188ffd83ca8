//! Short reads by key, many at once: whatever waits is answered from one snapshot by one thread, so that
//! a flood of small questions costs neither a thread change nor a lock of the file each. Nothing that
//! walks an index goes through here.

use std::path::Path;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::readers;
use crate::store::{StoreError, StoreResult};

/// Questions that may wait; more wait at the caller.
const QUEUE: usize = 1024;
/// Questions answered from one snapshot: a reader that never lets go would keep the log from shrinking.
const GROUP: usize = 256;

/// Gives the answer to who asked, once the snapshot is let go.
type Deliver = Box<dyn FnOnce() + Send>;
type Question = Box<dyn FnOnce(StoreResult<&Connection>) -> Deliver + Send>;

/// The handle to the thread, which ends with the last handle.
#[derive(Debug, Clone)]
pub(super) struct PointReads {
    queue: mpsc::Sender<Question>,
}

impl PointReads {
    pub(super) fn start(path: &Path) -> StoreResult<Self> {
        let (queue, questions) = mpsc::channel(QUEUE);
        let path = path.to_owned();
        std::thread::Builder::new()
            .name("store-reader".to_owned())
            .spawn(move || run(&path, questions))
            .map_err(|source| StoreError::Database { what: "the reader cannot start", source: Box::new(source) })?;
        Ok(Self { queue })
    }

    /// Runs `work` on a snapshot that is not older than this call.
    pub(super) async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |connection| {
            let result = connection.and_then(work);
            // Whoever asked may have gone away.
            Box::new(move || drop(answer.send(result)))
        });
        self.queue.send(question).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

fn run(path: &Path, mut questions: mpsc::Receiver<Question>) {
    let mut connection: Option<Connection> = None;
    let mut group: Vec<Question> = Vec::with_capacity(GROUP);
    while let Some(first) = questions.blocking_recv() {
        group.push(first);
        while group.len() < GROUP {
            let Ok(next) = questions.try_recv() else { break };
            group.push(next);
        }
        if let Err(error) = answer_all(path, &mut connection, &mut group) {
            // A connection that cannot begin a snapshot is not used again. The next question opens another:
            // questions come no faster than people ask them, so that nothing turns here.
            tracing::error!(%error, "the database cannot be read");
            connection = None;
            for question in group.drain(..) {
                question(Err(StoreError::Unavailable(error.to_string().into())))();
            }
        }
    }
}

/// Answers the group, or leaves it untouched where no snapshot can be had.
fn answer_all(path: &Path, connection: &mut Option<Connection>, group: &mut Vec<Question>) -> StoreResult<()> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(readers::open(path)?),
    };
    let snapshot = open.unchecked_transaction()?;
    let deliveries: Vec<Deliver> = group.drain(..).map(|question| question(Ok(&snapshot))).collect();
    drop(snapshot);
    for deliver in deliveries {
        deliver();
    }
    Ok(())
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the reader has stopped".into())
}
