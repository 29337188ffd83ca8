//! Visits from vantages elsewhere: the same plan, carried out by an agent while the turn at the address
//! is held here, so that the order of visits is that of the tasks.

use std::net::SocketAddr;
use std::time::Duration;

use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, Vantage};

use super::Prober;
use super::smtp::{Depth, Mailbox, Times};
use super::vantage::{From, Place};
use crate::engine::ports::{DialogueTask, Recipient, TaskTimes};
use crate::order::MailServer;

/// For an agent to fetch a task and to hand its answer in.
const ON_THE_WAY: Duration = Duration::from_secs(15);

impl Prober {
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
