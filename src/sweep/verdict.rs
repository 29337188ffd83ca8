//! What an answer means, by the rules of `checks`, remembered a set at a time: most domains of a base publish
//! the same few sets. Decides nothing about a domain's state.

use std::collections::HashMap;

use fencepost_checks::mx::{self, Expected, MxVerdict};
use fencepost_checks::observation::{DnsAnswer, MxRecord};

/// Sets that are remembered.
const REMEMBERED: usize = 4_096;

/// Judges answers against one expectation.
pub struct Judge {
    expected: Expected,
    known: HashMap<Vec<MxRecord>, MxVerdict>,
}

impl Judge {
    #[must_use]
    pub fn new(expected: Expected) -> Self {
        Self { expected, known: HashMap::new() }
    }

    /// The verdict on an answer by itself.
    pub fn verdict(&mut self, answer: &DnsAnswer) -> MxVerdict {
        let DnsAnswer::Mx { records, .. } = answer else { return mx::judge_answer(answer, &self.expected) };
        if let Some(verdict) = self.known.get(records) {
            return *verdict;
        }
        let verdict = mx::judge_answer(answer, &self.expected);
        if self.known.len() < REMEMBERED {
            self.known.insert(records.clone(), verdict);
        }
        verdict
    }
}

/// How many domains have which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// As it should be.
    pub as_wanted: u64,
    /// Something else is published.
    pub differing: u64,
    /// Nobody knows.
    pub inconclusive: u64,
}

impl Tally {
    pub fn count(&mut self, verdict: MxVerdict) {
        match verdict {
            MxVerdict::LookupError => self.inconclusive += 1,
            verdict if verdict.is_good() => self.as_wanted += 1,
            _ => self.differing += 1,
        }
    }

    #[must_use]
    pub fn total(&self) -> u64 {
        self.as_wanted + self.differing + self.inconclusive
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fencepost_checks::DomainName;

    #[test]
    fn a_remembered_verdict_is_that_of_the_rules() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        let expected = Expected { gateway_hosts: vec![name("mx1.gateway.example")], ..Expected::default() };
        let mut judge = Judge::new(expected.clone());
        let answer = |hosts: &[&str]| {
            let record = |host: &&str| MxRecord { preference: 10, exchange: (*host).to_owned() };
            DnsAnswer::Mx { records: hosts.iter().map(record).collect(), ttl: 300 }
        };
        let answers = [
            (answer(&["mx1.gateway.example"]), MxVerdict::OursOnly),
            (answer(&["mx1.gateway.example", "old.example"]), MxVerdict::OursPlusForeign),
            (answer(&["old.example"]), MxVerdict::ForeignOnly),
            (answer(&["."]), MxVerdict::NullMx),
            (DnsAnswer::NoData { negative_ttl: None }, MxVerdict::None),
            (DnsAnswer::NxDomain { negative_ttl: None }, MxVerdict::None),
            (DnsAnswer::ServFail, MxVerdict::LookupError),
            (DnsAnswer::TimedOut, MxVerdict::LookupError),
        ];
        let mut tally = Tally::default();
        for (answer, verdict) in answers.iter().chain(&answers) {
            assert_eq!(judge.verdict(answer), *verdict, "{answer:?}");
            assert_eq!(mx::judge_answer(answer, &expected), *verdict);
            tally.count(*verdict);
        }
        assert_eq!(tally, Tally { as_wanted: 2, differing: 10, inconclusive: 4 });
    }
}
