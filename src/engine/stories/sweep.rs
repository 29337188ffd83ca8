//! A sweep of the store: what it reschedules, and what it has looked into.

use std::sync::atomic::AtomicBool;

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::observation::{DnsAnswer, MxRecord};

use super::*;
use crate::engine::ports::{MxLook, MxStream, NextName, SweepCounters};
use crate::engine::sweep::{StoreQuestions, StoreSweep, SweepFigures, SweepOutcome, SweepWatch};

struct Seen(Vec<(DomainName, MxVerdict, SweepOutcome)>);

impl SweepWatch for Seen {
    fn settled(&mut self, domain: &DomainName, verdict: MxVerdict, _: &MxLook, outcome: SweepOutcome) {
        self.0.push((domain.clone(), verdict, outcome));
    }
    fn progress(&mut self, _: &SweepFigures) {}
}

/// Sweeps with a transport that gives these answers.
async fn sweep(play: &Play, answer: fn(&str) -> Option<DnsAnswer>) -> (Seen, SweepFigures) {
    let (sweep, questions) = StoreSweep::new(play.store.clone(), play.parts.clock.clone(), play.parts.config.clone());
    let transport = tokio::task::spawn_blocking(move || transport(questions, answer));
    let mut seen = Seen(Vec::new());
    let figures = sweep.run(&AtomicBool::new(false), &mut seen).await.unwrap();
    transport.await.unwrap();
    (seen, figures)
}

fn transport(mut questions: StoreQuestions, answer: fn(&str) -> Option<DnsAnswer>) {
    loop {
        let mut name = String::new();
        match questions.next(&mut name) {
            NextName::Ask(key) => {
                let answer = answer(&name);
                let look = MxLook {
                    nobody_answers: answer.is_none(),
                    answer: answer.unwrap_or(DnsAnswer::TimedOut),
                    upstream: ([127, 0, 0, 1], 53).into(),
                    tries: 1,
                    elapsed_us: 1,
                    tcp: false,
                };
                questions.seen(key, &look);
            }
            NextName::Later => std::thread::yield_now(),
            NextName::End => return questions.progress(&SweepCounters { answered: 1, ..SweepCounters::default() }),
        }
    }
}

fn mx(exchange: &str) -> Option<DnsAnswer> {
    let records = vec![MxRecord { preference: 10, exchange: exchange.to_owned() }];
    Some(DnsAnswer::Mx { records, ttl: 300 })
}

async fn calm() -> Play {
    let play = Play::begin().await;
    play.until(Phase::Connected).await;
    play.for_hours(10 * 24).await;
    play
}

async fn next_mx(play: &Play) -> Timestamp {
    let due = play.store.domain(&play.domain, &Scope::All).await.unwrap().unwrap().next_check_at;
    due.expect("a connected domain has timers")
}

#[tokio::test]
async fn an_unchanged_domain_is_rescheduled_without_an_event() {
    let play = calm().await;
    let events = play.store.events(&play.id().await, 0, 1000).await.unwrap().len();
    let before = play.connection().await.observed.mx.unwrap();
    let begun = play.stage.clock.now() + SignedDuration::from_mins(5);
    play.stage.clock.skip_to(begun);
    let (seen, figures) = sweep(&play, |_| mx("mx1.gateway.example")).await;
    assert_eq!(seen.0, [(play.domain.clone(), MxVerdict::OursOnly, SweepOutcome::Unchanged)]);
    assert_eq!((figures.unchanged, figures.escalated, figures.left), (1, 0, 0));
    let after = play.connection().await.observed.mx.unwrap();
    assert!(after.last_at >= begun && after.last_at > before.last_at, "{after:?}");
    assert_eq!(play.store.events(&play.id().await, 0, 1000).await.unwrap().len(), events);
    play.replays().await;
}

#[tokio::test]
async fn what_differs_gets_a_whole_round_at_once_even_where_one_server_says_that_all_is_well() {
    let play = calm().await;
    let world = play.stage.world.clone();
    let (rounds, glances) = (world.rounds.load(Ordering::SeqCst), world.glances.load(Ordering::SeqCst));
    let (seen, figures) = sweep(&play, |_| mx("old.example")).await;
    assert_eq!((seen.0[0].1, seen.0[0].2), (MxVerdict::ForeignOnly, SweepOutcome::Escalated));
    assert_eq!((figures.escalated, figures.unchanged), (1, 0));
    assert!(next_mx(&play).await <= play.stage.clock.now(), "due now");
    assert!(play.work().await);
    assert_eq!(world.rounds.load(Ordering::SeqCst), rounds + 1, "the whole round");
    assert_eq!(world.glances.load(Ordering::SeqCst), glances, "and not the cheap question");
    assert_eq!(play.connection().await.phase, Phase::Connected, "the round saw that nothing has changed");
    play.replays().await;
    // The round has settled it: the next sweep finds the domain calm again.
    let (seen, _) = sweep(&play, |_| mx("mx1.gateway.example")).await;
    assert_eq!(seen.0[0].2, SweepOutcome::Unchanged);
}

#[tokio::test]
async fn a_domain_without_mx_is_looked_into_and_an_error_is_not() {
    let play = calm().await;
    for (answer, outcome) in [
        (DnsAnswer::ServFail, SweepOutcome::Unknown),
        (DnsAnswer::TimedOut, SweepOutcome::Unknown),
        (DnsAnswer::NxDomain { negative_ttl: None }, SweepOutcome::Escalated),
    ] {
        let scripted: fn(&str) -> Option<DnsAnswer> = match answer {
            DnsAnswer::ServFail => |_| Some(DnsAnswer::ServFail),
            DnsAnswer::TimedOut => |_| Some(DnsAnswer::TimedOut),
            _ => |_| Some(DnsAnswer::NxDomain { negative_ttl: None }),
        };
        let (seen, _) = sweep(&play, scripted).await;
        assert_eq!(seen.0[0].2, outcome, "{answer:?}");
        let kept = play.store.observations(&play.id().await).await.unwrap();
        let doubted = kept.iter().any(|observation| observation.kind == "swept");
        assert_eq!(doubted, outcome == SweepOutcome::Escalated, "{answer:?}");
    }
}

#[tokio::test]
async fn domains_that_are_not_connected_are_not_asked_for() {
    let play = Play::begin().await;
    play.until(Phase::Ready).await;
    let (seen, figures) = sweep(&play, |_| mx("old.example")).await;
    assert!(seen.0.is_empty());
    assert_eq!(figures.unchanged + figures.escalated + figures.watched + figures.unknown, 0);
}

#[tokio::test]
async fn without_any_upstream_nothing_is_said_of_a_domain() {
    let play = calm().await;
    let due = next_mx(&play).await;
    let (seen, figures) = sweep(&play, |_| None).await;
    assert!(seen.0.is_empty() && figures.nobody_answers);
    assert_eq!(next_mx(&play).await, due);
}
