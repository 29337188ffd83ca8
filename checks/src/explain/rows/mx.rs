//! What the codes about the MX set mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{DnsProvider, Nobody, Partner, Vendor};
use crate::Severity::{Info, Warning};

pub(super) const MX_OURS_ONLY: Explanation = row(Group::Mx, &[Info], &[Nobody], "Nothing to do.", "RFC 5321 §5.1");
pub(super) const MX_AS_ACCEPTED: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Nobody],
    "Nothing, as long as the accepted set is wanted. Mail to servers other than the gateway is not filtered.",
    "Decision of the service desk for this domain",
);
pub(super) const MX_OURS_PLUS_FOREIGN: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "Remove the MX records that do not name the gateway, whatever their preference.",
    "RFC 5321 §5.1",
);
pub(super) const MX_OURS_PARTIAL: Explanation =
    row(Group::Mx, &[Warning], &[Partner], "Add the MX records of the gateway that are missing.", "RFC 5321 §5.1");
pub(super) const MX_FOREIGN_ONLY: Explanation = row(
    Group::Mx,
    &[Info],
    &[Nobody],
    "Do not change the MX before you have the go-ahead; then set exactly the records that come with it.",
    "RFC 5321 §5.1",
);
pub(super) const MX_NONE: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "Wait for the permit, then set the gateway's MX records.",
    "RFC 5321 §5.1, RFC 2308",
);
pub(super) const MX_NO_DOMAIN: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "See whether the registration of the domain has run out, and whether its name is spelt right.",
    "RFC 2308 §2.1",
);
pub(super) const MX_NULL: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "If the domain shall get mail, replace the null MX when the MX is changed.",
    "RFC 7505 §3",
);
pub(super) const MX_INVALID: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner, Vendor],
    "Name a host with an A or AAAA record in the MX, by its full name with the final dot; no address, no alias.",
    "RFC 5321 §5.1, RFC 2181 §10.3, RFC 1035 §5.1",
);
pub(super) const MX_ORDER: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "Give the gateway's hosts preferences in the order of the records that you were given; a lower number is asked first.",
    "RFC 5321 §5.1",
);
pub(super) const MX_HOST_RETIRING: Explanation = row(
    Group::Mx,
    &[Info],
    &[Partner],
    "Set the gateway's present MX records in place of the host that is going to be retired. Both take mail meanwhile.",
    "Hosts that the gateway's operator marked as accepted",
);
pub(super) const MX_HOST_RETIRED: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "Take the retired host out of the MX at once and set the gateway's present MX records: nobody takes mail there.",
    "Hosts that the gateway's operator marked as retired, or that are no longer the gateway's",
);
pub(super) const MX_HOST_ADDED: Explanation = row(
    Group::Mx,
    &[Info],
    &[Partner],
    "Add the gateway's further MX host as the records that you were given say.",
    "Comparison with the set that was in order before",
);
pub(super) const MX_NULL_MIXED: Explanation =
    row(Group::Mx, &[Warning], &[Partner], "Remove the MX record that names a single dot.", "RFC 7505 §3");
pub(super) const MX_OWNER_ALIAS: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "Remove the CNAME of the domain and give it address and MX records of its own.",
    "RFC 1034 §3.6.2, RFC 5321 §5.1",
);
pub(super) const MX_LOOKUP_ERROR: Explanation = row(
    Group::Mx,
    &[Warning],
    &[DnsProvider, Vendor],
    "If it stays so, ask the DNS provider whether its name servers run and serve the domain.",
    "RFC 1034 §4.3, RFC 2308 §7",
);
pub(super) const EARLY_CUTOVER: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "Set the previous MX records again, or mend at once what the other findings name: the checks run with priority.",
    "RFC 5321 §4.5.4.1",
);
pub(super) const TTL_HIGH: Explanation = row(
    Group::Mx,
    &[Warning],
    &[Partner],
    "Lower the TTL of the MX to 300, wait until the old TTL has passed, then change the MX.",
    "RFC 1035 §3.2.1, RFC 2181 §8",
);
