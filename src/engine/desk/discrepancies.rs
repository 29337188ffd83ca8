//! Where operation and accounting differ, for people: what is charged, what is in operation, since when, and
//! a mail to the service desk that is ready to be sent. Nothing is changed here.

use jiff::Timestamp;
use serde::Serialize;

use super::{Desk, DeskResult};
use crate::engine::words::parse;
use crate::lifecycle::subscription::{DiscrepancyKind, Subscription};
use crate::proposal::{ReadyMail, Wish, ready_mail};
use crate::store::{Customer, Listing, Page, Scope};

/// Customers looked at in one request; the listing goes on after the last of them.
const LOOKED_AT: usize = 20_000;
/// Customers read at once.
const PIECE: u32 = 500;
/// In the state of every subscription with an open difference, and in no other.
const MARK: &str = "\"discrepancies\":";

/// One open difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `MAILBOXES_DIFFER` or `CHARGED_WITHOUT_DOMAIN`.
    pub code: &'static str,
    pub customer_id: String,
    pub customer: String,
    pub partner: String,
    pub since: Timestamp,
    /// In one sentence.
    pub what: String,
    /// The basis in the ledger today.
    pub charged_mailboxes: u32,
    /// As they were last set in the panel, when and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operated_mailboxes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<String>,
    /// To the service desk: only an approved entry ends a difference.
    pub mail: Option<ReadyMail>,
}

impl Desk {
    /// Open differences, by customer. A page may hold fewer than there is room for, and still say that there is
    /// more: so many customers are looked at for one page, and no more.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn differences(&self, scope: &Scope, page: &Page) -> DeskResult<Listing<Difference>> {
        let room = usize::try_from(page.limit.clamp(1, PIECE)).unwrap_or(1);
        let mut found = Vec::new();
        let mut after = page.after.clone();
        let mut looked_at = 0;
        loop {
            let piece = self.store.customers(scope, &Page { after, limit: PIECE }).await?;
            for customer in &piece.rows {
                looked_at += 1;
                found.extend(self.differences_of(customer).await?);
                if found.len() >= room || looked_at >= LOOKED_AT {
                    let last = piece.rows.last().is_some_and(|last| last.id == customer.id);
                    let next = (!last || piece.next.is_some()).then(|| customer.id.clone());
                    return Ok(Listing { rows: found, next });
                }
            }
            if piece.next.is_none() {
                return Ok(Listing { rows: found, next: None });
            }
            after = piece.next;
        }
    }

    /// The open differences of one customer.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn differences_of(&self, customer: &Customer) -> DeskResult<Vec<Difference>> {
        if !customer.subscription.state.contains(MARK) {
            return Ok(Vec::new());
        }
        let s: Subscription = parse(&customer.subscription.state)?;
        let charged = self.charged(customer).await?;
        let operated = s.mailboxes_seen.as_ref().map(|seen| seen.count);
        let name = &customer.order.customer_name;
        let one = |open: &crate::lifecycle::subscription::Discrepancy| {
            let (what, wish) = match open.what {
                DiscrepancyKind::MailboxesDiffer => {
                    let count = operated.unwrap_or(charged.mailboxes);
                    let what = if count == charged.mailboxes {
                        format!(
                            "{count} mailboxes are charged and {count} are in operation, but another number was set \
                             in between: only an approved entry that says {count} ends this"
                        )
                    } else {
                        format!("{} mailboxes are charged, {count} are in operation", charged.mailboxes)
                    };
                    (what, Wish::Mailboxes { count, new_total: charged.total && count != charged.mailboxes })
                }
                DiscrepancyKind::ChargedWithoutDomain => (
                    "the last domain has gone, and the customer is charged until an entry decides".to_owned(),
                    Wish::End,
                ),
            };
            let seen = s.mailboxes_seen.as_ref().filter(|_| open.what == DiscrepancyKind::MailboxesDiffer);
            Difference {
                code: open.what.as_str(),
                customer_id: customer.id.clone(),
                customer: name.clone(),
                partner: customer.order.partner.clone(),
                since: open.since,
                what,
                charged_mailboxes: charged.mailboxes,
                operated_mailboxes: seen.map(|seen| seen.count),
                set_at: seen.map(|seen| seen.at),
                set_by: seen.map(|seen| seen.by.clone()),
                mail: ready_mail(&self.config.notify.desk, &customer.id, name, wish, charged.today),
            }
        };
        Ok(s.discrepancies.iter().map(one).collect())
    }
}
