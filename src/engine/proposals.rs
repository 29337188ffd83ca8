//! What the desk makes of mail: proposals are shown with what approving them would record, approved once,
//! rejected, and looked at again when a customer's list of senders has changed. Approval is one transaction:
//! entries with the mail as evidence, the subscription, and the proposal itself.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::connections::With;
use super::desk::{Caller, Desk, DeskError, DeskResult};
use super::mailroom::{MailBody, who};
use super::words::{parse, word};
use super::{spoken, subscriptions};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::ledger::{Evidence, StoredEntry, fold};
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::subscription::{self, DiscrepancyKind, Fact};
use crate::proposal::{Admission, Change, Plan, Standing, admit, plan};
use crate::store::{
    CommitOutcome, Listing, MailRow, MailState, Page, Scope, SenderRow, SettledMail, Store, StoreError, Transition,
};

/// How often a subject that changes under our hands is loaded again.
const ATTEMPTS: usize = 8;
const PIECE: u32 = 1_000;

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Proposals {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: Arc<Config>,
    desk: Desk,
}

/// A mail with what was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub row: MailRow,
    pub body: MailBody,
    pub customer_name: Option<String>,
    /// What approving it as understood would record, or why it cannot be.
    pub outlook: Outlook,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlook {
    /// Entries and words, each in a line.
    Records(Vec<String>),
    Refused(String),
    /// It waits for nobody.
    Settled,
}

/// How a proposal is approved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Approval {
    /// What the mail says, where that differs from what was understood.
    pub changes: Option<Vec<Change>>,
    /// From which day, where the mail says another one than was understood.
    pub from: Option<Date>,
    /// It takes the place of an opposite word that stands.
    pub replace: bool,
}

/// What an approval brought about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Approved {
    pub id: String,
    pub customer_id: String,
    /// Numbers of the entries that rest on this mail.
    pub entries: Vec<u64>,
    pub recorded: Vec<String>,
    pub phase: String,
    pub consequences: Vec<String>,
}

impl Proposals {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: Arc<Config>, desk: Desk) -> Self {
        Self { store, clock, config, desk }
    }

    /// # Errors
    /// When the store fails.
    pub async fn list(&self, state: Option<MailState>, page: &Page) -> DeskResult<Listing<MailRow>> {
        Ok(self.store.mails(state, page).await?)
    }

    /// # Errors
    /// [`DeskError::NotFound`].
    pub async fn show(&self, id: &str) -> DeskResult<Proposal> {
        let row = self.store.mail(id).await?.ok_or(DeskError::NotFound)?;
        let body: MailBody = parse(&row.body)?;
        let customer = match &row.customer_id {
            Some(id) => self.store.customer(id, &Scope::All).await?,
            None => None,
        };
        let outlook = match row.state {
            MailState::Approved | MailState::Rejected => Outlook::Settled,
            MailState::Quarantined => Outlook::Refused(row.reason.clone()),
            MailState::Open => match self.planned(&row, &body.understood.changes, body.understood.from).await {
                Ok(plan) => Outlook::Records(told(&plan)),
                Err(DeskError::Conflict(why)) => Outlook::Refused(why),
                Err(error) => return Err(error),
            },
        };
        Ok(Proposal { customer_name: customer.map(|customer| customer.order.customer_name), body, outlook, row })
    }

    /// The message as it came.
    ///
    /// # Errors
    /// [`DeskError::NotFound`], also where it was erased.
    pub async fn message(&self, id: &str) -> DeskResult<Vec<u8>> {
        let row = self.store.mail(id).await?.ok_or(DeskError::NotFound)?;
        self.store.evidence(&row.sha256).await?.ok_or(DeskError::NotFound)
    }

    /// Records what the mail asks for, once.
    ///
    /// # Errors
    /// [`DeskError::Conflict`] when it no longer waits, or cannot be recorded as it is, with the way out.
    pub async fn approve(&self, id: &str, approval: &Approval, caller: &Caller) -> DeskResult<Approved> {
        for _ in 0..ATTEMPTS {
            let row = self.waiting(id).await?;
            let body: MailBody = parse(&row.body)?;
            let changes = approval.changes.as_ref().unwrap_or(&body.understood.changes);
            let plan = self.planned(&row, changes, approval.from.or(body.understood.from)).await?;
            let customer_id = row.customer_id.clone().unwrap_or_default();
            let (transition, outcome) = self.transition(&row, &customer_id, &plan, approval, caller).await?;
            match self.store.commit(transition).await? {
                CommitOutcome::Committed { .. } => {
                    self.desk.nudge();
                    tracing::info!(id, by = caller.who, "a proposal was approved");
                    let entries = self.entries_of(&customer_id).await?;
                    let ours =
                        entries.iter().filter(|entry| rests_on(entry, &row.sha256)).map(|entry| entry.seq).collect();
                    return Ok(Approved { entries: ours, ..outcome });
                }
                // Settled a moment ago: the next look says by whom.
                CommitOutcome::Repeated | CommitOutcome::VersionConflict | CommitOutcome::FenceLost => {}
            }
        }
        Err(DeskError::Busy)
    }

    /// Ends a mail without a change.
    ///
    /// # Errors
    /// [`DeskError::NotFound`]; [`DeskError::Conflict`] when it no longer waits.
    pub async fn reject(&self, id: &str, why: &str, caller: &Caller) -> DeskResult<()> {
        let settled = SettledMail { id: id.to_owned(), by: caller.who.clone(), note: why.to_owned() };
        if self.store.reject_mail(&settled, self.clock.now()).await? {
            tracing::info!(id, by = caller.who, "a mail was rejected");
            return Ok(());
        }
        let row = self.store.mail(id).await?.ok_or(DeskError::NotFound)?;
        Err(settled_already(&row))
    }

    /// Judges a quarantined mail again by the verdicts of the time when it came and the lists of today.
    ///
    /// # Errors
    /// [`DeskError::Conflict`] with the reason when it stays in quarantine.
    pub async fn again(&self, id: &str, caller: &Caller) -> DeskResult<String> {
        let row = self.store.mail(id).await?.ok_or(DeskError::NotFound)?;
        if row.state != MailState::Quarantined {
            return Err(settled_already(&row));
        }
        let body: MailBody = parse(&row.body)?;
        let sender = who(&self.store, &body.mail).await?;
        match admit(&body.mail, &body.authenticity, &sender) {
            Admission::Allowed { customer_id, .. } => {
                if self.store.admit_mail(id, &customer_id, &caller.who).await? {
                    Ok(customer_id)
                } else {
                    Err(DeskError::Busy)
                }
            }
            Admission::Quarantined { reason, .. } => {
                Err(DeskError::Conflict(format!("it stays in quarantine: {reason}")))
            }
        }
    }

    /// Who may speak for a customer.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the scope.
    pub async fn senders(&self, customer_id: &str, scope: &Scope) -> DeskResult<Vec<SenderRow>> {
        self.store.customer(customer_id, scope).await?.ok_or(DeskError::NotFound)?;
        Ok(self.store.senders(customer_id).await?)
    }

    /// Puts an address on a customer's list, or takes it off.
    ///
    /// # Errors
    /// [`DeskError::NotFound`], [`DeskError::Conflict`] for what is no address.
    pub async fn set_sender(&self, customer_id: &str, address: &str, allowed: bool, caller: &Caller) -> DeskResult<()> {
        self.store.customer(customer_id, &caller.scope).await?.ok_or(DeskError::NotFound)?;
        let address = address.trim().to_lowercase();
        let plain = address.is_ascii()
            && address.len() <= 254
            && !address.contains(|c: char| c.is_whitespace() || c.is_control());
        let shaped = address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'));
        if !(plain && shaped) {
            return Err(DeskError::Conflict("write one whole address, such as anna@partner.example".to_owned()));
        }
        let sender = SenderRow { address, allowed, at: self.clock.now(), by: caller.who.clone() };
        Ok(self.store.set_sender(customer_id, &sender).await?)
    }

    async fn waiting(&self, id: &str) -> DeskResult<MailRow> {
        let row = self.store.mail(id).await?.ok_or(DeskError::NotFound)?;
        match row.state {
            MailState::Open => Ok(row),
            MailState::Quarantined => {
                Err(DeskError::Conflict(format!("it is in quarantine and is no proposal: {}", row.reason)))
            }
            MailState::Approved | MailState::Rejected => Err(settled_already(&row)),
        }
    }

    async fn planned(&self, row: &MailRow, changes: &[Change], from: Option<Date>) -> DeskResult<Plan> {
        let customer_id = row.customer_id.as_deref().unwrap_or_default();
        let received = self.calendar()?.day_of(row.received_at);
        let entries = self.entries_of(customer_id).await?;
        let state = fold::state(&entries, from.unwrap_or(received).max(received), u64::MAX);
        let customer = self.store.customer(customer_id, &Scope::All).await?;
        let loaded = customer.map(subscriptions::Loaded::read).transpose()?;
        let disputed = loaded.is_some_and(|it| it.subscription.is_open(DiscrepancyKind::MailboxesDiffer));
        plan(changes, from, &Standing { disputed, ..Standing::from(&state) }, received)
            .map_err(|why| DeskError::Conflict(why.to_string()))
    }

    async fn transition(
        &self,
        row: &MailRow,
        customer_id: &str,
        plan: &Plan,
        approval: &Approval,
        caller: &Caller,
    ) -> DeskResult<(Transition, Approved)> {
        let calendar = self.calendar()?;
        let customer = self.store.customer(customer_id, &caller.scope).await?.ok_or(DeskError::NotFound)?;
        let loaded = subscriptions::Loaded::read(customer)?;
        if !plan.terms.is_empty() && (loaded.subscription.dates.is_none() || loaded.subscription.phase.is_final()) {
            let why = "the order's terms are recorded when the first domain is connected, and until the service has ended: approve the \
                       change of terms in between";
            return Err(DeskError::Conflict(why.to_owned()));
        }
        let mail = Evidence::Mail {
            sha256: row.sha256.clone(),
            message_id: row.message_id.clone(),
            received: row.received_at,
            authentication: Some(row.authentication.clone()),
        };
        let fact = Fact::MailApproved {
            decision: plan.decision,
            notice: plan.notice,
            terms: plan.terms.iter().map(|term| (term.kind.clone(), term.valid_from)).collect(),
            by: caller.who.clone(),
            received: row.received_at,
            evidence: mail.mail_text().unwrap_or_default(),
        };
        let recorded = told(plan);
        let settles = SettledMail { id: row.id.clone(), by: caller.who.clone(), note: recorded.join("; ") };
        let with = With { cause: format!("mail:{}", row.id), settles: Some(settles), ..With::default() };
        let (transition, after, _) = subscriptions::transition(&loaded, &calendar, &fact, with, self.clock.now())?;
        let consequences = subscription::consequences(&loaded.subscription, &after, &calendar);
        let said = plan.decision.or(plan.notice.then_some(false));
        let heard = transition.events.iter().any(|event| event.kind == "decided");
        if said.is_some() && !heard {
            let stands = subscription::standing_word(&loaded.subscription, &calendar)
                .map_or("nothing".to_owned(), |(_, text)| text);
            return Err(DeskError::Conflict(format!(
                "what the mail says about staying changes nothing; what stands is {stands}. Reject it, or approve the rest alone"
            )));
        }
        if let Some(new) = said.filter(|_| !approval.replace) {
            spoken::not_opposite(&loaded.subscription, new, &consequences, &calendar).map_err(DeskError::Conflict)?;
        }
        let outcome = Approved {
            id: row.id.clone(),
            customer_id: customer_id.to_owned(),
            entries: Vec::new(),
            recorded,
            phase: word(&after.phase)?,
            consequences,
        };
        Ok((transition, outcome))
    }

    async fn entries_of(&self, customer: &str) -> Result<Vec<StoredEntry>, StoreError> {
        let mut all: Vec<StoredEntry> = Vec::new();
        loop {
            let after = all.last().map_or(0, |entry| entry.seq);
            let piece = self.store.entries(Some(customer), after, PIECE).await?;
            if piece.is_empty() {
                return Ok(all);
            }
            all.extend(piece);
        }
    }

    fn calendar(&self) -> DeskResult<Calendar> {
        Calendar::from_config(&self.config.commerce).map_err(|error| DeskError::Conflict(error.to_string()))
    }
}

fn rests_on(entry: &StoredEntry, mail: &str) -> bool {
    matches!(&entry.draft.evidence, Evidence::Mail { sha256, .. } if sha256 == mail)
}

fn settled_already(row: &MailRow) -> DeskError {
    let state = word(&row.state).unwrap_or_default();
    let by = row.settled.as_ref().map(|(at, by): &(Timestamp, String)| format!(" since {at} by {by}"));
    DeskError::Conflict(format!("this mail is {state}{}", by.unwrap_or_default()))
}

/// A plan in lines.
fn told(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    lines.extend(plan.decision.map(|customer| Change::Decision { customer }.to_string()));
    lines.extend(plan.notice.then(|| "notice".to_owned()));
    for term in &plan.terms {
        let what = match &term.kind {
            crate::ledger::EntryKind::MailboxBasisSet { mailboxes } => {
                Change::Mailboxes { count: *mailboxes }.to_string()
            }
            crate::ledger::EntryKind::PriceSet { mode, amount } => {
                Change::Price { mode: *mode, amount: *amount }.to_string()
            }
            crate::ledger::EntryKind::GroupSet { group } => Change::Group { group: *group }.to_string(),
            other => format!("{other:?}"),
        };
        lines.push(format!("{what} from {}", term.valid_from));
    }
    lines.extend(plan.notes.iter().cloned());
    lines
}
