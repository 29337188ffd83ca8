//! What the codes about the gateway's own side mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{Nobody, Vendor};
use crate::Severity::{Blocking, Info, Warning};

pub(super) const GW_OK: Explanation = row(Group::Gateway, &[Info], &[Nobody], "Nothing to do.", "RFC 5321 §3.3");
pub(super) const GW_NOT_ACCEPTING: Explanation =
    row(Group::Gateway, &[Warning, Blocking], &[Vendor], "Set the domain up on the gateway.", "RFC 5321 §3.6.2");
pub(super) const GW_UNREACHABLE: Explanation = row(
    Group::Gateway,
    &[Warning, Blocking],
    &[Vendor],
    "See whether the gateway's MX host runs and is reachable from the internet.",
    "RFC 5321 §5.1",
);
pub(super) const GW_OPEN_RELAY: Explanation = row(
    Group::Gateway,
    &[Blocking],
    &[Vendor],
    "Let the gateway accept only the domains that it serves, before anything else.",
    "RFC 5321 §7.1, RFC 2505 §2.1",
);
pub(super) const GW_TLS: Explanation = row(
    Group::Gateway,
    &[Warning],
    &[Vendor],
    "Give the gateway's MX host STARTTLS with a valid certificate for its name.",
    "RFC 3207, RFC 8461 §4.2",
);
