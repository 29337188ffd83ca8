//! Asks own servers for strangers: a mailbox that cannot exist, and one in a foreign domain. It can get the
//! address that asks onto block lists, so it comes from outsiders or from an address that was stated, never
//! from the gateway's, and only where the configuration asks for it.

use fencepost_checks::observation::{SmtpDialogue, Stage};

use super::Prober;
use super::matrix::{first_fitting, visits};
use super::smtp::{Depth, Mailbox};
use crate::dice::Dice;
use crate::engine::ports::ServerTask;

/// It comes after other looks in the same piece of work, and gets this share of the time of one.
const SHARE: u32 = 4;

impl Prober {
    /// Every address of every own server, once; nothing where that is not asked for.
    pub(super) async fn ask_strangers(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        if self.places.strangers.is_empty() {
            return Vec::new();
        }
        let random = format!("no-such-mailbox-{}@{}", hex::encode(Dice::new().bytes::<8>()), task.domain);
        let foreign = &self.gateway.foreign_domain;
        let foreign = (!task.domain.is_at_or_below(foreign)).then(|| Mailbox::postmaster(foreign)).flatten();
        let strangers: Vec<(Stage, Mailbox)> =
            [(Stage::RcptRandom, Mailbox::parse(&random)), (Stage::RcptForeign, foreign)]
                .into_iter()
                .filter_map(|(stage, mailbox)| Some((stage, mailbox?)))
                .collect();
        let places = self.usable(&self.places.strangers).await;
        self.visit_all_within(self.patience / SHARE, &task.servers, |peer| {
            visits(first_fitting(&places, peer).as_slice(), peer, &Depth::Recipients(strangers.clone()))
        })
        .await
    }
}
