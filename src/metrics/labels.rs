//! Label sets. Every value is a word of this program or of its configuration, so that their number is
//! bounded; where configuration could grow, what is beyond the bound is counted together.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// The two kinds of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Work {
    /// A subject looks at something because it is time.
    Timer,
    /// A notice is sent, or a fact is brought to another subject.
    Effect,
}

impl Work {
    pub(super) const ALL: [Self; 2] = [Self::Timer, Self::Effect];
}

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Done,
    /// It is tried again later by itself.
    Retried,
    /// It waits for a person.
    Parked,
    /// It was no longer true when its time had come, or belonged to somebody else.
    Dropped,
    /// Nothing could be tried yet.
    Waiting,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Probe {
    Mx,
    Firewall,
    Smtp,
    Gateway,
    Lint,
    NextDestination,
}

macro_rules! words {
    ($kind:ident: $($variant:ident => $word:literal),+ $(,)?) => {
        impl EncodeLabelValue for $kind {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                EncodeLabelValue::encode(&match self { $(Self::$variant => $word),+ }, encoder)
            }
        }
    };
}

words!(Work: Timer => "timer", Effect => "effect");
words!(Outcome: Done => "done", Retried => "retried", Parked => "parked", Dropped => "dropped", Waiting => "waiting");
words!(Probe: Mx => "mx", Firewall => "firewall", Smtp => "smtp", Gateway => "gateway", Lint => "lint",
    NextDestination => "next_destination");

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WorkLabels {
    pub work: Work,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct WorkOutcome {
    pub work: Work,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProbeLabels {
    pub probe: Probe,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProbeOutcome {
    pub probe: Probe,
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct VantageLabels {
    pub vantage: String,
    pub result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct PlaceLabels {
    pub vantage: String,
}

/// `result` is `good` or `bad`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TargetLabels {
    pub vantage: String,
    pub result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct AgentLabels {
    pub agent: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct RequestLabels {
    pub method: &'static str,
    pub route: String,
    pub status: u16,
}

/// The first so many names; whatever comes later is `other`.
#[derive(Debug)]
pub(super) struct Known {
    most: usize,
    names: Mutex<BTreeSet<String>>,
}

impl Known {
    pub(super) fn new(most: usize) -> Self {
        Self { most, names: Mutex::default() }
    }

    pub(super) fn name(&self, name: &str) -> String {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) || (names.len() < self.most && names.insert(name.to_owned())) {
            return name.to_owned();
        }
        "other".to_owned()
    }
}
