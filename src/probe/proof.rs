//! From where the world sees a vantage: it connects to our own reference server, which says so. A look
//! that failed is followed by a new proof, so that a way out that is broken is not taken for the other
//! side's doing. Records; what a proof is worth is judged elsewhere.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fencepost_checks::observation::{ConnectOutcome, Proof, SmtpDialogue, Stage};
use fencepost_checks::vantage::echoed;
use tokio::time::Instant;

use super::Prober;
use super::smtp::{Depth, Plan, Source, Times, talk};
use crate::order::MailServer;

/// A proof serves so long, and so long when a new one cannot be had after a look that went well.
const FRESH: Duration = Duration::from_secs(5 * 60);
const STALE: Duration = Duration::from_secs(30 * 60);
/// After a failure, the server is left alone so long.
const FAILED: Duration = Duration::from_secs(15);
/// Reference servers that are tried.
const MAX_SERVERS: usize = 4;
/// Vantages remembered; a configuration has fewer.
const REMEMBERED: usize = 1024;

/// The last proofs of the vantages of this host.
#[derive(Debug, Default)]
pub(super) struct Proofs(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Kept>>>>);

#[derive(Debug, Default)]
struct Kept {
    /// The last one that names an address, and the last that does not.
    seen: Option<(Instant, Proof)>,
    failed: Option<(Instant, Proof)>,
}

impl Prober {
    /// A conversation with the proof of where it came from.
    pub(super) async fn converse(&self, plan: &Plan, reference: &[SocketAddr]) -> SmtpDialogue {
        if let Some(fault) = self.would_expose_the_gateway(plan, reference).await {
            let server = MailServer { host: plan.host.clone(), port: plan.peer.port(), standby: plan.standby };
            return self.not_visited(&server, Some(plan.peer), Some(plan.vantage.clone()), fault);
        }
        let begun = Instant::now();
        let mut dialogue = talk(plan, &self.trust, &self.clock).await;
        let answered = matches!(dialogue.connect, ConnectOutcome::Connected { .. });
        dialogue.proof = self.proof(plan, reference, if answered { None } else { Some(begun) }).await;
        dialogue
    }

    /// Whoever asks for strangers may get onto block lists, so it is not done where the world sees a gateway
    /// address behind the vantage.
    async fn would_expose_the_gateway(&self, plan: &Plan, reference: &[SocketAddr]) -> Option<ConnectOutcome> {
        let strangers =
            matches!(&plan.depth, Depth::Recipients(all) if all.iter().any(|(s, _)| *s == Stage::RcptRandom));
        if !strangers {
            return None;
        }
        let outside = self.proof(plan, reference, None).await?.outside?;
        let detail = format!("the world sees {outside} here, a gateway address: none asks for strangers");
        self.gateway.sends_from(outside).then_some(ConnectOutcome::VantageFault { detail })
    }

    /// `None` where there is no reference server that this vantage could reach by its family.
    /// `since`: an older proof does not serve.
    pub(super) async fn proof(&self, plan: &Plan, reference: &[SocketAddr], since: Option<Instant>) -> Option<Proof> {
        let fits = |server: &&SocketAddr| match plan.source {
            Source::Any => server.is_ipv4() == plan.peer.is_ipv4(),
            Source::Bound(_) => plan.source.fits(server.ip()),
        };
        let servers: Vec<SocketAddr> = reference.iter().filter(fits).take(MAX_SERVERS).copied().collect();
        if servers.is_empty() {
            return None;
        }
        // One look a vantage at a time: whoever waited is served by it, too.
        let family = if plan.peer.is_ipv4() { 4 } else { 6 };
        let kept = self.proofs.of(&format!("{}/{family}", plan.vantage.id));
        let mut kept = kept.lock().await;
        let serves = |(at, _): &&(Instant, Proof)| match since {
            None => at.elapsed() < FRESH,
            Some(since) => *at >= since,
        };
        if let Some((_, proof)) = kept.seen.as_ref().filter(serves) {
            return Some(proof.clone());
        }
        let failed = kept.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED);
        let proof = match failed {
            Some((_, proof)) => proof.clone(),
            None => self.prove(plan, &servers).await,
        };
        if proof.outside.is_some() {
            *kept = Kept { seen: Some((Instant::now(), proof.clone())), failed: None };
            return Some(proof);
        }
        if kept.failed.as_ref().is_none_or(|(at, _)| at.elapsed() >= FAILED) {
            kept.failed = Some((Instant::now(), proof.clone()));
        }
        let earlier = kept.seen.as_ref().filter(|(at, _)| since.is_none() && at.elapsed() < STALE);
        Some(earlier.map_or(proof, |(_, earlier)| earlier.clone()))
    }

    /// The first reference server that answers.
    async fn prove(&self, plan: &Plan, servers: &[SocketAddr]) -> Proof {
        let wait = plan.times.connect;
        let mut detail = String::new();
        for server in servers {
            let look = Plan {
                vantage: plan.vantage.clone(),
                host: "reference".to_owned(),
                peer: *server,
                standby: false,
                depth: Depth::Banner,
                sender: None,
                digests: false,
                times: Times { connect: wait, banner: wait, stage: wait, total: wait * 2 },
                ..plan.clone()
            };
            let seen = talk(&look, &self.trust, &self.clock).await;
            if let Some(outside) = echoed(&seen) {
                return Proof { at: seen.started_at, outside: Some(outside), detail: String::new() };
            }
            detail = format!("{server} {}", outcome(&seen.connect));
        }
        Proof { at: self.clock.now(), outside: None, detail }
    }
}

impl Proofs {
    fn of(&self, key: &str) -> Arc<tokio::sync::Mutex<Kept>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED && !all.contains_key(key) {
            all.clear();
        }
        all.entry(key.to_owned()).or_default().clone()
    }
}

fn outcome(connect: &ConnectOutcome) -> String {
    match connect {
        ConnectOutcome::Connected { .. } => "answers, and is no reference server of ours".to_owned(),
        ConnectOutcome::TimedOut { after_ms } => format!("did not answer within {after_ms} ms"),
        ConnectOutcome::Refused => "refuses the connection".to_owned(),
        ConnectOutcome::Prohibited => "is prohibited by a firewall".to_owned(),
        ConnectOutcome::Unreachable { detail }
        | ConnectOutcome::Unresolvable { detail }
        | ConnectOutcome::BlockedTarget { detail }
        | ConnectOutcome::VantageFault { detail } => format!("is out of reach: {detail}"),
    }
}
