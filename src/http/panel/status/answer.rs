//! The first screen: one sentence, one colour and one sign for what to do now; who has to act, what comes then,
//! and when we look again.

use fencepost_checks::Actor;

use crate::http::panel::words::{self, Times, When};
use crate::lifecycle::connection::Phase;
use crate::status::{AnswerKind, DomainStatus, Waiting, what_happens_next};

/// What to do now.
pub(in crate::http::panel) struct Answer {
    /// `wait`, `go`, `stop`, `done` or `move`.
    pub tone: &'static str,
    /// The outline of the sign, as path data in a square of 24.
    pub sign: &'static str,
    /// One sentence.
    pub headline: String,
    /// What the sentence leaves out; may be empty.
    pub reason: String,
    pub waits: Vec<WaitLine>,
    pub next: &'static str,
    pub looks_again: Option<When>,
    /// How long the permission holds.
    pub until: Option<When>,
    /// The records are to be entered now.
    pub records_now: bool,
}

pub(in crate::http::panel) struct WaitLine {
    pub who: &'static str,
    pub what: String,
    pub since: When,
}

impl Answer {
    pub(super) fn of(status: &DomainStatus, times: &Times) -> Self {
        let (headline, reason) = sentence(status);
        // The MX is right, and yet somebody has something to do.
        let besides = status.answer == AnswerKind::Done && !status.waiting_for.is_empty();
        Self {
            tone: if besides || status.phase == Phase::Drifted { "wait" } else { words::tone(status.answer) },
            sign: if besides { sign(AnswerKind::Wait) } else { sign(status.answer) },
            headline,
            reason,
            waits: status.waiting_for.iter().map(|wait| wait_line(wait, times)).collect(),
            next: what_happens_next(status),
            looks_again: status.next_check_at.filter(|_| !over(status.phase)).map(|at| times.show(at)),
            until: status.permit.as_ref().map(|permit| times.show(permit.valid_until)),
            records_now: super::records::now(status),
        }
    }
}

const fn over(phase: Phase) -> bool {
    matches!(phase, Phase::Released | Phase::Cancelled)
}

fn wait_line(wait: &Waiting, times: &Times) -> WaitLine {
    let (who, what) = match wait.who {
        Actor::Time => (words::actor(Actor::Nobody), format!("– it takes time: {}", wait.what)),
        who => (words::actor(who), wait.what.clone()),
    };
    WaitLine { who, what, since: times.show(wait.since) }
}

/// The headline, and what remains to be said below it.
fn sentence(status: &DomainStatus) -> (String, String) {
    let fixed = match (status.answer, status.phase) {
        (AnswerKind::Wait, Phase::Confirming) if status.suspension.is_none() => "Wait, and leave the MX as it is.",
        (AnswerKind::Wait, Phase::Drifted) if status.suspension.is_none() => "Set the gateway's MX records again.",
        (AnswerKind::Wait, Phase::Releasing) => "Wait. Nothing has to be changed now.",
        (AnswerKind::Wait, _) => return not_yet(&status.reason),
        (AnswerKind::RollBack, _) => "Roll back: set the old MX again.",
        (AnswerKind::Done, Phase::Released) => "Done. The service has ended.",
        (AnswerKind::Done, _) if !status.waiting_for.is_empty() => {
            "The MX is done, and something else is to be mended."
        }
        (answer, _) => words::answer(answer),
    };
    (fixed.to_owned(), status.reason.clone())
}

/// `Not yet, because …`: the first sentence of the reason, and the rest of it.
fn not_yet(reason: &str) -> (String, String) {
    let (first, rest) = reason.split_once(". ").map_or((reason, ""), |(first, rest)| (first, rest));
    let first = first.trim_end_matches('.');
    let lower = ["The ", "It ", "Every "].iter().find_map(|word| Some((word, first.strip_prefix(word)?)));
    let first = lower.map_or_else(|| first.to_owned(), |(word, after)| format!("{}{after}", word.to_lowercase()));
    (format!("Not yet, because {first}."), rest.to_owned())
}

/// Drawn with lines of the text's colour: clock, tick in a circle, raised bar, arrow back, tick, arrow away.
const fn sign(answer: AnswerKind) -> &'static str {
    match answer {
        AnswerKind::Wait => "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M12 7v5.5l3.5 2",
        AnswerKind::ChangeNow => "M4 12h14M12.5 6l6 6l-6 6",
        AnswerKind::Stop => "M8 3h8l5 5v8l-5 5H8l-5-5V8zM7.5 12h9",
        AnswerKind::RollBack => "M9 5L4 10l5 5M4 10h10a6 6 0 0 1 0 12h-3",
        AnswerKind::Done => "M4 12.5l5.5 5.5L20 6.5",
        AnswerKind::MoveAway => "M13 4h7v7M20 4l-9 9M17 15v5H4V7h5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_as_one_sentence() {
        assert_eq!(
            not_yet("The gateway's addresses do not all reach the mail server yet. It is being checked."),
            (
                "Not yet, because the gateway's addresses do not all reach the mail server yet.".to_owned(),
                "It is being checked.".to_owned()
            )
        );
        assert_eq!(not_yet("MTA-STS is in force.").0, "Not yet, because MTA-STS is in force.");
    }
}
