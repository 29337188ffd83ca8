//! Names between the wire and the observations. A zone may hold any bytes in a name; what leaves here
//! is printable, lower-case and unambiguous.

use std::fmt::Write as _;

use fencepost_checks::DomainName;
use hickory_proto::rr::Name;

/// The wire name of a checked domain name.
pub(super) fn wire(domain: &DomainName) -> Option<Name> {
    Name::from_labels(domain.as_str().split('.').map(str::as_bytes)).ok()
}

/// Lower-case, without trailing dot; `.` for the root. Bytes that no host name has are written as in
/// zone files (`\.`, `\\`, `\DDD`; RFC 1035 §5.1). A name has at most 255 bytes, so this is bounded.
pub(super) fn render(name: &Name) -> String {
    let mut out = String::new();
    for label in name {
        if !out.is_empty() {
            out.push('.');
        }
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                    out.push('\\');
                    out.push(char::from(byte));
                }
                0x21..=0x7e => out.push(char::from(byte.to_ascii_lowercase())),
                _ => {
                    let _ = write!(out, "\\{byte:03}");
                }
            }
        }
    }
    if out.is_empty() {
        out.push('.');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_are_escaped() {
        let name = Name::from_labels([&b"a.b\x1b"[..], b"Exa\\mple", b"\xff"]).unwrap();
        assert_eq!(render(&name), "a\\.b\\027.exa\\\\mple.\\255");
        assert_eq!(render(&Name::root()), ".");
    }

    #[test]
    fn a_domain_name_survives_the_round_trip() {
        let domain = DomainName::parse("_mta-sts.Example.com").unwrap();
        assert_eq!(render(&wire(&domain).unwrap()), "_mta-sts.example.com");
    }
}
