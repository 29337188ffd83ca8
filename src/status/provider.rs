//! Who runs the domain's name servers, and the way to the change there, in words. What is not known of
//! a provider is said in general words; nothing is guessed.

use fencepost_checks::observation::{DnsRound, LintObservation, TextLookup};
use serde::{Deserialize, Serialize};

use crate::config::{DnsProvider, RecordName};

/// The DNS provider of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DnsProviderStatus {
    pub name: String,
    /// Steps in order, a sentence or two each.
    pub instructions: Vec<String>,
    /// Whether the zone announces Domain Connect, else whether the provider is known to speak it;
    /// `None` where neither is known.
    pub domain_connect: Option<bool>,
    /// Where to sign in, where that is certain.
    pub console: Option<String>,
}

impl DnsProviderStatus {
    /// The provider of the name servers that the zone itself names, else the parent.
    #[must_use]
    pub fn of(round: &DnsRound, lint: Option<&LintObservation>) -> Option<Self> {
        of(round, lint)
    }
}

fn of(round: &DnsRound, lint: Option<&LintObservation>) -> Option<DnsProviderStatus> {
    let named = |in_child: bool| -> Vec<&str> {
        let mut names: Vec<&str> =
            round.servers.iter().filter(|s| !in_child || s.in_child).map(|s| s.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let child = named(true);
    let provider = DnsProvider::detect(if child.is_empty() { named(false) } else { child })?;
    let announced = lint.and_then(|seen| match &seen.domain_connect {
        TextLookup::Found { .. } => Some(true),
        TextLookup::Absent => Some(false),
        TextLookup::NotAsked | TextLookup::Failed { .. } => None,
    });
    Some(DnsProviderStatus {
        name: provider.name.clone(),
        instructions: instructions(provider),
        domain_connect: announced.or(provider.domain_connect),
        console: provider.console.as_ref().map(ToString::to_string),
    })
}

fn instructions(provider: &DnsProvider) -> Vec<String> {
    let name = &provider.name;
    let way = provider.where_to_click.as_ref().map_or_else(
        || {
            format!(
                "Sign in at {name} and open the DNS records of the domain. Where the contract has no such page, send the records below to {name}."
            )
        },
        |way| format!("Sign in at {name}. {way}"),
    );
    let record_name = match provider.record_name {
        Some(RecordName::At) => "Write @ as the name of the record: it stands for the domain itself.",
        Some(RecordName::Empty) => "Leave the name of the record empty: that stands for the domain itself.",
        Some(RecordName::Fqdn) => "Write the whole domain as the name of the record.",
        None => {
            "If the form asks for a name, look at how it shows the present MX records: @, nothing, or the whole domain, and write the same."
        }
    };
    let dot = match provider.trailing_dot {
        Some(true) => "Write each exchange with a dot at its end; without it the form may append the domain.",
        Some(false) => "Write each exchange without a dot at its end.",
        None => {
            "Write each exchange with a dot at its end if the present records show one. Afterwards look at the list: the domain must not have been appended to the exchange."
        }
    };
    vec![
        way,
        record_name.to_owned(),
        dot.to_owned(),
        "Put the new records in and take the old ones out in the same sitting; leave all other records as they are."
            .to_owned(),
    ]
}
