//! The transition table. A test walks the machine and holds this description against it.

use crate::lifecycle::table::Transition;

/// Every change of phase that can happen.
#[must_use]
pub fn table() -> &'static [Transition] {
    const fn row(from: &'static str, to: &'static str, who: &'static str, when: &'static str) -> Transition {
        Transition { from, to, when, who }
    }
    const ROWS: &[Transition] = &[
        row("-", "requested", "partner", "the order is accepted"),
        row("-", "active", "desk", "a charged customer of an existing base is taken over"),
        row("-", "trial", "desk", "a customer on trial is taken over from an existing base"),
        row("requested", "onboarding", "desk", "the customer is registered"),
        row("requested", "cancelled", "desk", "every domain is withdrawn"),
        row("onboarding", "cancelled", "desk", "every domain is withdrawn before it is connected"),
        row("onboarding", "trial", "nobody", "the first domain of a trial is connected"),
        row("onboarding", "active", "nobody", "the first domain of a paid order is connected"),
        row("onboarding", "declined", "partner", "a domain is connected although the order was withdrawn"),
        row("trial", "active", "partner", "customer; charged from the trial's end"),
        row("trial", "declined", "partner", "no customer, or no domain is left"),
        row("trial", "negotiation", "time", "the trial ends without a decision"),
        row("negotiation", "trial", "desk", "the trial is extended"),
        row("negotiation", "active", "partner", "customer, or no decision before N (invoice)"),
        row("negotiation", "declined", "partner", "no customer, no domain left, or no decision before N (release)"),
        row("active", "notice", "partner", "notice is given"),
        row("active", "declined", "desk", "a no that was received before N is entered late"),
        row("notice", "active", "partner", "the customer stays after all"),
        row("notice", "ended", "time", "the notice ends"),
        row("declined", "active", "partner", "the customer stays after all"),
        row("declined", "ended", "partner", "every domain has left"),
    ];
    ROWS
}
