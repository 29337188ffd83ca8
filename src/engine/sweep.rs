//! A sweep of the store: every connected domain is asked for once, cheaply. What is unchanged is committed in
//! groups, in the order of ids, and rescheduled with that; what differs has its whole round made due now. Never
//! judges a change itself: that is the round's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fencepost_checks::DomainName;
use fencepost_checks::mx::{self, MxVerdict};
use fencepost_checks::observation::{DnsAnswer, MxRecord};
use futures_util::future;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::connections::{self, Loaded, With};
use super::jobs::{self, Kept, SWEPT, calm_set};
use super::ports::{MxLook, MxStream, NextName, SweepCounters};
use super::words::{Unreadable, word};
use crate::clock::SharedClock;
use crate::config::Config;
use crate::lifecycle::connection::{Fact, Phase, TimerKind};
use crate::lifecycle::permit::Setup;
use crate::store::{CommitOutcome, DomainFilter, Page, Scope, Store, StoreError, Subject};

/// Connections read at once.
const PIECE: u32 = 200;
/// Connections that wait to be asked for, or to be committed. With those in flight that is all that is held.
const WAITING: usize = 512;
/// Commits side by side; the store makes one group of them.
const GROUP: usize = 256;
/// How often a connection that changes meanwhile is loaded again.
const ATTEMPTS: usize = 4;

/// Reads and commits, while the transport asks.
pub struct StoreSweep {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: Arc<Config>,
    asked: Sender<Asked>,
    answered: Receiver<Answered>,
}

/// The transport's end.
pub struct StoreQuestions {
    waiting: Receiver<Asked>,
    answered: Sender<Answered>,
    under_way: Vec<Option<Asked>>,
    free: Vec<usize>,
    gone: bool,
}

/// A connection to ask for.
struct Asked {
    loaded: Loaded,
    /// What one answer has to show; `None` where the connection is watched closely anyway.
    known: Option<Vec<MxRecord>>,
}

enum Answered {
    Look(Box<Asked>, MxLook),
    Counters(SweepCounters),
}

/// What came of one domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepOutcome {
    /// As it was; looked at again when its time has come.
    Unchanged,
    /// It differs: its whole round is due now.
    Escalated,
    /// As it should be, but too much has happened lately to leave it at that: its own schedule goes on.
    Watched,
    /// Nobody knows; its own schedule goes on.
    Unknown,
}

/// How many domains came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepFigures {
    pub unchanged: u64,
    pub escalated: u64,
    pub watched: u64,
    pub unknown: u64,
    /// Not committed, because somebody else was at work on them.
    pub left: u64,
    pub counters: SweepCounters,
    /// No upstream answered any more.
    pub nobody_answers: bool,
}

/// Who is told of every domain.
pub trait SweepWatch: Send {
    fn settled(&mut self, domain: &DomainName, verdict: MxVerdict, look: &MxLook, outcome: SweepOutcome);
    fn progress(&mut self, figures: &SweepFigures);
}

/// Why a sweep of the store ended early.
#[derive(Debug, thiserror::Error)]
pub enum StoreSweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Unreadable(String),
}

impl From<Unreadable> for StoreSweepError {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl StoreSweep {
    /// The sweep, and what the transport asks from.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: Arc<Config>) -> (Self, StoreQuestions) {
        let (asked, waiting) = channel(WAITING);
        let (sender, answered) = channel(WAITING);
        let sweep = Self { store, clock, config, asked, answered };
        let questions =
            StoreQuestions { waiting, answered: sender, under_way: Vec::new(), free: Vec::new(), gone: false };
        (sweep, questions)
    }

    /// Works until every connected domain is asked for, or `stop` is set; what was asked by then is committed.
    ///
    /// # Errors
    /// The store failed. What was committed stays.
    pub async fn run(self, stop: &AtomicBool, watch: &mut dyn SweepWatch) -> Result<SweepFigures, StoreSweepError> {
        let Self { store, clock, config, asked, answered } = self;
        let desk = Bench { store: &*store, clock: &clock, config: &config, setup: Setup::of(&config) };
        let (read, committed) = tokio::join!(desk.read(asked, stop), desk.commit(answered, watch));
        read?;
        committed
    }
}

/// What both halves work with.
struct Bench<'a> {
    store: &'a dyn Store,
    clock: &'a SharedClock,
    config: &'a Config,
    setup: Setup,
}

impl Bench<'_> {
    /// Hands every connected domain to the transport.
    async fn read(&self, asked: Sender<Asked>, stop: &AtomicBool) -> Result<(), StoreSweepError> {
        let filter = DomainFilter { phase: Some(word(&Phase::Connected)?), ..DomainFilter::default() };
        let mut page = Page { after: None, limit: PIECE };
        loop {
            let listing = self.store.domains(&Scope::All, &filter, &page).await?;
            let rows = listing.rows.into_iter().filter(|row| row.held_by.is_none());
            for each in future::try_join_all(rows.map(|row| self.load(row.connection))).await? {
                // The transport ends when nobody answers it any more.
                if stop.load(Ordering::Relaxed) || asked.send(each).await.is_err() {
                    return Ok(());
                }
            }
            let Some(next) = listing.next else { return Ok(()) };
            page.after = Some(next);
        }
    }

    async fn load(&self, subject: Subject) -> Result<Asked, StoreSweepError> {
        let kept = Kept(self.store.observations(&subject.id).await?);
        let loaded = Loaded::read(subject, self.setup)?;
        let known = calm_set(&self.config.gateway, &loaded.connection, &kept, self.clock.now());
        Ok(Asked { known: known.map(|(records, _)| records), loaded })
    }

    async fn commit(
        &self,
        mut answered: Receiver<Answered>,
        watch: &mut dyn SweepWatch,
    ) -> Result<SweepFigures, StoreSweepError> {
        let mut figures = SweepFigures::default();
        let mut group = Vec::with_capacity(GROUP);
        loop {
            let mut count = answered.recv_many(&mut group, GROUP).await;
            if count == 0 {
                watch.progress(&figures);
                return Ok(figures);
            }
            // What came while the last group was committed goes into one.
            while count < GROUP && !answered.is_empty() {
                count += answered.recv_many(&mut group, GROUP - count).await;
            }
            let mut changes = Vec::with_capacity(count);
            for each in group.drain(..) {
                match each {
                    Answered::Counters(counters) => figures.counters = counters,
                    Answered::Look(_, look) if look.nobody_answers => figures.nobody_answers = true,
                    Answered::Look(asked, look) => {
                        let (verdict, outcome) = self.judge(&asked, &look.answer);
                        watch.settled(&asked.loaded.connection.domain, verdict, &look, outcome);
                        changes.push((asked, outcome));
                    }
                }
            }
            changes.sort_by(|(one, _), (other, _)| one.loaded.subject.id.cmp(&other.loaded.subject.id));
            let outcomes = changes.into_iter().map(|(asked, outcome)| self.settle(asked.loaded, outcome));
            for (outcome, stored) in future::try_join_all(outcomes).await? {
                let place = match outcome {
                    _ if !stored => &mut figures.left,
                    SweepOutcome::Unchanged => &mut figures.unchanged,
                    SweepOutcome::Escalated => &mut figures.escalated,
                    SweepOutcome::Watched => &mut figures.watched,
                    SweepOutcome::Unknown => &mut figures.unknown,
                };
                *place += 1;
            }
            watch.progress(&figures);
        }
    }

    /// What one cheap answer means for this domain.
    fn judge(&self, asked: &Asked, answer: &DnsAnswer) -> (MxVerdict, SweepOutcome) {
        let expected = asked.loaded.connection.expects(self.config.gateway.expected_mx());
        let verdict = mx::judge_answer(answer, &expected);
        let outcome = match (answer, &asked.known, verdict) {
            (_, _, MxVerdict::LookupError) => SweepOutcome::Unknown,
            (DnsAnswer::Mx { records, .. }, Some(known), _) if records == known => SweepOutcome::Unchanged,
            (_, Some(_), _) => SweepOutcome::Escalated,
            (_, None, verdict) if verdict.is_good() => SweepOutcome::Watched,
            (_, None, _) => SweepOutcome::Escalated,
        };
        (verdict, outcome)
    }

    /// Whether the outcome is stored. Whoever changed the connection meanwhile has looked at it; only what
    /// differs is insisted on.
    async fn settle(&self, mut loaded: Loaded, outcome: SweepOutcome) -> Result<(SweepOutcome, bool), StoreSweepError> {
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let (fact, observations) = match outcome {
                SweepOutcome::Watched | SweepOutcome::Unknown => return Ok((outcome, true)),
                SweepOutcome::Unchanged => (Fact::MxUnchanged { at: now }, Vec::new()),
                SweepOutcome::Escalated => (Fact::Due, vec![jobs::kept(SWEPT, &(), &now, now)]),
            };
            let with = With { cause: "sweep".to_owned(), observations, ..With::default() };
            let (mut transition, ..) = connections::transition(&loaded, &fact, with, now)?;
            if outcome == SweepOutcome::Escalated {
                let mx = word(&TimerKind::Mx)?;
                transition.timers.iter_mut().filter(|timer| timer.kind == mx).for_each(|timer| timer.due_at = now);
            }
            match self.store.commit(transition).await? {
                CommitOutcome::Committed { .. } | CommitOutcome::Repeated => return Ok((outcome, true)),
                CommitOutcome::FenceLost => return Ok((outcome, false)),
                CommitOutcome::VersionConflict if outcome == SweepOutcome::Unchanged => return Ok((outcome, false)),
                CommitOutcome::VersionConflict => {}
            }
            let Some(subject) = self.store.subject(&loaded.subject.id).await? else { return Ok((outcome, false)) };
            loaded = Loaded::read(subject, self.setup)?;
        }
        Ok((outcome, false))
    }
}

impl MxStream for StoreQuestions {
    fn next(&mut self, name: &mut String) -> NextName {
        if self.gone {
            return NextName::End;
        }
        match self.waiting.try_recv() {
            Ok(asked) => {
                name.push_str(asked.loaded.connection.domain.as_str());
                let key = self.free.pop().unwrap_or(self.under_way.len());
                match self.under_way.get_mut(key) {
                    Some(place) => *place = Some(asked),
                    None => self.under_way.push(Some(asked)),
                }
                NextName::Ask(key as u64)
            }
            Err(TryRecvError::Empty) => NextName::Later,
            Err(TryRecvError::Disconnected) => NextName::End,
        }
    }

    fn seen(&mut self, key: u64, look: &MxLook) {
        let Ok(key) = usize::try_from(key) else { return };
        let Some(asked) = self.under_way.get_mut(key).and_then(Option::take) else { return };
        self.free.push(key);
        self.gone |= look.nobody_answers;
        if self.gone {
            self.waiting.close();
        }
        // Waits while the store is behind: it sets the pace then.
        self.gone |= self.answered.blocking_send(Answered::Look(Box::new(asked), look.clone())).is_err();
    }

    fn progress(&mut self, counters: &SweepCounters) {
        // Figures for people: nothing is lost when they come late.
        let _ = self.answered.try_send(Answered::Counters(*counters));
    }
}
