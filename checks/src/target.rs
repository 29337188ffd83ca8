//! Which addresses a probe may never connect to. Customer-supplied hosts are hostile: a name may
//! point at loopback, at a private network, or at an IPv6 address that translates to one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is refused as a destination, `None` when it is a public unicast address.
/// The text completes "this address is …".
///
/// Follows the IANA special-purpose registries (RFC 6890) and looks inside IPv4-mapped,
/// NAT64 (RFC 6052), 6to4 (RFC 3056) and Teredo (RFC 4380) addresses.
#[must_use]
pub fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => refusal_v4(v4),
        IpAddr::V6(v6) => refusal_v6(v6),
    }
}

fn refusal_v4(a: Ipv4Addr) -> Option<&'static str> {
    let o = a.octets();
    match o {
        [0, ..] => Some("in 0.0.0.0/8 (this network, RFC 791)"),
        [127, ..] => Some("a loopback address (127.0.0.0/8)"),
        [10, ..] | [192, 168, ..] => Some("a private address (RFC 1918)"),
        [172, b, ..] if (16..32).contains(&b) => Some("a private address (RFC 1918)"),
        [100, b, ..] if (64..128).contains(&b) => Some("a carrier-grade NAT address (RFC 6598)"),
        [169, 254, ..] => Some("a link-local address (RFC 3927)"),
        [192, 0, 0, _] => Some("a protocol-assignment address (192.0.0.0/24)"),
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("a documentation address (RFC 5737)"),
        [168, 63, 129, 16] => Some("the address of a cloud platform's own services (168.63.129.16)"),
        [192, 88, 99, _] => Some("a 6to4 relay address (RFC 7526)"),
        [198, 18 | 19, ..] => Some("a benchmarking address (RFC 2544)"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved or broadcast address (240.0.0.0/4)"),
        _ => None,
    }
}

fn refusal_v6(a: Ipv6Addr) -> Option<&'static str> {
    let s = a.segments();
    if a.is_unspecified() {
        return Some("the unspecified address");
    }
    if a.is_loopback() {
        return Some("the loopback address (::1)");
    }
    if let Some(inner) = embedded_v4(a) {
        return refusal_v4(inner).map(|_| "a translated form of a special IPv4 address");
    }
    match s[0] {
        // Where in it the IPv4 address stands is up to whoever translates.
        0x64 if s[1] == 0xff9b && s[2] == 1 => Some("an address that is translated locally (RFC 8215)"),
        0xfc00..=0xfdff => Some("a unique local address (RFC 4193)"),
        0xfe80..=0xfebf => Some("a link-local address (fe80::/10)"),
        0xfec0..=0xfeff => Some("a site-local address (deprecated, RFC 3879)"),
        0xff00..=0xffff => Some("a multicast address"),
        0x0100 if s[1] == 0 && s[2] == 0 && s[3] == 0 => Some("a discard-only address (RFC 6666)"),
        0x2001 if s[1] == 0x0db8 => Some("a documentation address (RFC 3849)"),
        0x3fff if s[1] < 0x1000 => Some("a documentation address (RFC 9637)"),
        0x2001 if s[1] == 2 && s[2] == 0 => Some("a benchmarking address (RFC 5180)"),
        0x2001 if (0x10..0x40).contains(&s[1]) => Some("an ORCHID address (RFC 7343)"),
        0x2000..=0x3fff => None,
        _ => Some("outside global unicast space (2000::/3)"),
    }
}

/// The IPv4 address inside a translated or tunnelled IPv6 address.
fn embedded_v4(a: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = a.segments();
    let tail = |hi: u16, lo: u16| {
        let [a, b] = hi.to_be_bytes();
        let [c, d] = lo.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match s {
        [0, 0, 0, 0, 0, 0xffff, hi, lo]
        | [0, 0, 0, 0, 0, 0, hi, lo]
        | [0, 0, 0, 0, 0xffff, 0, hi, lo]
        | [0x64, 0xff9b, 0, 0, 0, 0, hi, lo]
        | [0x2002, hi, lo, ..] => Some(tail(hi, lo)),
        [0x2001, 0, .., hi, lo] => Some(tail(!hi, !lo)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_addresses_are_refused_in_every_disguise() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.51.100.7",
            "203.0.113.9",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::a00:1",
            "64:ff9b:1:7f00:0:100:808:808",
            "168.63.129.16",
            "::ffff:168.63.129.16",
            "2002:7f00:1::",
            "::127.0.0.1",
            "2001:0:0:0:0:0:80ff:fffe",
            "100::1",
            "4000::1",
        ] {
            assert!(refusal(text.parse().unwrap()).is_some(), "{text} must be refused");
        }
    }

    #[test]
    fn public_addresses_pass() {
        for text in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "9.9.9.9", "2606:4700::1111", "2a00::1", "64:ff9b::101:101"]
        {
            assert_eq!(refusal(text.parse().unwrap()), None, "{text}");
        }
    }
}
