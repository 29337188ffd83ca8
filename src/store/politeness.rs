//! Manners towards hosts that are not ours, kept for the whole installation: who is connected to a target
//! now, when it may be visited again, and how many questions a name server was asked. Rows of the store and
//! not memory, because several nodes share them. What good manners are is the caller's to say.
//!
//! Times that are handed in are the caller's; a PostgreSQL database goes by its own clock, which all nodes
//! share. So answers are durations, which mean the same on every node.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::StoreResult;

/// How a target is to be treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Between two visits of one vantage.
    pub same: SignedDuration,
    /// Between visits of different vantages.
    pub other: SignedDuration,
    /// Looks of one vantage in 24 hours. Visits within [`Manners::look`] of a look's first one are part of it.
    pub looks: u32,
    pub look: SignedDuration,
}

/// A turn that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnRequest {
    /// Stable name of the target, such as `smtp 192.0.2.25`.
    pub target: String,
    /// Id of the vantage that will connect.
    pub vantage: String,
    /// Told from everybody else who may ask.
    pub holder: String,
    pub now: Timestamp,
    /// The turn ends by itself then, should its holder die.
    pub lease: SignedDuration,
    pub manners: Manners,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnAnswer {
    /// The target is the holder's alone until the turn is given back or its lease ends.
    Yours,
    /// Somebody is there, or was just there: ask again after this.
    Wait { pause: SignedDuration },
    /// This vantage has looked often enough for now.
    Spent { until: Timestamp },
}

/// So many in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub count: u32,
    pub per: SignedDuration,
}

/// How overdue work is spread out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    pub now: Timestamp,
    pub late: SignedDuration,
    pub pace: SignedDuration,
    pub most: SignedDuration,
}

/// What was drawn of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// At most what was asked for; 0 when it is used up.
    pub granted: u32,
    /// How long until the allowance begins anew. What was granted is good until then.
    pub lasts: SignedDuration,
}

/// Every method is one transaction.
#[async_trait]
pub trait PolitenessStore: Send + Sync {
    /// Asks for the turn at a target: at most one holder at a time in the whole installation.
    async fn take_turn(&self, request: TurnRequest) -> StoreResult<TurnAnswer>;
    /// Gives it back; nothing happens when it is somebody else's by now.
    async fn end_turn(&self, target: &str, holder: &str, at: Timestamp) -> StoreResult<()>;
    /// Puts off what is overdue by more than `late` and can wait (the regular looks at connected domains), one
    /// piece after the other `pace` apart, so that the end of a long stop is no stampede. In order of what was
    /// due first, all of it within `most`. Gives how many pieces were put off.
    async fn spread_overdue(&self, spread: Spread) -> StoreResult<u64>;
    /// Draws `wanted` from what a target may be asked by all nodes together.
    async fn draw(&self, target: &str, wanted: u32, allowance: Allowance, now: Timestamp) -> StoreResult<Drawn>;
}

/// What is kept of a target and of the vantage that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) holder: Option<String>,
    pub(super) until: Option<Timestamp>,
    pub(super) left_by: Option<String>,
    pub(super) left_at: Option<Timestamp>,
    pub(super) visits: Option<Visits>,
}

/// Looks of one vantage at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Visits {
    /// Begin of the 24 hours that are counted.
    pub(super) since: Timestamp,
    pub(super) looks: u32,
    /// First visit of the present look, and the last visit of all.
    pub(super) look_at: Timestamp,
    pub(super) last_at: Timestamp,
}

impl Spread {
    /// Overdue before this, microseconds of pace and of all.
    pub(super) fn numbers(&self) -> (Timestamp, i64, i64) {
        let micros = |by: SignedDuration| i64::try_from(by.as_micros()).unwrap_or(i64::MAX / 4);
        let before = self.now.checked_sub(self.late).unwrap_or(Timestamp::MIN);
        (before, micros(self.pace), micros(self.most))
    }
}

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Whoever has to wait for somebody's turn asks again this soon: it mostly ends long before its lease.
const AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// The same rule for every store: the answer, and what is to be kept of the vantage if the turn is given.
pub(super) fn decide(kept: &Kept, request: &TurnRequest) -> (TurnAnswer, Visits) {
    let TurnRequest { now, manners, .. } = request;
    let fresh = Visits { since: *now, looks: 1, look_at: *now, last_at: *now };
    if let (Some(holder), Some(until)) = (&kept.holder, kept.until)
        && *holder != request.holder
        && *now < until
    {
        return (TurnAnswer::Wait { pause: until.duration_since(*now).min(AGAIN) }, fresh);
    }
    let gap = if kept.left_by.as_deref() == Some(&request.vantage) { manners.same } else { manners.other };
    let free = kept.left_at.map(|left| later(left, gap));
    let rested = kept.visits.map(|visits| later(visits.last_at, manners.same));
    if let Some(until) = free.max(rested).filter(|until| now < until) {
        return (TurnAnswer::Wait { pause: until.duration_since(*now) }, fresh);
    }
    let Some(visits) = kept.visits.filter(|visits| *now < later(visits.since, DAY)) else {
        return (TurnAnswer::Yours, fresh);
    };
    if *now < later(visits.look_at, manners.look) {
        return (TurnAnswer::Yours, Visits { last_at: *now, ..visits });
    }
    if visits.looks >= manners.looks {
        return (TurnAnswer::Spent { until: later(visits.since, DAY) }, visits);
    }
    (TurnAnswer::Yours, Visits { looks: visits.looks + 1, look_at: *now, last_at: *now, ..visits })
}

/// `drawn` of the allowance that began at `since`; what is granted, and what is to be kept.
pub(super) fn grant(
    kept: Option<(Timestamp, u32)>,
    wanted: u32,
    allowance: Allowance,
    now: Timestamp,
) -> (Drawn, (Timestamp, u32)) {
    let (since, drawn) = kept.filter(|(since, _)| now < later(*since, allowance.per)).unwrap_or((now, 0));
    let granted = wanted.min(allowance.count.saturating_sub(drawn));
    let lasts = later(since, allowance.per).duration_since(now);
    (Drawn { granted, lasts }, (since, drawn + granted))
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
