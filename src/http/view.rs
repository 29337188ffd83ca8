//! How stored rows look in JSON. Field names are interface; the lifecycle's states are turned into
//! the few things that people ask about.

use fencepost_checks::DomainName;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::config::Config;
use crate::http::problem::{Kind, Problem};
use crate::ledger::{EntryDraft, Money};
use crate::lifecycle::connection::{self, Connection, Phase, RouteMode};
use crate::lifecycle::permit::Setup;
use crate::lifecycle::subscription::{self, OrderKind, Subscription};
use crate::order::{BillTo, Contact, EInvoiceAddress, MailServer, PostalAddress};
use crate::status::{AnswerKind, DomainStatus, ProjectInput, Waiting, project};
use crate::store::{Customer, DomainRow, EventRow, Observation, StoredEntry, Subject};

/// A customer with its subscription and domains.
#[derive(Debug, Serialize)]
pub(super) struct CustomerView {
    pub id: String,
    pub order_id: String,
    pub name: String,
    pub partner: String,
    pub ordered_at: Timestamp,
    pub kind: OrderKind,
    /// Monthly total as ordered.
    pub price: Money,
    pub mailboxes: u32,
    pub sales_rep: Option<String>,
    pub contacts: Vec<Contact>,
    pub servers: Vec<MailServer>,
    pub hosted: bool,
    pub billing: Billing,
    /// Why the desk allowed another trial.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_override: Option<String>,
    pub phase: subscription::Phase,
    pub phase_since: Timestamp,
    pub invoicing_group: Option<u8>,
    pub connected_on: Option<Date>,
    pub trial_ends: Option<Date>,
    pub negotiation_ends: Option<Date>,
    /// First charged day.
    pub charged_from: Option<Date>,
    pub notice_ends: Option<Date>,
    /// As they were last set in the panel; what is charged is the ledger's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailboxes_in_operation: Option<u32>,
    /// Codes of what differs between operation and accounting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub discrepancies: Vec<&'static str>,
    pub domains: Vec<CustomerDomain>,
}

/// Who pays, and what an invoice to them needs.
#[derive(Debug, Serialize)]
pub(super) struct Billing {
    pub bill_to: BillTo,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<String>,
    /// As one text, or in parts below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postal_address: Option<PostalAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e_invoice_address: Option<EInvoiceAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer_reference: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct CustomerDomain {
    pub domain: DomainName,
    pub connection_id: String,
    pub phase: Phase,
    pub phase_since: Timestamp,
}

/// One line of the list of domains: the status without its evidence.
#[derive(Debug, Serialize)]
pub(super) struct DomainLine {
    pub domain: DomainName,
    pub connection_id: String,
    pub customer_id: String,
    pub customer: String,
    pub partner: String,
    pub phase: Phase,
    pub phase_since: Timestamp,
    pub answer: AnswerKind,
    pub reason: String,
    pub mx_change_permitted: bool,
    pub waiting_for: Vec<Waiting>,
    pub next_check_at: Option<Timestamp>,
    /// For the service desk alone: who holds the domain (`DOMAIN_HELD`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct EventView<'a> {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: &'a str,
    /// As the lifecycle wrote it.
    pub body: Box<RawValue>,
    pub cause: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    pub seq: u64,
    pub recorded_at: Timestamp,
    #[serde(flatten)]
    pub entry: EntryDraft,
    pub prev_hash: String,
    pub hash: String,
}

pub(super) fn customer(row: &Customer) -> Result<CustomerView, Problem> {
    let subscription: Subscription = state(&row.subscription)?;
    let domains = row
        .connections
        .iter()
        .map(|subject| {
            let connection: Connection = state(subject)?;
            Ok(CustomerDomain {
                domain: connection.domain,
                connection_id: subject.id.clone(),
                phase: connection.phase,
                phase_since: connection.phase_since,
            })
        })
        .collect::<Result<_, Problem>>()?;
    let order = &row.order;
    Ok(CustomerView {
        id: row.id.clone(),
        order_id: row.order_id.clone(),
        name: order.customer_name.clone(),
        partner: order.partner.clone(),
        ordered_at: row.ordered_at,
        kind: order.kind,
        price: order.price,
        mailboxes: order.mailboxes,
        sales_rep: order.sales_rep.clone(),
        contacts: order.contacts.clone(),
        servers: order.servers.clone(),
        hosted: order.hosted,
        billing: Billing {
            bill_to: order.bill_to,
            business_id: order.business_id.clone(),
            vat_id: order.vat_id.clone(),
            address: order.billing_address.clone(),
            postal_address: order.postal_address.clone(),
            e_invoice_address: order.e_invoice_address.clone(),
            buyer_reference: order.buyer_reference.clone(),
        },
        trial_override: order.trial_override.clone(),
        phase: subscription.phase,
        phase_since: subscription.phase_since,
        invoicing_group: subscription.group.or(subscription.preferred_group),
        connected_on: subscription.dates.as_ref().map(|dates| dates.connected),
        trial_ends: subscription.dates.as_ref().map(|dates| dates.trial_end),
        negotiation_ends: subscription.dates.as_ref().map(|dates| dates.negotiation_end),
        charged_from: subscription.charged_from,
        notice_ends: subscription.notice_ends,
        mailboxes_in_operation: subscription.mailboxes_seen.as_ref().map(|seen| seen.count),
        discrepancies: subscription.discrepancies.iter().map(|open| open.what.as_str()).collect(),
        domains,
    })
}

/// The status of a stored connection, with whatever observations are at hand.
pub(super) fn status(
    row: &DomainRow,
    observations: &[Observation],
    config: &Config,
    now: Timestamp,
) -> Result<DomainStatus, Problem> {
    // A go-ahead holds only under the configuration it was given under.
    let connection = Connection { setup: Setup::of(config), ..state(&row.connection)? };
    // Whoever ordered what another customer holds is not told so by the missing of a next look.
    let as_if_free = || connection::timers(&connection, now).into_iter().map(|(_, at)| at).min();
    let next_check_at = row.next_check_at.or_else(|| row.held_by.as_ref().and_then(|_| as_if_free()));
    Ok(project(&ProjectInput {
        connection: &connection,
        connection_id: &row.connection.id,
        observations,
        gateway: &config.gateway,
        now,
        next_check_at,
    }))
}

/// What the gateway shall do with the domain's mail, as long as nobody has confirmed that it does.
pub(super) fn unconfirmed_route(row: &DomainRow) -> Result<Option<RouteMode>, Problem> {
    let connection: Connection = state(&row.connection)?;
    let found = connection.import.is_some_and(|import| import.route_as_found);
    Ok((connection.observed.route_confirmed != Some(connection.route) && !found).then_some(connection.route))
}

pub(super) fn domain_line(
    row: &DomainRow,
    config: &Config,
    now: Timestamp,
    for_desk: bool,
) -> Result<DomainLine, Problem> {
    let status = status(row, &[], config, now)?;
    Ok(DomainLine {
        domain: status.domain,
        connection_id: status.connection_id,
        customer_id: row.customer_id.clone(),
        customer: row.connection.order.customer_name.clone(),
        partner: row.connection.order.partner.clone(),
        phase: status.phase,
        phase_since: status.phase_since,
        answer: status.answer,
        reason: status.reason,
        mx_change_permitted: status.mx_change_permitted,
        waiting_for: status.waiting_for,
        next_check_at: status.next_check_at,
        held_by: row.held_by.clone().filter(|_| for_desk),
    })
}

pub(super) fn event(row: &EventRow) -> Result<EventView<'_>, Problem> {
    let body = raw(row.body.clone(), "an event")?;
    Ok(EventView { seq: row.seq, at: row.at, kind: &row.kind, body, cause: &row.cause })
}

/// Stored JSON, passed on as it is.
pub(super) fn raw(json: String, what: &str) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(json).map_err(|error| unreadable(what, &error))
}

pub(super) fn entry(row: StoredEntry) -> EntryView {
    EntryView {
        seq: row.seq,
        recorded_at: row.recorded_at,
        entry: row.draft,
        prev_hash: hex::encode(row.prev_hash),
        hash: hex::encode(row.hash),
    }
}

/// An answer of the books, with the hashes of its entries in hexadecimal, as everywhere.
pub(super) fn with_entries(answer: &impl Serialize, entries: &[StoredEntry]) -> Result<Value, Problem> {
    let mut value = serde_json::to_value(answer).map_err(|error| unreadable("an answer of the books", &error))?;
    let written = value.get_mut("entries").and_then(Value::as_array_mut).into_iter().flatten();
    for (written, entry) in written.zip(entries) {
        written["prev_hash"] = hex::encode(entry.prev_hash).into();
        written["hash"] = hex::encode(entry.hash).into();
    }
    Ok(value)
}

fn state<T: serde::de::DeserializeOwned>(subject: &Subject) -> Result<T, Problem> {
    serde_json::from_str(&subject.state).map_err(|error| unreadable(&subject.id, &error))
}

/// A stored value that this program cannot read is a fault on our side.
fn unreadable(what: &str, error: &serde_json::Error) -> Problem {
    tracing::error!(what, %error, "a stored value cannot be read");
    Problem::new(Kind::Internal, "A stored record cannot be read. The log of the service says which.")
}
