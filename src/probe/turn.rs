//! Turns at an address: this process has at most one connection to one address at a time, and pauses
//! between visits from different vantages, so that a customer's server never sees us as an attack.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, sleep_until};

/// Addresses remembered before idle ones are forgotten.
const REMEMBERED: usize = 4096;

/// Who was there last, and when it left.
type Visit = Option<(String, Instant)>;

#[derive(Debug)]
pub(super) struct Turns {
    pause: Duration,
    gates: Mutex<HashMap<IpAddr, Arc<tokio::sync::Mutex<Visit>>>>,
}

/// The right to be connected to one address; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    gate: OwnedMutexGuard<Visit>,
    vantage: String,
}

impl Turns {
    pub(super) fn new(pause: Duration) -> Self {
        Self { pause, gates: Mutex::default() }
    }

    /// Waits for the address to be free and for the pause after another vantage's visit.
    pub(super) async fn take(&self, address: IpAddr, vantage: &str) -> Turn {
        let gate = self.gate(address).lock_owned().await;
        if let Some((last, left)) = &*gate
            && last != vantage
        {
            sleep_until(*left + self.pause).await;
        }
        Turn { gate, vantage: vantage.to_owned() }
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
        let first = turns.take(here, "a").await;
        assert!(turns.take(here, "a").now_or_never().is_none(), "occupied");
        assert!(turns.take(there, "a").now_or_never().is_some(), "another address is free");
        drop(first);
        assert!(turns.take(here, "b").now_or_never().is_none(), "another vantage pauses");
        assert!(turns.take(here, "a").now_or_never().is_some(), "the same vantage does not");
    }

    #[tokio::test]
    async fn a_gate_that_somebody_waits_at_is_never_forgotten() {
        let turns = Turns::new(Duration::ZERO);
        let held = "127.0.0.1".parse().unwrap();
        let turn = turns.take(held, "a").await;
        for n in 0..=u32::try_from(REMEMBERED).unwrap() {
            drop(turns.take(IpAddr::from((0x0a00_0000 + n).to_be_bytes()), "a").await);
        }
        assert!(turns.take(held, "a").now_or_never().is_none());
        drop(turn);
    }
}
