//! How fast one upstream is asked: a window that grows while answers come and shrinks where questions were
//! lost (RFC 5681's additive increase, multiplicative decrease), a retransmission time that follows the
//! answers (RFC 6298), a budget of questions a second, and whether it answers at all. No sockets, no clock:
//! times are microseconds that are handed in.

/// Bounds of the retransmission time, µs.
pub(super) const RTO_MIN: u64 = 100_000;
pub(super) const RTO_MAX: u64 = 250_000;
/// The longest wait after repeated retransmissions, µs.
const WAIT_MAX: u64 = 1_000_000;
/// The window never gets smaller than this.
const WINDOW_MIN: f64 = 8.0;
const WINDOW_FIRST: f64 = 64.0;
/// What is left of the window after a loss.
const DECREASE: f64 = 0.7;
/// Share of the answers of a period that had to be asked for again, up to which the window is left alone:
/// a link that loses one packet in a hundred is not congested.
const TOLERATED: f64 = 0.01;
/// Without any answer for this long while questions run out, an upstream counts as gone, µs.
const SILENCE: u64 = 1_000_000;
/// One that is gone is tried again this often, µs.
const KNOCK: u64 = 500_000;

#[derive(Debug)]
pub(super) struct Pace {
    smoothed: Option<(f64, f64)>,
    window: f64,
    most: f64,
    starting: bool,
    period: Period,
    budget: Budget,
    /// Questions that have run out of time since the last answer, and since when there is none.
    silent: u32,
    heard: u64,
    knocked: u64,
}

/// Losses are judged a period at a time: many packets lost in one burst are one loss.
#[derive(Debug, Default)]
struct Period {
    since: u64,
    answers: u32,
    lost: u32,
}

/// A bucket of questions that fills with time.
#[derive(Debug)]
struct Budget {
    a_second: Option<f64>,
    tokens: f64,
    filled: u64,
}

impl Pace {
    /// `most`: the largest window; `a_second`: the budget, `None` without one.
    pub(super) fn new(most: usize, a_second: Option<u32>, now: u64) -> Self {
        let most = f64::from(u32::try_from(most).unwrap_or(u32::MAX)).max(1.0);
        Self {
            smoothed: None,
            window: WINDOW_FIRST.min(most),
            most,
            starting: true,
            period: Period { since: now, ..Period::default() },
            budget: Budget { a_second: a_second.map(f64::from), tokens: 1.0, filled: now },
            silent: 0,
            heard: now,
            knocked: 0,
        }
    }

    /// How many further questions may be sent now, with `in_flight` under way.
    pub(super) fn room(&mut self, in_flight: usize, now: u64) -> usize {
        if self.is_gone(now) {
            return usize::from(in_flight == 0 && now >= self.knocked + KNOCK);
        }
        let window = whole(self.window);
        window.saturating_sub(in_flight).min(self.budget.left(now))
    }

    /// A question was sent for the first time, or again.
    pub(super) fn sent(&mut self, now: u64) {
        self.budget.spend();
        self.knocked = now;
    }

    /// An answer came after `elapsed` µs; `again`: the question had been repeated, so that nobody knows which
    /// of them was answered (Karn's rule), and one of them was lost.
    pub(super) fn answered(&mut self, elapsed: u64, again: bool, now: u64) {
        self.heard = now;
        self.silent = 0;
        self.period.answers += 1;
        if again {
            self.period.lost += 1;
        } else {
            self.measure(elapsed);
            self.window += if self.starting { 1.0 } else { 4.0 / self.window };
            self.window = self.window.min(self.most);
        }
        self.close_period(now);
    }

    /// A question ran out of time.
    pub(super) fn silent(&mut self, now: u64) {
        self.silent = self.silent.saturating_add(1);
        self.close_period(now);
    }

    /// Whether the budget has one for a repetition.
    pub(super) fn may_send(&mut self, now: u64) -> bool {
        self.budget.left(now) > 0
    }

    /// For how long nothing has come while questions ran out of time, µs.
    pub(super) fn silent_for(&self, now: u64) -> u64 {
        if self.silent > 0 { now.saturating_sub(self.heard) } else { 0 }
    }

    /// Whether it answers nothing any more.
    pub(super) fn is_gone(&self, now: u64) -> bool {
        self.silent >= 4 && now.saturating_sub(self.heard) > SILENCE
    }

    /// How long to wait for the answer to the `tries`-th sending.
    pub(super) fn patience(&self, tries: u32) -> u64 {
        (self.rto() << tries.saturating_sub(1).min(8)).min(WAIT_MAX)
    }

    pub(super) fn rto(&self) -> u64 {
        let Some((mean, variation)) = self.smoothed else { return RTO_MAX };
        u64::try_from(whole(mean + 4.0 * variation)).unwrap_or(RTO_MAX).clamp(RTO_MIN, RTO_MAX)
    }

    #[cfg(test)]
    pub(super) fn window(&self) -> usize {
        whole(self.window)
    }

    fn measure(&mut self, elapsed: u64) {
        let sample = f64::from(u32::try_from(elapsed).unwrap_or(u32::MAX));
        self.smoothed = Some(match self.smoothed {
            None => (sample, sample / 2.0),
            Some((mean, variation)) => (0.875 * mean + 0.125 * sample, 0.75 * variation + 0.25 * (mean - sample).abs()),
        });
    }

    fn close_period(&mut self, now: u64) {
        if now.saturating_sub(self.period.since) < self.rto() {
            return;
        }
        let Period { answers, lost, .. } =
            std::mem::replace(&mut self.period, Period { since: now, ..Period::default() });
        if f64::from(lost) > TOLERATED * f64::from(answers) {
            self.starting = false;
            self.window = (self.window * DECREASE).max(WINDOW_MIN.min(self.most));
        }
    }
}

impl Budget {
    fn left(&mut self, now: u64) -> usize {
        let Some(a_second) = self.a_second else { return usize::MAX };
        let passed = f64::from(u32::try_from(now.saturating_sub(self.filled)).unwrap_or(u32::MAX)) / 1e6;
        self.filled = now;
        // What was not used for a twentieth of a second is gone: no bursts after a pause.
        self.tokens = (self.tokens + passed * a_second).min((a_second / 20.0).max(1.0));
        whole(self.tokens)
    }

    fn spend(&mut self) {
        self.tokens -= 1.0;
    }
}

/// The whole part of a number that is not negative.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "negative numbers are zero here")]
fn whole(number: f64) -> usize {
    number.max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_window_grows_with_answers_and_shrinks_once_for_a_burst_of_losses() {
        let mut pace = Pace::new(4_000, None, 0);
        for _ in 0..1_000 {
            pace.answered(2_000, false, 50_000);
        }
        let grown = pace.window();
        assert_eq!(grown, 1_064);
        for _ in 0..300 {
            pace.answered(130_000, true, 160_000);
        }
        pace.answered(2_000, false, 320_000);
        let shrunk = pace.window();
        assert!((700..760).contains(&shrunk), "{shrunk}");
        for _ in 0..10_000 {
            pace.answered(2_000, false, 330_000);
        }
        assert!(pace.window() < shrunk + 80, "slowly from now on: {}", pace.window());
    }

    #[test]
    fn names_that_nobody_answers_for_do_not_shrink_the_window() {
        let mut pace = Pace::new(4_000, None, 0);
        for step in 0..1_000 {
            pace.answered(2_000, false, step * 1_000);
            pace.silent(step * 1_000);
        }
        assert!(pace.window() > 1_000, "{}", pace.window());
    }

    #[test]
    fn the_retransmission_time_follows_the_answers_within_its_bounds() {
        let mut pace = Pace::new(100, None, 0);
        assert_eq!(pace.rto(), RTO_MAX, "unknown yet");
        for _ in 0..50 {
            pace.answered(1_000, false, 0);
        }
        assert_eq!(pace.rto(), RTO_MIN);
        for _ in 0..50 {
            pace.answered(140_000, false, 0);
        }
        assert!((140_000..=RTO_MAX).contains(&pace.rto()), "{}", pace.rto());
        assert_eq!((pace.patience(1), pace.patience(20)), (pace.rto(), WAIT_MAX));
    }

    #[test]
    fn one_that_went_silent_gets_a_question_now_and_then() {
        let mut pace = Pace::new(1_000, None, 0);
        pace.answered(1_000, false, 0);
        for _ in 0..10 {
            pace.silent(1_200_000);
        }
        assert!(pace.is_gone(1_200_000));
        assert_eq!((pace.room(0, 1_200_000), pace.room(1, 1_200_000)), (1, 0));
        pace.sent(1_200_000);
        assert_eq!(pace.room(0, 1_300_000), 0);
        assert_eq!(pace.room(0, 1_700_000), 1);
        pace.answered(1_000, false, 1_701_000);
        assert!(pace.room(0, 1_701_000) > 1, "it is back");
    }

    proptest! {
        #[test]
        fn never_more_than_the_budget(a_second in 1_u32..5_000, steps in proptest::collection::vec(1_u64..50_000, 1..400)) {
            let mut pace = Pace::new(100_000, Some(a_second), 0);
            let (mut now, mut sent) = (0, 0_u64);
            for step in steps {
                now += step;
                let room = pace.room(0, now);
                for _ in 0..room {
                    pace.sent(now);
                    sent += 1;
                }
                pace.answered(1_000, false, now);
            }
            let most = u64::from(a_second) * now / 1_000_000 + u64::from(a_second / 20) + 2;
            prop_assert!(sent <= most, "{sent} of {most}");
        }

        #[test]
        fn the_window_stays_within_its_bounds(most in 1_usize..5_000, again in proptest::collection::vec(any::<bool>(), 1..2_000)) {
            let mut pace = Pace::new(most, None, 0);
            for (step, again) in again.into_iter().enumerate() {
                pace.answered(1_000, again, step as u64 * 20_000);
                prop_assert!(pace.window() <= most && pace.window() >= most.min(8));
            }
        }
    }
}
