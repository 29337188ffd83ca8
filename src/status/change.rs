//! The change of the MX as values, and as a message that can be forwarded to whoever runs the name
//! servers. Pure; whether the change is permitted is decided elsewhere.

use std::fmt::Write as _;

use fencepost_checks::DomainName;
use fencepost_checks::escape::clean;
use fencepost_checks::observation::DnsRound;

use super::{RecordLine, records, spelling};
use crate::config::GatewayConfig;

/// More records than this are not listed in a message.
const MAX_RECORDS: usize = 50;
/// Longest record in a message, characters.
const MAX_RECORD: usize = 600;

/// Which MX records to set, and which to take out in the same change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MxChange {
    /// The whole set as it shall be, spelled.
    pub set: Vec<RecordLine>,
    pub remove: Vec<RecordLine>,
}

impl MxChange {
    /// From what a round saw published to the gateway's hosts alone.
    #[must_use]
    pub fn to_gateway(domain: &DomainName, round: &DnsRound, gateway: &GatewayConfig) -> Self {
        let mut set = records::wanted(domain, gateway);
        for record in &mut set {
            record.spellings = Some(spelling::spell(record, round.zone.as_ref()));
        }
        let remove =
            records::published(domain, round).into_iter().filter(|line| !records::is_ours(line, gateway)).collect();
        Self { set, remove }
    }
}

/// Subject and text for the DNS provider, with the records as lines of a zone file and as a form has them.
/// `None` where nothing is to be changed.
#[must_use]
pub fn message_to_provider(domain: &DomainName, change: &MxChange) -> Option<String> {
    if change.set.is_empty() && change.remove.is_empty() {
        return None;
    }
    let mut out = format!(
        "Subject: Please change the MX records of {domain}\n\nHello,\n\nplease change the MX records of {domain} as follows,\n\
         in one go and on all name servers.\n"
    );
    let mut list = |title: &str, records: &[RecordLine]| {
        if !records.is_empty() {
            let _ = writeln!(out, "\n{title}:");
        }
        for record in records.iter().take(MAX_RECORDS) {
            let _ = writeln!(out, "  {}", zone_line(record));
        }
    };
    list("The MX records shall be exactly these", &change.set);
    list("Take these out", &change.remove);
    let spelled: Vec<_> = change.set.iter().filter_map(|record| Some((record, record.spellings.as_ref()?))).collect();
    if !spelled.is_empty() {
        out.push_str("\nIn a form that adds the domain by itself:\n");
        for (record, spelled) in spelled.into_iter().take(MAX_RECORDS) {
            let form = &spelled.relative;
            let ttl = record.ttl.map(|ttl| format!(", TTL {ttl}")).unwrap_or_default();
            let line =
                format!("name {}, type MX, priority {}, server {}{ttl}", form.name, form.preference, form.exchange);
            let _ = writeln!(out, "  {}", clean(&line, MAX_RECORD));
        }
    }
    out.push_str(
        "\nPlease leave all other records as they are, and write back when it is done.\n\nThank you and kind regards\n",
    );
    Some(out)
}

/// RFC 1035 §5.1.
fn zone_line(record: &RecordLine) -> String {
    let ttl = record.ttl.map(|ttl| format!("{ttl} ")).unwrap_or_default();
    clean(&format!("{} {ttl}IN MX {} {}", record.name, record.preference, record.exchange), MAX_RECORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(preference: u16, exchange: &str) -> RecordLine {
        RecordLine {
            name: "example.com.".to_owned(),
            ttl: Some(300),
            preference,
            exchange: exchange.to_owned(),
            spellings: None,
        }
    }

    #[test]
    fn the_message_says_what_to_set_and_what_to_take_out() {
        let domain: DomainName = "example.com".parse().unwrap();
        let mut set = vec![record(10, "mx1.gateway.example."), record(20, "mx2.gateway.example.")];
        for line in &mut set {
            line.spellings = Some(spelling::spell(line, Some(&domain)));
        }
        let change = MxChange { set, remove: vec![record(10, "mail\u{1b}[2J\u{202e}.example.com.")] };
        insta::assert_snapshot!(message_to_provider(&domain, &change).unwrap());
        assert_eq!(message_to_provider(&domain, &MxChange::default()), None);
    }
}
