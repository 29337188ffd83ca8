//! LISTEN and NOTIFY: a node tells the others that there is something to do, so that they look before
//! their next poll. A hint that gets lost costs a poll interval and nothing else.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::pool::Pool;
use crate::store::StoreResult;

const CHANNEL: &str = "fencepost_due";
/// Hints closer together than this become one: every one of them makes all nodes look.
const APART: Duration = Duration::from_millis(50);
/// Before listening is tried again.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Hints {
    to_tell: Arc<Notify>,
    heard: Arc<Notify>,
    tasks: [AbortHandle; 2],
}

impl Hints {
    pub(super) fn start(pool: Arc<Pool>) -> Self {
        let (to_tell, heard) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let teller = tokio::spawn(tell(pool.clone(), to_tell.clone())).abort_handle();
        let listener = tokio::spawn(listen(pool, heard.clone())).abort_handle();
        Self { to_tell, heard, tasks: [teller, listener] }
    }

    /// Soon, and at most once in a while.
    pub(super) fn tell(&self) {
        self.to_tell.notify_one();
    }

    pub(super) async fn heard(&self) {
        self.heard.notified().await;
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn tell(pool: Arc<Pool>, to_tell: Arc<Notify>) {
    loop {
        to_tell.notified().await;
        if let Err(error) = tell_once(&pool).await {
            tracing::debug!(%error, "a hint was not given");
        }
        tokio::time::sleep(APART).await;
    }
}

async fn tell_once(pool: &Pool) -> StoreResult<()> {
    let mut connection = pool.get().await?;
    sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(&mut *connection).await?;
    Ok(())
}

async fn listen(pool: Arc<Pool>, heard: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&pool, &heard).await {
            tracing::debug!(%error, "no hints are heard for now");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn listen_once(pool: &Pool, heard: &Notify) -> StoreResult<()> {
    let mut listener = PgListener::connect_with(pool.raw()).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // `None`: the connection broke and was made again; what was told meanwhile was missed.
        listener.try_recv().await?;
        heard.notify_one();
    }
}
