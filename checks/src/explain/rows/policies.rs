//! What the codes about the policies around the domain mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{Customer, Desk, DnsProvider, Nobody, Partner, Time, Vendor};
use crate::Severity::{Blocking, Info, Warning};

pub(super) const POLICY_UNREAD: Explanation = row(
    Group::Policies,
    &[Warning, Info],
    &[DnsProvider, Partner, Nobody],
    "If it stays so, ask the DNS provider whether the domain's name servers run, and see whether its registration has run out.",
    "RFC 2308 §7",
);
pub(super) const STS_MISMATCH: Explanation = row(
    Group::Policies,
    &[Warning, Blocking],
    &[Partner, Customer],
    "Add the gateway's hosts as mx: lines to the policy file, raise the id of the TXT record, then wait as the finding says.",
    "RFC 8461 §3.2, §4.1, §5",
);
pub(super) const STS_WAIT: Explanation = row(
    Group::Policies,
    &[Warning, Blocking],
    &[Time, Nobody],
    "Wait until the time that the finding gives.",
    "RFC 8461 §3.1, §5",
);
pub(super) const STS_REMOVED: Explanation = row(
    Group::Policies,
    &[Blocking],
    &[Customer],
    "Serve a policy that names the gateway again, with a new id in the record; a day later the MX may be changed.",
    "RFC 8461 §3.1, §5",
);
pub(super) const STS_UNKNOWN: Explanation = row(
    Group::Policies,
    &[Warning],
    &[Customer, Partner],
    "Make the policy readable at the address that the finding gives, over HTTPS with a valid certificate, or remove the TXT record.",
    "RFC 8461 §3.3",
);
pub(super) const STS_INVALID: Explanation = row(
    Group::Policies,
    &[Warning],
    &[Customer, Partner],
    "Correct the record or the policy, or remove both.",
    "RFC 8461 §3",
);
pub(super) const STS_OK: Explanation = row(Group::Policies, &[Info], &[Nobody], "Nothing to do.", "RFC 8461");
pub(super) const STS_ID_UNCHANGED: Explanation = row(
    Group::Policies,
    &[Blocking],
    &[Customer],
    "Change the id of the TXT record to the value that the finding gives.",
    "RFC 8461 §3.1",
);
pub(super) const DNSSEC_OK: Explanation = row(Group::Policies, &[Info], &[Nobody], "Nothing to do.", "RFC 4035 §3.2.3");
pub(super) const DNSSEC_NONE: Explanation =
    row(Group::Policies, &[Info], &[Nobody], "Nothing to do for the change.", "RFC 4035");
pub(super) const DNSSEC_UNVERIFIED: Explanation = row(
    Group::Policies,
    &[Info],
    &[Vendor, Nobody],
    "Name a validating resolver in probe.resolvers.",
    "RFC 4035 §4.9.3",
);
pub(super) const DNSSEC_BOGUS: Explanation = row(
    Group::Policies,
    &[Blocking],
    &[DnsProvider],
    "Sign the zone with the key that the DS record names, or have the DS record removed at the registrar.",
    "RFC 4035 §5.5",
);
pub(super) const DANE_OK: Explanation = row(Group::Policies, &[Info], &[Nobody], "Nothing to do.", "RFC 7672 §2.2");
pub(super) const DANE_MISMATCH: Explanation = row(
    Group::Policies,
    &[Blocking],
    &[Vendor],
    "Publish the TLSA record that the finding gives, or give the server back its key.",
    "RFC 7672 §2.2, RFC 7671 §8",
);
pub(super) const DANE_IGNORED: Explanation = row(
    Group::Policies,
    &[Info],
    &[Vendor],
    "For DANE, sign the zone of the gateway's host and publish TLSA 3 1 1.",
    "RFC 7672 §2.2, §3.1.3",
);
pub(super) const DANE_UNKNOWN: Explanation = row(
    Group::Policies,
    &[Info, Warning],
    &[Vendor, Nobody],
    "Mend the name servers of the gateway's host, so that a TLSA question is answered.",
    "RFC 7672 §2.1.1",
);
pub(super) const DANE_OLD: Explanation = row(
    Group::Policies,
    &[Info],
    &[Customer],
    "Leave the TLSA records of the old exchange in place until the old path is no longer needed.",
    "RFC 7672",
);
pub(super) const TARGET_SPF_ENFORCED: Explanation = row(
    Group::Policies,
    &[Blocking],
    &[Customer],
    "Exempt the gateway's addresses from SPF and DMARC checks at the own server.",
    "RFC 7208 §8.4, CHECKS.md §1",
);
pub(super) const TARGET_SPF_OK: Explanation =
    row(Group::Policies, &[Info], &[Nobody], "Nothing to do.", "CHECKS.md §1");
pub(super) const TARGET_SPF_UNTESTED: Explanation =
    row(Group::Policies, &[Info], &[Nobody], "Nothing to do now: it has to be tested again later.", "CHECKS.md §1");
pub(super) const TARGET_DMARC_UNVERIFIABLE: Explanation = row(
    Group::Policies,
    &[Info],
    &[Customer],
    "See to it that the own server does no DMARC checks on mail from the gateway's addresses.",
    "RFC 7489 §6.6.2, CHECKS.md §1",
);
pub(super) const DMARC_FOUND: Explanation = row(Group::Policies, &[Info], &[Nobody], "Nothing to do.", "RFC 7489 §6.3");
pub(super) const DMARC_NONE: Explanation =
    row(Group::Policies, &[Info], &[Nobody], "Nothing to do for the change.", "RFC 7489 §6.6.3");
pub(super) const DMARC_INVALID: Explanation = row(
    Group::Policies,
    &[Warning],
    &[Customer],
    "Keep one TXT record at _dmarc with the policy that is wanted.",
    "RFC 7489 §6.3, §6.6.3",
);
pub(super) const TLS_RPT_FOUND: Explanation = row(Group::Policies, &[Info], &[Nobody], "Nothing to do.", "RFC 8460 §3");
pub(super) const TLS_RPT_NONE: Explanation = row(
    Group::Policies,
    &[Info],
    &[Customer],
    "Where reports are wanted, add the TXT record that the finding gives.",
    "RFC 8460 §3",
);
pub(super) const TLS_RPT_INVALID: Explanation = row(
    Group::Policies,
    &[Warning],
    &[Customer],
    "Keep one TXT record at _smtp._tls, as the finding gives it.",
    "RFC 8460 §3",
);
pub(super) const CONTACT_IN_DOMAIN: Explanation = row(
    Group::Policies,
    &[Warning],
    &[Desk, Partner, Customer],
    "Name a contact whose address lies in another domain.",
    "CHECKS.md §1",
);
pub(super) const ROUTE_LOOP: Explanation = row(
    Group::Policies,
    &[Warning, Blocking],
    &[Desk, Customer],
    "Name the customer's own mail server by an address of its own, not the gateway's.",
    "RFC 5321 §6.3",
);
pub(super) const SPF_MX: Explanation = row(
    Group::Policies,
    &[Warning],
    &[Customer, Partner],
    "Replace mx in the SPF record by the addresses of the own server, before the MX changes.",
    "RFC 7208 §5.4",
);
pub(super) const SPF_LOOKUP_LIMIT: Explanation = row(
    Group::Policies,
    &[Warning],
    &[Customer, Partner],
    "Reduce include, a, mx, ptr, exists and redirect to ten at most.",
    "RFC 7208 §4.6.4",
);
pub(super) const SPF_MULTIPLE: Explanation =
    row(Group::Policies, &[Warning], &[Customer, Partner], "Merge the SPF records into one.", "RFC 7208 §4.5");
