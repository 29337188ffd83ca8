//! Conversations for somebody else: what an agent does, with the very code, manners and target rules of
//! its own probes. What the task asks for is bounded by this host's configuration, never widened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::observation::{
    ConnectOutcome, DnsAnswer, Proof, ResolverAnswer, SmtpDialogue, Stage, VantageRole,
};
use tokio::time::Instant;

use super::Prober;
use super::smtp::{Depth, Mailbox, Plan, Source, Times};
use crate::engine::ports::{Asked, DialogueTask, QuestionTask, Recipient, Talker, TaskTimes};

/// Recipients of one conversation.
const MAX_RECIPIENTS: usize = 8;

#[async_trait]
impl Talker for Prober {
    async fn resolve(&self, task: &QuestionTask) -> Asked {
        self.ask_resolver(task).await
    }

    async fn talk(&self, task: &DialogueTask) -> SmtpDialogue {
        let refused = |connect| nothing(task, connect, self.clock.now());
        if let Err(reason) = self.guard.check(task.peer.ip()) {
            return refused(ConnectOutcome::BlockedTarget { detail: reason.to_string() });
        }
        let plan = match self.read(task) {
            Ok(plan) => plan,
            Err(detail) => return refused(ConnectOutcome::VantageFault { detail }),
        };
        // The engine's side may know reference servers that this host must not reach.
        let reference: Vec<SocketAddr> =
            task.reference.iter().filter(|server| self.guard.check(server.ip()).is_ok()).copied().collect();
        if reference.is_empty() && !task.reference.is_empty() {
            let detail = "this host may not reach the reference server; name its network in `probe.allow_targets`";
            return refused(ConnectOutcome::VantageFault { detail: detail.to_owned() });
        }
        let patience = self.patience.min(plan.times.total * 3);
        let visit = async {
            // The engine holds the turn of the whole installation meanwhile; this one is for this process.
            let _turn = self.turns.take(plan.peer.ip(), &plan.host, &plan.vantage.id).await?;
            Ok::<_, String>(self.converse(&plan, &reference).await)
        };
        match tokio::time::timeout(patience, visit).await {
            Ok(Ok(dialogue)) => dialogue,
            Ok(Err(detail)) => refused(ConnectOutcome::VantageFault { detail }),
            Err(_) => {
                let detail = format!("{} was busy for {} s", task.peer.ip(), patience.as_secs());
                refused(ConnectOutcome::VantageFault { detail })
            }
        }
    }
}

impl Prober {
    /// What the resolver says, and from where we are seen.
    async fn ask_resolver(&self, task: &QuestionTask) -> Asked {
        let own = self.dns.resolvers.servers();
        let address = task.resolver.or_else(|| own.first().copied());
        let begun = Instant::now();
        let answer = match address {
            None => fault("this host has no resolver; name one at probe.resolvers, here or at the engine"),
            Some(address) => match self.guard.check(address.ip()) {
                Err(reason) if !own.contains(&address) => fault(&reason.to_string()),
                _ => self.dns.seen_by(address, &task.domain).await,
            },
        };
        let elapsed_ms = super::millis_since(begun);
        let answer = ResolverAnswer {
            vantage: task.vantage.id.clone(),
            address: address.unwrap_or_else(|| SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0))),
            answer,
            elapsed_ms,
            observed_at: self.clock.now(),
        };
        Asked { answer, proof: self.seen_from(task).await }
    }

    /// `None` where there is no reference server that this host may reach.
    async fn seen_from(&self, task: &QuestionTask) -> Option<Proof> {
        let mut reference = task.reference.iter().filter(|server| self.guard.check(server.ip()).is_ok()).copied();
        let peer = reference.next()?;
        let plan = Plan {
            vantage: task.vantage.clone(),
            source: Source::Any,
            host: "reference".to_owned(),
            peer,
            standby: false,
            ehlo_name: self.gateway.ehlo_name.clone(),
            depth: Depth::Banner,
            sender: None,
            digests: false,
            times: self.times,
        };
        let servers: Vec<SocketAddr> = std::iter::once(peer).chain(reference).collect();
        self.proof(&plan, &servers, None).await
    }

    /// The task as this host carries it out.
    fn read(&self, task: &DialogueTask) -> Result<Plan, String> {
        let source = self.source(task.vantage.address);
        if !source.fits(task.peer.ip()) {
            return Err(format!("{} cannot be reached from {:?}", task.peer.ip(), task.vantage.address));
        }
        let mailbox = |text: &String| Mailbox::parse(text).ok_or_else(|| "an address that is none".to_owned());
        let recipients = task.recipients.iter().take(MAX_RECIPIENTS);
        let recipients: Vec<(Stage, Mailbox)> = recipients
            .map(|Recipient { stage, mailbox: text }| Ok((*stage, mailbox(text)?)))
            .collect::<Result<_, String>>()?;
        if recipients
            .iter()
            .any(|(stage, _)| !matches!(stage, Stage::RcptTest | Stage::RcptPostmaster) && !is_stranger(*stage))
        {
            return Err("a recipient at a stage that has none".to_owned());
        }
        if recipients.iter().any(|(stage, _)| is_stranger(*stage)) {
            self.stay_outside(task, source)?;
        }
        Ok(Plan {
            vantage: task.vantage.clone(),
            source,
            host: task.host.clone(),
            peer: task.peer,
            standby: task.standby,
            ehlo_name: task.ehlo_name.clone(),
            depth: if recipients.is_empty() { Depth::Banner } else { Depth::Recipients(recipients) },
            sender: task.sender.as_ref().map(mailbox).transpose()?,
            digests: task.digests,
            times: shorter(self.times, task.times),
        })
    }

    /// Asking for strangers can get an address onto block lists: no gateway address does it.
    fn stay_outside(&self, task: &DialogueTask, source: Source) -> Result<(), String> {
        let ours = match source {
            Source::Bound(address) => self.gateway.sends_from(address).then_some(address),
            Source::Any => self.places.gateway_source(task.peer),
        };
        match ours {
            Some(address) => Err(format!("{address} is a gateway address, and none asks for strangers")),
            None if task.vantage.role != VantageRole::Outsider => Err("only an outsider asks for strangers".to_owned()),
            None => Ok(()),
        }
    }

    /// The address of this host that stands behind an outside one.
    fn source(&self, outside: Option<IpAddr>) -> Source {
        let Some(outside) = outside.filter(|address| !address.is_unspecified()) else { return Source::Any };
        let bind = self.gateway.egress.iter().find(|egress| egress.address == outside).and_then(|egress| egress.bind);
        Source::Bound(bind.unwrap_or(outside))
    }
}

/// A mailbox that cannot exist, or one elsewhere.
const fn is_stranger(stage: Stage) -> bool {
    matches!(stage, Stage::RcptRandom | Stage::RcptForeign)
}

fn fault(detail: &str) -> DnsAnswer {
    DnsAnswer::VantageFault { detail: detail.to_owned() }
}

fn shorter(ours: Times, theirs: TaskTimes) -> Times {
    let ms = Duration::from_millis;
    Times {
        connect: ours.connect.min(ms(theirs.connect_ms)),
        banner: ours.banner.min(ms(theirs.banner_ms)),
        stage: ours.stage.min(ms(theirs.stage_ms)),
        total: ours.total.min(ms(theirs.total_ms)),
    }
}

fn nothing(task: &DialogueTask, connect: ConnectOutcome, started_at: jiff::Timestamp) -> SmtpDialogue {
    SmtpDialogue {
        vantage: task.vantage.clone(),
        host: task.host.clone(),
        peer: Some(task.peer),
        port: task.peer.port(),
        standby: task.standby,
        started_at,
        connect,
        stages: Vec::new(),
        capabilities: Vec::new(),
        tls: None,
        proof: None,
        transcript: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fencepost_checks::observation::Vantage;

    use super::*;
    use crate::clock::SystemClock;
    use crate::config::{EgressAddress, GatewayConfig, ProbeConfig};

    /// Towards 127.0.0.9 this host sends from 127.0.0.1.
    fn task(role: VantageRole, address: Option<IpAddr>, stage: Stage) -> DialogueTask {
        DialogueTask {
            vantage: Vantage { id: "somewhere".to_owned(), role, address },
            host: "mail.customer.example".to_owned(),
            peer: "127.0.0.9:1".parse().unwrap(),
            standby: false,
            ehlo_name: "probe.gateway.example".parse().unwrap(),
            sender: None,
            recipients: vec![Recipient { stage, mailbox: "a@customer.example".to_owned() }],
            digests: false,
            times: TaskTimes { connect_ms: 500, banner_ms: 500, stage_ms: 500, total_ms: 900 },
            reference: Vec::new(),
        }
    }

    #[tokio::test]
    async fn an_agent_on_a_gateway_asks_for_no_strangers() {
        let probe = ProbeConfig { allow_targets: vec!["127.0.0.0/8".to_owned()], ..ProbeConfig::default() };
        let nat = EgressAddress { bind: Some([127, 0, 0, 1].into()), ..EgressAddress::here([192, 0, 2, 10].into()) };
        let gateway = GatewayConfig { egress: vec![nat], ..GatewayConfig::default() };
        let prober = Prober::new(&probe, &gateway, Arc::new(SystemClock)).unwrap();
        let refused = async |role, address: Option<&str>, stage| {
            let address = address.map(|text| text.parse().unwrap());
            match prober.talk(&task(role, address, stage)).await.connect {
                ConnectOutcome::VantageFault { detail } => detail,
                other => format!("{other:?}"),
            }
        };
        for stage in [Stage::RcptRandom, Stage::RcptForeign] {
            let chosen = refused(VantageRole::Outsider, None, stage).await;
            assert!(chosen.contains("127.0.0.1 is a gateway address"), "{chosen}");
            let behind = refused(VantageRole::Outsider, Some("192.0.2.10"), stage).await;
            assert!(behind.contains("is a gateway address"), "{behind}");
            let egress = refused(VantageRole::Egress, Some("127.0.0.3"), stage).await;
            assert!(egress.contains("only an outsider"), "{egress}");
        }
        assert_eq!(refused(VantageRole::Outsider, Some("127.0.0.3"), Stage::RcptRandom).await, "Refused");
        assert_eq!(
            refused(VantageRole::Outsider, None, Stage::RcptPostmaster).await,
            "Refused",
            "its own domain it may"
        );
    }
}
