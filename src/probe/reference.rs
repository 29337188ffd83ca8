//! Whether the outsiders reach anything at all: each connects to one of the gateway's own MX hosts.
//! An outsider that cannot get there says nothing about a customer's firewall. Never judges.

use std::net::SocketAddr;

use fencepost_checks::observation::SmtpDialogue;

use super::Prober;
use super::smtp::{Depth, Plan, Times, talk};

/// MX hosts that are tried as the reference.
const MAX_HOSTS: usize = 4;

impl Prober {
    /// One look from every outsider that shares a family with an MX host of the gateway. No turn is
    /// waited for: these hosts are ours and bear several visitors.
    pub(super) async fn reference_looks(&self) -> Vec<SmtpDialogue> {
        if !self.places.has_outsiders {
            return Vec::new();
        }
        let mut hosts: Vec<(String, SocketAddr)> = Vec::new();
        for host in self.gateway.mx_hosts.iter().take(MAX_HOSTS) {
            let resolved = self.resolve(self.exchange(host.name.as_str())).await;
            hosts.extend(resolved.peers.into_iter().flatten().map(|peer| (resolved.server.host.clone(), peer)));
        }
        // The connection is what counts; a host that then says nothing is another matter.
        let connect = self.times.connect;
        let times = Times { connect, banner: connect, stage: connect, total: connect * 2 };
        let looks = self.places.outsiders.iter().filter_map(|place| {
            let source = place.source?;
            let (host, peer) = hosts.iter().find(|(_, peer)| source.fits(peer.ip()))?;
            // Not looked from: the matrix says why.
            if self.places.not_outside(place, *peer).is_some() {
                return None;
            }
            Some(Plan {
                vantage: place.vantage.clone(),
                source,
                host: host.clone(),
                peer: *peer,
                standby: false,
                ehlo_name: self.gateway.ehlo_name.clone(),
                depth: Depth::Banner,
                sender: None,
                digests: false,
                times,
            })
        });
        futures_util::future::join_all(looks.map(|plan| async move { talk(&plan, &self.trust, &self.clock).await }))
            .await
    }
}
