//! How many jobs that do nothing apalis claims and completes in a second: `sqlite FILE JOBS BATCH` with one
//! worker, `postgres URL JOBS BATCH` with four. Jobs are there before the time begins; the last line
//! is the rate. Every commit reaches the disk, as with the store that it is held against.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use apalis::prelude::*;
use apalis_postgres::{PgPool, PostgresStorage};
use apalis_sqlite::{SqlitePool, SqliteStorage};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Notify;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Asked again this soon when a batch is done; its own default would be the limit.
const POLL: Duration = Duration::from_millis(1);
const WORKERS: usize = 4;

/// Jobs that are left, and whoever waits for the last one.
#[derive(Clone)]
struct Left(Arc<(AtomicU32, Notify)>);

impl Left {
    fn new(jobs: u32) -> Self {
        Self(Arc::new((AtomicU32::new(jobs), Notify::new())))
    }

    fn one_less(&self) {
        if self.0.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.1.notify_one();
        }
    }
}

async fn job(_: u32, left: Data<Left>) -> Result<(), BoxDynError> {
    left.one_less();
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, at, jobs, batch] = arguments.as_slice() else {
        return Err("sqlite FILE JOBS BATCH, or postgres URL JOBS BATCH".into());
    };
    let (jobs, batch) = (jobs.parse()?, batch.parse()?);
    let rate = match kind.as_str() {
        "sqlite" => sqlite(at, jobs, batch).await?,
        "postgres" => postgres(at, jobs, batch).await?,
        other => return Err(format!("{other} is not known").into()),
    };
    println!("{rate}");
    Ok(())
}

async fn sqlite(file: &str, jobs: u32, batch: usize) -> Result<f64, Failed> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    let pool: SqlitePool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
    // Its own `setup` would turn synchronous off.
    SqliteStorage::migrations().run(&pool).await?;
    let config = apalis_sqlite::Config::default().queue("bench").batch_size(batch);
    let tasks: Vec<_> = (0..jobs).map(|n| TaskBuilder::new(n.to_string().into_bytes()).build()).collect();
    let mut transaction = pool.begin().await?;
    apalis_sqlite::queries::push_tasks(&mut *transaction, "bench", &tasks).await?;
    transaction.commit().await?;

    let left = Left::new(jobs);
    let backend = SqliteStorage::<u32>::new(&pool).with_config(config).poll_with_interval(POLL);
    let began = Instant::now();
    let worker = WorkerBuilder::new("bench").backend(backend).data(left.clone()).build(job);
    let running = tokio::spawn(async move { worker.run().await.map_err(|error| error.to_string()) });
    until(&left, || async {
        sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status <> 'Done'").fetch_one(&pool).await
    })
    .await?;
    let took = began.elapsed();
    running.abort();
    Ok(f64::from(jobs) / took.as_secs_f64())
}

async fn postgres(url: &str, jobs: u32, batch: usize) -> Result<f64, Failed> {
    let pool: PgPool = PgPoolOptions::new().max_connections(16).connect(url).await?;
    PostgresStorage::setup(&pool).await?;
    let config = apalis_postgres::Config::default().queue("bench").batch_size(batch);
    let tasks: Vec<_> = (0..jobs).map(|n| TaskBuilder::new(n.to_string().into_bytes()).build()).collect();
    let mut transaction = pool.begin().await?;
    for piece in tasks.chunks(1_000) {
        apalis_postgres::queries::push_tasks(&mut *transaction, "bench", piece.to_vec()).await?;
    }
    transaction.commit().await?;
    sqlx::query("VACUUM ANALYZE apalis.jobs").execute(&pool).await?;

    let left = Left::new(jobs);
    let began = Instant::now();
    let mut running = Vec::new();
    for n in 0..WORKERS {
        let backend = PostgresStorage::<u32>::new(&pool).with_config(config.clone()).poll_with_interval(POLL);
        let worker = WorkerBuilder::new(format!("bench-{n}")).backend(backend).data(left.clone()).build(job);
        running.push(tokio::spawn(async move { worker.run().await.map_err(|error| error.to_string()) }));
    }
    until(&left, || async {
        sqlx::query_scalar("SELECT count(*) FROM apalis.jobs WHERE status <> 'Done'").fetch_one(&pool).await
    })
    .await?;
    let took = began.elapsed();
    running.iter().for_each(tokio::task::JoinHandle::abort);
    Ok(f64::from(jobs) / took.as_secs_f64())
}

/// Every job has run, and that is written down.
async fn until<F>(left: &Left, open: impl Fn() -> F) -> Result<(), Failed>
where
    F: Future<Output = Result<i64, sqlx::Error>>,
{
    left.0.1.notified().await;
    while open().await? > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
