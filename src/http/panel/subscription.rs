//! The customer's subscription as the domain page shows it: where it stands, and its next dates.

use jiff::civil::Date;

use crate::http::view::CustomerView;
use crate::lifecycle::subscription::{OrderKind, Phase};

pub(super) struct SubscriptionView {
    pub(super) phase: &'static str,
    pub(super) about: &'static str,
    /// Colour class.
    pub(super) tone: &'static str,
    pub(super) facts: Vec<(&'static str, String)>,
    /// Where the next monthly report is shown.
    pub(super) report: Option<String>,
}

impl SubscriptionView {
    pub(super) fn new(customer: &CustomerView) -> Self {
        let (phase, about, tone) = words(customer.phase);
        let mut facts = vec![("Ordered as", kind(customer.kind).to_owned())];
        let mut date = |what, day: Option<Date>| facts.extend(day.map(|day| (what, shown(day))));
        date("Connected on", customer.connected_on);
        // The first day that is no longer free is the end; people ask for the last free one.
        date("Trial until", customer.trial_ends.and_then(|end| end.yesterday().ok()));
        if matches!(customer.phase, Phase::Trial | Phase::Negotiation) {
            date("Decision by", customer.negotiation_ends.and_then(|end| end.yesterday().ok()));
        }
        date("Charged from", customer.charged_from);
        date("Service ends before", customer.notice_ends);
        facts.push(("Price", format!("{} a month, {} mailboxes", customer.price, customer.mailboxes)));
        let group = customer.invoicing_group.map_or_else(
            || "set when the first domain is connected".to_owned(),
            |group| format!("on the {group}th of each month"),
        );
        facts.push(("Invoiced", group));
        let reported = matches!(customer.phase, Phase::Trial | Phase::Negotiation | Phase::Active | Phase::Notice);
        let report = reported.then(|| format!("/reports/{}", customer.id));
        Self { phase, about, tone, facts, report }
    }
}

fn shown(day: Date) -> String {
    day.strftime("%a %-d %b %Y").to_string()
}

const fn kind(kind: OrderKind) -> &'static str {
    match kind {
        OrderKind::Trial => "trial",
        OrderKind::Paid => "paid from the beginning",
    }
}

pub(super) const fn words(phase: Phase) -> (&'static str, &'static str, &'static str) {
    match phase {
        Phase::Requested => ("requested", "the order has been received", "wait"),
        Phase::Onboarding => ("onboarding", "begins when the first domain is connected", "wait"),
        Phase::Trial => ("trial", "free; nobody has to decide yet", "done"),
        Phase::Negotiation => ("decision needed", "the trial is over: customer or no customer?", "wait"),
        Phase::Active => ("customer", "invoiced every month", "go"),
        Phase::Declined => ("no customer", "the service is being ended", "stop"),
        Phase::Notice => ("notice given", "invoiced until the notice ends", "move"),
        Phase::Ended => ("ended", "nothing is invoiced any more", "done"),
        Phase::Cancelled => ("cancelled", "withdrawn before it began", "done"),
    }
}
