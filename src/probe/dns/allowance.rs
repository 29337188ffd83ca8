//! Questions to one name server are drawn from an allowance that the whole installation shares, some at a
//! time, so that a sweep over many domains of one provider does not flood its servers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::{Instant, sleep_until};

use crate::engine::ports::Politeness;

/// Drawn in one go.
const BATCH: u32 = 20;
/// Servers remembered.
const REMEMBERED: usize = 4096;
/// How often a new allowance is waited for.
const WAITS: usize = 2;

#[derive(Debug)]
pub(super) struct Allowances {
    installation: Arc<dyn Politeness>,
    /// What is left of what was drawn, and until when it holds.
    drawn: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Allowances {
    pub(super) fn new(installation: Arc<dyn Politeness>) -> Self {
        Self { installation, drawn: Mutex::default() }
    }

    /// Takes one question; waits for the next allowance where this one is used up. `false` when that did not
    /// help either.
    pub(super) async fn take(&self, server: IpAddr) -> bool {
        for _ in 0..=WAITS {
            if self.take_drawn(server) {
                return true;
            }
            let (granted, holds) = self.installation.questions(server, BATCH).await;
            let until = Instant::now() + holds;
            if granted == 0 {
                sleep_until(until).await;
                continue;
            }
            let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
            if drawn.len() >= REMEMBERED {
                let now = Instant::now();
                drawn.retain(|_, (_, until)| *until > now);
            }
            drawn.insert(server, (granted - 1, until));
            return true;
        }
        false
    }

    fn take_drawn(&self, server: IpAddr) -> bool {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        match drawn.get_mut(&server) {
            Some((left, until)) if *left > 0 && *until > Instant::now() => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::engine::ports::{Admission, Visit};

    /// Grants 25 questions in all.
    #[derive(Debug, Default)]
    struct Meagre(AtomicU32);

    #[async_trait::async_trait]
    impl Politeness for Meagre {
        async fn ask(&self, _visit: &Visit) -> Admission {
            Admission::Yours
        }

        async fn leave(&self, _address: IpAddr, _holder: &str) {}

        async fn questions(&self, _server: IpAddr, wanted: u32) -> (u32, Duration) {
            let before = self.0.fetch_add(wanted, Ordering::SeqCst);
            let granted = 25_u32.saturating_sub(before).min(wanted);
            (granted, if granted == 0 { Duration::from_millis(1) } else { Duration::from_secs(3600) })
        }
    }

    #[tokio::test]
    async fn no_more_is_asked_than_was_granted() {
        let allowances = Allowances::new(Arc::new(Meagre::default()));
        let server = "192.0.2.53".parse().unwrap();
        let mut asked = 0;
        while allowances.take(server).await {
            asked += 1;
        }
        assert_eq!(asked, 25);
    }
}
