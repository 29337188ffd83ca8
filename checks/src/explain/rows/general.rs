//! What the codes about the test itself and what was asked for mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{Customer, Desk, Vendor};
use crate::Severity::{Blocking, Info, Warning};

pub(super) const VANTAGE_FAULT: Explanation = row(
    Group::General,
    &[Info, Warning],
    &[Vendor],
    "Nothing for the customer to do: the operator of fencepost mends the side that tests.",
    "CHECKS.md §1",
);
pub(super) const BLOCKED_TARGET: Explanation = row(
    Group::General,
    &[Blocking, Warning],
    &[Desk, Customer],
    "Give another server or address: it must be reachable from the internet. Beside addresses that are, take the special one out of the server's DNS name.",
    "RFC 6890",
);
pub(super) const BAD_INPUT: Explanation =
    row(Group::General, &[Blocking], &[Desk], "Correct the host name, address or port.", "RFC 1123 §2.1");
