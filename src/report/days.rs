//! From a connection's history to days: when its MX had drifted, how it changed, and how each day was.
//! A day on which nobody looked is shown as that, and never as a good one.

use fencepost_checks::mx::MxVerdict;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::words::verdict;
use super::{DomainFacts, Facts, MxChange, Tone};
use crate::lifecycle::connection::{Event, Gate, Health, Phase};
use crate::words::Language;

/// Changes of the MX that are listed.
pub(super) const MAX_CHANGES: usize = 12;
/// Days of one report.
const MAX_DAYS: usize = 62;
/// Names listed of one MX.
const MAX_NAMES: usize = 8;

/// How a day was. The signs are interface: a lane is a text of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Day {
    /// Not connected, or not come yet: `.`
    Blank,
    /// In order: `+`
    Good,
    /// Nobody looked: `?`
    Unseen,
    /// Not quite as it should be: `!`
    Fair,
    /// `x`
    Bad,
}

/// One strip of days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane {
    pub label: String,
    /// A sign a day, from the first day of the report on.
    pub days: String,
}

/// A time from which until when; still going on without an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    pub from: Timestamp,
    pub until: Option<Timestamp>,
}

impl Day {
    /// The sign of a lane.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Blank => '.',
            Self::Good => '+',
            Self::Unseen => '?',
            Self::Fair => '!',
            Self::Bad => 'x',
        }
    }

    const fn of(sign: char) -> Self {
        match sign {
            '+' => Self::Good,
            '?' => Self::Unseen,
            '!' => Self::Fair,
            'x' => Self::Bad,
            _ => Self::Blank,
        }
    }
}

impl Lane {
    fn new(label: &str, days: &[Day]) -> Self {
        Self { label: label.to_owned(), days: days.iter().map(|day| day.sign()).collect() }
    }

    /// Day by day.
    pub fn each(&self) -> impl Iterator<Item = Day> + '_ {
        self.days.chars().take(MAX_DAYS).map(Day::of)
    }

    /// The picture in words, for whoever does not see it.
    #[must_use]
    pub fn in_words(&self, language: Language) -> String {
        format!("{}: {}", self.label, self.counts(language))
    }

    /// How many days of each kind.
    #[must_use]
    pub fn counts(&self, l: Language) -> String {
        let count = |wanted: Day| self.each().filter(|day| *day == wanted).count();
        let days = |n: usize| l.counted(n, ("day", "days"), ("päivä", "päivää"));
        let parts: Vec<String> = [
            (Day::Good, l.say("in order on", "kunnossa")),
            (Day::Fair, l.say("not quite in order on", "ei aivan kunnossa")),
            (Day::Bad, l.say("in trouble on", "häiriö")),
            (Day::Unseen, l.say("not looked at on", "ei tarkistettu")),
        ]
        .into_iter()
        .filter_map(|(day, words)| Some(count(day)).filter(|n| *n > 0).map(|n| format!("{words} {}", days(n))))
        .collect();
        if parts.is_empty() {
            l.say("nothing to show yet", "ei vielä näytettävää").to_owned()
        } else {
            parts.join(", ")
        }
    }
}

/// How a state went through time: from each instant on.
struct Course(Vec<(Timestamp, Day)>);

impl Course {
    fn turn(&mut self, at: Timestamp, day: Day) {
        if self.0.last().is_none_or(|(_, last)| *last != day) {
            self.0.push((at, day));
        }
    }

    /// The worst of a time; blank where it had not begun.
    fn worst(&self, from: Timestamp, until: Timestamp) -> Day {
        let before = self.0.iter().rev().find(|(at, _)| *at <= from).map(|(_, day)| *day);
        let within = self.0.iter().filter(|(at, _)| from < *at && *at < until).map(|(_, day)| *day);
        before.into_iter().chain(within).max().unwrap_or(Day::Blank)
    }
}

/// What the history of a domain amounts to.
pub(super) struct Past {
    pub drifts: Vec<Stretch>,
    /// All of them that fall into the period, also those that are not listed.
    pub changes: Vec<MxChange>,
    pub lanes: Vec<Lane>,
    /// How long the MX had drifted within the period.
    pub drifted_for: SignedDuration,
}

/// Folds the history.
pub(super) fn past(facts: &Facts<'_>, of: &DomainFacts) -> Past {
    let (from, until) = (start(facts, facts.from), start(facts, facts.on).min(facts.now));
    let drifts: Vec<Stretch> = drifts(of).into_iter().filter_map(|s| within(s, from, until)).collect();
    let lengths = drifts.iter().map(|s| s.until.unwrap_or(until).duration_since(s.from));
    let drifted_for = lengths.fold(SignedDuration::ZERO, |sum, length| sum + length);
    let changes = of.events.iter().filter(|(at, _)| from <= *at && *at < until);
    let changes = changes.filter_map(|event| change(event, facts.language)).collect();
    Past { drifts, changes, lanes: lanes(facts, of), drifted_for }
}

/// The instant at which a business day begins.
fn start(facts: &Facts<'_>, day: Date) -> Timestamp {
    let zoned = day.to_zoned(facts.zone.clone()).and_then(|zoned| zoned.start_of_day());
    zoned.map_or(Timestamp::MAX, |zoned| zoned.timestamp())
}

fn drifts(of: &DomainFacts) -> Vec<Stretch> {
    let mut all: Vec<Stretch> = Vec::new();
    for (at, event) in &of.events {
        let Event::PhaseEntered { phase, .. } = event else { continue };
        if let Some(open) = all.last_mut().filter(|open| open.until.is_none()) {
            open.until = Some(*at);
        }
        if *phase == Phase::Drifted {
            all.push(Stretch { from: *at, until: None });
        }
    }
    all
}

fn within(stretch: Stretch, from: Timestamp, until: Timestamp) -> Option<Stretch> {
    let end = stretch.until.filter(|end| *end < until);
    let cut = Stretch { from: stretch.from.max(from), until: end };
    (cut.from < cut.until.unwrap_or(until)).then_some(cut)
}

fn change((at, event): &(Timestamp, Event), l: Language) -> Option<MxChange> {
    let Event::MxChanged { verdict: word, names } = event else { return None };
    let known: Option<MxVerdict> = serde_json::from_value(serde_json::Value::String(word.clone())).ok();
    let (says, tone) = known.map_or((l.say("changed", "muuttunut"), Tone::Unknown), |known| verdict(known, l));
    let names = names.iter().take(MAX_NAMES).map(|name| fencepost_checks::escape::clean(name, 100)).collect();
    Some(MxChange { at: *at, names, verdict: says.to_owned(), tone })
}

fn lanes(facts: &Facts<'_>, of: &DomainFacts) -> Vec<Lane> {
    let mut days = Vec::new();
    let mut day = facts.from;
    while day < facts.on && days.len() < MAX_DAYS {
        days.push(day);
        day = day.saturating_add(1.day());
    }
    let lane = |label: &str, course: &Course, seen: &dyn Fn(Date) -> bool| {
        let each = |day: &Date| {
            let (from, until) = (start(facts, *day), start(facts, day.saturating_add(1.day())));
            if from > facts.now {
                return Day::Blank;
            }
            match course.worst(from, until.min(facts.now)) {
                Day::Good | Day::Fair if !seen(*day) => Day::Unseen,
                other => other,
            }
        };
        Lane::new(label, &days.iter().map(each).collect::<Vec<Day>>())
    };
    // How often the rest is looked at is a matter of days: what was seen holds until the next look.
    let always = |_: Date| true;
    let l = facts.language;
    let mut lanes = vec![lane(l.say("MX records", "MX-tietueet"), &mx_course(of), &|day| looked_on(facts, of, day))];
    lanes.push(lane(l.say("Mail server", "Oma palvelin"), &gate_course(of, Gate::Probe), &always));
    if !of.connection.hosted {
        lanes.push(lane(l.say("Firewall", "Palomuuri"), &gate_course(of, Gate::Allowlist), &always));
    }
    lanes.push(lane(l.say("Policies", "Käytännöt"), &gate_course(of, Gate::Lint), &always));
    lanes
}

/// Whether the MX was looked at on a day. Looks at a quiet domain are a little more than a day apart, so one
/// day between two on which somebody looked counts. From before looks were counted, the history speaks alone.
fn looked_on(facts: &Facts<'_>, of: &DomainFacts, day: Date) -> bool {
    let Some(tally) = &of.tally else { return false };
    let looked = |day: Date| {
        let by_history = || of.events.iter().any(|(at, _)| at.to_zoned(facts.zone.clone()).date() == day);
        tally.looked_on(day).unwrap_or(false) || (start(facts, day) < tally.since && by_history())
    };
    let (eve, next) = (day.saturating_sub(1.day()), day.saturating_add(1.day()));
    let to_come = start(facts, next.saturating_add(1.day())) > facts.now;
    looked(day) || (looked(eve) && (to_come || looked(next)))
}

/// Nothing is shown before the connection.
fn mx_course(of: &DomainFacts) -> Course {
    let mut course = Course(Vec::new());
    let (mut phase, mut seen) = (None, Day::Good);
    for (at, event) in &of.events {
        match event {
            Event::PhaseEntered { phase: entered, .. } => phase = Some(*entered),
            Event::Imported { .. } => phase = Some(Phase::Confirming),
            Event::MxChanged { verdict: word, .. } => {
                seen = match word.as_str() {
                    "ours_only" | "as_accepted" => Day::Good,
                    _ => Day::Fair,
                };
            }
            _ => continue,
        }
        let connected = of.connection.connected_at.is_some_and(|since| since <= *at);
        let day = match phase {
            Some(Phase::Drifted) => Day::Bad,
            Some(Phase::Connected) => seen,
            Some(Phase::Confirming) if connected => seen,
            _ => Day::Blank,
        };
        course.turn(*at, day);
    }
    course
}

/// From the connection on; a server that is known to fail is in trouble.
fn gate_course(of: &DomainFacts, wanted: Gate) -> Course {
    let mut course = Course(Vec::new());
    let (mut live, mut gate, mut failing) = (false, Day::Blank, false);
    for (at, event) in &of.events {
        match event {
            Event::PhaseEntered { phase, .. } => {
                live = matches!(phase, Phase::Connected | Phase::Drifted) || (live && *phase == Phase::Confirming);
            }
            Event::GateChanged { gate: which, verdict, .. } if *which == wanted => {
                gate = match verdict.as_str() {
                    "pass" => Day::Good,
                    "fail" => Day::Bad,
                    _ => Day::Fair,
                };
            }
            Event::HealthChanged { health } if wanted == Gate::Probe => failing = *health == Health::DeliveryFailing,
            _ => continue,
        }
        let day = if !live {
            Day::Blank
        } else if failing {
            Day::Bad
        } else {
            gate
        };
        course.turn(*at, day);
    }
    course
}

impl super::DomainReport {
    /// Every lane in one: the worst of each day.
    #[must_use]
    pub fn overall(&self, l: Language) -> Lane {
        let columns: Vec<Vec<Day>> = self.lanes.iter().map(|lane| lane.each().collect()).collect();
        let long = columns.iter().map(Vec::len).max().unwrap_or_default();
        let worst = |n: usize| columns.iter().filter_map(|days| days.get(n).copied()).max().unwrap_or(Day::Blank);
        Lane::new(l.say("All together", "Kaikki yhdessä"), &(0..long).map(worst).collect::<Vec<Day>>())
    }
}
