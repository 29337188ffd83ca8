//! Why a piece of work was parked, in words, and what to do about it. Reads the error that was kept
//! with it; decides nothing.

use crate::store::ParkedRow;

/// What to do so that a retry can go well.
#[must_use]
pub fn advice(row: &ParkedRow) -> &'static str {
    let says = |text: &str| row.error.contains(text);
    if says("not known to this program") || says("newer program") {
        "A newer program wrote this. Upgrade this node, then retry."
    } else if says("cannot be read") || says("missing field") {
        "A stored value is damaged or of another version. Look at it with `fencepost replay` and `fencepost ledger \
         verify`; restore from a backup if it is damaged, then retry."
    } else if says(" is gone") {
        "What it is about no longer exists. Nothing needs to be done unless it comes back."
    } else if row.id.starts_with("o:") {
        "The next hop refused it for good, or did not take it for very long. Mend the address, the template or \
         `notify.smarthost` that the error names, then retry: it is sent once, under its old Message-ID."
    } else if says("gave up after") {
        "The look took longer than its lease. See whether the servers it asks answer, and `engine.lease_seconds`; then \
         retry."
    } else {
        "It failed as often as it may. Mend what the error names, then retry."
    }
}
