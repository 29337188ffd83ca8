//! Who had a trial, and whether another one comes too soon. Whether that is asked at all is the
//! caller's to say.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::commit::holder;
use crate::lifecycle::subscription::OrderKind;
use crate::order::FieldError;
use crate::store::value::us;
use crate::store::{NewOrder, StoreError, StoreResult, trial};

/// Refuses a trial too soon after another one, at each field that says so, and remembers this one.
pub(super) async fn take(db: &mut PgConnection, new: &NewOrder) -> StoreResult<()> {
    if new.order.kind != OrderKind::Trial {
        return Ok(());
    }
    let problems = refusals(db, new).await?;
    if !problems.is_empty() {
        return Err(StoreError::Invalid(problems));
    }
    for (_, key) in trial::keys(new) {
        sqlx::query("INSERT INTO trial (key, ordered_at, customer_id) VALUES ($1, $2, $3)")
            .bind(key)
            .bind(us(new.at))
            .bind(&new.customer_id)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}

/// What speaks against a trial; nothing against any other order.
pub(super) async fn refusals(db: &mut PgConnection, new: &NewOrder) -> StoreResult<Vec<FieldError>> {
    match new.trials_since.filter(|_| new.order.kind == OrderKind::Trial) {
        Some(since) => too_soon(db, new, since).await,
        None => Ok(Vec::new()),
    }
}

async fn too_soon(db: &mut PgConnection, new: &NewOrder, since: Timestamp) -> StoreResult<Vec<FieldError>> {
    let mut problems = Vec::new();
    for (field, key) in trial::keys(new) {
        // Whoever waits behind a stranger must not learn of the stranger; it is asked again nowhere.
        let domain = key.strip_prefix("domain:");
        if let Some(domain) = domain
            && holder(db, domain).await?.is_some_and(|(_, partner)| partner != new.order.partner)
        {
            continue;
        }
        // What was withdrawn before a route existed was no trial.
        let earlier: Option<i32> = sqlx::query_scalar(
            "SELECT 1 FROM trial t WHERE t.key = $1 AND t.ordered_at >= $2 AND EXISTS (SELECT 1 FROM subject s \
             WHERE s.customer_id = t.customer_id AND s.domain = coalesce($3, s.domain) AND s.phase <> 'cancelled') \
             LIMIT 1",
        )
        .bind(&key)
        .bind(us(since))
        .bind(domain)
        .fetch_optional(&mut *db)
        .await?;
        if earlier.is_some() {
            problems.push(trial::refusal(field));
        }
    }
    Ok(problems)
}
