//! Look-ups without any resolver: from the roots down, a referral at a time, aliases followed from zone to
//! zone. Bounded in questions, depth and time; a short memory of zone cuts spares the roots. Validates
//! nothing, and never asks an address that the destination guard refuses.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::{Instant, timeout};

use super::ask::{Patience, ask};
use super::classify;
use super::delegation::{Servers, Step, read_step};
use crate::probe::target::TargetGuard;

/// Questions that one look-up may cost, those for name servers without glue included.
const QUESTIONS: u32 = 64;
/// Name servers whose own address has to be looked up, one inside the other.
const DEPTH: usize = 3;
const MAX_REFERRALS: usize = 12;
const MAX_ALIASES: usize = 8;
/// Servers of one zone tried, and names without glue looked up.
const MAX_TRIES: usize = 4;
/// Zone cuts remembered, and how long.
const REMEMBERED: usize = 256;
const MEMORY: Duration = Duration::from_secs(60);

/// The way from the roots.
#[derive(Debug, Clone)]
pub(super) struct Iteration {
    roots: Vec<SocketAddr>,
    /// Of every server but the roots.
    port: u16,
    guard: TargetGuard,
    patience: Patience,
    cuts: Arc<Mutex<HashMap<Name, Remembered>>>,
}

/// The servers of a zone, and until when they are taken for true.
type Remembered = (Instant, Vec<SocketAddr>);

/// The future of a step that may need further look-ups.
type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Iteration {
    pub(super) fn new(roots: Vec<SocketAddr>, port: u16, guard: TargetGuard, patience: Patience) -> Self {
        Self { roots, port, guard, patience, cuts: Arc::default() }
    }

    /// The answer at the end of all aliases, with the aliases in it, as a resolver gives it.
    ///
    /// # Errors
    /// In the words of a look-up through resolvers: `timeout`, `servfail`, `refused` or a sentence.
    pub(super) async fn look_up(&self, name: &Name, rtype: RecordType) -> Result<Message, String> {
        let left = AtomicU32::new(QUESTIONS);
        let all = self.patience.timeout * self.patience.attempts.clamp(1, 5) * 8;
        timeout(all, self.follow(name, rtype, 0, &left)).await.unwrap_or_else(|_| Err("timeout".to_owned()))
    }

    fn follow<'a>(
        &'a self,
        name: &'a Name,
        rtype: RecordType,
        depth: usize,
        left: &'a AtomicU32,
    ) -> Later<'a, Result<Message, String>> {
        Box::pin(async move {
            let mut answers = Vec::new();
            let mut owner = name.clone();
            for _ in 0..MAX_ALIASES {
                let mut message = self.authoritative(&owner, rtype, depth, left).await?;
                let end = classify::aliases(&message, &owner).last().map(|(_, target)| target.clone());
                let whole = end.as_ref().is_none_or(|end| classify::at(&message.answers, end, rtype).next().is_some());
                answers.append(&mut message.answers);
                message.answers.clone_from(&answers);
                match end {
                    Some(next) if !whole => owner = next,
                    _ => return Ok(message),
                }
            }
            Err(format!("more than {MAX_ALIASES} aliases"))
        })
    }

    /// The answer of a server that has authority for the name.
    async fn authoritative(
        &self,
        name: &Name,
        rtype: RecordType,
        depth: usize,
        left: &AtomicU32,
    ) -> Result<Message, String> {
        let (mut zone, mut asked) = self.closest(name, rtype);
        for _ in 0..MAX_REFERRALS {
            let message = self.any_of(&asked, &zone, name, rtype, left).await?;
            match read_step(&message, &zone, name) {
                Step::Down(next, set) => {
                    asked = self.addresses(set.servers, depth, left).await;
                    self.remember(&next, &asked);
                    zone = next;
                }
                Step::Here(_) | Step::Useless(_) => return Ok(message),
            }
        }
        Err(format!("more than {MAX_REFERRALS} referrals"))
    }

    /// The first answer of some server that answers at all: with authority, or a referral.
    async fn any_of(
        &self,
        asked: &[SocketAddr],
        zone: &Name,
        name: &Name,
        rtype: RecordType,
        left: &AtomicU32,
    ) -> Result<Message, String> {
        let mut last = "servfail".to_owned();
        for server in asked.iter().take(MAX_TRIES) {
            if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err() {
                return Err(format!("more than {QUESTIONS} questions"));
            }
            match ask(*server, name, rtype, false, self.patience).await {
                Ok(message) => match message.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => match read_step(&message, zone, name) {
                        Step::Useless(_) => "servfail".clone_into(&mut last),
                        Step::Down(..) | Step::Here(_) => return Ok(message),
                    },
                    ResponseCode::ServFail => "servfail".clone_into(&mut last),
                    ResponseCode::Refused => "refused".clone_into(&mut last),
                    other => last = format!("rcode {}", u16::from(other)),
                },
                Err(silence) => last = silence.in_words(),
            }
        }
        Err(last)
    }

    /// Glue, or look-ups where there is none.
    async fn addresses(&self, servers: Servers, depth: usize, left: &AtomicU32) -> Vec<SocketAddr> {
        let glued = self.sift(servers.values().flatten().copied());
        if !glued.is_empty() || depth >= DEPTH {
            return glued;
        }
        for name in servers.keys().take(MAX_TRIES) {
            let mut found = BTreeSet::new();
            for rtype in [RecordType::A, RecordType::AAAA] {
                let Ok(message) = self.follow(name, rtype, depth + 1, left).await else { continue };
                found.extend(message.answers.iter().filter_map(|r| match &r.data {
                    RData::A(a) => Some(IpAddr::V4(a.0)),
                    RData::AAAA(a) => Some(IpAddr::V6(a.0)),
                    _ => None,
                }));
                if !found.is_empty() {
                    return self.sift(found);
                }
            }
        }
        Vec::new()
    }

    /// The deepest remembered zone that can hold the name. A DS record is the zone above's to give.
    fn closest(&self, name: &Name, rtype: RecordType) -> (Name, Vec<SocketAddr>) {
        let cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut zone = if rtype == RecordType::DS { name.base_name() } else { name.clone() };
        while !zone.is_root() {
            if let Some((until, asked)) = cuts.get(&zone)
                && *until > Instant::now()
            {
                return (zone, asked.clone());
            }
            zone = zone.base_name();
        }
        (Name::root(), self.roots.clone())
    }

    fn remember(&self, zone: &Name, asked: &[SocketAddr]) {
        if asked.is_empty() {
            return;
        }
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if cuts.len() >= REMEMBERED {
            cuts.retain(|_, (until, _)| *until > now);
        }
        if cuts.len() < REMEMBERED {
            cuts.insert(zone.clone(), (now + MEMORY, asked.to_vec()));
        }
    }

    fn sift(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Vec<SocketAddr> {
        let open = addresses.into_iter().filter(|a| self.guard.check(*a).is_ok());
        let unique: BTreeSet<SocketAddr> = open.map(|a| SocketAddr::new(a, self.port)).collect();
        unique.into_iter().collect()
    }
}
