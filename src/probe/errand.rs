//! Conversations for somebody else: what an agent does, with the very code, manners and target rules of
//! its own probes. What the task asks for is bounded by this host's configuration, never widened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, Stage};

use super::Prober;
use super::smtp::{Depth, Mailbox, Plan, Source, Times};
use crate::engine::ports::{DialogueTask, Recipient, Talker, TaskTimes};

/// Recipients of one conversation.
const MAX_RECIPIENTS: usize = 8;

#[async_trait]
impl Talker for Prober {
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
            .any(|(stage, _)| !matches!(stage, Stage::RcptTest | Stage::RcptPostmaster | Stage::RcptForeign))
        {
            return Err("a recipient at a stage that has none".to_owned());
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

    /// The address of this host that stands behind an outside one.
    fn source(&self, outside: Option<IpAddr>) -> Source {
        let Some(outside) = outside.filter(|address| !address.is_unspecified()) else { return Source::Any };
        let bind = self.gateway.egress.iter().find(|egress| egress.address == outside).and_then(|egress| egress.bind);
        Source::Bound(bind.unwrap_or(outside))
    }
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
