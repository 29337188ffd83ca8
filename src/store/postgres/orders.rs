//! A new order: the customer, its subjects, and everything that begins with them.

use fencepost_checks::DomainName;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::commit::{
    Rearm, answered_before, desire, events, group_within, holder, inherit_history, ordered_by, put_out, rearm, remember,
};
use super::failure::undisturbed;
use super::pool::Pool;
use super::{keys, ledger, mail, trials};
use crate::lifecycle::subscription::OrderKind;
use crate::store::value::{int, json, us, word};
use crate::store::{
    Amendment, CommitOutcome, NewOrder, NewSubject, Placed, StoreError, StoreResult, Transition, trial,
};

pub(super) async fn place(pool: &Pool, new: &NewOrder) -> StoreResult<Placed> {
    let mut placed = place_all(pool, std::slice::from_ref(new)).await?;
    placed.pop().ok_or(StoreError::NotFound)
}

/// All of them, or none.
pub(super) async fn place_all(pool: &Pool, all: &[NewOrder]) -> StoreResult<Vec<Placed>> {
    undisturbed(|| place_once(pool, all)).await
}

async fn place_once(pool: &Pool, all: &[NewOrder]) -> StoreResult<Vec<Placed>> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    keys::lock(db, &all.iter().flat_map(disputed).collect::<Vec<_>>()).await?;
    let mut placed = Vec::with_capacity(all.len());
    let mut entries = Vec::with_capacity(all.len());
    for new in all {
        let one = place_one(db, new).await?;
        if matches!(one, Placed::New { .. }) {
            entries.push((new.at, new.entries.clone()));
        }
        placed.push(one);
    }
    // Last, because the head of the ledger is locked with it.
    ledger::append(db, entries).await?;
    transaction.commit().await?;
    Ok(placed)
}

async fn place_one(db: &mut PgConnection, new: &NewOrder) -> StoreResult<Placed> {
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
    let party = Party { customer: &new.customer_id, partner: &new.order.partner, at: new.at, must_hold: new.must_hold };
    for subject in &new.subjects {
        begin(db, &party, subject).await?;
    }
    trials::take(db, new).await?;
    mail::senders_of(db, &new.customer_id, &new.order, new.at).await?;
    if let Some(inbox) = &new.inbox {
        remember(db, &[(inbox.clone(), new.at)]).await?;
    }
    Ok(Placed::New { customer_id: new.customer_id.clone() })
}

/// What another order may want at the same moment.
fn disputed(new: &NewOrder) -> Vec<String> {
    let on_trial = new.order.kind == OrderKind::Trial;
    let mut names: Vec<String> = trial::keys(new).into_iter().filter(|_| on_trial).map(|(_, key)| key).collect();
    let domains = new.subjects.iter().filter_map(|subject| subject.domain.as_ref());
    names.extend(domains.map(|domain| keys::of_domain(domain.as_str())));
    names.extend(new.inbox.iter().map(|inbox| format!("inbox:{}", inbox.key)));
    names
}

/// Whose subjects begin, and when.
struct Party<'a> {
    customer: &'a str,
    partner: &'a str,
    at: Timestamp,
    /// A domain that somebody else holds is not waited for.
    must_hold: bool,
}

/// A change to what was agreed with a customer, with everything that follows from it.
pub(super) async fn amend(pool: &Pool, amendment: &Amendment) -> StoreResult<CommitOutcome> {
    undisturbed(|| amend_once(pool, amendment)).await
}

async fn amend_once(pool: &Pool, amendment: &Amendment) -> StoreResult<CommitOutcome> {
    let Amendment { transition, customer_id, order, subjects } = amendment;
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    let domains: Vec<String> = order.domains.iter().map(|domain| keys::of_domain(domain.as_str())).collect();
    keys::lock(db, &domains).await?;
    // In the order in which everybody locks them; the head of the ledger comes last, with the transition.
    sqlx::query("SELECT id FROM subject WHERE customer_id = $1 ORDER BY id FOR UPDATE")
        .bind(customer_id)
        .execute(&mut *db)
        .await?;
    let outcome = commit_alone(db, transition).await?;
    if !matches!(outcome, CommitOutcome::Committed { .. }) {
        return Ok(outcome);
    }
    if let Some(domain) = under_way_with(db, customer_id, &order.partner).await? {
        return Err(StoreError::Conflict(format!(
            "{} has {domain} under way already, for another customer",
            order.partner
        )));
    }
    mail::senders_change(db, customer_id, order, transition.at).await?;
    sqlx::query("UPDATE customer SET order_body = $2, partner_id = $3 WHERE id = $1")
        .bind(customer_id)
        .bind(json(order)?)
        .bind(&order.partner)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE subject SET partner_id = $2 WHERE customer_id = $1")
        .bind(customer_id)
        .bind(&order.partner)
        .execute(&mut *db)
        .await?;
    let party = Party { customer: customer_id, partner: &order.partner, at: transition.at, must_hold: false };
    for subject in subjects {
        begin(db, &party, subject).await?;
    }
    transaction.commit().await?;
    Ok(outcome)
}

async fn commit_alone(db: &mut PgConnection, transition: &Transition) -> StoreResult<CommitOutcome> {
    let mut answers = group_within(db, std::slice::from_ref(transition)).await?;
    answers.pop().unwrap_or(Err(StoreError::NotFound))
}

/// A living domain of the customer that the partner has under way for another customer of its own.
async fn under_way_with(db: &mut PgConnection, customer: &str, partner: &str) -> StoreResult<Option<String>> {
    let found = sqlx::query_scalar(
        "SELECT mine.domain FROM subject mine JOIN subject other ON other.domain = mine.domain \
         WHERE mine.customer_id = $1 AND mine.phase NOT IN ('released', 'cancelled') \
         AND other.customer_id <> $1 AND other.partner_id = $2 AND other.phase NOT IN ('released', 'cancelled') LIMIT 1",
    )
    .bind(customer)
    .bind(partner)
    .fetch_optional(db)
    .await?;
    Ok(found)
}

async fn begin(db: &mut PgConnection, party: &Party<'_>, subject: &NewSubject) -> StoreResult<()> {
    let domain = subject.domain.as_ref().map(DomainName::as_str);
    let mut held_by = None;
    if let Some(domain) = domain {
        // One's own double order is a mistake that can be said, in the same words whether the first one is
        // served or waits for a stranger: the stranger must stay unknown.
        if let Some(customer) = ordered_by(db, domain, party.partner).await? {
            return Err(StoreError::Conflict(format!("{domain} is under way already, for customer {customer}")));
        }
        held_by = holder(db, domain).await?.map(|(customer, _)| customer);
        if let (Some(customer), true) = (&held_by, party.must_hold) {
            return Err(StoreError::Conflict(format!("{domain} is held by customer {customer} of another partner")));
        }
    }
    sqlx::query(
        "INSERT INTO subject (id, kind, partner_id, customer_id, domain, held_by, machine_version, phase, state, \
         state_since, version, last_seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1, $11)",
    )
    .bind(&subject.id)
    .bind(word(&subject.kind)?)
    .bind(party.partner)
    .bind(party.customer)
    .bind(domain)
    .bind(&held_by)
    .bind(i64::from(subject.machine_version))
    .bind(&subject.phase)
    .bind(&subject.state)
    .bind(us(party.at))
    .bind(int(subject.events.len() as u64))
    .execute(&mut *db)
    .await?;
    events(db, [((subject.id.as_str(), 0, party.at), subject.events.as_slice())]).await?;
    put_out(db, [(subject.id.as_str(), party.at, subject.outbox.as_slice())]).await?;
    if let Some(domain) = domain {
        inherit_history(db, &subject.id, domain).await?;
    }
    if held_by.is_none() {
        desire(db, &subject.route).await?;
        let timers = subject.timers.as_slice();
        rearm(db, [Rearm { id: &subject.id, timers, busy: None, done: None, at: party.at }]).await?;
    }
    Ok(())
}
