//! Virtual time with people in it. The engine steps the clock ahead when it has nothing to do; the
//! agenda bounds each step by the next thing that a person wants to do, and holds the clock for as
//! long as a person is doing it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use crate::clock::{Clock, SteppingClock};

/// The clock of the demonstration. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Agenda(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: SteppingClock,
    entries: Mutex<Entries>,
    wake: OnceLock<Wake>,
}

struct Wake(Box<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Wake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wake")
    }
}

#[derive(Debug, Default)]
struct Entries {
    busy: usize,
    /// Somebody let go since the last step: what the engine believes to be next may be outdated.
    released: bool,
    last_id: u64,
    waiting: BTreeMap<(Timestamp, u64), oneshot::Sender<Busy>>,
}

/// Somebody is doing something at the present instant: time stands still until this is dropped.
#[derive(Debug)]
pub struct Busy(Agenda);

impl Drop for Busy {
    fn drop(&mut self) {
        {
            let mut entries = self.0.entries();
            entries.busy -= 1;
            entries.released = true;
        }
        self.0.wake();
    }
}

impl Agenda {
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        let clock = SteppingClock::starting_at(start);
        Self(Arc::new(Inner { clock, entries: Mutex::default(), wake: OnceLock::new() }))
    }

    /// What to call when somebody has ceased to hold the clock. The first call counts.
    pub fn on_release(&self, wake: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.wake.set(Wake(Box::new(wake)));
    }

    /// Holds the clock.
    #[must_use]
    pub fn busy(&self) -> Busy {
        self.entries().busy += 1;
        Busy(self.clone())
    }

    /// Lets time go on, and holds it again when `until` has come.
    pub async fn until(&self, until: Timestamp, held: Option<Busy>) -> Busy {
        let (sender, receiver) = oneshot::channel();
        {
            let mut entries = self.entries();
            entries.last_id += 1;
            let key = (until, entries.last_id);
            entries.waiting.insert(key, sender);
        }
        drop(held);
        // The sender lives in the agenda until it is used, and the agenda lives as long as `self`.
        receiver.await.unwrap_or_else(|_| self.busy())
    }

    /// [`Agenda::until`] this long from now.
    pub async fn after(&self, pause: SignedDuration, held: Option<Busy>) -> Busy {
        self.until(self.now() + pause, held).await
    }

    fn wake(&self) {
        if let Some(Wake(wake)) = self.0.wake.get() {
            wake();
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for Agenda {
    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Moves to `next` or to the first entry of the agenda, whichever is earlier, and lets those
    /// act whose time has come. Stands still as long as anybody is busy, and once after that.
    fn skip_to(&self, next: Timestamp) -> bool {
        let mut entries = self.entries();
        if entries.busy > 0 {
            return false;
        }
        if std::mem::take(&mut entries.released) {
            // What was just done may be due before `next`: the engine has to look again.
            drop(entries);
            self.wake();
            return false;
        }
        let first = entries.waiting.keys().next().map_or(next, |(at, _)| *at);
        let moved = self.0.clock.skip_to(next.min(first));
        let now = self.now();
        let mut woken = Vec::new();
        while let Some(entry) = entries.waiting.first_entry().filter(|e| e.key().0 <= now) {
            let (_, sender) = entry.remove_entry();
            entries.busy += 1;
            woken.push(sender);
        }
        drop(entries);
        let any = !woken.is_empty();
        for sender in woken {
            // Whoever has given up waiting drops the guard here.
            drop(sender.send(Busy(self.clone())));
        }
        moved || any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> (Agenda, Timestamp) {
        let at: Timestamp = "2027-01-04T06:00:00Z".parse().unwrap();
        (Agenda::starting_at(at), at)
    }

    #[tokio::test]
    async fn a_step_ends_where_somebody_wants_to_act() {
        let (agenda, at) = start();
        let hour = SignedDuration::from_hours(1);
        let waiting = tokio::spawn({
            let agenda = agenda.clone();
            async move {
                let busy = agenda.until(at + hour, None).await;
                (agenda.now(), busy)
            }
        });
        while agenda.entries().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        assert!(agenda.skip_to(at + hour * 24));
        let (woken_at, busy) = waiting.await.unwrap();
        assert!(woken_at >= at + hour && woken_at < at + hour * 2, "{woken_at}");
        assert!(!agenda.skip_to(at + hour * 24), "time stands still while somebody acts");
        drop(busy);
        assert!(!agenda.skip_to(at + hour * 24), "what was just done may be due earlier: look again");
        assert!(agenda.skip_to(at + hour * 24));
        assert!(agenda.now() >= at + hour * 24);
    }

    #[tokio::test]
    async fn letting_go_wakes_the_engine_and_who_gave_up_holds_nothing() {
        let (agenda, at) = start();
        let (sender, mut woken) = tokio::sync::mpsc::unbounded_channel();
        agenda.on_release(move || {
            let _ = sender.send(());
        });
        drop(agenda.busy());
        assert_eq!(woken.recv().await, Some(()));
        let given_up = tokio::spawn({
            let agenda = agenda.clone();
            async move { agenda.until(at + SignedDuration::from_secs(60), None).await }
        });
        while agenda.entries().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        given_up.abort();
        assert!(given_up.await.is_err());
        assert!(!agenda.skip_to(at + SignedDuration::from_secs(60)), "somebody was busy before");
        assert!(agenda.skip_to(at + SignedDuration::from_secs(60)));
        assert_eq!(agenda.entries().busy, 0);
    }
}
