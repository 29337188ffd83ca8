//! A brake on a stepping clock: as long as somebody outside (an actor of the demonstration) still
//! has something to do at the present instant, the engine does not skip ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts who holds the clock.
#[derive(Debug, Clone, Default)]
pub struct Holds(Arc<AtomicUsize>);

impl Holds {
    /// One more holder. The engine is woken when it lets go.
    #[must_use]
    pub fn take(&self, wake: &Arc<Notify>) -> Hold {
        self.0.fetch_add(1, Ordering::SeqCst);
        Hold { count: self.0.clone(), wake: wake.clone() }
    }

    #[must_use]
    pub fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// Holds the clock until dropped.
#[derive(Debug)]
pub struct Hold {
    count: Arc<AtomicUsize>,
    wake: Arc<Notify>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        self.wake.notify_one();
    }
}
