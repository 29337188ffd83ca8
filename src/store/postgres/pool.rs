//! Connections to PostgreSQL, bounded in number and in time. While the database is away, attempts to
//! reach it grow rarer and fail at once in between, so that nobody piles up behind a dead server and
//! a server that starts again is not run over.

use std::future::Future;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};

use super::failure::unavailable;
use crate::config::{Database, StoreConfig};
use crate::store::{StoreError, StoreResult};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is tried before it is used.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);
/// A whole use case takes no longer than its statements may, and this.
const MARGIN: Duration = Duration::from_secs(10);
const MAX_PASSWORD_BYTES: usize = 1024;

#[derive(Debug)]
pub(in crate::store) struct Pool {
    pool: PgPool,
    /// What is said of a use case that takes longer.
    longest: Duration,
    away: Mutex<Option<Away>>,
}

/// The database did not answer.
#[derive(Debug)]
struct Away {
    pause: Duration,
    until: Instant,
    why: String,
}

impl Pool {
    /// Nothing is connected yet.
    pub(in crate::store) fn new(config: &StoreConfig) -> StoreResult<Self> {
        let options = options(config)?;
        let patience = Duration::from_millis(config.lock_timeout_ms.into());
        let pool = PgPoolOptions::new()
            .max_connections(config.connections)
            .acquire_timeout(patience)
            .test_before_acquire(false)
            .before_acquire(|connection, usage| {
                Box::pin(async move {
                    if usage.idle_for > TRUSTED_IDLE {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(|connection, _| Box::pin(settle(connection)))
            .connect_lazy_with(options);
        let longest = Duration::from_millis(config.statement_timeout_ms.into()) + MARGIN;
        Ok(Self { pool, longest, away: Mutex::new(None) })
    }

    pub(in crate::store) async fn get(&self) -> StoreResult<PoolConnection<Postgres>> {
        self.passable()?;
        let got = self.pool.acquire().await;
        self.remember(got.as_ref().err());
        Ok(got?)
    }

    pub(in crate::store) async fn begin(&self) -> StoreResult<Transaction<'static, Postgres>> {
        self.passable()?;
        let got = self.pool.begin().await;
        self.remember(got.as_ref().err());
        Ok(got?)
    }

    /// For what needs a connection for good.
    pub(super) fn raw(&self) -> &PgPool {
        &self.pool
    }

    /// `work`, or [`StoreError::Unavailable`] after the longest time that its statements may take.
    pub(super) async fn bounded<T>(&self, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        match tokio::time::timeout(self.longest, work).await {
            Ok(done) => done,
            Err(_) => Err(unavailable("it does not answer in time")),
        }
    }

    fn passable(&self) -> StoreResult<()> {
        let away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        match away.as_ref().filter(|away| Instant::now() < away.until) {
            Some(away) => Err(unavailable(away.why.clone())),
            None => Ok(()),
        }
    }

    fn remember(&self, failure: Option<&sqlx::Error>) {
        let mut away = self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(error) = failure else {
            if away.take().is_some() {
                tracing::info!("the database answers again");
            }
            return;
        };
        // A pool that is used up is no sign of a dead server.
        if matches!(error, sqlx::Error::PoolTimedOut) && self.pool.size() > 0 {
            return;
        }
        let pause = away.as_ref().map_or(FIRST_PAUSE, |away| (away.pause * 2).min(LONGEST_PAUSE));
        *away = Some(Away { pause, until: Instant::now() + pause, why: error.to_string() });
    }
}

/// What every connection rests on, whatever the server's or the role's defaults are.
async fn settle(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED; \
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';",
    )
    .execute(connection)
    .await
    .map(drop)
}

fn options(config: &StoreConfig) -> StoreResult<PgConnectOptions> {
    let wrong =
        |what: String| StoreError::Database { what: "the database cannot be connected to", source: what.into() };
    let url = match config.database().map_err(|why| wrong(format!("store.url {why}")))? {
        Database::Postgres(url) => url,
        Database::Sqlite(path) => return Err(wrong(format!("{} is no PostgreSQL", path.display()))),
    };
    let mut options: PgConnectOptions = url.parse().map_err(|error| wrong(format!("store.url: {error}")))?;
    if let Some(file) = &config.password_file {
        options = options.password(&password(file).map_err(wrong)?);
    }
    let statement = config.statement_timeout_ms.to_string();
    let lock = config.lock_timeout_ms.to_string();
    Ok(options.application_name("fencepost").options([
        ("statement_timeout", statement.as_str()),
        ("lock_timeout", lock.as_str()),
        ("idle_in_transaction_session_timeout", statement.as_str()),
        ("client_min_messages", "warning"),
        // Every statement here is meant to follow an index. Plans made while a table was small must not
        // become scans of a large one.
        ("enable_seqscan", "off"),
        ("enable_bitmapscan", "off"),
        ("enable_hashjoin", "off"),
        ("enable_mergejoin", "off"),
        ("plan_cache_mode", "force_generic_plan"),
        ("jit", "off"),
    ]))
}

fn password(file: &Path) -> Result<String, String> {
    let told = |why: String| format!("store.password_file: {}: {why}", file.display());
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| told(error.to_string()))?;
    let bound = MAX_PASSWORD_BYTES as u64 + 2;
    opened.take(bound).read_to_string(&mut text).map_err(|error| told(error.to_string()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
        return Err(told(format!("must hold a password of 1 to {MAX_PASSWORD_BYTES} characters")));
    }
    Ok(password.to_owned())
}
