//! Where chance comes from: identifiers, names of workers, the random share of a pause. Handed in, so
//! that a simulation throws the same dice again. Never for secrets.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Cheap to clone; clones throw from the same sequence.
#[derive(Debug, Clone)]
pub struct Dice(Arc<Mutex<StdRng>>);

impl Dice {
    /// Dice that nobody can foresee.
    #[must_use]
    pub fn new() -> Self {
        Self::from(StdRng::from_os_rng())
    }

    /// Dice that throw the same for the same seed.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self::from(StdRng::seed_from_u64(seed))
    }

    /// Uniform in `0..=most`.
    #[must_use]
    pub fn up_to(&self, most: u64) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..=most)
    }

    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes);
        bytes
    }
}

impl From<StdRng> for Dice {
    fn from(source: StdRng) -> Self {
        Self(Arc::new(Mutex::new(source)))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same() {
        let throw = |dice: &Dice| (dice.up_to(1_000_000), dice.bytes::<8>());
        assert_eq!(throw(&Dice::seeded(7)), throw(&Dice::seeded(7)));
        let (one, other) = (Dice::seeded(7), Dice::seeded(7));
        let clone = one.clone();
        assert_eq!([throw(&one), throw(&clone)], [throw(&other), throw(&other)], "a clone goes on where the other was");
    }
}
