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
    /// By server. Whoever draws holds its lock, so that those who come meanwhile use what was drawn.
    drawn: Mutex<HashMap<IpAddr, Arc<tokio::sync::Mutex<Drawn>>>>,
}

/// What is left of what was drawn, and until when it holds.
#[derive(Debug, Default)]
struct Drawn {
    left: u32,
    until: Option<Instant>,
    /// There is nothing more to draw until then.
    spent: bool,
}

impl Allowances {
    pub(super) fn new(installation: Arc<dyn Politeness>) -> Self {
        Self { installation, drawn: Mutex::default() }
    }

    /// Takes one question; waits for the next allowance where this one is used up. `false` when that did not
    /// help either.
    pub(super) async fn take(&self, server: IpAddr) -> bool {
        for _ in 0..=WAITS {
            match self.take_now(server).await {
                Ok(()) => return true,
                Err(until) => sleep_until(until).await,
            }
        }
        false
    }

    /// # Errors
    /// When to ask again.
    async fn take_now(&self, server: IpAddr) -> Result<(), Instant> {
        let of_server = self.of(server);
        let mut drawn = of_server.lock().await;
        let holds = drawn.until.filter(|until| *until > Instant::now());
        match holds {
            Some(_) if drawn.left > 0 => {
                drawn.left -= 1;
                return Ok(());
            }
            Some(until) if drawn.spent => return Err(until),
            _ => {}
        }
        let (granted, lasts) = self.installation.questions(server, BATCH).await;
        let until = Instant::now() + lasts;
        *drawn = Drawn { left: granted.saturating_sub(1), until: Some(until), spent: granted < BATCH };
        if granted > 0 { Ok(()) } else { Err(until) }
    }

    fn of(&self, server: IpAddr) -> Arc<tokio::sync::Mutex<Drawn>> {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if drawn.len() >= REMEMBERED {
            let now = Instant::now();
            // One that somebody holds is in use.
            drawn.retain(|_, kept| kept.try_lock().map_or(true, |kept| kept.until.is_some_and(|until| until > now)));
        }
        drawn.entry(server).or_default().clone()
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
    async fn what_is_drawn_side_by_side_is_used_up() {
        let allowances = Allowances::new(Arc::new(Meagre::default()));
        let server = "192.0.2.53".parse().unwrap();
        let asked = futures_util::future::join_all((0..40).map(|_| allowances.take_now(server))).await;
        assert_eq!(asked.iter().filter(|allowed| allowed.is_ok()).count(), 25);
    }

    #[tokio::test]
    async fn no_more_is_asked_than_was_granted() {
        let allowances = Allowances::new(Arc::new(Meagre::default()));
        let server = "192.0.2.53".parse().unwrap();
        let mut asked = 0;
        while allowances.take_now(server).await.is_ok() {
            asked += 1;
        }
        assert_eq!(asked, 25);
    }
}
