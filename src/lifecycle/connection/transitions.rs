//! The transition table.

use crate::lifecycle::table::Transition;

/// Every change of phase that can happen.
#[must_use]
pub fn table() -> &'static [Transition] {
    &[]
}
