//! Durable transitions on PostgreSQL: ours, gathered into set-based statements, against pgbench, which
//! sends the same statements for one transition at a time over 32 connections, prepared, each transition
//! in one round trip.

use std::time::Instant;

use fencepost::config::StoreConfig;
use fencepost::store::postgres::{LeaseClock, PostgresStore};
use fencepost::store::{CommitOutcome, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::process::Command;

use crate::Outcome;
use crate::outcome::{self, BODY, NEXT, NOW, STATE};
use crate::server::Server;
use crate::sides::{self, Side};

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Customers in the database, each with one transition of ours a round
    #[arg(long, default_value_t = 20_000)]
    count: u32,
    /// Transitions that wait at the same time
    #[arg(long, default_value_t = 2_048)]
    at_a_time: usize,
    /// Seconds that pgbench works in a round
    #[arg(long, default_value_t = 8)]
    seconds: u32,
}

pub async fn run(options: &Options) -> Outcome<()> {
    let server = Server::durable();
    let mut ours = Side::new("fencepost, PostgreSQL, set-based");
    let mut alone = Side::new("fencepost, PostgreSQL, one by one");
    let mut piped = Side::new("pgbench -c 32 -M prepared, one round trip each");
    let mut plain = Side::new("pgbench -c 32 -M prepared, a round trip a statement");
    let folder = tempfile::tempdir()?;
    let scripts = [("piped.sql", true), ("plain.sql", false)].map(|(name, piped)| (folder.path().join(name), piped));
    for (path, piped) in &scripts {
        std::fs::write(path, script(options.count, *piped))?;
    }
    for round in 1..=options.rounds {
        sides::begin(round)?;
        let config = filled(&server, options.count).await?;
        let store = PostgresStore::open(&config, LeaseClock::Caller).await?;
        let numbers = outcome::shuffled(options.count);
        let (few, most) = numbers.split_at(options.count as usize / 20);
        committed(&store, few, 1, &mut alone).await?;
        committed(&store, most, options.at_a_time, &mut ours).await?;
        drop(store);
        for ((path, _), side) in scripts.iter().zip([&mut piped, &mut plain]) {
            let url = filled(&server, options.count).await?.url;
            let mut command = Command::from(server.program("pgbench"));
            command.args(["-n", "-c", "32", "-j", "2", "-M", "prepared", "-T", &options.seconds.to_string(), "-f"]);
            let script = path.display().to_string();
            // The server's user reads it.
            std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
            let out = command.args([&script, name_of(&url)]).output().await?;
            let text = String::from_utf8_lossy(&out.stdout);
            let rate = text.lines().find_map(|l| l.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
            let told = || format!("{text}{}", String::from_utf8_lossy(&out.stderr));
            side.add_rate(rate.filter(|_| out.status.success()).ok_or_else(told)?);
        }
    }
    ours.against(&piped, 2.2);
    ours.against(&plain, 2.2);
    ours.against(&alone, 1.0);
    Ok(())
}

async fn committed(store: &PostgresStore, numbers: &[u32], at_a_time: usize, side: &mut Side) -> Outcome<()> {
    let waiting: Vec<_> = numbers.iter().map(|n| outcome::transition(*n, None)).collect();
    let began = Instant::now();
    let work = stream::iter(waiting.into_iter().map(|transition| store.commit(transition)));
    let outcomes: Vec<CommitOutcome> = work.buffer_unordered(at_a_time).try_collect().await?;
    side.add(u32::try_from(numbers.len())?, began.elapsed());
    match outcomes.iter().find(|outcome| !matches!(outcome, CommitOutcome::Committed { .. })) {
        Some(other) => Err(format!("not stored: {other:?}").into()),
        None => Ok(()),
    }
}

pub fn name_of(url: &str) -> &str {
    url.split(['/', '?']).find(|part| part.starts_with("test")).unwrap_or_default()
}

/// A fresh database with so many customers of one connection each, every one with a timer that is due.
pub async fn filled(server: &Server, count: u32) -> Outcome<StoreConfig> {
    let config = StoreConfig::at(&server.database());
    fencepost::store::migrate(&config).await?;
    let store = PostgresStore::open(&config, LeaseClock::Caller).await?;
    store.place_order(outcome::new_order(0)).await?;
    drop(store);
    let last = count.saturating_sub(1);
    let number = "lpad(n::text, 7, '0')";
    server.psql(
        name_of(&config.url),
        &format!(
            "INSERT INTO customer SELECT 'k' || {number}, partner_id, 'o' || {number}, order_body, ordered_at, ordered_by
                 FROM customer, generate_series(1, {last}) n;
             INSERT INTO subject SELECT CASE kind WHEN 'connection' THEN 'c' ELSE 'k' END || {number}, kind, partner_id,
                     'k' || {number}, CASE kind WHEN 'connection' THEN 'd' || {number} || '.example' END, held_by,
                     machine_version, phase, state, state_since, version, last_seq
                 FROM subject, generate_series(1, {last}) n;
             INSERT INTO event SELECT left(subject_id, 1) || {number}, seq, at, kind, body, cause
                 FROM event, generate_series(1, {last}) n;
             INSERT INTO timer (subject_id, kind, due_at) SELECT 'c' || {number}, kind, due_at
                 FROM timer, generate_series(1, {last}) n;
             INSERT INTO route SELECT 'd' || {number} || '.example', mode, servers, generation
                 FROM route, generate_series(1, {last}) n;"
        ),
    );
    server.psql(name_of(&config.url), "VACUUM ANALYZE");
    server.psql(name_of(&config.url), "CHECKPOINT");
    Ok(config)
}

/// The statements of `store/postgres/commit` for one transition of a subject taken by chance. The seq of
/// the event is taken by chance as well, because within one round trip nothing can be read and used.
fn script(count: u32, piped: bool) -> String {
    let last = count.saturating_sub(1);
    let (state, body) = (text(STATE), text(BODY));
    let event = text(r#"{"event":"gate_failed","gate":"probe","codes":["SMTP_REFUSED"]}"#);
    let statements = [
        "SELECT id, version, last_seq, fence, lease_kind, domain, held_by IS NOT NULL, customer_id FROM subject \
         WHERE id = ANY(ARRAY['c' || lpad((:n)::text, 7, '0')]) ORDER BY id FOR UPDATE"
            .to_owned(),
        format!(
            "UPDATE subject s SET version = n.version, last_seq = n.last_seq, machine_version = n.machine_version, \
               phase = n.phase, state = n.state, state_since = n.state_since, \
               lease_kind = CASE WHEN n.done THEN NULL ELSE s.lease_kind END, \
               lease_owner = CASE WHEN n.done THEN NULL ELSE s.lease_owner END, \
               lease_until = CASE WHEN n.done THEN NULL ELSE s.lease_until END \
             FROM unnest(ARRAY['c' || lpad((:n)::text, 7, '0')], ARRAY[2::bigint], ARRAY[2::bigint], ARRAY[1::bigint], \
               ARRAY['probing'], ARRAY[{state}], ARRAY[{NOW}::bigint], ARRAY[false]) \
               n(id, version, last_seq, machine_version, phase, state, state_since, done) WHERE s.id = n.id"
        ),
        format!(
            "INSERT INTO event (subject_id, seq, at, kind, body, cause) \
             SELECT * FROM unnest(ARRAY['c' || lpad((:n)::text, 7, '0')], ARRAY[(:seq)::bigint], ARRAY[{NOW}::bigint], \
               ARRAY['gate_failed'], ARRAY[{event}], \
               ARRAY['probe'])"
        ),
        format!(
            "INSERT INTO observation AS o (subject_id, kind, digest, first_at, last_at, body) \
             SELECT * FROM unnest(ARRAY['c' || lpad((:n)::text, 7, '0')], ARRAY['smtp'], ARRAY['5a5a5a5a5a5a5a5a'], \
               ARRAY[{NOW}::bigint], ARRAY[{NOW}::bigint], ARRAY[{body}]) \
             ON CONFLICT (subject_id, kind) DO UPDATE SET \
               first_at = CASE WHEN o.digest = excluded.digest THEN o.first_at ELSE excluded.first_at END, \
               digest = excluded.digest, last_at = excluded.last_at, body = excluded.body"
        ),
        format!(
            "WITH gone AS (DELETE FROM timer t USING unnest(ARRAY['c' || lpad((:n)::text, 7, '0')]) n(id) \
               WHERE t.subject_id = n.id AND t.parked_at IS NULL \
                 AND (t.subject_id, t.kind) NOT IN (SELECT * FROM unnest(ARRAY['c' || lpad((:n)::text, 7, '0')], ARRAY['probe']))) \
             INSERT INTO timer (subject_id, kind, due_at) \
             SELECT n.id, n.kind, CASE WHEN NOT n.done AND t.due_at <= n.at THEN t.due_at ELSE n.due END \
             FROM unnest(ARRAY['c' || lpad((:n)::text, 7, '0')], ARRAY['probe'], ARRAY[{NEXT}::bigint], ARRAY[false], \
               ARRAY[{NOW}::bigint]) n(id, kind, due, done, at) \
             LEFT JOIN timer t ON t.subject_id = n.id AND t.kind = n.kind \
             ON CONFLICT (subject_id, kind) DO UPDATE SET due_at = excluded.due_at, attempt = 0, parked_at = NULL, error = NULL"
        ),
    ];
    let mut script = format!("\\set n random(0, {last})\n\\set seq random(100, 9000000000000000)\n");
    let (open, close) = if piped { ("\\startpipeline\n", "\\endpipeline\n") } else { ("", "") };
    script.push_str(open);
    script.push_str("BEGIN;\n");
    for statement in statements {
        script.push_str(&statement);
        script.push_str(";\n");
    }
    script.push_str("COMMIT;\n");
    script.push_str(close);
    script
}

/// A literal in which pgbench finds no variables of its own: those begin with a colon.
fn text(value: &str) -> String {
    format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "''").replace(':', "\\x3a"))
}
