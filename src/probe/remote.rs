//! Visits from vantages elsewhere: the same plan, carried out by an agent while the turn at the address
//! is held here, so that the order of visits is that of the tasks.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fencepost_checks::DomainName;
use fencepost_checks::observation::{ConnectOutcome, DnsAnswer, ResolverAnswer, SmtpDialogue, Vantage, VantageRole};
use tokio::time::Instant;

use super::Prober;
use super::smtp::{Depth, Mailbox, Times};
use super::vantage::{From, Place};
use crate::config::RemoteResolver;
use crate::engine::ports::{DialogueTask, QuestionTask, Recipient, TaskTimes};
use crate::order::MailServer;

/// For an agent to fetch a task and to hand its answer in.
const ON_THE_WAY: Duration = Duration::from_secs(15);

impl Prober {
    /// What resolvers at agents say. One that cannot be asked says nothing, by a fault of the vantage.
    pub(super) async fn resolvers_elsewhere(&self, domain: &DomainName) -> Vec<ResolverAnswer> {
        let resolvers = &self.config.remote_resolvers;
        // `fencepost check` sees with the eyes of this host alone.
        let (Some(vantages), false) = (&self.vantages, resolvers.is_empty()) else { return Vec::new() };
        let distrusted = vantages.distrusted().await;
        let question = Duration::from_millis(self.config.dns_timeout_ms) * self.config.dns_attempts.max(1);
        let patience =
            self.patience.min(question * 2 + Duration::from_millis(self.config.connect_timeout_ms) + ON_THE_WAY);
        let ask = async |resolver: &RemoteResolver| {
            let (id, begun) = (resolver.vantage_id(), Instant::now());
            let vantage = Vantage { id: id.clone(), role: VantageRole::Resolver, address: None };
            let task = QuestionTask {
                vantage,
                domain: domain.clone(),
                resolver: resolver.address,
                reference: self.config.reference.clone(),
            };
            let answer = match distrusted.get(&id) {
                Some(why) => Err(format!("it is not believed: {why}")),
                None => vantages.question(&resolver.agent, task, patience).await,
            };
            answer.unwrap_or_else(|detail| ResolverAnswer {
                vantage: id,
                address: resolver.address.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))),
                answer: DnsAnswer::VantageFault { detail },
                elapsed_ms: super::millis_since(begun),
                observed_at: self.clock.now(),
            })
        };
        futures_util::future::join_all(resolvers.iter().map(ask)).await
    }

    /// Has the agent hold this conversation; what it cannot do is a fault of the vantage.
    pub(super) async fn ask(&self, agent: &str, task: DialogueTask, patience: Duration) -> SmtpDialogue {
        let server = MailServer { host: task.host.clone(), port: task.peer.port(), standby: task.standby };
        let (peer, vantage) = (task.peer, task.vantage.clone());
        let fault = |detail: String| {
            let connect = ConnectOutcome::VantageFault { detail };
            self.not_visited(&server, Some(peer), Some(vantage.clone()), connect)
        };
        let Some(vantages) = &self.vantages else {
            return fault(format!("{} is at the agent `{agent}`, which only `fencepost serve` asks", vantage.id));
        };
        let times = task.times;
        let needed = Duration::from_millis(times.total_ms.saturating_add(times.connect_ms.saturating_mul(4)));
        match vantages.talk(agent, task, patience.min(needed + ON_THE_WAY)).await {
            Ok(dialogue) => dialogue,
            Err(detail) => fault(detail),
        }
    }

    pub(super) fn task(
        &self,
        vantage: Vantage,
        server: &MailServer,
        peer: SocketAddr,
        depth: &Depth,
        sender: Option<&Mailbox>,
    ) -> DialogueTask {
        let recipients = match depth {
            // Agents send no messages.
            Depth::Banner | Depth::Message(_) => Vec::new(),
            Depth::Recipients(recipients) => recipients
                .iter()
                .map(|(stage, mailbox)| Recipient { stage: *stage, mailbox: mailbox.to_string() })
                .collect(),
        };
        DialogueTask {
            host: server.host.clone(),
            peer,
            standby: server.standby,
            ehlo_name: self.gateway.ehlo_name_of(vantage.address).clone(),
            vantage,
            sender: sender.map(ToString::to_string),
            recipients,
            digests: self.is_gateway(&server.host),
            times: wire_times(self.times),
            reference: self.config.reference.clone(),
        }
    }

    /// Of these places those that can be believed and asked, this host's own first; all of them where
    /// there is none, so that the reason is told.
    pub(super) async fn usable(&self, places: &[Place]) -> Vec<Place> {
        let Some(vantages) = &self.vantages else { return places.to_vec() };
        let distrusted = vantages.distrusted().await;
        let mut usable = Vec::new();
        for place in places.iter().filter(|place| !distrusted.contains_key(&place.vantage.id)) {
            match &place.from {
                From::Here(_) => usable.push(place.clone()),
                From::Agent(agent) if vantages.away(agent).await.is_none() => usable.push(place.clone()),
                From::Agent(_) | From::Nowhere => {}
            }
        }
        usable.sort_by_key(|place| !matches!(place.from, From::Here(_)));
        if usable.is_empty() { places.to_vec() } else { usable }
    }
}

fn wire_times(times: Times) -> TaskTimes {
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    TaskTimes {
        connect_ms: ms(times.connect),
        banner_ms: ms(times.banner),
        stage_ms: ms(times.stage),
        total_ms: ms(times.total),
    }
}
