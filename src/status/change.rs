//! The change of the MX as values, and as a message that can be forwarded to whoever runs the name
//! servers. Pure; whether the change is permitted is decided elsewhere.

use std::fmt::Write as _;

use fencepost_checks::DomainName;
use fencepost_checks::escape::clean;
use fencepost_checks::observation::DnsRound;

use super::{RecordLine, records, spelling};
use crate::config::GatewayConfig;
use crate::words::Language;

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
pub fn message_to_provider(domain: &DomainName, change: &MxChange, language: Language) -> Option<String> {
    if change.set.is_empty() && change.remove.is_empty() {
        return None;
    }
    let mut out = match language {
        Language::En => format!(
            "Subject: Please change the MX records of {domain}\n\nHello,\n\nplease change the MX records of {domain} as \
             follows,\nin one go and on all name servers.\n"
        ),
        Language::Fi => format!(
            "Aihe: Verkkotunnuksen {domain} MX-tietueiden muutos\n\nHei,\n\npyydämme muuttamaan verkkotunnuksen {domain} \
             MX-tietueet seuraavasti,\nkaikki samalla kertaa ja kaikilla nimipalvelimilla.\n"
        ),
    };
    let mut list = |title: &str, records: &[RecordLine]| {
        if !records.is_empty() {
            let _ = writeln!(out, "\n{title}:");
        }
        for record in records.iter().take(MAX_RECORDS) {
            let _ = writeln!(out, "  {}", zone_line(record));
        }
    };
    list(
        language
            .say("The MX records shall be exactly these", "MX-tietueiden pitää muutoksen jälkeen olla täsmälleen nämä"),
        &change.set,
    );
    list(language.say("Take these out", "Poistettavat tietueet"), &change.remove);
    let spelled: Vec<_> = change.set.iter().filter_map(|record| Some((record, record.spellings.as_ref()?))).collect();
    if !spelled.is_empty() {
        let title =
            language.say("In a form that adds the domain by itself", "Lomakkeessa, joka lisää verkkotunnuksen itse");
        let _ = writeln!(out, "\n{title}:");
        let [name, kind, priority, server] = match language {
            Language::En => ["name", "type", "priority", "server"],
            Language::Fi => ["nimi", "tyyppi", "prioriteetti", "palvelin"],
        };
        for (record, spelled) in spelled.into_iter().take(MAX_RECORDS) {
            let form = &spelled.relative;
            let ttl = record.ttl.map(|ttl| format!(", TTL {ttl}")).unwrap_or_default();
            let line = format!(
                "{name} {}, {kind} MX, {priority} {}, {server} {}{ttl}",
                form.name, form.preference, form.exchange
            );
            let _ = writeln!(out, "  {}", clean(&line, MAX_RECORD));
        }
    }
    out.push_str(language.say(
        "\nPlease leave all other records as they are, and write back when it is done.\n\nThank you and kind regards\n",
        "\nMuut tietueet jätetään ennalleen. Vastaa, kun muutos on tehty.\n\nKiitos ja ystävällisin terveisin\n",
    ));
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
        insta::assert_snapshot!(message_to_provider(&domain, &change, Language::En).unwrap());
        insta::assert_snapshot!("in_finnish", message_to_provider(&domain, &change, Language::Fi).unwrap());
        assert_eq!(message_to_provider(&domain, &MxChange::default(), Language::En), None);
    }
}
