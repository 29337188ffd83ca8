//! The only place that reads the wall clock. Everything else is handed a [`Clock`] or an instant.
//!
//! [`SystemClock`] is the real one. [`SteppingClock`] runs with real time but can be moved ahead, so
//! that the demonstration waits 24 hours in no time at all while sockets and leases keep real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Where "now" comes from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The present instant, in microseconds precision.
    fn now(&self) -> Timestamp;

    /// Called by the engine when nothing is claimed and nothing is due before `next`. A real clock
    /// does nothing; a stepping clock moves ahead and returns `true`.
    fn skip_to(&self, _next: Timestamp) -> bool {
        false
    }
}

/// A clock shared by everything that runs in this process.
pub type SharedClock = Arc<dyn Clock>;

/// The wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // The stores keep microseconds; a finer instant would not compare equal after a round trip.
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }
}

/// Real time plus an offset that only grows.
#[derive(Debug, Default)]
pub struct SteppingClock {
    offset_us: AtomicI64,
}

impl SteppingClock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        let offset = start.as_microsecond() - SystemClock.now().as_microsecond();
        Self { offset_us: AtomicI64::new(offset) }
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        now + SignedDuration::from_micros(self.offset_us.load(Ordering::SeqCst))
    }

    fn skip_to(&self, next: Timestamp) -> bool {
        let ahead = next.as_microsecond() - self.now().as_microsecond();
        if ahead > 0 {
            self.offset_us.fetch_add(ahead, Ordering::SeqCst);
        }
        ahead > 0
    }
}
