//! Whether this process can do its work: the store is read and really written, and the engine takes
//! work. One look counts for a few seconds, however many ask, so that asking costs nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::clock::SharedClock;
use crate::engine::Desk;
use crate::order::FieldError;
use crate::store::{Store, StoreError};

/// For how long a look counts.
const KEPT: Duration = Duration::from_secs(3);
/// A store that takes longer is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct Readiness {
    store: Arc<dyn Store>,
    desk: Desk,
    clock: SharedClock,
    last: Arc<Mutex<Option<Look>>>,
}

#[derive(Debug, Clone)]
struct Look {
    at: Instant,
    missing: Vec<FieldError>,
}

impl Readiness {
    pub(super) fn new(store: Arc<dyn Store>, desk: Desk, clock: SharedClock) -> Self {
        Self { store, desk, clock, last: Arc::default() }
    }

    /// What is not ready, each with the reason; nothing when all is well. Those who ask at the same time
    /// share one look.
    pub(super) async fn missing(&self) -> Vec<FieldError> {
        let mut last = self.last.lock().await;
        if let Some(look) = last.as_ref().filter(|look| look.at.elapsed() < KEPT) {
            return look.missing.clone();
        }
        let missing = self.look().await;
        if !missing.is_empty() {
            tracing::warn!(?missing, "not ready");
        }
        *last = Some(Look { at: Instant::now(), missing: missing.clone() });
        missing
    }

    async fn look(&self) -> Vec<FieldError> {
        let read = bounded("store.read", self.store.ready());
        let written = bounded("store.write", self.store.heartbeat(self.clock.now()));
        let (read, written) = tokio::join!(read, written);
        let engine = self.desk.engine_stands_still().map(|quiet| FieldError {
            field: "engine".to_owned(),
            message: format!("has taken no work for {} s; its log says why", quiet.as_secs()),
        });
        [read, written, engine].into_iter().flatten().collect()
    }
}

async fn bounded(field: &str, asked: impl Future<Output = Result<(), StoreError>>) -> Option<FieldError> {
    let message = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) => return None,
        Ok(Err(error @ StoreError::NewerSchema { .. })) => error.to_string(),
        Ok(Err(error)) => {
            tracing::warn!(%error, field, "the store is not ready");
            "the database cannot be used just now; the log says why".to_owned()
        }
        Err(_) => format!("the database did not answer within {} s: it is locked, or very busy", PATIENCE.as_secs()),
    };
    Some(FieldError { field: field.to_owned(), message })
}
