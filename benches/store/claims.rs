//! Claim and complete on PostgreSQL: four stores, each claiming 100 at a time and committing an outcome for
//! each, against pgqueuer and apalis-postgres with four workers in batches of 100.

use std::sync::Arc;
use std::time::Instant;

use fencepost::store::postgres::{LeaseClock, PostgresStore};
use fencepost::store::{ClaimRequest, CommitOutcome, Share, Store};
use futures_util::future::{join_all, try_join_all};

use crate::server::Server;
use crate::sides::{self, Side};
use crate::{Outcome, outcome, peer, pgbench};

const WORKERS: usize = 4;
const BATCH: u32 = 100;

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Claims of ours in a round
    #[arg(long, default_value_t = 20_000)]
    count: u32,
    /// Jobs of a peer in a round
    #[arg(long, default_value_t = 6_000)]
    jobs: u32,
    #[command(flatten)]
    peers: peer::Peers,
}

pub async fn run(options: &Options) -> Outcome<()> {
    let server = Server::durable();
    let mut ours = Side::new("fencepost, PostgreSQL, claim and complete");
    let mut pgqueuer = Side::new("pgqueuer, 4 workers, batch 100");
    let mut apalis = Side::new("apalis-postgres, 4 workers, batch 100");
    for round in 1..=options.rounds {
        sides::begin(round)?;
        worked(&server, options.count, &mut ours).await?;
        if let Some(rate) = options.peers.pgqueuer(&server.database(), options.jobs).await? {
            pgqueuer.add_rate(rate);
        }
        if let Some(rate) = options.peers.apalis_postgres(&server.database(), options.jobs).await? {
            apalis.add_rate(rate);
        }
    }
    ours.against(&pgqueuer, 8.0);
    ours.against(&apalis, 4.0);
    Ok(())
}

async fn worked(server: &Server, count: u32, side: &mut Side) -> Outcome<()> {
    let config = pgbench::filled(server, count).await?;
    let stores = try_join_all((0..WORKERS).map(|_| PostgresStore::open(&config, LeaseClock::Caller))).await?;
    let began = Instant::now();
    let workers: Vec<_> =
        stores.into_iter().zip(0..).map(|(store, n)| tokio::spawn(worker(Arc::new(store), n))).collect();
    let mut done = 0;
    for worker in join_all(workers).await {
        done += worker??;
    }
    side.add(count, began.elapsed());
    if done == count { Ok(()) } else { Err(format!("{done} of {count} were completed").into()) }
}

/// Until nothing is due; how many it completed.
async fn worker(store: Arc<PostgresStore>, n: u32) -> Outcome<u32> {
    let mut done = 0;
    loop {
        let request = ClaimRequest {
            now: outcome::at(outcome::NOW),
            owner: format!("worker-{n}"),
            lease: outcome::LEASE,
            limit: BATCH,
            share: Share::All,
        };
        let claims = store.claim(request).await?;
        if claims.is_empty() {
            return Ok(done);
        }
        let complete = claims.into_iter().map(|claim| {
            let n = claim.subject_id.trim_start_matches('c').parse().unwrap_or(u32::MAX);
            store.commit(outcome::transition(n, Some(claim)))
        });
        for outcome in try_join_all(complete).await? {
            if !matches!(outcome, CommitOutcome::Committed { .. }) {
                return Err(format!("not stored: {outcome:?}").into());
            }
            done += 1;
        }
    }
}
