//! When to look at a question again. Deadlines are coarse (4 ms) and at most two seconds away, so that
//! setting one costs a push; those of questions that were answered meanwhile are told by their ticket when
//! they come up. No clock.

use super::flight::Ticket;

/// Microseconds of a slot.
pub(super) const TICK: u64 = 4_000;
const SLOTS: u64 = 512;
/// The longest time ahead, µs.
pub(super) const FARTHEST: u64 = TICK * (SLOTS - 2);

#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<Ticket>>,
    /// The slot that comes next.
    next: u64,
}

impl Wheel {
    pub(super) fn new(now: u64) -> Self {
        Self { slots: (0..SLOTS).map(|_| Vec::new()).collect(), next: now / TICK }
    }

    /// Comes up at `at` or up to two ticks later; what is farther away than [`FARTHEST`] comes up then.
    pub(super) fn set(&mut self, at: u64, ticket: Ticket) {
        let slot = (at / TICK + 1).clamp(self.next, self.next + SLOTS - 1);
        if let Some(slot) = self.slots.get_mut(usize::try_from(slot % SLOTS).unwrap_or(0)) {
            slot.push(ticket);
        }
    }

    /// Adds to `due` what has come up.
    pub(super) fn advance(&mut self, now: u64, due: &mut Vec<Ticket>) {
        while self.next <= now / TICK {
            if let Some(slot) = self.slots.get_mut(usize::try_from(self.next % SLOTS).unwrap_or(0)) {
                due.append(slot);
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::flight::Flight;
    use super::*;
    use proptest::prelude::*;

    fn ticket(flight: &mut Flight) -> Ticket {
        flight.board(|_| Some(0)).unwrap()
    }

    proptest! {
        #[test]
        fn nothing_comes_early_and_everything_comes(
            start in 0_u64..10_000_000,
            ahead in proptest::collection::vec(0_u64..FARTHEST, 1..50),
            steps in proptest::collection::vec(1_u64..300_000, 1..100),
        ) {
            let mut flight = Flight::default();
            let mut wheel = Wheel::new(start);
            let set: Vec<(Ticket, u64)> = ahead.iter().map(|after| (ticket(&mut flight), start + after)).collect();
            for (ticket, at) in &set {
                wheel.set(*at, *ticket);
            }
            let (mut now, mut seen) = (start, Vec::new());
            for step in steps.into_iter().chain([FARTHEST + 3 * TICK]) {
                let before = now;
                now += step;
                let mut due = Vec::new();
                wheel.advance(now, &mut due);
                for ticket in due {
                    let (_, at) = set.iter().find(|(t, _)| *t == ticket).unwrap();
                    prop_assert!(*at <= now, "early");
                    prop_assert!(*at + 2 * TICK >= before, "late");
                    seen.push(ticket.place);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen.len(), set.len());
            seen.dedup();
            prop_assert_eq!(seen.len(), set.len());
        }
    }
}
