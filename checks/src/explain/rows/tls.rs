//! What the codes about encryption mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::Customer;
use crate::Severity::{Blocking, Warning};

pub(super) const TLS_ABSENT: Explanation = row(
    Group::Tls,
    &[Warning],
    &[Customer],
    "Give the mail server a certificate and switch STARTTLS on.",
    "RFC 3207, RFC 7435",
);
pub(super) const TLS_BROKEN: Explanation = row(
    Group::Tls,
    &[Warning],
    &[Customer],
    "Look into the certificate, its key and the TLS settings of the mail server.",
    "RFC 3207 §4",
);
pub(super) const TLS_STRIPPED: Explanation = row(
    Group::Tls,
    &[Warning],
    &[Customer],
    "Look for a firewall or proxy on the path that removes STARTTLS, or a rule that offers it to some addresses only.",
    "RFC 3207 §6, RFC 8461 §1",
);
pub(super) const TLS_PKIX: Explanation = row(
    Group::Tls,
    &[Warning],
    &[Customer],
    "Install a certificate of a public authority for the server's name and renew it in time.",
    "RFC 6125, RFC 5280 §6",
);
pub(super) const TLS_TOO_OLD: Explanation =
    row(Group::Tls, &[Warning], &[Customer], "Update the mail server, or allow TLS 1.2 and 1.3.", "RFC 8996");
pub(super) const TLS_INJECTION: Explanation = row(
    Group::Tls,
    &[Warning, Blocking],
    &[Customer],
    "Update the mail server or the proxy in front of it: it must throw away what came before the handshake.",
    "RFC 3207 §4.2",
);
