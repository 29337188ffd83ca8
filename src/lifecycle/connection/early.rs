//! Early cut-over: the MX names the gateway before it may. An overlay over the phases up to `ready`:
//! the gateway defers, an alarm goes out once, the gates go on with priority.

use super::draft::Draft;
use super::event::{Event, Notice};
use super::observe::{all_old, ours_published};

/// Begins and ends the overlay. Leaving for `confirming` ends it too.
pub(super) fn watch(d: &mut Draft) -> bool {
    if d.c.early_cutover_since.is_none() && ours_published(&d.c) {
        let names = d.c.observed.mx.as_ref().map(|mx| mx.names.clone()).unwrap_or_default();
        d.emit(Event::EarlyCutover { names });
        d.notify(Notice::EarlyCutoverAlarm);
        d.hurry = true;
        true
    } else if d.c.early_cutover_since.is_some() && all_old(&d.c) {
        d.emit(Event::EarlyCutoverEnded);
        true
    } else {
        false
    }
}
