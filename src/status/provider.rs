//! Who runs the domain's name servers, and the way to the change there, in words. What is not known of
//! a provider is said in general words; nothing is guessed.

use fencepost_checks::observation::{DnsRound, LintObservation, TextLookup};
use serde::{Deserialize, Serialize};

use crate::config::{DnsProvider, RecordName};
use crate::words::Language;

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
        Self::of_in(round, lint, Language::En)
    }

    /// [`Self::of`] in a language.
    pub(super) fn of_in(round: &DnsRound, lint: Option<&LintObservation>, language: Language) -> Option<Self> {
        of(round, lint, language)
    }
}

fn of(round: &DnsRound, lint: Option<&LintObservation>, language: Language) -> Option<DnsProviderStatus> {
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
        instructions: instructions(provider, language),
        domain_connect: announced.or(provider.domain_connect),
        console: provider.console.as_ref().map(ToString::to_string),
    })
}

fn instructions(provider: &DnsProvider, language: Language) -> Vec<String> {
    let record_name = match provider.record_name {
        Some(RecordName::At) => language.say(
            "Write @ as the name of the record: it stands for the domain itself.",
            "Kirjoita tietueen nimeksi @: se tarkoittaa verkkotunnusta itseään.",
        ),
        Some(RecordName::Empty) => language.say(
            "Leave the name of the record empty: that stands for the domain itself.",
            "Jätä tietueen nimi tyhjäksi: se tarkoittaa verkkotunnusta itseään.",
        ),
        Some(RecordName::Fqdn) => language.say(
            "Write the whole domain as the name of the record.",
            "Kirjoita tietueen nimeksi koko verkkotunnus.",
        ),
        None => language.say(
            "If the form asks for a name, look at how it shows the present MX records: @, nothing, or the whole domain, and write the same.",
            "Jos lomake kysyy nimeä, katso, miten nykyiset MX-tietueet näkyvät (@, tyhjä vai koko verkkotunnus), ja kirjoita samoin.",
        ),
    };
    let dot = match provider.trailing_dot {
        Some(true) => language.say(
            "Write each exchange with a dot at its end; without it the form may append the domain.",
            "Kirjoita palvelimen nimen loppuun piste; ilman sitä lomake saattaa lisätä nimeen verkkotunnuksen.",
        ),
        Some(false) => language.say(
            "Write each exchange without a dot at its end.",
            "Kirjoita palvelimen nimi ilman pistettä lopussa.",
        ),
        None => language.say(
            "Write each exchange with a dot at its end if the present records show one. Afterwards look at the list: the domain must not have been appended to the exchange.",
            "Kirjoita palvelimen nimen loppuun piste, jos nykyisissä tietueissa on sellainen. Tarkista lopuksi luettelosta, ettei palvelimen nimeen ole lisätty verkkotunnusta.",
        ),
    };
    let sitting = language.say(
        "Put the new records in and take the old ones out in the same sitting; leave all other records as they are.",
        "Lisää uudet tietueet ja poista vanhat samalla kertaa; jätä kaikki muut tietueet ennalleen.",
    );
    vec![way(provider, language), record_name.to_owned(), dot.to_owned(), sitting.to_owned()]
}

/// Where to click. The catalogue has the names of menus and buttons, and the way between them in English.
fn way(provider: &DnsProvider, language: Language) -> String {
    let name = &provider.name;
    match (&provider.where_to_click, language) {
        (Some(way), Language::En) => format!("Sign in at {name}. {way}"),
        (Some(way), Language::Fi) => {
            format!("Kirjaudu palveluun {name} ja avaa verkkotunnuksen DNS-tietueet. Ohje englanniksi: \"{way}\"")
        }
        (None, Language::En) => format!(
            "Sign in at {name} and open the DNS records of the domain. Where the contract has no such page, send the records below to {name}."
        ),
        (None, Language::Fi) => format!(
            "Kirjaudu palveluun {name} ja avaa verkkotunnuksen DNS-tietueet. Jos sopimukseen ei kuulu tällaista sivua, lähetä alla olevat tietueet palveluntarjoajalle {name}."
        ),
    }
}
