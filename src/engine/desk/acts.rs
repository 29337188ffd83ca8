//! Who did what: written down once for each request that changes something, and read by the desk. What is
//! written is said by whoever handles the request; nothing is decided from it.

use super::{Desk, DeskResult};
use crate::store::{Act, ActFilter, ActOutcome, ActPart, Listing, Page};

/// Bytes of a detail, and of a subject: the rest is cut off.
const DETAIL: usize = 1_000;
const SHORT: usize = 300;

/// An act as it is said; its name and time come from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAct {
    /// Id of a token or person; empty where nobody was signed in.
    pub actor: String,
    pub who: String,
    pub role: String,
    pub action: String,
    pub part: ActPart,
    pub subject_kind: String,
    pub subject: String,
    pub detail: String,
    pub outcome: ActOutcome,
    pub request_id: String,
}

impl Desk {
    /// A name for a request, to be found again in the log.
    #[must_use]
    pub fn request_id(&self) -> String {
        self.fresh_id(self.clock.now())
    }

    /// Writes down what was done. Control characters become spaces, and long texts are cut.
    ///
    /// # Errors
    /// [`super::DeskError::Store`]; nothing is written then.
    pub async fn record(&self, acts: Vec<NewAct>) -> DeskResult<()> {
        let now = self.clock.now();
        let mut ids: Vec<String> = acts.iter().map(|_| self.fresh_id(now)).collect();
        ids.sort_unstable();
        let stored = ids.into_iter().zip(acts).map(|(id, act)| Act {
            id,
            at: now,
            actor: tidy(&act.actor, SHORT),
            who: tidy(&act.who, SHORT),
            role: act.role,
            action: act.action,
            part: act.part,
            subject_kind: act.subject_kind,
            subject: tidy(&act.subject, SHORT),
            detail: tidy(&act.detail, DETAIL),
            outcome: act.outcome,
            request_id: act.request_id,
        });
        Ok(self.store.record_acts(stored.collect()).await?)
    }

    /// What was done, the newest first.
    ///
    /// # Errors
    /// [`super::DeskError::Store`].
    pub async fn acts(&self, filter: &ActFilter, page: &Page) -> DeskResult<Listing<Act>> {
        Ok(self.store.acts(filter, page).await?)
    }
}

fn tidy(text: &str, most: usize) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut out = String::new();
    for c in text.trim().chars().map(plain) {
        if out.len() + c.len_utf8() > most {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_one_line_and_bounded() {
        assert_eq!(tidy(" a\r\nb\0c ", 100), "a  b c");
        assert_eq!(tidy(&"ä".repeat(100), 9), "ääää…");
    }
}
