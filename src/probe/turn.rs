//! Turns at an address: this process has at most one connection to one address at a time, and pauses
//! between visits from different vantages, so that a customer's server never sees us as an attack.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep, sleep_until};

use crate::engine::ports::{self, Admission, Politeness};

/// Addresses remembered before idle ones are forgotten.
const REMEMBERED: usize = 4096;

/// Who was there last, and when it left.
type Visit = Option<(String, Instant)>;

#[derive(Debug)]
pub(super) struct Turns {
    pause: Duration,
    /// What holds for the whole installation; without it, for this process alone.
    installation: Option<Arc<dyn Politeness>>,
    gates: Mutex<HashMap<IpAddr, Arc<tokio::sync::Mutex<Visit>>>>,
}

/// The right to be connected to one address; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    gate: OwnedMutexGuard<Visit>,
    vantage: String,
    held: Option<Held>,
}

/// The turn in the whole installation.
#[derive(Debug)]
struct Held {
    installation: Arc<dyn Politeness>,
    address: IpAddr,
    holder: String,
}

impl Turns {
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, installation: None, gates: Mutex::default() }
    }

    pub(super) fn with(self, installation: Arc<dyn Politeness>) -> Self {
        Self { installation: Some(installation), ..self }
    }

    /// Waits for the address to be free and for the pause after another vantage's visit.
    ///
    /// # Errors
    /// Why nobody of this installation may go there for now.
    pub(super) async fn take(&self, address: IpAddr, host: &str, vantage: &str) -> Result<Turn, String> {
        let gate = self.gate(address).lock_owned().await;
        if let Some((last, left)) = &*gate
            && last != vantage
        {
            sleep_until(*left + self.pause).await;
        }
        let mut turn = Turn { gate, vantage: vantage.to_owned(), held: None };
        let Some(installation) = &self.installation else { return Ok(turn) };
        let holder = uuid::Uuid::now_v7().to_string();
        // From here on the turn is given back even if nobody waits for the answer any more.
        turn.held = Some(Held { installation: installation.clone(), address, holder: holder.clone() });
        let visit = ports::Visit { address, host: host.to_owned(), vantage: vantage.to_owned(), holder };
        loop {
            match installation.ask(&visit).await {
                Admission::Yours => return Ok(turn),
                Admission::Wait(wait) => sleep(wait).await,
                Admission::Refused(why) => {
                    turn.held = None;
                    return Err(why);
                }
            }
        }
    }

    fn gate(&self, address: IpAddr) -> Arc<tokio::sync::Mutex<Visit>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if gates.len() >= REMEMBERED {
            let pause = self.pause;
            gates.retain(|_, gate| match gate.try_lock() {
                Ok(visit) => visit.as_ref().is_some_and(|(_, left)| left.elapsed() < pause),
                Err(_) => true,
            });
        }
        gates.entry(address).or_default().clone()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.gate = Some((std::mem::take(&mut self.vantage), Instant::now()));
        if let (Some(held), Ok(runtime)) = (self.held.take(), Handle::try_current()) {
            runtime.spawn(async move { held.installation.leave(held.address, &held.holder).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_visitor_at_a_time_and_a_pause_between_vantages() {
        let turns = Turns::new(Duration::from_secs(3600));
        let (here, there) = ("127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap());
        let first = turns.take(here, "h", "a").await;
        assert!(turns.take(here, "h", "a").now_or_never().is_none(), "occupied");
        assert!(turns.take(there, "h", "a").now_or_never().is_some(), "another address is free");
        drop(first);
        assert!(turns.take(here, "h", "b").now_or_never().is_none(), "another vantage pauses");
        assert!(turns.take(here, "h", "a").now_or_never().is_some(), "the same vantage does not");
    }

    #[tokio::test]
    async fn a_gate_that_somebody_waits_at_is_never_forgotten() {
        let turns = Turns::new(Duration::ZERO);
        let held = "127.0.0.1".parse().unwrap();
        let turn = turns.take(held, "h", "a").await;
        for n in 0..=u32::try_from(REMEMBERED).unwrap() {
            drop(turns.take(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), "h", "a").await);
        }
        assert!(turns.take(held, "h", "a").now_or_never().is_none());
        drop(turn);
    }

    /// Says "wait" some times, then gives the turn or refuses it.
    #[derive(Debug, Default)]
    struct Elsewhere {
        busy: std::sync::atomic::AtomicU32,
        refuses: bool,
        left: Mutex<Vec<String>>,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait::async_trait]
    impl Politeness for Elsewhere {
        async fn ask(&self, visit: &ports::Visit) -> Admission {
            self.asked.lock().unwrap().push(visit.holder.clone());
            if self.busy.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                self.busy.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                return Admission::Wait(Duration::from_millis(1));
            }
            if self.refuses { Admission::Refused("often enough".to_owned()) } else { Admission::Yours }
        }

        async fn leave(&self, _address: IpAddr, holder: &str) {
            self.left.lock().unwrap().push(holder.to_owned());
        }

        async fn questions(&self, _server: IpAddr, wanted: u32) -> (u32, Duration) {
            (wanted, Duration::from_secs(60))
        }
    }

    #[tokio::test]
    async fn the_whole_installation_is_waited_for_and_the_turn_given_back() {
        let elsewhere = Arc::new(Elsewhere { busy: 3.into(), ..Elsewhere::default() });
        let turns = Turns::new(Duration::ZERO).with(elsewhere.clone());
        let turn = turns.take("127.0.0.1".parse().unwrap(), "h", "a").await.unwrap();
        let asked = elsewhere.asked.lock().unwrap().clone();
        assert_eq!(asked.len(), 4, "until it is free");
        assert!(asked.iter().all(|holder| *holder == asked[0]), "by one and the same");
        assert!(elsewhere.left.lock().unwrap().is_empty());
        drop(turn);
        while elsewhere.left.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(*elsewhere.left.lock().unwrap(), asked[..1]);

        let refusing = Arc::new(Elsewhere { refuses: true, ..Elsewhere::default() });
        let turns = Turns::new(Duration::ZERO).with(refusing);
        assert_eq!(turns.take("127.0.0.1".parse().unwrap(), "h", "a").await.unwrap_err(), "often enough");
    }
}
