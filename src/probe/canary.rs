//! Sends a canary: one message, from an outsider, to the first of the gateway's MX hosts that takes it.
//! Which message is due, and what its notice means, is decided elsewhere.

use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, Stage};

use super::Prober;
use super::matrix::Resolved;
use super::smtp::{Depth, Letter, Mailbox, Plan, talk};
use super::vantage::From;
use crate::config::HostState;
use crate::engine::ports::CanaryLetter;
use crate::failpoint::{Step, around};

/// Addresses that are tried. The first that answers decides.
const MAX_PEERS: usize = 8;

impl Prober {
    pub(super) async fn send_canary(&self, letter: &CanaryLetter) -> SmtpDialogue {
        let hosts = self.gateway.hosts(HostState::Current).map(|host| self.exchange(host.name.as_str()));
        let mut last = None;
        let mut tried = 0;
        for host in hosts {
            let (Some(sender), Some(message)) = (Mailbox::parse(&letter.sender), message(letter)) else {
                let detail = "the sender or the mailbox is no plain address".to_owned();
                return self.not_visited(&host, None, None, ConnectOutcome::VantageFault { detail });
            };
            let Resolved { server, peers, stage, .. } = self.resolve(host).await;
            let peers = match peers {
                Ok(peers) => peers,
                Err(outcome) => {
                    last = Some(self.not_visited(&server, None, None, outcome));
                    continue;
                }
            };
            for peer in peers {
                // An agent sends no messages: only this host does.
                let mut here = self.places.outsiders.iter().filter_map(|place| match place.from {
                    From::Here(source) if source.fits(peer.ip()) => Some((place, source)),
                    From::Here(_) | From::Agent(_) | From::Nowhere => None,
                });
                let Some((place, source)) = here.next() else { continue };
                if let Some(detail) = self.places.not_outside(place, peer) {
                    let fault = ConnectOutcome::VantageFault { detail };
                    last = Some(self.not_visited(&server, Some(peer), Some(place.vantage.clone()), fault));
                    continue;
                }
                let depth = Depth::Message(Box::new(message.clone()));
                let plan = self.plan(place.vantage.clone(), source, &server, peer, depth);
                let plan = Plan { sender: Some(sender.clone()), ..plan };
                let _turn = match self.turns.take(peer.ip(), &plan.host, &plan.vantage.id).await {
                    Ok(turn) => turn,
                    Err(detail) => {
                        let fault = ConnectOutcome::VantageFault { detail };
                        last = Some(self.not_visited(&server, Some(peer), Some(plan.vantage), fault));
                        continue;
                    }
                };
                let mut seen = around(Step::CanarySending, talk(&plan, &self.trust, &self.clock)).await;
                seen.stages.splice(0..0, stage.clone());
                tried += 1;
                // Anything said about the message is an answer; a second copy would be another canary.
                if seen.stages.iter().any(|s| s.stage == Stage::MailFrom) || tried == MAX_PEERS {
                    return seen;
                }
                last = Some(seen);
            }
        }
        last.unwrap_or_else(|| {
            let host = self.exchange("no MX host");
            let detail = "no MX host of the gateway can be reached from an outsider of this host".to_owned();
            self.not_visited(&host, None, None, ConnectOutcome::VantageFault { detail })
        })
    }
}

/// What the mailbox gets. The token stands in the headers too, because not every server gives the
/// identifier of the envelope back.
fn message(letter: &CanaryLetter) -> Option<Letter> {
    let recipient = Mailbox::parse(&letter.mailbox)?;
    let CanaryLetter { token, sender, mailbox, at } = letter;
    let domain = sender.rsplit_once('@')?.1;
    let lines = [
        format!("Date: {}", at.strftime("%a, %d %b %Y %H:%M:%S +0000")),
        format!("From: <{sender}>"),
        format!("To: <{mailbox}>"),
        "Subject: Test of the mail path".to_owned(),
        format!("Message-ID: <canary.{token}@{domain}>"),
        format!("X-Fencepost-Canary: {token}"),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=us-ascii".to_owned(),
        String::new(),
        "This message tests the way of your mail through the mail gateway, before your".to_owned(),
        "MX records are changed. That it has arrived is the test; please delete it.".to_owned(),
    ];
    Letter::new(token, recipient, lines.to_vec())
}
