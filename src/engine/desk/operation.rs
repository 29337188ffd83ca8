//! What the desk and partners say of a customer beside its order: a trial that goes on for longer, and how
//! many mailboxes are in operation. The first is a promise with evidence, the second changes nothing that is
//! charged.

use jiff::civil::Date;

use super::{Caller, Desk, DeskError, DeskResult, EvidenceFile, Outcome, Told, calendar};
use crate::engine::subscriptions::Loaded;
use crate::ledger::fold;
use crate::lifecycle::subscription::{self, Fact};
use crate::order::FieldError;

/// A trial that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// First day after it.
    pub until: Date,
    pub evidence: EvidenceFile,
}

impl Desk {
    /// Lets a trial go on. The negotiation after it, the last moment for a decision and the reminders that are
    /// still to come move with it.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope; [`DeskError::Invalid`] with the reason at `until`.
    pub async fn extend_trial(&self, customer_id: &str, extension: Extension, caller: &Caller) -> DeskResult<Outcome> {
        let Extension { until, evidence } = extension;
        let loaded = self.loaded(customer_id, caller).await?;
        let today = calendar(&self.config)?.day_of(self.clock.now());
        let repeated = match &caller.idempotency {
            Some(idempotency) => self.store.answered(&idempotency.key).await?.is_some(),
            None => false,
        };
        if let Some(message) = subscription::no_extension(&loaded.subscription, until, today).filter(|_| !repeated) {
            return Err(DeskError::Invalid(vec![FieldError { field: "until".to_owned(), message }]));
        }
        let (received, by) = (evidence.received, caller.who.clone());
        let evidence = self.keep_document(customer_id, evidence, caller).await?;
        let fact = Fact::TrialExtended { until, by, received, evidence };
        self.of_customer(customer_id, &fact, Told::default(), caller).await
    }

    /// So many mailboxes are in operation. Where the ledger charges another number, a discrepancy is opened,
    /// which only an approved entry ends.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn set_mailboxes(&self, customer_id: &str, count: u32, caller: &Caller) -> DeskResult<Outcome> {
        let loaded = self.loaded(customer_id, caller).await?;
        let charged = self.charged(&loaded.customer).await?.mailboxes;
        let fact = Fact::MailboxesSeen { count, charged, by: caller.who.clone() };
        self.of_customer(customer_id, &fact, Told::default(), caller).await
    }

    async fn loaded(&self, customer_id: &str, caller: &Caller) -> DeskResult<Loaded> {
        let customer = self.store.customer(customer_id, &caller.scope).await?.ok_or(DeskError::NotFound)?;
        Ok(Loaded::read(customer)?)
    }

    /// What is charged today, by the ledger; by the order, as long as the ledger says nothing.
    pub(super) async fn charged(&self, customer: &crate::store::Customer) -> DeskResult<Charged> {
        let mut entries = Vec::new();
        loop {
            let after = entries.last().map_or(0, |entry: &crate::ledger::StoredEntry| entry.seq);
            let piece = self.store.entries(Some(&customer.id), after, super::PIECE).await?;
            if piece.is_empty() {
                break;
            }
            entries.extend(piece);
        }
        let today = calendar(&self.config)?.day_of(self.clock.now());
        let state = fold::state(&entries, today, u64::MAX);
        let total = !matches!(state.price.map(|held| held.value.0), Some(crate::ledger::PriceMode::PerMailbox));
        Ok(Charged { mailboxes: state.mailboxes.map_or(customer.order.mailboxes, |held| held.value), total, today })
    }
}

/// What is charged on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charged {
    pub mailboxes: u32,
    /// A monthly total, whatever their number.
    pub total: bool,
    pub today: Date,
}
