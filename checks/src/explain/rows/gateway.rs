//! What the codes about the gateway's own side mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{Customer, Nobody, Time, Vendor};
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
pub(super) const HELO_OK: Explanation =
    row(Group::Gateway, &[Info], &[Nobody], "Nothing to do.", "RFC 5321 §4.1.4, RFC 8601 §2.7.3");
pub(super) const HELO_FORWARD: Explanation = row(
    Group::Gateway,
    &[Warning],
    &[Vendor],
    "Give the EHLO name an A or AAAA record with the gateway's address, or configure the name that has one.",
    "RFC 5321 §4.1.1.1, §4.1.4",
);
pub(super) const HELO_REVERSE: Explanation = row(
    Group::Gateway,
    &[Warning],
    &[Vendor],
    "Have whoever gave out the address set its PTR record to the EHLO name.",
    "RFC 1912 §2.1, RFC 8601 §2.7.3",
);
pub(super) const HELO_UNKNOWN: Explanation = row(
    Group::Gateway,
    &[Info],
    &[Vendor],
    "See whether the resolvers, and the name servers of both zones, answer.",
    "RFC 8601 §2.7.3",
);
pub(super) const CANARY_OK: Explanation =
    row(Group::Gateway, &[Info], &[Nobody], "Nothing to do.", "RFC 3461 §4.1, RFC 3464 §2.3.3");
pub(super) const CANARY_RELAYED: Explanation =
    row(Group::Gateway, &[Info], &[Nobody], "Nothing to do.", "RFC 3461 §5.2.2, RFC 3464 §2.3.3");
pub(super) const CANARY_WAITING: Explanation = row(
    Group::Gateway,
    &[Info],
    &[Time],
    "Nothing to do: the delivery notice usually comes back within minutes.",
    "RFC 3461 §4.1",
);
pub(super) const CANARY_DELAYED: Explanation = row(
    Group::Gateway,
    &[Warning],
    &[Customer],
    "See why the mail server asks the gateway to come back later.",
    "RFC 3464 §2.3.3",
);
pub(super) const CANARY_LATE: Explanation = row(
    Group::Gateway,
    &[Warning],
    &[Vendor],
    "Look for the message in the gateway's log, and see that mail to probe.canary_sender reaches `fencepost intake` or intake.maildir.",
    "RFC 3461 §4.1",
);
pub(super) const CANARY_FAILED: Explanation = row(
    Group::Gateway,
    &[Warning, Blocking],
    &[Customer],
    "Make the test mailbox take mail from the gateway's addresses, or name another one in the order.",
    "RFC 3464 §2.3.3",
);
pub(super) const CANARY_NOT_SENT: Explanation = row(
    Group::Gateway,
    &[Warning, Blocking],
    &[Vendor],
    "See in the gateway's log why it does not take mail from probe.canary_sender.",
    "RFC 5321 §3.3",
);
pub(super) const CANARY_NO_DSN: Explanation = row(
    Group::Gateway,
    &[Warning],
    &[Vendor],
    "Let the gateway's MX hosts offer DSN, or set probe.canary to `off`.",
    "RFC 3461 §3",
);
