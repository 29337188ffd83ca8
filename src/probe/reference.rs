//! Whether the outsiders reach anything at all: each connects to one of the gateway's own MX hosts.
//! An outsider that cannot get there says nothing about a customer's firewall. Never judges.

use std::net::SocketAddr;

use fencepost_checks::observation::SmtpDialogue;

use super::Prober;
use super::smtp::{Depth, Plan, Times, talk};
use super::vantage::{From, Place};
use crate::config::HostState;
use crate::order::MailServer;

/// MX hosts that are tried as the reference.
const MAX_HOSTS: usize = 4;

impl Prober {
    /// One look from every outsider that shares a family with an MX host of the gateway. No turn is
    /// waited for: these hosts are ours and bear several visitors.
    pub(super) async fn reference_looks(&self) -> Vec<SmtpDialogue> {
        // A reference server proves more, and each dialogue carries that proof.
        if !self.places.has_outsiders || !self.config.reference.is_empty() {
            return Vec::new();
        }
        let mut hosts: Vec<(String, SocketAddr)> = Vec::new();
        for host in self.gateway.hosts(HostState::Current).take(MAX_HOSTS) {
            let resolved = self.resolve(self.exchange(host.name.as_str())).await;
            hosts.extend(resolved.peers.into_iter().flatten().map(|peer| (resolved.server.host.clone(), peer)));
        }
        let looks = self.places.outsiders.iter().filter_map(|place| {
            let (host, peer) = hosts.iter().find(|(_, peer)| place.fits(peer.ip()))?;
            // Not looked from: the matrix says why.
            if self.places.not_outside(place, *peer).is_some() {
                return None;
            }
            Some(self.reference_look(place, self.exchange(host), *peer))
        });
        futures_util::future::join_all(looks).await.into_iter().flatten().collect()
    }

    async fn reference_look(&self, place: &Place, server: MailServer, peer: SocketAddr) -> Option<SmtpDialogue> {
        let vantage = place.vantage.clone();
        match &place.from {
            From::Here(source) => {
                // The connection is what counts; a host that then says nothing is another matter.
                let connect = self.times.connect;
                let times = Times { connect, banner: connect, stage: connect, total: connect * 2 };
                let plan = Plan { times, ..self.plan(vantage, *source, &server, peer, Depth::Banner) };
                Some(talk(&plan, &self.trust, &self.clock).await)
            }
            From::Agent(agent) => {
                let task = self.task(vantage, &server, peer, &Depth::Banner, None);
                Some(self.ask(agent, task, self.patience).await)
            }
            From::Nowhere => None,
        }
    }
}
