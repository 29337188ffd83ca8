//! What the codes about the firewall mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{Customer, Nobody};
use crate::Severity::{Blocking, Info, Warning};

pub(super) const FW_PASS: Explanation = row(
    Group::Firewall,
    &[Info],
    &[Nobody],
    "Nothing to do. Leave the port open for everybody else until you are told that the old path may be closed.",
    "RFC 5321 §4.5.3.2",
);
pub(super) const FW_PARTIAL: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "Allow TCP to the mail server's port from exactly the addresses that are missing; add them and change nothing else.",
    "Comparison of the gateway's addresses with each other",
);
pub(super) const FW_ANNOUNCED_BLOCKED: Explanation = row(
    Group::Firewall,
    &[Warning],
    &[Customer],
    "Allow TCP to the mail server's port from the announced addresses too, before the gateway begins to deliver from there.",
    "Comparison of an announced address with one that gets in",
);
pub(super) const FW_INVERTED: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "Allow the gateway's addresses, and look into block lists, country filters and intrusion prevention.",
    "Comparison with an outside address",
);
pub(super) const FW_REJECTED: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "Allow the gateway's addresses: a rule refuses them while others get in.",
    "Comparison with an outside address; RFC 9293 §3.5.2",
);
pub(super) const FW_PROHIBITED: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "Allow the gateway's addresses in the firewall that answers.",
    "RFC 1812 §5.2.7.1, RFC 4443 §3.1",
);
pub(super) const FW_REJECT_OR_DOWN: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "See whether the mail service runs and listens on the port. If it does, allow the gateway's addresses.",
    "RFC 9293 §3.5.2",
);
pub(super) const FW_SERVICE_DOWN: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "Start the mail service: the firewall is open for the gateway, but nothing listens.",
    "RFC 9293 §3.5.2",
);
pub(super) const FW_NO_COMMON_FAMILY: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "Give the mail server an address of the gateway's family (A or AAAA record).",
    "RFC 5321 §5.2",
);
pub(super) const FW_INDETERMINATE: Explanation = row(
    Group::Firewall,
    &[Warning],
    &[Customer],
    "See whether the server runs, and look in the firewall's log for the connections that the finding lists.",
    "Comparison with an outside address",
);
pub(super) const FW_OPEN_WORLD: Explanation = row(
    Group::Firewall,
    &[Info, Warning],
    &[Nobody, Customer],
    "Nothing before the change. Once you are told so, close the port for everybody but the gateway's addresses.",
    "CHECKS.md §2",
);
pub(super) const FW_CLOSED_TOO_EARLY: Explanation = row(
    Group::Firewall,
    &[Warning, Blocking],
    &[Customer],
    "Open the port for everybody again at once, and keep it open until you are told that the old path may be closed.",
    "RFC 5321 §5.1",
);
pub(super) const FW_LOCKDOWN_VERIFIED: Explanation = row(
    Group::Firewall,
    &[Info],
    &[Nobody],
    "Nothing to do: only the gateway gets in.",
    "Comparison with an outside address",
);
pub(super) const FW_LOCKDOWN_APPLICATION: Explanation = row(
    Group::Firewall,
    &[Info, Warning],
    &[Nobody, Customer],
    "Nothing to do once the MX has moved. Before that the server must accept mail from everybody.",
    "RFC 5321 §4.2.1, RFC 3463 §3.8",
);
pub(super) const FW_UNVERIFIABLE: Explanation = row(
    Group::Firewall,
    &[Info],
    &[Nobody],
    "Nothing now. After the change, a rule of the platform can accept mail from the gateway only.",
    "CHECKS.md §2",
);
