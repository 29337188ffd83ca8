//! What the codes about the SMTP dialogue mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{Customer, Desk, Nobody, Time, Vendor};
use crate::Severity::{Blocking, Info, Warning};

pub(super) const SMTP_OK: Explanation = row(Group::Smtp, &[Info], &[Nobody], "Nothing to do.", "RFC 5321 §3");
pub(super) const SMTP_UNRESOLVABLE: Explanation = row(
    Group::Smtp,
    &[Warning, Blocking],
    &[Customer],
    "Give the server's name an A or AAAA record, or correct the name of the server where it was given to us.",
    "RFC 5321 §5.1",
);
pub(super) const SMTP_UNREACHABLE: Explanation = row(
    Group::Smtp,
    &[Warning, Blocking],
    &[Customer],
    "See whether the mail service runs and whether its port is open for the address that asked.",
    "RFC 5321 §4.5.4.1",
);
pub(super) const SMTP_NO_BANNER: Explanation = row(
    Group::Smtp,
    &[Warning, Blocking],
    &[Customer],
    "See whether the mail service hangs, and whether a proxy in front of it holds connections back.",
    "RFC 5321 §3.1, §4.5.3.2.1",
);
pub(super) const SMTP_EARLY_CLOSE: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Customer, Time],
    "Look into the server's log for the connection: a filter or a limit may cut it off.",
    "RFC 5321 §3.8",
);
pub(super) const SMTP_TARPIT: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Customer],
    "Slow is not down; take the gateway's addresses out of deliberate delays.",
    "RFC 5321 §4.5.3.2",
);
pub(super) const SMTP_RATE_LIMITED: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Time, Customer],
    "Nothing to do now: it has to be tried again later. Raise the server's limit for the gateway's addresses if it stays.",
    "RFC 5321 §4.2.3 (421), RFC 3463 §3.5",
);
pub(super) const SMTP_TEMP_FAIL: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Time],
    "Nothing to do now: it has to be tried again later. If it stays so, look into the server's log.",
    "RFC 5321 §4.2.1",
);
pub(super) const SMTP_POLICY_REJECT: Explanation = row(
    Group::Smtp,
    &[Warning, Blocking],
    &[Customer, Vendor],
    "Allow the gateway's addresses in the server's or platform's own list. If a block list is quoted, the operator has the address taken off it.",
    "RFC 5321 §3.1, RFC 7504, RFC 3463 §3.8",
);
pub(super) const SMTP_GREYLISTED: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Time],
    "Nothing to do now: it has to be tried again from the same address after 5, 15, 30 and 60 minutes. Take the gateway's addresses out of greylisting.",
    "RFC 6647",
);
pub(super) const SMTP_RCPT_REJECTED: Explanation = row(
    Group::Smtp,
    &[Warning, Blocking],
    &[Customer, Desk],
    "Set the server up to accept mail for the domain from the gateway, and name a test mailbox that exists.",
    "RFC 5321 §3.3, §4.2.3 (550)",
);
pub(super) const SMTP_POSTMASTER_MISSING: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Customer],
    "Create postmaster in the domain, or an alias of that name.",
    "RFC 5321 §4.5.1, RFC 2142 §5",
);
pub(super) const SMTP_MIDDLEBOX: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Customer],
    "Switch off SMTP inspection in the firewall: it breaks STARTTLS.",
    "RFC 5321 §4.3.1, RFC 3207 §6",
);
pub(super) const SMTP_WRONG_PROTOCOL: Explanation = row(
    Group::Smtp,
    &[Warning, Blocking],
    &[Customer],
    "Find out what listens on the port; start the mail service there, or give the right port.",
    "RFC 5321 §4.2",
);
pub(super) const SMTP_PROTOCOL_ERROR: Explanation = row(
    Group::Smtp,
    &[Warning, Blocking],
    &[Customer],
    "Look into the mail server and into every proxy or firewall in front of it that alters SMTP.",
    "RFC 5321 §4.2, §4.3.2",
);
pub(super) const RELAY_SUSPECT: Explanation = row(
    Group::Smtp,
    &[Warning],
    &[Customer],
    "Allow relaying only for own networks and after authentication.",
    "RFC 5321 §7.1, RFC 2505 §2.1",
);
pub(super) const SMTP_ACCEPTS_ALL: Explanation = row(
    Group::Smtp,
    &[Info],
    &[Customer],
    "Let the server refuse unknown mailboxes at RCPT instead of sending such mail back later.",
    "RFC 5321 §3.3, §6.2",
);
pub(super) const STRANGERS_REFUSED: Explanation =
    row(Group::Smtp, &[Info], &[Nobody], "Nothing to do.", "RFC 5321 §3.3, RFC 2505 §2.1");
pub(super) const STRANGERS_UNTESTED: Explanation = row(
    Group::Smtp,
    &[Info],
    &[Nobody],
    "Nothing to do for the change. To know, ask again later, or from another address that is none of the gateway's.",
    "RFC 5321 §4.2.1",
);
