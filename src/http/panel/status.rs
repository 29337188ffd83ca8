//! What a status page shows of a domain, whoever reads it: the signed-in pages and the shared ones are made of
//! this one value. What the reader of a shared page may not see is left out here, and nowhere else.

mod answer;
mod findings;
mod matrix;
mod propagation;
mod records;
mod switch;

use std::borrow::Cow;

use super::story::{self, Line};
use super::words::{self, Times, When};
use crate::lifecycle::connection::Phase;
use crate::status::DomainStatus;
use crate::store::{EventRow, Observation};

use answer::Answer;
use findings::FindingLine;
use matrix::Firewall;
use propagation::Picture;
use records::Records;
use switch::{Rollback, Switch};

/// Who reads the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audience {
    /// Somebody who is signed in and may see the domain.
    SignedIn,
    /// Whoever holds a link: no transcripts, nothing that says whose firewall is open, nobody's name.
    Link,
}

/// A domain as a page shows it.
pub(super) struct StatusView {
    pub domain: String,
    pub answer: Answer,
    pub steps: Vec<Step>,
    /// Something has to be mended before any record is entered.
    pub findings_first: bool,
    pub findings: Vec<FindingLine>,
    pub remarks: Vec<FindingLine>,
    pub records: Option<Records>,
    pub switch: Option<Switch>,
    pub rollback: Option<Rollback>,
    pub firewall: Option<Firewall>,
    pub picture: Option<Picture>,
    pub timeline: Vec<Line>,
    pub as_of: When,
    /// Where the page hears of news.
    pub live: Option<String>,
    /// Nothing changes any more.
    pub over: bool,
}

/// What a view is made of.
pub(super) struct Seen<'a> {
    pub status: &'a DomainStatus,
    pub observations: &'a [Observation],
    pub events: &'a [EventRow],
    pub audience: Audience,
}

/// One step of the straight way from order to connection.
pub(super) struct Step {
    pub title: &'static str,
    /// `past`, `here` or `ahead`.
    pub place: &'static str,
    /// The same for those who do not see it.
    pub said: &'static str,
}

const STEPS: [Phase; 7] = [
    Phase::Ordered,
    Phase::Allowlisting,
    Phase::Probing,
    Phase::Provisioning,
    Phase::Ready,
    Phase::Confirming,
    Phase::Connected,
];

impl StatusView {
    pub(super) fn new(seen: &Seen<'_>, times: &Times) -> Self {
        let status = &for_reader(seen.status, seen.audience);
        let (findings, remarks) = findings::of(status, seen.audience, times);
        Self {
            domain: status.domain.to_string(),
            answer: Answer::of(status, times),
            steps: steps(status.phase),
            findings_first: !status.mx_change_permitted && findings.iter().any(|finding| finding.tone == "blocking"),
            findings,
            remarks,
            records: Records::of(status),
            switch: Switch::of(status, times),
            rollback: Rollback::of(status, times),
            firewall: Firewall::of(seen.observations, seen.audience, times),
            picture: Picture::of(status, seen.observations, times),
            timeline: match seen.audience {
                Audience::SignedIn => story::timeline(seen.events, times),
                Audience::Link => story::timeline_for_all(seen.events, times),
            },
            as_of: times.show(status.as_of),
            live: None,
            over: matches!(status.phase, Phase::Released | Phase::Cancelled),
        }
    }
}

/// Why the desk suspended a connection is between the desk and the partner.
fn for_reader(status: &DomainStatus, audience: Audience) -> Cow<'_, DomainStatus> {
    if audience == Audience::SignedIn || status.suspension.is_none() {
        return Cow::Borrowed(status);
    }
    let mut told = status.clone();
    told.reason = "The service desk has suspended this connection.".to_owned();
    Cow::Owned(told)
}

fn steps(phase: Phase) -> Vec<Step> {
    let Some(here) = STEPS.iter().position(|step| *step == phase) else { return Vec::new() };
    let place = |index: usize| match index.cmp(&here) {
        std::cmp::Ordering::Less => ("past", "done"),
        std::cmp::Ordering::Equal => ("here", "now"),
        std::cmp::Ordering::Greater => ("ahead", "to come"),
    };
    let step = |(index, step): (usize, &Phase)| {
        let (place, said) = place(index);
        Step { title: words::phase(*step), place, said }
    };
    STEPS.iter().enumerate().map(step).collect()
}
