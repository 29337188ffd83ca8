//! Random histories of looks against the rules, and every reason not to believe a vantage.

use proptest::prelude::*;

use super::*;
use crate::observation::{Proof, SmtpReply, Vantage};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
}

fn seen(role: VantageRole, address: &str, outside: Option<&str>) -> SmtpDialogue {
    let reply = SmtpReply { code: 220, enhanced: None, lines: vec!["mail.example.com".to_owned()] };
    SmtpDialogue {
        vantage: Vantage { id: format!("at-{address}"), role, address: address.parse().ok() },
        host: "mail.example.com".to_owned(),
        peer: None,
        port: 25,
        standby: false,
        started_at: at(0),
        connect: ConnectOutcome::Connected { elapsed_ms: 1 },
        stages: vec![StageRecord { stage: Stage::Banner, elapsed_ms: 1, outcome: StageOutcome::Reply { reply } }],
        capabilities: Vec::new(),
        tls: None,
        proof: outside.map(|text| Proof { at: at(0), outside: text.parse().ok(), detail: "timed out".to_owned() }),
        transcript: vec!["S: 220 mail.example.com".to_owned()],
    }
}

fn reason(dialogue: SmtpDialogue, distrusted: &[(&str, &str)]) -> Option<String> {
    let egress: [IpAddr; 2] = ["192.0.2.10".parse().unwrap(), "2001:db8::10".parse().unwrap()];
    let distrusted = distrusted.iter().map(|(id, why)| ((*id).to_owned(), (*why).to_owned())).collect();
    let counted = discount(vec![dialogue], &egress, &distrusted).remove(0);
    assert_eq!(counted.transcript.len(), 1, "what was said is kept");
    match counted.connect {
        ConnectOutcome::VantageFault { detail } => {
            assert!(counted.stages.is_empty());
            Some(detail)
        }
        _ => None,
    }
}

#[test]
fn who_is_seen_where_it_should_be_is_believed() {
    let (egress, outsider) = (VantageRole::Egress, VantageRole::Outsider);
    assert_eq!(reason(seen(egress, "192.0.2.10", None), &[]), None, "no reference server is configured");
    assert_eq!(reason(seen(egress, "192.0.2.10", Some("192.0.2.10")), &[]), None);
    assert_eq!(reason(seen(egress, "192.0.2.10", Some("::ffff:192.0.2.10")), &[]), None);
    assert_eq!(reason(seen(outsider, "10.0.0.7", Some("203.0.113.9")), &[]), None, "an outsider may be behind NAT");
    let nat = reason(seen(egress, "192.0.2.10", Some("203.0.113.9")), &[]).unwrap();
    assert!(nat.contains("192.0.2.10") && nat.contains("203.0.113.9") && nat.contains("NAT"), "{nat}");
    let control = reason(seen(outsider, "10.0.0.7", Some("192.0.2.10")), &[]).unwrap();
    assert!(control.contains("no control"), "{control}");
    let lost = reason(seen(outsider, "10.0.0.7", Some("nowhere")), &[]).unwrap();
    assert!(lost.contains("reference server") && lost.contains("timed out"), "{lost}");
    let distrusted = reason(seen(egress, "192.0.2.10", None), &[("at-192.0.2.10", "5 of 6")]).unwrap();
    assert!(distrusted.contains("5 of 6"), "{distrusted}");
    assert_eq!(reason(seen(egress, "192.0.2.10", None), &[("at-192.0.2.11", "5 of 6")]), None);
}

#[test]
fn what_nobody_looked_at_stays_what_it_is() {
    for connect in [
        ConnectOutcome::BlockedTarget { detail: "loopback".to_owned() },
        ConnectOutcome::Unresolvable { detail: "nxdomain".to_owned() },
    ] {
        let dialogue = SmtpDialogue { connect, ..seen(VantageRole::Egress, "192.0.2.10", Some("nowhere")) };
        assert_eq!(reason(dialogue, &[]), None);
    }
}

#[test]
fn the_greeting_is_read_back() {
    for address in ["192.0.2.10", "2001:db8::10"] {
        let mut dialogue = seen(VantageRole::Egress, "192.0.2.10", None);
        let line = greeting("reference.example", address.parse().unwrap());
        let text = line.strip_prefix("220 ").unwrap().to_owned();
        let reply = SmtpReply { code: 220, enhanced: None, lines: vec![text] };
        dialogue.stages[0].outcome = StageOutcome::Reply { reply };
        assert_eq!(echoed(&dialogue), Some(address.parse().unwrap()));
    }
    assert_eq!(echoed(&seen(VantageRole::Egress, "192.0.2.10", None)), None, "another server");
}

/// When, whether good, and when good became bad.
type Look = (i64, bool, Option<i64>);

/// A vantage in small: when each target was looked at, and what came of it.
#[derive(Debug, Default)]
struct Record {
    /// Newest look a target: when, good, and when good became bad.
    looks: BTreeMap<u8, Look>,
    quarantined: Option<i64>,
    released: i64,
}

impl Record {
    fn look(&mut self, target: u8, good: bool, now: i64) {
        let turned = match self.looks.get(&target) {
            _ if good => None,
            Some((_, true, _)) => Some(now),
            Some((_, false, turned)) => *turned,
            None => None,
        };
        self.looks.insert(target, (now, good, turned));
    }

    fn health(&self, now: i64) -> Health {
        let since = now - WINDOW.as_secs() / 60;
        let count = |f: &dyn Fn(&Look) -> bool| self.looks.values().filter(|l| f(l)).count() as u64;
        let after = |good: bool| self.quarantined.map_or(0, |q| count(&|l| l.0 > q && l.1 == good));
        Health {
            good: count(&|l| l.0 >= since && l.1),
            bad: count(&|l| l.0 >= since && !l.1),
            turned: count(&|l| l.0 >= since && l.2.is_some_and(|t| t >= since && t > self.released)),
            quarantined_since: self.quarantined.map(at),
            good_after: after(true),
            bad_after: after(false),
            reaches_reference: None,
        }
    }
}

proptest! {
    #[test]
    fn no_history_breaks_the_rules(
        looks in prop::collection::vec((0_u8..12, any::<bool>(), 0_i64..20, 0_u8..40), 1..300),
    ) {
        let mut record = Record::default();
        let mut now = 0;
        for (target, good, wait, desk) in looks {
            now += wait;
            record.look(target, good, now);
            if desk == 0 && record.quarantined.take().is_some() {
                record.released = now;
            }
            let health = record.health(now);
            match decide(&health, at(now)) {
                Standing::Quarantine { why } => {
                    prop_assert!(health.turned >= MANY && health.turned * 2 >= health.good + health.bad);
                    prop_assert!(health.turned <= health.bad, "nothing that answers counts against it");
                    prop_assert!(why.contains(&health.turned.to_string()));
                    record.quarantined = Some(now);
                    // Held at least a while, whatever comes at that moment.
                    prop_assert_eq!(decide(&record.health(now), at(now)), Standing::Quarantined);
                }
                Standing::Suspect { .. } => {
                    prop_assert!(record.quarantined.is_none() && health.turned >= SUSPICIOUS);
                }
                Standing::Release { .. } => {
                    let since = record.quarantined.take().unwrap();
                    prop_assert!(now - since >= 15 && health.good_after >= CONTROLS);
                    prop_assert!(health.good_after >= 4 * health.bad_after);
                    record.released = now;
                    // What led to the quarantine does not lead to it again.
                    let again = matches!(decide(&record.health(now), at(now)), Standing::Quarantine { .. });
                    prop_assert!(!again);
                }
                Standing::Quarantined => prop_assert!(record.quarantined.is_some()),
                Standing::Sound => {
                    prop_assert!(record.quarantined.is_none());
                    prop_assert!(health.turned < SUSPICIOUS || health.turned * 2 < health.good + health.bad);
                }
            }
        }
    }

    #[test]
    fn targets_that_never_answered_are_no_reason(targets in prop::collection::vec(any::<u8>(), 1..300)) {
        let mut record = Record::default();
        for (now, target) in (0..).zip(targets) {
            record.look(target, false, now);
            prop_assert_eq!(decide(&record.health(now), at(now)), Standing::Sound);
        }
    }

    /// Everything that answered stops answering: the quarantine comes with the third target, the
    /// second is held back already.
    #[test]
    fn a_vantage_that_breaks_is_caught(targets in 3_u8..40, offset in 0_i64..30) {
        let mut record = Record::default();
        for target in 0..targets {
            record.look(target, true, 0);
        }
        let mut caught = None;
        // The good looks were long ago, as they are where nothing changes for days.
        for (n, target) in (0_i64..).zip(0..targets) {
            let now = 2_000 + offset + n;
            record.look(target, false, now);
            match decide(&record.health(now), at(now)) {
                Standing::Sound => prop_assert!(n == 0),
                Standing::Suspect { .. } => prop_assert!(n == 1),
                Standing::Quarantine { .. } => { caught = Some(n); break; }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert_eq!(caught, Some(2));
    }

    #[test]
    fn without_its_reference_it_is_not_released(good_after in 0_u64..99, bad_after in 0_u64..99, age in 0_i64..99) {
        let health = Health {
            quarantined_since: Some(at(0)), good_after, bad_after, reaches_reference: Some(false), ..Health::default()
        };
        prop_assert_eq!(decide(&health, at(age)), Standing::Quarantined);
    }
}
