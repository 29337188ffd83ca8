//! A new order: the customer, its subjects, and everything that begins with them.

use fencepost_checks::DomainName;
use rusqlite::Connection;

use super::columns::{first, int, json, run, us, word};
use super::commit::{
    Rearm, answered_before, append_events, desire, holder, inherit_history, ordered_by, put_out, rearm, remember,
};
use super::{ledger, trials};
use crate::store::{NewOrder, NewSubject, Placed, StoreError, StoreResult};

pub(super) fn place(connection: &Connection, new: &NewOrder) -> StoreResult<Placed> {
    if answered_before(connection, new.inbox.as_ref())? {
        let key = new.inbox.as_ref().map_or("", |inbox| inbox.key.as_str());
        let response = first(connection, "SELECT response FROM inbox WHERE key = ?1", [key], |row| Ok(row.get(0)?))?;
        return Ok(Placed::Repeated { response: response.unwrap_or_default() });
    }
    run(
        connection,
        "INSERT INTO customer (id, partner_id, order_id, order_body, ordered_at, ordered_by) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        (&new.customer_id, &new.order.partner, &new.order_id, json(&new.order)?, us(new.at), &new.by),
    )?;
    for subject in &new.subjects {
        begin(connection, new, subject)?;
    }
    trials::take(connection, new)?;
    ledger::append(connection, &new.entries, new.at)?;
    if let Some(inbox) = &new.inbox {
        remember(connection, inbox, new.at)?;
    }
    Ok(Placed::New { customer_id: new.customer_id.clone() })
}

fn begin(connection: &Connection, new: &NewOrder, subject: &NewSubject) -> StoreResult<()> {
    let domain = subject.domain.as_ref().map(DomainName::as_str);
    // One's own double order is a mistake that can be said, in the same words whether the first one is
    // served or waits for a stranger: the stranger must stay unknown.
    if let Some(domain) = domain
        && let Some(customer) = ordered_by(connection, domain, &new.order.partner)?
    {
        return Err(StoreError::Conflict(format!("{domain} is under way already, for customer {customer}")));
    }
    let holder = domain.map(|domain| holder(connection, domain)).transpose()?.flatten();
    let held_by = holder.map(|(customer, _)| customer);
    run(
        connection,
        "INSERT INTO subject (id, kind, partner_id, customer_id, domain, held_by, machine_version, phase, state, \
         state_since, version, last_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11)",
        (
            &subject.id,
            word(&subject.kind)?,
            &new.order.partner,
            &new.customer_id,
            domain,
            &held_by,
            subject.machine_version,
            &subject.phase,
            &subject.state,
            us(new.at),
            int(subject.events.len() as u64),
        ),
    )?;
    append_events(connection, &subject.id, 0, new.at, &subject.events)?;
    put_out(connection, &subject.id, new.at, &subject.outbox)?;
    if let Some(domain) = domain {
        inherit_history(connection, &subject.id, domain)?;
    }
    if held_by.is_none() {
        if let Some(route) = &subject.route {
            desire(connection, route)?;
        }
        let circumstances = Rearm { busy: None, done: None, at: new.at };
        rearm(connection, &subject.id, &subject.timers, &circumstances)?;
    }
    Ok(())
}
