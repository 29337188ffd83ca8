//! A new order: the customer, its subjects, and everything that begins with them.

use fencepost_checks::DomainName;
use jiff::Timestamp;
use rusqlite::Connection;

use super::columns::{first, int, json, run, us, word};
use super::commit::{
    Rearm, answered_before, append_events, desire, holder, inherit_history, ordered_by, put_out, rearm, remember,
};
use super::{commit, ledger, mail, trials};
use crate::store::{Amendment, CommitOutcome, NewOrder, NewSubject, Placed, StoreError, StoreResult};

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
    let party = Party { customer: &new.customer_id, partner: &new.order.partner, at: new.at, must_hold: new.must_hold };
    for subject in &new.subjects {
        begin(connection, &party, subject)?;
    }
    trials::take(connection, new)?;
    mail::senders_of(connection, &new.customer_id, &new.order, new.at)?;
    ledger::append(connection, &new.entries, new.at)?;
    if let Some(inbox) = &new.inbox {
        remember(connection, inbox, new.at)?;
    }
    Ok(Placed::New { customer_id: new.customer_id.clone() })
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
pub(super) fn amend(connection: &Connection, amendment: &Amendment) -> StoreResult<CommitOutcome> {
    let Amendment { transition, customer_id, order, subjects } = amendment;
    let outcome = commit::transition(connection, transition)?;
    if !matches!(outcome, CommitOutcome::Committed { .. }) {
        return Ok(outcome);
    }
    if let Some(domain) = under_way_with(connection, customer_id, &order.partner)? {
        return Err(StoreError::Conflict(format!(
            "{} has {domain} under way already, for another customer",
            order.partner
        )));
    }
    mail::senders_change(connection, customer_id, order, transition.at)?;
    run(
        connection,
        "UPDATE customer SET order_body = ?2, partner_id = ?3 WHERE id = ?1",
        (customer_id, json(order)?, &order.partner),
    )?;
    run(connection, "UPDATE subject SET partner_id = ?2 WHERE customer_id = ?1", (customer_id, &order.partner))?;
    let party = Party { customer: customer_id, partner: &order.partner, at: transition.at, must_hold: false };
    for subject in subjects {
        begin(connection, &party, subject)?;
    }
    Ok(outcome)
}

/// A living domain of the customer that the partner has under way for another customer of its own.
fn under_way_with(connection: &Connection, customer: &str, partner: &str) -> StoreResult<Option<String>> {
    first(
        connection,
        "SELECT mine.domain FROM subject mine JOIN subject other ON other.domain = mine.domain \
         WHERE mine.customer_id = ?1 AND mine.phase NOT IN ('released', 'cancelled') \
         AND other.customer_id <> ?1 AND other.partner_id = ?2 AND other.phase NOT IN ('released', 'cancelled') LIMIT 1",
        (customer, partner),
        |row| Ok(row.get(0)?),
    )
}

fn begin(connection: &Connection, party: &Party<'_>, subject: &NewSubject) -> StoreResult<()> {
    let domain = subject.domain.as_ref().map(DomainName::as_str);
    // One's own double order is a mistake that can be said, in the same words whether the first one is
    // served or waits for a stranger: the stranger must stay unknown.
    if let Some(domain) = domain
        && let Some(customer) = ordered_by(connection, domain, party.partner)?
    {
        return Err(StoreError::Conflict(format!("{domain} is under way already, for customer {customer}")));
    }
    let holder = domain.map(|domain| holder(connection, domain)).transpose()?.flatten();
    let held_by = holder.map(|(customer, _)| customer);
    if let (Some(customer), Some(domain), true) = (&held_by, domain, party.must_hold) {
        return Err(StoreError::Conflict(format!("{domain} is held by customer {customer} of another partner")));
    }
    run(
        connection,
        "INSERT INTO subject (id, kind, partner_id, customer_id, domain, held_by, machine_version, phase, state, \
         state_since, version, last_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11)",
        (
            &subject.id,
            word(&subject.kind)?,
            party.partner,
            party.customer,
            domain,
            &held_by,
            subject.machine_version,
            &subject.phase,
            &subject.state,
            us(party.at),
            int(subject.events.len() as u64),
        ),
    )?;
    append_events(connection, &subject.id, 0, party.at, &subject.events)?;
    put_out(connection, &subject.id, party.at, &subject.outbox)?;
    if let Some(domain) = domain {
        inherit_history(connection, &subject.id, domain)?;
    }
    if held_by.is_none() {
        if let Some(route) = &subject.route {
            desire(connection, route)?;
        }
        let circumstances = Rearm { busy: None, done: None, at: party.at };
        rearm(connection, &subject.id, &subject.timers, &circumstances)?;
    }
    Ok(())
}
