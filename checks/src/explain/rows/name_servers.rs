//! What the codes about the name servers mean. Rows alone.

use super::{Explanation, Group, row};
use crate::Actor::{DnsProvider, Time};
use crate::Severity::{Info, Warning};

pub(super) const NS_INCONSISTENT: Explanation = row(
    Group::NameServers,
    &[Warning],
    &[DnsProvider],
    "Wait an hour after a change. If it stays so, ask the DNS provider why the named servers have another copy of the zone (zone transfer, serial number).",
    "RFC 1034 §4.3.5, RFC 1996",
);
pub(super) const NS_LAME: Explanation = row(
    Group::NameServers,
    &[Warning],
    &[DnsProvider],
    "Ask the DNS provider to set the zone up on that server, or to take the server out of the NS records.",
    "RFC 1912 §2.8",
);
pub(super) const NS_UNREACHABLE: Explanation = row(
    Group::NameServers,
    &[Warning],
    &[DnsProvider],
    "Ask the DNS provider whether the server runs and answers on port 53, UDP and TCP.",
    "RFC 7766 §5, RFC 2182",
);
pub(super) const NS_DEAD: Explanation = row(
    Group::NameServers,
    &[Warning],
    &[DnsProvider],
    "Ask the DNS provider to repair the server or to take it out of the NS records.",
    "RFC 2182 §3",
);
pub(super) const NS_DELEGATION_MISMATCH: Explanation = row(
    Group::NameServers,
    &[Warning],
    &[DnsProvider],
    "Set the same NS records in the zone and at the registrar.",
    "RFC 1034 §4.2.2",
);
pub(super) const NS_NO_ADDRESS: Explanation = row(
    Group::NameServers,
    &[Warning],
    &[DnsProvider],
    "Give the name server an A or AAAA record, or take it out of the NS records, at the registrar too.",
    "RFC 1912 §2.3",
);
pub(super) const DNS_MALFORMED: Explanation = row(
    Group::NameServers,
    &[Warning],
    &[DnsProvider],
    "Ask the DNS provider to look at the server, or at a firewall in front of it that alters DNS messages.",
    "RFC 1035 §4, RFC 6891",
);
pub(super) const RESOLVER_STALE: Explanation = row(
    Group::NameServers,
    &[Info],
    &[Time],
    "Nothing to do: the copies expire by themselves when their time to live is over.",
    "RFC 1035 §3.2.1, RFC 8767",
);
