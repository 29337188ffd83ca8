//! A bounded number of places, in all and for each key, so that one peer or one token cannot take
//! those of everybody. A place is given back when its holder is dropped; nobody waits here.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// The places. Cheap to clone.
#[derive(Debug)]
pub(super) struct Seats<K> {
    most: usize,
    most_a_key: usize,
    taken: Arc<Mutex<Taken<K>>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    of: HashMap<K, usize>,
}

/// One place.
#[derive(Debug)]
pub(super) struct Seat<K: Hash + Eq> {
    key: K,
    taken: Arc<Mutex<Taken<K>>>,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    All,
    ForThisKey,
}

impl<K> Clone for Seats<K> {
    fn clone(&self) -> Self {
        Self { most: self.most, most_a_key: self.most_a_key, taken: self.taken.clone() }
    }
}

impl<K: Hash + Eq + Clone> Seats<K> {
    /// `most_a_key` of 0 means that a key may have all of them.
    pub(super) fn new(most: usize, most_a_key: usize) -> Self {
        let most_a_key = if most_a_key == 0 { most } else { most_a_key };
        Self { most, most_a_key, taken: Arc::new(Mutex::new(Taken { all: 0, of: HashMap::new() })) }
    }

    pub(super) fn take(&self, key: &K) -> Result<Seat<K>, Full> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(Full::All);
        }
        let of = taken.of.entry(key.clone()).or_insert(0);
        if *of >= self.most_a_key {
            return Err(Full::ForThisKey);
        }
        *of += 1;
        taken.all += 1;
        Ok(Seat { key: key.clone(), taken: self.taken.clone() })
    }

    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl<K: Hash + Eq> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(of) = taken.of.get_mut(&self.key) {
            *of -= 1;
            if *of == 0 {
                taken.of.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_in_all_and_for_each_key_and_come_back() {
        let seats = Seats::new(3, 2);
        let first = seats.take(&"a").unwrap();
        let _second = seats.take(&"a").unwrap();
        assert_eq!(seats.take(&"a").unwrap_err(), Full::ForThisKey);
        let _third = seats.take(&"b").unwrap();
        assert_eq!(seats.take(&"c").unwrap_err(), Full::All);
        drop(first);
        assert!(seats.take(&"a").is_ok());
        assert_eq!(seats.taken(), 2);
    }

    #[test]
    fn nothing_is_kept_of_keys_that_are_gone() {
        let seats = Seats::new(10, 0);
        for key in 0..1_000 {
            drop(seats.take(&key).unwrap());
        }
        assert!(seats.taken.lock().unwrap().of.is_empty());
    }
}
