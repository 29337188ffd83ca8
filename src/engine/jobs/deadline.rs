//! Only time has passed.

use super::Found;
use crate::lifecycle::connection::Fact;

pub(super) fn run() -> Found {
    Found::of(Fact::Due, Vec::new())
}
