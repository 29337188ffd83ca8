//! Cases of `mx::history`: rounds by time of day, and the bounds that follow.

use fencepost_checks::mx::Expected;
use fencepost_checks::mx::history::RrsetHistory;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use crate::Case;
use crate::dns::{RoundSpec, gateway, names};
use crate::expect::Got;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryCase {
    name: String,
    #[expect(dead_code, reason = "for the reader: which rule the case holds")]
    spec: String,
    /// Rounds in order.
    rounds: Vec<TimedRound>,
    /// In place of the two gateway hosts: every name below them.
    #[serde(default)]
    suffixes: Vec<String>,
    #[serde(default)]
    t_star: Option<String>,
    #[serde(default)]
    departure: Option<String>,
    #[serde(default)]
    fastest: Option<String>,
    #[serde(default)]
    previous: Option<String>,
    /// Must stand in the sentence that explains T*.
    #[serde(default)]
    because: Option<String>,
    /// Name servers left out as dead in the last round.
    #[serde(default)]
    dead: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimedRound {
    /// `1 14:05`: day of the story and time of day.
    at: String,
    servers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    ns_ttl: Option<u32>,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let bad = || format!("`{text}` is no `DAY HH:MM`");
    let (day, time) = text.split_once(' ').ok_or_else(bad)?;
    let day: i64 = day.parse().map_err(|_| bad())?;
    let base: Timestamp = format!("2026-03-01T{time}:00Z").parse().map_err(|_| bad())?;
    Ok(base + SignedDuration::from_hours(24 * (day - 1)))
}

fn story(at: Timestamp) -> String {
    let day =
        (at.as_second() - "2026-03-01T00:00:00Z".parse::<Timestamp>().expect("an instant").as_second()) / 86_400 + 1;
    format!("{day} {}", at.strftime("%H:%M"))
}

impl Case for HistoryCase {
    fn name(&self) -> &str {
        &self.name
    }

    fn run(&self) -> Result<(Got, String), String> {
        let mut history = RrsetHistory::default();
        let mut last = None;
        for timed in &self.rounds {
            let spec = RoundSpec { servers: timed.servers.clone(), ns_ttl: timed.ns_ttl, ..RoundSpec::default() };
            let round = spec.round(instant(&timed.at)?)?;
            history.observe(&round);
            // What is stored must be what is known.
            let stored = serde_json::to_string(&history).map_err(|e| e.to_string())?;
            history = serde_json::from_str(&stored).map_err(|e| e.to_string())?;
            last = Some(round);
        }
        let suffixes = names(&self.suffixes.iter().map(String::as_str).collect::<Vec<_>>());
        let gateway_hosts = if suffixes.is_empty() { gateway() } else { Vec::new() };
        let expected = Expected { gateway_hosts, suffixes, ..Expected::default() };
        let t_star = history.t_star(&expected, &[]);
        let mut difference = String::new();
        let mut compare = |what: &str, expected: &Option<String>, got: Option<String>| {
            let got = got.unwrap_or_else(|| "none".to_owned());
            if expected.as_ref().is_some_and(|e| *e != got) {
                difference.push_str(&format!("  {what}: expected {expected:?}, got {got:?}\n"));
            }
        };
        compare("t_star", &self.t_star, t_star.as_ref().map(|t| story(t.at)));
        compare("departure", &self.departure, history.departure(&expected).map(|t| story(t.at)));
        compare("fastest", &self.fastest, history.fastest_change_after().map(|f| story(f.at)));
        let previous = history.previous_mx(&expected).map(|p| {
            let set: Vec<String> = p.records.iter().map(|r| format!("{} {}", r.preference, r.exchange)).collect();
            format!("ttl {} {}", p.ttl, set.join(", "))
        });
        compare("previous", &self.previous, previous);
        let dead = last.as_ref().map(|round| history.dead(round).len().to_string());
        compare("dead", &self.dead.map(|d| d.to_string()), dead);
        let because = t_star.map(|t| t.because).unwrap_or_default();
        if self.because.as_ref().is_some_and(|b| !because.contains(b.as_str())) {
            difference.push_str(&format!("  because: expected {:?}, got {because:?}\n", self.because));
        }
        let findings = last
            .map(|round| fencepost_checks::mx::judge_watched(&round, &expected, &history).findings)
            .unwrap_or_default();
        let got = Got { verdict: String::new(), findings, retry: None, flags: Default::default(), more: String::new() };
        Ok((got, difference))
    }
}
