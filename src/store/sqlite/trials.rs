//! Who had a trial, and whether another one comes too soon. Whether that is asked at all is the
//! caller's to say.

use jiff::Timestamp;
use rusqlite::Connection;

use super::columns::{first, run, us};
use super::commit::holder;
use crate::lifecycle::subscription::OrderKind;
use crate::order::FieldError;
use crate::store::{NewOrder, StoreError, StoreResult, trial};

/// Refuses a trial too soon after another one, at each field that says so, and remembers this one.
pub(super) fn take(connection: &Connection, new: &NewOrder) -> StoreResult<()> {
    if new.order.kind != OrderKind::Trial {
        return Ok(());
    }
    let problems = refusals(connection, new)?;
    if !problems.is_empty() {
        return Err(StoreError::Invalid(problems));
    }
    for (_, key) in trial::keys(new) {
        run(
            connection,
            "INSERT INTO trial (key, ordered_at, customer_id) VALUES (?1, ?2, ?3)",
            (key, us(new.at), &new.customer_id),
        )?;
    }
    Ok(())
}

/// What speaks against a trial; nothing against any other order.
pub(super) fn refusals(connection: &Connection, new: &NewOrder) -> StoreResult<Vec<FieldError>> {
    match new.trials_since.filter(|_| new.order.kind == OrderKind::Trial) {
        Some(since) => too_soon(connection, new, since),
        None => Ok(Vec::new()),
    }
}

fn too_soon(connection: &Connection, new: &NewOrder, since: Timestamp) -> StoreResult<Vec<FieldError>> {
    let mut problems = Vec::new();
    for (field, key) in trial::keys(new) {
        // Whoever waits behind a stranger must not learn of the stranger; it is asked again nowhere.
        let domain = key.strip_prefix("domain:");
        if let Some(domain) = domain
            && holder(connection, domain)?.is_some_and(|(_, partner)| partner != new.order.partner)
        {
            continue;
        }
        // What was withdrawn before a route existed was no trial.
        let earlier = first(
            connection,
            "SELECT 1 FROM trial t WHERE t.key = ?1 AND t.ordered_at >= ?2 AND EXISTS (SELECT 1 FROM subject s \
             WHERE s.customer_id = t.customer_id AND s.domain = coalesce(?3, s.domain) AND s.phase <> 'cancelled') \
             LIMIT 1",
            (&key, us(since), domain),
            |row| Ok(row.get::<_, i64>(0)?),
        )?;
        if earlier.is_some() {
            problems.push(trial::refusal(field));
        }
    }
    Ok(problems)
}
