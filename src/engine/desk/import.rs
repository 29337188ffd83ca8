//! Takes over an existing base: customers that are connected already. Each line of the table is a
//! customer of its own, stored whole or refused with its reasons; the same line taken in again changes
//! nothing. What the MX really says is looked at afterwards, by the engine.

use std::collections::BTreeMap;

use fencepost_checks::DomainName;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::agreement::lives;
use super::{Caller, Desk, DeskError, DeskResult, OrderPlaced, PlacedConnection, calendar};
use crate::engine::words::{json, parse};
use crate::engine::{connections, subscriptions};
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::connection::Phase;
use crate::lifecycle::permit::Setup;
use crate::lifecycle::subscription::{Source, Terms};
use crate::order::base::{self, COLUMNS, Connected, NEEDED, Standing, first_period_from};
use crate::order::flat::Cells;
use crate::order::sheet::{LineOutcome, LineReport, Row, Sheet, SheetError};
use crate::order::{FieldError, Order, OrderRules};
use crate::store::{InboxKey, NewOrder, Placed, Scope, StoreError};

/// Lines stored at the same time.
pub(super) const TOGETHER: usize = 32;
/// Lines of a table that are stored all or none: one transaction holds everybody else up.
const MOST_AT_ONCE: usize = 2_000;
/// Characters of the file's name that are kept.
const NAME: usize = 80;

/// A table of connected customers, and what to do with it.
#[derive(Debug, Clone, Default)]
pub struct Import {
    /// CSV; kept as the evidence of the entries that it leads to.
    pub bytes: Vec<u8>,
    /// How the sender calls the file.
    pub name: String,
    /// Where it is a piece of a longer file: what to add to its line numbers, and the file's SHA-256.
    pub line_offset: u64,
    pub whole_sha256: Option<String>,
    /// Store nothing, say what would be.
    pub check: bool,
    /// Store nothing unless every line can be.
    pub all_or_nothing: bool,
}

/// What became of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// SHA-256 of what was sent (hex): the evidence.
    pub sha256: String,
    /// Whether the accepted lines are stored now.
    pub stored: bool,
    pub accepted: usize,
    pub already_there: usize,
    pub refused: usize,
    pub lines: Vec<LineReport>,
}

/// A line that can be stored.
struct Ready {
    new: NewOrder,
    placed: OrderPlaced,
    notes: Vec<String>,
}

enum Judged {
    Ready(Box<Ready>),
    Done(LineOutcome),
}

impl Desk {
    /// Takes over an existing base of connected customers.
    ///
    /// # Errors
    /// [`DeskError::Invalid`] where the file as a whole cannot be read, with the reason at `file`.
    pub async fn import_connected(
        &self,
        import: &Import,
        rules: &OrderRules,
        caller: &Caller,
    ) -> DeskResult<ImportReport> {
        let sheet = within(Sheet::read(&import.bytes, COLUMNS, NEEDED), import.all_or_nothing)?;
        let sha256 = hex::encode(Sha256::digest(&import.bytes));
        let now = self.clock.now();
        let at = Place { desk: self, import, sha256: &sha256, calendar: calendar(&self.config)?, now, caller };
        let mut judged = at.judge_all(&sheet.rows, rules).await?;
        let refusals = judged.iter().any(|(_, line)| matches!(line, Judged::Done(LineOutcome::Refused { .. })));
        let ready = judged.iter().any(|(_, line)| matches!(line, Judged::Ready(_)));
        let stored = !(import.check || import.all_or_nothing && refusals);
        if stored && ready {
            self.store.keep_evidence(&sha256, &import.bytes, now).await?;
        }
        if !stored {
            for (_, line) in &mut judged {
                if let Judged::Ready(ready) = line {
                    let notes = std::mem::take(&mut ready.notes);
                    *line = Judged::Done(LineOutcome::Accepted { customer_id: None, notes });
                }
            }
        }
        let lines = if import.all_or_nothing && stored {
            at.store_together(judged).await?
        } else {
            at.store_each(judged).await?
        };
        self.wake.notify_one();
        Ok(report(&import.bytes, stored, lines))
    }
}

/// The table, where it can be read and is not too long for one transaction.
pub(super) fn within(sheet: Result<Sheet, SheetError>, all_or_nothing: bool) -> DeskResult<Sheet> {
    let sheet = sheet.map_err(|error| refused_file(error.to_string()))?;
    if all_or_nothing && sheet.rows.len() > MOST_AT_ONCE {
        let message = format!(
            "{} lines cannot be stored all or none, at most {MOST_AT_ONCE} can; check the file first, then import it \
             without that: a line that was taken in changes nothing the second time",
            sheet.rows.len()
        );
        return Err(refused_file(message));
    }
    Ok(sheet)
}

pub(super) fn report(bytes: &[u8], stored: bool, lines: Vec<LineReport>) -> ImportReport {
    let count = |is: fn(&LineOutcome) -> bool| lines.iter().filter(|line| is(&line.outcome)).count();
    ImportReport {
        stored,
        accepted: count(|outcome| matches!(outcome, LineOutcome::Accepted { .. })),
        already_there: count(|outcome| matches!(outcome, LineOutcome::AlreadyThere { .. })),
        refused: count(|outcome| matches!(outcome, LineOutcome::Refused { .. })),
        sha256: hex::encode(Sha256::digest(bytes)),
        lines,
    }
}

/// One run of an import.
struct Place<'a> {
    desk: &'a Desk,
    import: &'a Import,
    sha256: &'a str,
    calendar: Calendar,
    now: Timestamp,
    caller: &'a Caller,
}

impl Place<'_> {
    async fn judge_all(&self, rows: &[Row], rules: &OrderRules) -> DeskResult<Vec<(LineReport, Judged)>> {
        let today = self.calendar.day_of(self.now);
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        let mut judged = Vec::with_capacity(rows.len());
        for row in rows {
            let line = row.line + self.import.line_offset;
            let report = LineReport {
                line,
                customer: row.cell("customer_name").unwrap_or_default(),
                domains: row.list("domains"),
                outcome: LineOutcome::Refused { errors: Vec::new() },
            };
            let read = base::connected(row, rules, today).map(|read| Connected { line, ..read });
            let read = read
                .and_then(|read| self.in_time(read))
                .and_then(|read| once(&read.order, "", line, &mut seen).map(|()| read));
            let outcome = match read {
                Ok(read) => self.judge(read).await?,
                Err(errors) => Judged::Done(LineOutcome::Refused { errors }),
            };
            judged.push((report, outcome));
        }
        Ok(judged)
    }

    /// Nobody is charged or let go for a silence that was not kept towards us.
    fn in_time(&self, read: Connected) -> Result<Connected, Vec<FieldError>> {
        let Standing::Trial { connected, ends } = read.since else { return Ok(read) };
        let last = self.calendar.dates_of_trial(connected, ends).negotiation_end;
        if last > self.calendar.day_of(self.now) {
            return Ok(read);
        }
        let message = format!(
            "the negotiation after this trial ended on {last}; ask the customer, and give `charged_from` or leave the \
             line out"
        );
        Err(vec![FieldError { field: "trial_ends".to_owned(), message }])
    }

    /// Whether the line is known, and what storing it would be.
    async fn judge(&self, read: Connected) -> DeskResult<Judged> {
        let Connected { line, order, since, mut notes } = read;
        let fingerprint = hex::encode(Sha256::digest(format!("{}{since:?}", json(&order)?)));
        let inbox = format!("import:{fingerprint}");
        if let Some(first) = self.desk.store.answered(&inbox).await? {
            let placed: OrderPlaced = parse(&first.response)?;
            return Ok(Judged::Done(self.known(&placed.customer_id).await?));
        }
        if let Some(errors) = self.held(&order).await? {
            return Ok(Judged::Done(LineOutcome::Refused { errors }));
        }
        if let Standing::Charged { from, invoiced_until: None, .. } = since {
            let here = first_period_from(from, self.calendar.day_of(self.now));
            if here != from {
                notes.push(format!("invoiced here from {here}; earlier periods count as invoiced elsewhere"));
            }
        }
        let placed = OrderPlaced {
            order_id: self.desk.fresh_id(self.now),
            customer_id: self.desk.fresh_id(self.now),
            connections: order
                .domains
                .iter()
                .map(|domain| PlacedConnection { domain: domain.clone(), connection_id: self.desk.fresh_id(self.now) })
                .collect(),
        };
        let evidence = self.evidence(line);
        let terms = Terms {
            customer_id: &placed.customer_id,
            order_id: &placed.order_id,
            order: &order,
            calendar: &self.calendar,
        };
        let source = Source { evidence: &evidence, by: &self.caller.who };
        let cause = self.caller.cause();
        let (subscription, entries) = subscriptions::take_over(&terms, &since, source, &cause, self.now)?;
        let connected = match since {
            Standing::Charged { connected, from, .. } => connected.unwrap_or(from),
            Standing::Trial { connected, ends } => self.calendar.dates_of_trial(connected, ends).connected,
        };
        let connected_at = self.calendar.start_of(connected).min(self.now);
        let mut subjects = vec![subscription];
        for PlacedConnection { domain, connection_id } in &placed.connections {
            let ids = (connection_id.as_str(), placed.customer_id.as_str());
            subjects.push(connections::import(ids, domain, &order, connected_at, &cause, self.now)?);
        }
        let new = NewOrder {
            order_id: placed.order_id.clone(),
            customer_id: placed.customer_id.clone(),
            order,
            at: self.now,
            by: self.caller.who.clone(),
            trials_since: None,
            must_hold: true,
            subjects,
            entries,
            inbox: Some(InboxKey { key: inbox, request_hash: fingerprint, response: json(&placed)? }),
        };
        Ok(Judged::Ready(Box::new(Ready { new, placed, notes })))
    }

    /// `<sha256> <name> line <n>`: the document that is kept, and the place in it.
    fn evidence(&self, line: u64) -> String {
        let name: String = self.import.name.chars().filter(|c| !c.is_control()).take(NAME).collect();
        let name = if name.is_empty() { "base.csv" } else { &name };
        match self.import.whole_sha256.as_deref().filter(|whole| *whole != self.sha256) {
            Some(whole) => format!("{} {name} ({whole}) line {line}", self.sha256),
            None => format!("{} {name} line {line}", self.sha256),
        }
    }

    /// The line was taken in before.
    async fn known(&self, customer_id: &str) -> DeskResult<LineOutcome> {
        let customer = self.desk.store.customer(customer_id, &Scope::All).await?.ok_or(DeskError::NotFound)?;
        if lives(&customer)? {
            return Ok(LineOutcome::AlreadyThere { customer_id: customer.id });
        }
        let message = format!(
            "customer {customer_id} was taken over from this very line and has left since; place an order to connect \
             it again"
        );
        Ok(LineOutcome::Refused { errors: vec![FieldError { field: "domains".to_owned(), message }] })
    }

    /// Which of the domains somebody else is served or waits for.
    async fn held(&self, order: &Order) -> DeskResult<Option<Vec<FieldError>>> {
        let mut errors = Vec::new();
        for (place, domain) in order.domains.iter().enumerate() {
            let Some(row) = self.desk.store.domain(domain, &Scope::All).await? else { continue };
            let loaded = connections::Loaded::read(row.connection.clone(), Setup::default())?;
            if loaded.connection.phase >= Phase::Released {
                continue;
            }
            let customer = self.desk.store.customer(&row.customer_id, &Scope::All).await?;
            let differs = customer.map(|customer| differences(&customer.order, order)).unwrap_or_default();
            let message = format!(
                "{domain} is under way already, for customer {} of partner {}{differs}; an import adds customers and \
                 changes none",
                row.customer_id, row.connection.partner_id
            );
            errors.push(FieldError { field: format!("domains[{place}]"), message });
        }
        Ok(if errors.is_empty() { None } else { Some(errors) })
    }

    async fn store_each(&self, judged: Vec<(LineReport, Judged)>) -> DeskResult<Vec<LineReport>> {
        let each = judged.into_iter().map(|(report, line)| async move {
            let outcome = match line {
                Judged::Done(outcome) => outcome,
                Judged::Ready(ready) => {
                    let Ready { new, placed, notes } = *ready;
                    let problem = |field: &str, message: String| LineOutcome::Refused {
                        errors: vec![FieldError { field: field.to_owned(), message }],
                    };
                    match self.desk.store.place_order(new).await {
                        Ok(Placed::New { customer_id }) => {
                            LineOutcome::Accepted { customer_id: Some(customer_id), notes }
                        }
                        Ok(Placed::Repeated { response }) => {
                            let first: OrderPlaced = parse(&response)?;
                            LineOutcome::AlreadyThere { customer_id: first.customer_id }
                        }
                        Err(StoreError::Conflict(why)) => problem("domains", why),
                        Err(StoreError::Invalid(errors)) => LineOutcome::Refused { errors },
                        Err(error) => {
                            tracing::error!(%error, line = report.line, customer = placed.customer_id, "not imported");
                            return Err(error.into());
                        }
                    }
                }
            };
            Ok(LineReport { outcome, ..report })
        });
        let stored: Vec<DeskResult<LineReport>> = stream::iter(each).buffered(TOGETHER).collect().await;
        stored.into_iter().collect()
    }

    async fn store_together(&self, judged: Vec<(LineReport, Judged)>) -> DeskResult<Vec<LineReport>> {
        let mut orders = Vec::new();
        let mut lines = Vec::with_capacity(judged.len());
        for (report, line) in judged {
            let outcome = match line {
                Judged::Done(outcome) => outcome,
                Judged::Ready(ready) => {
                    orders.push(ready.new);
                    LineOutcome::Accepted { customer_id: Some(ready.placed.customer_id), notes: ready.notes }
                }
            };
            lines.push(LineReport { outcome, ..report });
        }
        if !orders.is_empty() {
            self.desk.store.place_orders(orders).await?;
        }
        Ok(lines)
    }
}

/// A domain that stands in the file twice: for anybody, or, where `whose` is told, for them.
pub(super) fn once(
    order: &Order,
    whose: &str,
    line: u64,
    seen: &mut BTreeMap<String, u64>,
) -> Result<(), Vec<FieldError>> {
    let key = |domain: &DomainName| format!("{domain} {whose}");
    let twice: Vec<FieldError> = order
        .domains
        .iter()
        .enumerate()
        .filter_map(|(place, domain)| {
            let first = seen.get(&key(domain))?;
            let message = format!("{domain} stands in line {first} already; name each domain once");
            Some(FieldError { field: format!("domains[{place}]"), message })
        })
        .collect();
    if !twice.is_empty() {
        return Err(twice);
    }
    seen.extend(order.domains.iter().map(|domain| (key(domain), line)));
    Ok(())
}

/// In which fields two orders differ, for people.
fn differences(stored: &Order, new: &Order) -> String {
    let value = |order| serde_json::to_value(order).unwrap_or_default();
    let (stored, new) = (value(stored), value(new));
    let fields: Vec<&str> = stored
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, was)| new.get(name.as_str()) != Some(was))
        .map(|(name, _)| name.as_str())
        .collect();
    if fields.is_empty() { String::new() } else { format!(", with another {}", fields.join(", ")) }
}

fn refused_file(message: String) -> DeskError {
    DeskError::Invalid(vec![FieldError { field: "file".to_owned(), message }])
}
