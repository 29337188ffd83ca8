//! One record in the spellings that people need: whole names, names relative to the zone, and the line
//! of a zone file. Pure.

use fencepost_checks::DomainName;
use serde::{Deserialize, Serialize};

use super::RecordLine;

/// The same MX record, for a form that takes whole names, for one that adds the zone by itself, and for
/// a zone file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spellings {
    /// Whole names, each with its final dot.
    pub fqdn: Spelling,
    /// The name relative to the zone (`@` for the zone itself), the exchange without final dot.
    pub relative: Spelling,
    /// RFC 1035 §5.1.
    pub zone_line: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spelling {
    pub name: String,
    pub preference: u16,
    pub exchange: String,
}

/// Spells a record of `zone`; without a known zone the record is taken to stand at its apex.
pub(super) fn spell(record: &RecordLine, zone: Option<&DomainName>) -> Spellings {
    let spelling =
        |name: String, exchange: &str| Spelling { name, preference: record.preference, exchange: exchange.to_owned() };
    let ttl = record.ttl.map(|ttl| format!("{ttl} ")).unwrap_or_default();
    // The null MX (RFC 7505) is its dot.
    let without_dot = if record.exchange == "." { "." } else { record.exchange.trim_end_matches('.') };
    Spellings {
        fqdn: spelling(record.name.clone(), &record.exchange),
        relative: spelling(relative(&record.name, zone), without_dot),
        zone_line: format!("{} {ttl}IN MX {} {}", record.name, record.preference, record.exchange),
    }
}

fn relative(name: &str, zone: Option<&DomainName>) -> String {
    let bare = name.trim_end_matches('.');
    let below = zone.and_then(|zone| bare.strip_suffix(zone.as_str())?.strip_suffix('.'));
    below.filter(|label| !label.is_empty()).unwrap_or("@").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(name: &str, exchange: &str, zone: Option<&str>) -> Spellings {
        let record = RecordLine {
            name: name.to_owned(),
            ttl: Some(300),
            preference: 10,
            exchange: exchange.to_owned(),
            spellings: None,
        };
        spell(&record, zone.map(|zone| zone.parse().unwrap()).as_ref())
    }

    #[test]
    fn a_record_is_spelled_three_ways() {
        let at_the_apex = spelled("example.com.", "mx1.gateway.example.", Some("example.com"));
        assert_eq!(
            (at_the_apex.fqdn.name.as_str(), at_the_apex.fqdn.exchange.as_str()),
            ("example.com.", "mx1.gateway.example.")
        );
        assert_eq!(
            (at_the_apex.relative.name.as_str(), at_the_apex.relative.exchange.as_str()),
            ("@", "mx1.gateway.example")
        );
        assert_eq!(at_the_apex.zone_line, "example.com. 300 IN MX 10 mx1.gateway.example.");
    }

    #[test]
    fn a_name_below_the_zone_is_written_without_it() {
        let name = |domain: &str, zone| spelled(domain, "mx1.gateway.example.", zone).relative.name;
        assert_eq!(name("mail.it.example.com.", Some("example.com")), "mail.it");
        assert_eq!(name("notexample.com.", Some("example.com")), "@", "another zone, so not known");
        assert_eq!(name("example.com.", None), "@");
        assert_eq!(spelled("example.com.", ".", None).relative.exchange, ".");
    }
}
