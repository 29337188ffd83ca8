//! The imperative shell around the lifecycle: claims what is due, observes through its ports,
//! decides with pure functions, commits once, and carries out effects.
//!
//! The ports are owned here; `probe`, `gateway`, `notify` and `intake` implement them and never import each
//! other.

mod accounts;
mod advice;
pub mod agents;
mod audit;
mod backoff;
mod canary;
mod connections;
mod desk;
mod hold;
mod items;
mod jobs;
mod letter;
mod links;
mod mailroom;
mod metered;
mod payload;
mod places;
mod politeness;
pub mod ports;
mod proposals;
mod pulse;
mod recipients;
mod reconfigured;
mod replay;
mod reports;
mod run;
mod spoken;
#[cfg(test)]
mod stories;
mod subscriptions;
mod sweep;
#[cfg(test)]
mod tests;
pub mod vantages;
mod webhook;
mod words;
mod work;
#[cfg(test)]
mod world;

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use accounts::{Accounts, AccountsError, Delivery, Document, Known, RunReport, Wanted};
pub use advice::advice;
pub use agents::{AgentError, AgentGateway, AgentStatus, Agents, Since, VantageState, VantageStatus};
pub use audit::Audit;
pub use canary::Received;
pub use desk::{
    Amended, Begun, Caller, Desk, DeskError, DeskResult, Difference, Doing, EvidenceFile, Extension, FurtherDomains,
    Idempotency, Import, ImportReport, NewAct, OrderPlaced, Outcome, PersonForm, PlacedConnection, Precheck,
    ServerSeen, Transfer, Word, secret_hash,
};
pub use hold::{Hold, Holds};
pub use links::{LinkSecret, LinkWish, Links, MAX_LINK_DAYS};
pub use mailroom::{MailBody, Mailroom};
pub use payload::{FactItem, NoticeItem};
pub use places::{EgressReport, HostReport, PlaceWarning, PlacesReport, places_report};
pub use politeness::InstallationManners;
pub use proposals::{Approval, Approved, Outlook, Proposal, Proposals};
pub use recipients::readers;
pub use replay::{Change, Replay, Step};
pub use reports::{Reports, ReportsError};
pub use sweep::{StoreQuestions, StoreSweep, StoreSweepError, SweepFigures, SweepOutcome, SweepWatch};
pub use webhook::Attempt;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::dice::Dice;
use crate::lifecycle::permit::Setup;
use crate::store::{Share, Store};
use ports::{Gateway, Intake, Notifier, Observer};

/// Everything an engine works with.
pub struct EngineParts {
    pub store: Arc<dyn Store>,
    pub observer: Arc<dyn Observer>,
    pub gateway: Arc<dyn Gateway>,
    pub notifier: Arc<dyn Notifier>,
    pub clock: SharedClock,
    pub config: Arc<Config>,
    /// Identifiers and the random share of pauses.
    pub dice: Dice,
}

impl EngineParts {
    /// What the installation is configured as.
    fn setup(&self) -> Setup {
        Setup::of(&self.config)
    }
}

/// One engine. Several may work on one store: claims keep them apart. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    parts: Arc<EngineParts>,
    wake: Arc<Notify>,
    holds: Holds,
    pulse: pulse::Pulse,
    intake: Option<Arc<dyn Intake>>,
    mailroom: Option<Mailroom>,
}

impl Engine {
    #[must_use]
    pub fn new(mut parts: EngineParts) -> Self {
        parts.observer = Arc::new(metered::Metered(parts.observer));
        Self {
            parts: Arc::new(parts),
            wake: Arc::new(Notify::new()),
            holds: Holds::default(),
            pulse: pulse::Pulse::default(),
            intake: None,
            mailroom: None,
        }
    }

    /// Takes delivery notices of canaries in.
    #[must_use]
    pub fn with_intake(mut self, intake: Arc<dyn Intake>) -> Self {
        self.intake = Some(intake);
        self
    }

    /// Watches a folder for mail that is evidence.
    #[must_use]
    pub fn with_mailroom(mut self, mailroom: Option<Mailroom>) -> Self {
        self.mailroom = mailroom;
        self
    }

    /// The use cases for people, waking this engine when they commit something.
    #[must_use]
    pub fn desk(&self) -> Desk {
        let parts = &self.parts;
        let desk = Desk::new(parts.store.clone(), parts.clock.clone(), parts.config.clone());
        let desk = desk.waking(self.wake.clone(), self.pulse.clone()).with_dice(parts.dice.clone());
        let desk = desk.reading(self.intake.clone()).with_mailroom(self.mailroom.clone());
        desk.with_reports(Reports::of(parts)).looking(Some(parts.observer.clone()))
    }

    /// Keeps a stepping clock from moving ahead until the guard is dropped.
    #[must_use]
    pub fn hold(&self) -> Hold {
        self.holds.take(&self.wake)
    }

    /// Works until `shutdown` is cancelled, then finishes what it has claimed and returns.
    pub async fn run(&self, shutdown: CancellationToken) {
        self.run_share(Share::All, shutdown).await;
    }

    /// As [`Engine::run`], for a part of the work alone.
    pub async fn run_share(&self, share: Share, shutdown: CancellationToken) {
        let owner = format!("{}-{}", std::process::id(), hex::encode(self.parts.dice.bytes::<4>()));
        reconfigured::hurry(&self.parts).await;
        let watch = async {
            if let Some(intake) = &self.intake {
                canary::watch(self, intake, &shutdown).await;
            }
        };
        let mail = async {
            if let Some(mailroom) = &self.mailroom {
                mailroom::watch(self, mailroom, &shutdown).await;
            }
        };
        tokio::join!(run::run(self, &owner, share, &shutdown), watch, mail);
    }
}
