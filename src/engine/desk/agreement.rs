//! Changes to what was agreed with a customer: further domains, another partner. What was agreed before
//! is kept as a document, so that entries which rest on the order can still be read.

use fencepost_checks::DomainName;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::{ATTEMPTS, Caller, Desk, DeskError, DeskResult, EvidenceFile, Outcome, PlacedConnection, calendar};
use crate::engine::connections::{self, With};
use crate::engine::subscriptions::{self, Loaded};
use crate::engine::words::{parse, word};
use crate::lifecycle::connection::Phase as ConnectionPhase;
use crate::lifecycle::permit::Setup;
use crate::lifecycle::subscription::{Fact, Phase};
use crate::order::{BillTo, ContactRole, FieldError, MailServer, OtherPartner};
use crate::store::{Amendment, CommitOutcome, Customer, Transition};

/// Further domains of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FurtherDomains {
    pub domains: Vec<DomainName>,
    /// Own servers of their own; `None`: those of the order.
    pub servers: Option<Vec<MailServer>>,
    pub hosted: bool,
}

/// Another partner for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its contacts; those at the old one hear nothing any more. What an invoice to it needs counts where the
    /// partner pays.
    pub to: OtherPartner,
    /// First day on which invoices name the new partner; today, when not given.
    pub from: Option<Date>,
    pub reason: String,
    /// The mail or document that asks for it; the reason itself, when not given.
    pub evidence: Option<EvidenceFile>,
}

/// What came of an amendment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Amended {
    pub customer_id: String,
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<PlacedConnection>,
}

impl Desk {
    /// Connects further domains of a customer. Its trial is not begun again, and what it is charged does
    /// not change by itself.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope; [`DeskError::Conflict`] for a customer whose
    /// service ends or has ended, and where the partner has a domain under way already.
    pub async fn add_domains(
        &self,
        customer_id: &str,
        further: &FurtherDomains,
        caller: &Caller,
    ) -> DeskResult<Amended> {
        let calendar = calendar(&self.config)?;
        for _ in 0..ATTEMPTS {
            let loaded = self.load(customer_id, caller).await?;
            let now = self.clock.now();
            let customer = &loaded.customer;
            let domains = further.domains.iter().map(ToString::to_string).collect();
            let fact = Fact::DomainsOrdered { domains, by: caller.who.clone() };
            let with = With { cause: caller.cause(), ..With::default() };
            let (transition, after, changed) = subscriptions::transition(&loaded, &calendar, &fact, with, now)?;
            let repeated = self.is_repeated(caller).await?;
            if !changed && !repeated {
                return Err(DeskError::Conflict(not_taken(after.phase, &further.domains)));
            }
            let mut order = customer.order.clone();
            order.domains.extend(further.domains.iter().filter(|d| !customer.order.domains.contains(d)).cloned());
            let registered = after.phase != Phase::Requested;
            let registered_by = registered.then_some("the customer's registration");
            let (mut subjects, mut placed) = (Vec::new(), Vec::new());
            for domain in &further.domains {
                let connection_id = self.fresh_id(now);
                let ids = (connection_id.as_str(), customer.id.as_str());
                let servers = further.servers.as_ref().map(|servers| (servers.as_slice(), further.hosted));
                let cause = caller.cause();
                subjects.push(connections::join(ids, domain, &order, servers, registered_by, &cause, now)?);
                placed.push(PlacedConnection { domain: domain.clone(), connection_id });
            }
            let consequences = vec![joins(after.phase).to_owned()];
            let outcome = Outcome { phase: word(&after.phase)?, changed, consequences };
            let answer = Amended { customer_id: customer.id.clone(), outcome, connections: placed };
            let amendment = Amendment { transition, customer_id: customer.id.clone(), order, subjects };
            if let Some(answer) = self.settle_amendment(customer, amendment, answer, caller).await? {
                return Ok(answer);
            }
        }
        Err(DeskError::Busy)
    }

    /// Gives a customer another partner. The old one sees nothing of it from now on.
    ///
    /// # Errors
    /// [`DeskError::NotFound`]; [`DeskError::Conflict`] for a customer that has left, or one that is with
    /// that partner already; [`DeskError::Invalid`] for a day that cannot be.
    pub async fn transfer(&self, customer_id: &str, transfer: Transfer, caller: &Caller) -> DeskResult<Amended> {
        let calendar = calendar(&self.config)?;
        let now = self.clock.now();
        let today = calendar.day_of(now);
        let from = transfer.from.unwrap_or(today);
        if from > today {
            let message = format!("{from} has not come yet: the new partner sees the customer at once; write {today}");
            return Err(DeskError::Invalid(vec![FieldError { field: "from".to_owned(), message }]));
        }
        let file = transfer.evidence.clone().unwrap_or_else(|| EvidenceFile {
            name: "reason of the transfer".to_owned(),
            content: transfer.reason.clone().into_bytes(),
            received: now,
        });
        let evidence = self.keep_document(customer_id, file, caller).await?;
        let by = format!("{} ({})", caller.who, transfer.reason);
        for _ in 0..ATTEMPTS {
            let loaded = self.load(customer_id, caller).await?;
            let now = self.clock.now();
            let customer = &loaded.customer;
            let old = customer.order.partner.clone();
            let fact = Fact::PartnerChanged {
                partner: transfer.to.partner.clone(),
                from,
                by: caller.who.clone(),
                evidence: evidence.clone(),
            };
            let with = With { cause: format!("api:{by}"), ..With::default() };
            let (transition, after, changed) = subscriptions::transition(&loaded, &calendar, &fact, with, now)?;
            let repeated = self.is_repeated(caller).await?;
            if !changed && !repeated {
                let why = if old == transfer.to.partner {
                    format!("the customer is with {old} already")
                } else {
                    "the customer has left; nothing of it can be transferred".to_owned()
                };
                return Err(DeskError::Conflict(why));
            }
            let mut order = customer.order.clone();
            order.partner = transfer.to.partner.clone();
            order.contacts.retain(|contact| contact.role != ContactRole::Partner);
            order.contacts.extend(transfer.to.contacts.iter().cloned());
            order.sales_rep = transfer.to.sales_rep.clone();
            let mut consequences = Vec::new();
            if order.bill_to == BillTo::Partner {
                order.paid_by(transfer.to.payer.clone());
                consequences.push(format!(
                    "Invoices go to {}: its address, VAT id and e-invoice address are those given now, {old}'s are \
                     forgotten.",
                    transfer.to.partner
                ));
            }
            consequences.extend([
                format!("{old} sees nothing of this customer any more; notices go to {}.", transfer.to.partner),
                format!("Invoices of periods from {from} on name {}, earlier ones {old}.", transfer.to.partner),
            ]);
            let outcome = Outcome { phase: word(&after.phase)?, changed, consequences };
            let answer = Amended { customer_id: customer.id.clone(), outcome, connections: Vec::new() };
            let amendment = Amendment { transition, customer_id: customer.id.clone(), order, subjects: Vec::new() };
            if let Some(answer) = self.settle_amendment(customer, amendment, answer, caller).await? {
                tracing::info!(
                    customer = customer_id,
                    from = old,
                    to = transfer.to.partner,
                    by,
                    "a customer was transferred"
                );
                return Ok(answer);
            }
        }
        Err(DeskError::Busy)
    }

    async fn load(&self, customer_id: &str, caller: &Caller) -> DeskResult<Loaded> {
        let customer = self.store.customer(customer_id, &caller.scope).await?.ok_or(DeskError::NotFound)?;
        Ok(Loaded::read(customer)?)
    }

    /// Whether this very request was answered before: then its first answer is given again.
    async fn is_repeated(&self, caller: &Caller) -> DeskResult<bool> {
        let Some(idempotency) = &caller.idempotency else { return Ok(false) };
        Ok(self.store.answered(&idempotency.key).await?.is_some())
    }

    async fn settle_amendment(
        &self,
        customer: &Customer,
        amendment: Amendment,
        answer: Amended,
        caller: &Caller,
    ) -> DeskResult<Option<Amended>> {
        // What entries rest on stays readable.
        let before = customer.order.evidence_bytes();
        self.store.keep_evidence(&hex::encode(Sha256::digest(&before)), &before, self.clock.now()).await?;
        let transition = Transition { inbox: caller.inbox(&answer)?, ..amendment.transition };
        match self.store.amend(Amendment { transition, ..amendment }).await? {
            CommitOutcome::Committed { .. } => {
                self.wake.notify_one();
                Ok(Some(answer))
            }
            CommitOutcome::Repeated => {
                let key = caller.idempotency.as_ref().map_or("", |i| i.key.as_str());
                let first = self.store.answered(key).await?.ok_or(DeskError::NotFound)?;
                Ok(Some(parse(&first.response)?))
            }
            CommitOutcome::VersionConflict | CommitOutcome::FenceLost => Ok(None),
        }
    }
}

/// Whether anything of the customer is still connected or under way.
pub(super) fn lives(customer: &Customer) -> DeskResult<bool> {
    for connection in &customer.connections {
        let loaded = connections::Loaded::read(connection.clone(), Setup::default())?;
        if loaded.connection.phase < ConnectionPhase::Released {
            return Ok(true);
        }
    }
    Ok(false)
}

fn not_taken(phase: Phase, domains: &[DomainName]) -> String {
    let named = domains.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match phase {
        Phase::Declined | Phase::Notice => {
            format!(
                "the service for this customer ends; it takes no further domain. Withdraw that first, or order {named} anew"
            )
        }
        Phase::Ended | Phase::Cancelled => format!("this customer has left; order {named} anew"),
        Phase::Requested | Phase::Onboarding | Phase::Trial | Phase::Negotiation | Phase::Active => {
            format!("{named} is under way for this customer already")
        }
    }
}

fn joins(phase: Phase) -> &'static str {
    match phase {
        Phase::Requested | Phase::Onboarding => {
            "The trial or the charge begins with the first domain that is connected."
        }
        Phase::Trial | Phase::Negotiation => {
            "The trial goes on with the dates that were promised; it does not begin again."
        }
        _ => "What is charged stays as it is until an evidenced entry changes it.",
    }
}
