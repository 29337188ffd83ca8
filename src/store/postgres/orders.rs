//! A new order: the customer, its subjects, and everything that begins with them.

use fencepost_checks::DomainName;
use sqlx::PgConnection;

use super::commit::{
    Rearm, answered_before, desire, events, holder, inherit_history, ordered_by, put_out, rearm, remember,
};
use super::failure::undisturbed;
use super::pool::Pool;
use super::{keys, ledger, trials};
use crate::store::value::{int, json, us, word};
use crate::store::{NewOrder, NewSubject, Placed, StoreError, StoreResult, trial};

pub(super) async fn place(pool: &Pool, new: &NewOrder) -> StoreResult<Placed> {
    undisturbed(|| place_once(pool, new)).await
}

async fn place_once(pool: &Pool, new: &NewOrder) -> StoreResult<Placed> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    keys::lock(db, &disputed(new)).await?;
    if answered_before(db, new.inbox.as_ref()).await? {
        let key = new.inbox.as_ref().map_or("", |inbox| inbox.key.as_str());
        let response: Option<String> =
            sqlx::query_scalar("SELECT response FROM inbox WHERE key = $1").bind(key).fetch_optional(db).await?;
        return Ok(Placed::Repeated { response: response.unwrap_or_default() });
    }
    sqlx::query(
        "INSERT INTO customer (id, partner_id, order_id, order_body, ordered_at, ordered_by) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&new.customer_id)
    .bind(&new.order.partner)
    .bind(&new.order_id)
    .bind(json(&new.order)?)
    .bind(us(new.at))
    .bind(&new.by)
    .execute(&mut *db)
    .await?;
    for subject in &new.subjects {
        begin(db, new, subject).await?;
    }
    trials::take(db, new).await?;
    if let Some(inbox) = &new.inbox {
        remember(db, &[(inbox.clone(), new.at)]).await?;
    }
    ledger::append(db, [(new.at, new.entries.clone())]).await?;
    transaction.commit().await?;
    Ok(Placed::New { customer_id: new.customer_id.clone() })
}

/// What another order may want at the same moment.
fn disputed(new: &NewOrder) -> Vec<String> {
    let mut names: Vec<String> = trial::keys(new).into_iter().map(|(_, key)| key).collect();
    let domains = new.subjects.iter().filter_map(|subject| subject.domain.as_ref());
    names.extend(domains.map(|domain| keys::of_domain(domain.as_str())));
    names.extend(new.inbox.iter().map(|inbox| format!("inbox:{}", inbox.key)));
    names
}

async fn begin(db: &mut PgConnection, new: &NewOrder, subject: &NewSubject) -> StoreResult<()> {
    let domain = subject.domain.as_ref().map(DomainName::as_str);
    let mut held_by = None;
    if let Some(domain) = domain {
        // One's own double order is a mistake that can be said, in the same words whether the first one is
        // served or waits for a stranger: the stranger must stay unknown.
        if let Some(customer) = ordered_by(db, domain, &new.order.partner).await? {
            return Err(StoreError::Conflict(format!("{domain} is under way already, for customer {customer}")));
        }
        held_by = holder(db, domain).await?.map(|(customer, _)| customer);
    }
    sqlx::query(
        "INSERT INTO subject (id, kind, partner_id, customer_id, domain, held_by, machine_version, phase, state, \
         state_since, version, last_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11)",
    )
    .bind(&subject.id)
    .bind(word(&subject.kind)?)
    .bind(&new.order.partner)
    .bind(&new.customer_id)
    .bind(domain)
    .bind(&held_by)
    .bind(i64::from(subject.machine_version))
    .bind(&subject.phase)
    .bind(&subject.state)
    .bind(us(new.at))
    .bind(int(subject.events.len() as u64))
    .execute(&mut *db)
    .await?;
    events(db, [((subject.id.as_str(), 0, new.at), subject.events.as_slice())]).await?;
    put_out(db, [(subject.id.as_str(), new.at, subject.outbox.as_slice())]).await?;
    if let Some(domain) = domain {
        inherit_history(db, &subject.id, domain).await?;
    }
    if held_by.is_none() {
        desire(db, &subject.route).await?;
        let timers = subject.timers.as_slice();
        rearm(db, [Rearm { id: &subject.id, timers, busy: None, done: None, at: new.at }]).await?;
    }
    Ok(())
}
