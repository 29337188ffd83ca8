//! Where operation and accounting differ: a number of mailboxes that was set in the panel, and a customer
//! that is charged although its last domain has gone. Such a difference is shown and never charged; only an
//! entry ends it, so setting the old number again hides nothing.

use jiff::civil::Date;

use super::decide::Work;
use super::event::Event;
use super::state::{DiscrepancyKind, Phase};
use crate::ledger::EntryKind;

impl Work<'_> {
    pub(super) fn mailboxes_seen(&mut self, count: u32, charged: u32, by: &str) {
        let known = self.s.mailboxes_seen.as_ref().is_some_and(|seen| seen.count == count);
        if self.s.phase.is_final() || known {
            return;
        }
        self.event(Event::MailboxesSeen { count, charged, by: by.to_owned() });
        if count != charged {
            self.open(DiscrepancyKind::MailboxesDiffer);
        }
    }

    /// An approved entry says how many mailboxes are charged: that is what is in operation, or it is not.
    pub(super) fn basis_decided(&mut self, terms: &[(EntryKind, Date)]) {
        let decided = terms.iter().rev().find_map(|(kind, _)| match kind {
            EntryKind::MailboxBasisSet { mailboxes } => Some(*mailboxes),
            _ => None,
        });
        let seen = self.s.mailboxes_seen.as_ref().map(|seen| seen.count);
        match (decided, seen) {
            (Some(decided), Some(seen)) if decided == seen => {
                self.close(DiscrepancyKind::MailboxesDiffer, format!("An approved entry says {decided} mailboxes."));
            }
            (Some(_), Some(_)) => self.open(DiscrepancyKind::MailboxesDiffer),
            (None, _) | (_, None) => {}
        }
    }

    /// What follows from the state alone.
    pub(super) fn watch_discrepancies(&mut self) {
        let without = self.s.phase == Phase::Active && self.no_domain_left();
        if without {
            self.open(DiscrepancyKind::ChargedWithoutDomain);
        } else {
            let why = if self.s.phase == Phase::Active { "A domain is there again." } else { "An entry has decided." };
            self.close(DiscrepancyKind::ChargedWithoutDomain, why.to_owned());
        }
        if self.s.phase.is_final() {
            self.close(DiscrepancyKind::MailboxesDiffer, "The service has ended.".to_owned());
        }
    }

    fn open(&mut self, what: DiscrepancyKind) {
        if !self.s.is_open(what) {
            self.event(Event::DiscrepancyOpened { what });
        }
    }

    fn close(&mut self, what: DiscrepancyKind, why: String) {
        if self.s.is_open(what) {
            self.event(Event::DiscrepancyClosed { what, why });
        }
    }
}
