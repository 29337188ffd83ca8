//! Mail that comes as evidence: read, authenticated, held against the customers' lists, and kept as a
//! proposal or in quarantine. Whatever door it came through, this is the one place that takes it in. Makes no
//! entry.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::desk::fresh_id;
use super::ports::{Envelope, MailReader, MailReceipt, MailSink, TryLater};
use super::words::word;
use super::{Engine, work};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::dice::Dice;
use crate::proposal::{Admission, Authenticity, ReadMail, Sender, Understood, admit, find, understand};
use crate::store::{MailState, NewMail, Scope, Store, StoreResult};

/// For how long a message is looked at again when DNS could not be asked about it.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// Tokens in a subject that are looked up.
const TOKENS: usize = 5;
/// Looks for work between two looks into the folder.
const POLLS: u32 = 10;

/// What is kept of a mail beside the message itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailBody {
    pub mail: ReadMail,
    pub authenticity: Authenticity,
    pub envelope: Envelope,
    pub understood: Understood,
}

/// Takes mail in. Cheap to clone.
#[derive(Clone)]
pub struct Mailroom {
    store: Arc<dyn Store>,
    clock: SharedClock,
    dice: Dice,
    reader: Arc<dyn MailReader>,
    limit: usize,
}

impl Mailroom {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: &Config, reader: Arc<dyn MailReader>) -> Self {
        Self { store, clock, dice: Dice::new(), reader, limit: config.intake.mail.max_message_bytes }
    }

    /// Takes a message in that was received then. Once it is answered, it lies on disk.
    ///
    /// # Errors
    /// [`TryLater`]: the store is away, or DNS could not be asked about a message that matters.
    pub async fn take_in(
        &self,
        mut raw: Vec<u8>,
        envelope: Envelope,
        via: &str,
        received: Timestamp,
    ) -> Result<MailReceipt, TryLater> {
        let now = self.clock.now();
        let received = received.min(now);
        let too_long = raw.len() > self.limit;
        raw.truncate(self.limit);
        let mut mail = self.reader.read(&raw);
        if too_long {
            mail.oddities.push(format!("it is longer than {} bytes, and only its beginning is kept", self.limit));
        }
        if envelope.sender.as_deref() == Some("") {
            mail.automatic.get_or_insert_with(|| "its envelope sender is empty, like that of a bounce".to_owned());
        }
        let authenticity = self.reader.authenticate(&raw, &envelope).await;
        let away = |error: crate::store::StoreError| TryLater(work::chain(&error));
        let sender = self.sender(&mail).await.map_err(away)?;
        let admission = admit(&mail, &authenticity, &sender);
        let refused = matches!(admission, Admission::Quarantined { .. });
        let concerns_us = !sender.by_token.is_empty() || !sender.on_list_of.is_empty();
        let fit = mail.oddities.is_empty() && mail.automatic.is_none();
        if refused && concerns_us && fit && authenticity.is_unsettled() && now.duration_since(received) < PATIENCE {
            return Err(TryLater(format!("DNS could not be asked: {}", authenticity.told())));
        }
        let new =
            Self::new_mail(raw, &MailBody { understood: understand(&mail), mail, authenticity, envelope }, admission);
        let new = NewMail { via: via.to_owned(), received_at: received, id: fresh_id(now, self.dice.bytes()), ..new };
        let kept = self.store.keep_mail(new).await.map_err(away)?;
        let receipt = MailReceipt {
            id: kept.id,
            state: word(&kept.state).unwrap_or_default(),
            reason: kept.reason,
            copies: kept.copies,
        };
        tracing::info!(id = receipt.id, state = receipt.state, copies = receipt.copies, via, "mail was taken in");
        Ok(receipt)
    }

    async fn sender(&self, mail: &ReadMail) -> StoreResult<Sender> {
        who(&self.store, mail).await
    }

    fn new_mail(raw: Vec<u8>, body: &MailBody, admission: Admission) -> NewMail {
        let (state, customer_id, reason) = match admission {
            Admission::Allowed { customer_id, .. } => (MailState::Open, Some(customer_id), String::new()),
            Admission::Quarantined { customer_id, reason } => (MailState::Quarantined, customer_id, reason),
        };
        // A forgery that says the same never stands in the way of the real one.
        let class = if state == MailState::Open { "believed" } else { "not believed" };
        NewMail {
            id: String::new(),
            dedupe: hex::encode(Sha256::digest(format!("{class}:{}", body.mail.fingerprint))),
            verdicts: serde_json::to_vec_pretty(&body.authenticity).unwrap_or_default(),
            received_at: Timestamp::UNIX_EPOCH,
            via: String::new(),
            sender: body.mail.from.join(", "),
            subject: body.mail.subject.clone(),
            message_id: body.mail.message_id.clone(),
            customer_id,
            state,
            reason,
            body: serde_json::to_string(body).unwrap_or_default(),
            raw,
        }
    }
}

/// Customers that a mail may be about.
pub(super) async fn who(store: &Arc<dyn Store>, mail: &ReadMail) -> StoreResult<Sender> {
    let mut sender = Sender::default();
    for id in find(&mail.subject).into_iter().take(TOKENS) {
        if store.customer(&id, &Scope::All).await?.is_some() {
            sender.by_token.push(id);
        }
    }
    if let [from] = mail.from.as_slice() {
        sender.on_list_of = store.customers_of_sender(from).await?;
    }
    // The list of the customer that the subject names counts, also where the sender speaks for many.
    if let ([customer], [from]) = (sender.by_token.as_slice(), mail.from.as_slice())
        && !sender.on_list_of.contains(customer)
        && store.senders(customer).await?.iter().any(|row| row.allowed && row.address == *from)
    {
        sender.on_list_of.push(customer.clone());
    }
    Ok(sender)
}

#[async_trait]
impl MailSink for Mailroom {
    async fn take(&self, raw: Vec<u8>, envelope: Envelope, via: &str) -> Result<MailReceipt, TryLater> {
        let envelope = if envelope.client.is_some() || envelope.sender.is_some() {
            let seen = self.reader.envelope(&raw);
            Envelope { client: envelope.client.or(seen.client), helo: envelope.helo.or(seen.helo), ..envelope }
        } else {
            self.reader.envelope(&raw)
        };
        self.take_in(raw, envelope, via, self.clock.now()).await
    }
}

/// Looks into the watched folder until `shutdown`. A message that could not be taken in stays where it is.
pub(super) async fn watch(engine: &Engine, room: &Mailroom, shutdown: &CancellationToken) {
    let poll = Duration::from_millis(engine.parts.config.engine.poll_ms) * POLLS;
    let every = poll.clamp(Duration::from_secs(1), Duration::from_secs(60));
    while !shutdown.is_cancelled() {
        let waiting = room.reader.waiting().await.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            Vec::new()
        });
        for message in waiting {
            let _hold = engine.hold();
            let received = room.reader.delivered(&message).unwrap_or_else(|| room.clock.now());
            let envelope = room.reader.envelope(&message.message);
            match room.take_in(message.message.clone(), envelope, "maildir", received).await {
                Ok(_) => {
                    if let Err(error) = room.reader.done(&message).await {
                        tracing::warn!("{error}");
                    }
                }
                Err(why) => tracing::warn!(message = message.id, "to be tried again: {why}"),
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}
