//! What the desk is told when a customer's word meets an earlier one: what stands, what would change,
//! and how to say that it shall. Decides nothing beyond that.

use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::subscription::{self, Subscription};

/// Whether a word may be entered without saying that it replaces its opposite.
///
/// # Errors
/// What stands and what would change, for people.
pub(super) fn not_opposite(
    stands: &Subscription,
    new: bool,
    consequences: &[String],
    calendar: &Calendar,
) -> Result<(), String> {
    match subscription::standing_word(stands, calendar) {
        Some((old, stands)) if old != new => Err(format!(
            "What stands is {stands}. The opposite would change that: {} If the customer says so now, send it again \
             with `replace` (on the command line `--replace`).",
            consequences.join(" ")
        )),
        _ => Ok(()),
    }
}

/// Why a word changed nothing.
pub(super) fn overtaken(fact: &subscription::Fact, stands: &Subscription, calendar: &Calendar) -> Vec<String> {
    let subscription::Fact::Decided { received, .. } = fact else { return Vec::new() };
    let later = stands.last_word.is_some_and(|last| *received < last);
    match subscription::standing_word(stands, calendar) {
        Some((_, text)) if later => vec![format!("A later word stands: {text}.")],
        Some((_, text)) => vec![format!("This was known already: what stands is {text}.")],
        None => Vec::new(),
    }
}
