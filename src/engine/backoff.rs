//! How long to wait before something that failed is tried again: twice as long each time, up to a
//! bound, with a random share so that what failed together does not come back together.

use jiff::SignedDuration;

use crate::dice::Dice;

/// Pause before attempt `attempt` + 1, where the first attempt has number 1.
pub(super) fn pause(attempt: u32, first: SignedDuration, longest: SignedDuration, dice: &Dice) -> SignedDuration {
    let doublings = attempt.saturating_sub(1).min(20);
    let whole = first.as_millis().saturating_mul(1 << doublings).min(longest.as_millis());
    let whole = i64::try_from(whole).unwrap_or(i64::MAX);
    let share = dice.up_to(whole.unsigned_abs() / 4);
    SignedDuration::from_millis(whole.saturating_sub_unsigned(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_and_is_bounded() {
        let dice = Dice::new();
        let (first, longest) = (SignedDuration::from_secs(5), SignedDuration::from_mins(15));
        for attempt in [0, 1, 2, 7, 40, u32::MAX] {
            let pause = pause(attempt, first, longest, &dice);
            assert!(pause > SignedDuration::from_secs(3), "{attempt}: {pause}");
            assert!(pause <= longest, "{attempt}: {pause}");
        }
        assert!(pause(6, first, longest, &dice) > pause(1, first, longest, &dice));
    }
}
