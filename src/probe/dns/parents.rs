//! The zone above: every one of its servers (bounded) is asked for the delegation, because resolvers ask
//! any of them. Collects what each says; whether they agree is judged elsewhere.

use std::net::SocketAddr;

use fencepost_checks::observation::{ParentAnswer, ParentSays};
use futures_util::StreamExt;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::Dns;
use super::ask::{Patience, Silence};
use super::classify;
use super::delegation::{Cut, NsSet, ns_set};
use super::name::render;

/// Servers of the zone above that are asked, each at one address; the largest real sets have 13.
const MAX_PARENTS: usize = 13;

/// What the servers of the zone above say together.
#[derive(Default)]
pub(super) struct Parents {
    pub(super) answers: Vec<ParentAnswer>,
    /// Every server that any of them names.
    pub(super) union: NsSet,
}

impl Dns {
    /// Asks every server of `above` for the name servers of `apex`, side by side.
    pub(super) async fn parents(&self, above: Option<&Cut>, apex: &Name) -> Parents {
        let Some(above) = above else { return Parents::default() };
        let once = Patience { attempts: 1, ..self.patience };
        let asked: Vec<(ParentAnswer, Option<NsSet>)> = futures_util::stream::iter(self.parent_servers(above).await)
            .map(|address| async move {
                let reply = self.ask_direct(address, apex, RecordType::NS, once).await;
                let (says, set) = read(&reply, above, apex);
                (ParentAnswer { address, says }, set)
            })
            .buffered(self.concurrency)
            .collect()
            .await;
        let mut parents = Parents::default();
        for (answer, set) in asked {
            if let Some(set) = set {
                parents.union.extend(set);
            }
            parents.answers.push(answer);
        }
        parents
    }

    /// One address of every server of the zone; IPv4 first, which fewer networks lack.
    pub(super) async fn parent_servers(&self, cut: &Cut) -> Vec<SocketAddr> {
        if cut.servers.is_empty() {
            return cut.asked.iter().take(MAX_PARENTS).copied().collect();
        }
        let first = |found: Vec<SocketAddr>| found.into_iter().next();
        let servers: Vec<_> = cut.servers.clone().into_iter().take(MAX_PARENTS).collect();
        futures_util::stream::iter(servers)
            .map(|(name, glue)| async move {
                match first(self.sift(glue)) {
                    Some(known) => Some(known),
                    None => first(self.sift(self.resolvers.host_by_wire(&name).await.addresses)),
                }
            })
            .buffered(self.concurrency)
            .filter_map(|address| async move { address })
            .collect()
            .await
    }
}

fn read(reply: &Result<Message, Silence>, above: &Cut, apex: &Name) -> (ParentSays, Option<NsSet>) {
    let silent = |detail: String| (ParentSays::Silent { detail }, None);
    let message = match reply {
        Ok(message) => message,
        Err(silence) => return silent(silence.in_words()),
    };
    match message.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => return (ParentSays::NxDomain, None),
        other => return silent(format!("rcode {}", u16::from(other))),
    }
    // A server of both zones answers for the lower one.
    let own = classify::at(&message.answers, apex, RecordType::NS).next().is_some();
    let set = ns_set(message, if own { &message.answers } else { &message.authorities }, apex, &above.zone);
    if !set.servers.is_empty() {
        let names = set.servers.keys().map(render).collect();
        return (ParentSays::Delegates { names }, Some(set));
    }
    if message.metadata.authoritative {
        return (ParentSays::NotDelegated, None);
    }
    silent("lame: neither an authoritative answer nor a referral".to_owned())
}
