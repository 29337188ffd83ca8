//! Many orders in one table: each line is an order of its own, stored whole or refused with its reasons, or
//! all of them together. The same line taken in again changes nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};

use super::agreement::lives;
use super::import::{Import, ImportReport, TOGETHER, once, report, within};
use super::{Caller, Desk, DeskError, DeskResult, OrderPlaced};
use crate::engine::connections;
use crate::engine::words::{json, parse};
use crate::lifecycle::connection::Phase;
use crate::lifecycle::permit::Setup;
use crate::lifecycle::subscription::OrderKind;
use crate::order::flat::{Cells, ORDER_COLUMNS, ORDER_NEEDED, form};
use crate::order::sheet::{LineOutcome, LineReport, Row, Sheet};
use crate::order::{FieldError, Order, OrderRules};
use crate::store::{InboxKey, NewOrder, Placed, Scope, StoreError};

enum Judged {
    Ready(Box<(NewOrder, OrderPlaced)>),
    Done(LineOutcome),
}

impl Desk {
    /// Places the orders of a table.
    ///
    /// # Errors
    /// [`DeskError::Invalid`] where the file as a whole cannot be read, with the reason at `file`.
    pub async fn import_orders(
        &self,
        import: &Import,
        rules: &OrderRules,
        caller: &Caller,
    ) -> DeskResult<ImportReport> {
        let sheet = Sheet::read(&import.bytes, ORDER_COLUMNS, ORDER_NEEDED);
        let sheet = within(sheet, import.all_or_nothing)?;
        let mut seen = BTreeMap::new();
        let mut judged = Vec::with_capacity(sheet.rows.len());
        for row in &sheet.rows {
            judged.push(self.judge_order(row, import, rules, &mut seen, caller).await?);
        }
        let refused = judged.iter().any(|(_, line)| matches!(line, Judged::Done(LineOutcome::Refused { .. })));
        let stored = !(import.check || import.all_or_nothing && refused);
        let lines = match (stored, import.all_or_nothing) {
            (false, _) => judged.into_iter().map(|(line, judged)| would_be(line, judged)).collect(),
            (true, true) => self.store_orders_together(judged).await?,
            (true, false) => self.store_orders_each(judged).await?,
        };
        self.wake.notify_one();
        Ok(report(&import.bytes, stored, lines))
    }

    async fn judge_order(
        &self,
        row: &Row,
        import: &Import,
        rules: &OrderRules,
        seen: &mut BTreeMap<String, u64>,
        caller: &Caller,
    ) -> DeskResult<(LineReport, Judged)> {
        let line = row.line + import.line_offset;
        let report = LineReport {
            line,
            customer: row.cell("customer_name").unwrap_or_default(),
            domains: row.list("domains"),
            outcome: LineOutcome::Refused { errors: Vec::new() },
        };
        let mut errors = row.unreadable.clone();
        let form = form(row, &mut errors);
        let order = match form.check(rules) {
            Ok(order) if errors.is_empty() => order,
            Ok(_) => return Ok((report, refused(errors))),
            Err(more) => {
                errors.extend(more);
                return Ok((report, refused(errors)));
            }
        };
        let fingerprint = hex::encode(Sha256::digest(json(&order)?));
        let key = format!("order-import:{fingerprint}");
        if let Some(first) = self.store.answered(&key).await? {
            let placed: OrderPlaced = parse(&first.response)?;
            return Ok((report, Judged::Done(self.ordered_before(&placed.customer_id, caller).await?)));
        }
        let mut errors = self.under_way(&order).await?;
        let (mut new, placed) = self.new_order(order, caller)?;
        if errors.is_empty() {
            errors = self.store.trial_refusals(&new).await?;
        }
        // A line that is refused stands in nobody's way.
        if errors.is_empty() {
            errors.extend(one_trial_each(&new.order, line, seen));
        }
        if errors.is_empty() {
            errors = once(&new.order, &new.order.partner, line, seen).err().unwrap_or_default();
        }
        if !errors.is_empty() {
            return Ok((report, refused(errors)));
        }
        new.inbox = Some(InboxKey { key, request_hash: fingerprint, response: json(&placed)? });
        Ok((report, Judged::Ready(Box::new((new, placed)))))
    }

    /// The line was ordered before.
    async fn ordered_before(&self, customer_id: &str, caller: &Caller) -> DeskResult<LineOutcome> {
        if let Some(customer) = self.store.customer(customer_id, &caller.scope).await?
            && lives(&customer)?
        {
            return Ok(LineOutcome::AlreadyThere { customer_id: customer.id });
        }
        let message = "was ordered by this very line before, and the service has ended since; place the order by \
                       itself to connect it again"
            .to_owned();
        Ok(LineOutcome::Refused { errors: vec![FieldError { field: "domains".to_owned(), message }] })
    }

    /// Which of the domains the same partner has under way already. Those of others are nobody's business.
    async fn under_way(&self, order: &Order) -> DeskResult<Vec<FieldError>> {
        let mut errors = Vec::new();
        let scope = Scope::Partner(order.partner.clone());
        for (place, domain) in order.domains.iter().enumerate() {
            let Some(row) = self.store.domain(domain, &scope).await? else { continue };
            let customer = row.customer_id;
            let loaded = connections::Loaded::read(row.connection, Setup::default())?;
            if loaded.connection.phase < Phase::Released {
                let message = format!("{domain} is under way already, for customer {customer}");
                errors.push(FieldError { field: format!("domains[{place}]"), message });
            }
        }
        Ok(errors)
    }

    async fn store_orders_each(&self, judged: Vec<(LineReport, Judged)>) -> DeskResult<Vec<LineReport>> {
        let each = judged.into_iter().map(|(report, line)| async move {
            let outcome = match line {
                Judged::Done(outcome) => outcome,
                Judged::Ready(ready) => match self.store.place_order(ready.0).await {
                    Ok(Placed::New { customer_id }) => {
                        LineOutcome::Accepted { customer_id: Some(customer_id), notes: Vec::new() }
                    }
                    Ok(Placed::Repeated { response }) => {
                        let first: OrderPlaced = parse(&response)?;
                        LineOutcome::AlreadyThere { customer_id: first.customer_id }
                    }
                    Err(StoreError::Conflict(message)) => {
                        let field = "domains".to_owned();
                        LineOutcome::Refused { errors: vec![FieldError { field, message }] }
                    }
                    Err(StoreError::Invalid(errors)) => LineOutcome::Refused { errors },
                    Err(error) => {
                        tracing::error!(%error, line = report.line, "an order of a table was not stored");
                        return Err(DeskError::from(error));
                    }
                },
            };
            Ok(LineReport { outcome, ..report })
        });
        let stored: Vec<DeskResult<LineReport>> = stream::iter(each).buffered(TOGETHER).collect().await;
        stored.into_iter().collect()
    }

    async fn store_orders_together(&self, judged: Vec<(LineReport, Judged)>) -> DeskResult<Vec<LineReport>> {
        let mut orders = Vec::new();
        let mut lines = Vec::with_capacity(judged.len());
        for (report, line) in judged {
            let outcome = match line {
                Judged::Done(outcome) => outcome,
                Judged::Ready(ready) => {
                    let (new, placed) = *ready;
                    orders.push(new);
                    LineOutcome::Accepted { customer_id: Some(placed.customer_id), notes: Vec::new() }
                }
            };
            lines.push(LineReport { outcome, ..report });
        }
        if !orders.is_empty() {
            self.store.place_orders(orders).await?;
        }
        Ok(lines)
    }
}

fn refused(errors: Vec<FieldError>) -> Judged {
    Judged::Done(LineOutcome::Refused { errors })
}

fn would_be(report: LineReport, judged: Judged) -> LineReport {
    let outcome = match judged {
        Judged::Done(outcome) => outcome,
        Judged::Ready(_) => LineOutcome::Accepted { customer_id: None, notes: Vec::new() },
    };
    LineReport { outcome, ..report }
}

/// A table with two trials of one business id asks for one too many.
fn one_trial_each(order: &Order, line: u64, seen: &mut BTreeMap<String, u64>) -> Option<FieldError> {
    if order.kind != OrderKind::Trial || order.trial_override.is_some() {
        return None;
    }
    let id = order.business_id.as_ref()?;
    let plain: String = id.chars().filter(|c| c.is_alphanumeric()).collect();
    let first = *seen.entry(format!("trial {}", plain.to_uppercase())).or_insert(line);
    let message = format!("line {first} orders a trial for this business id already; order this one as `paid`");
    (first != line).then(|| FieldError { field: "business_id".to_owned(), message })
}
