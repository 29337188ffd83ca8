//! Who has already got a message whose delivery to others must be repeated. Kept in memory alone:
//! after a restart a repetition carries the same Message-ID, so that receivers can recognise it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use lettre::Address;

/// Only letters under way matter; older ones are forgotten.
const KEPT: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Accepted(Mutex<VecDeque<Entry>>);

#[derive(Debug)]
struct Entry {
    id: String,
    to: Address,
    reply: String,
}

impl Accepted {
    /// What the next hop said when it took the message for this recipient.
    pub(super) fn reply(&self, id: &str, to: &Address) -> Option<String> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().find(|entry| entry.id == id && entry.to == *to).map(|entry| entry.reply.clone())
    }

    pub(super) fn remember(&self, id: &str, to: &Address, reply: String) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() == KEPT {
            entries.pop_front();
        }
        entries.push_back(Entry { id: id.to_owned(), to: to.clone(), reply });
    }
}
