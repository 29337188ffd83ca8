//! Domain names as names: case-insensitive, without the trailing dot, internationalised labels in
//! their ASCII form. Two names are equal when DNS says that they are, never by substring.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A fully qualified domain name in canonical form: lower-case A-labels, no trailing dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// Why a text is no domain name. The message says what to type instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name is empty; write a domain such as example.com")]
    Empty,
    #[error("`{0}` is longer than the 253 characters that a domain name may have (RFC 1035 §2.3.4)")]
    TooLong(String),
    #[error("`{name}` has a label of {length} characters, at most 63 are allowed (RFC 1035 §2.3.4)")]
    LabelTooLong { name: String, length: usize },
    #[error("`{0}` has an empty label (two dots in a row, or a leading dot)")]
    EmptyLabel(String),
    #[error("`{name}` has the character {character:?}, which a host or mail domain cannot have (RFC 1123 §2.1)")]
    BadCharacter { name: String, character: char },
    #[error("`{0}` has a label that begins or ends with a hyphen (RFC 1123 §2.1)")]
    Hyphen(String),
    #[error("`{0}` is not a valid internationalised domain name")]
    Idna(String),
    #[error("`{0}` is an IP address, a domain name is needed")]
    IsAddress(String),
}

impl DomainName {
    /// Parses what a person typed. U-labels are converted to A-labels (UTS 46); underscores are
    /// allowed, because policy records live below `_mta-sts` and its like.
    ///
    /// # Errors
    /// [`NameError`] names the offending text and the rule.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let shown: String = text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let bare = text.strip_suffix('.').unwrap_or(text);
        if bare.is_empty() {
            return Err(NameError::Empty);
        }
        if bare.parse::<std::net::IpAddr>().is_ok() {
            return Err(NameError::IsAddress(shown));
        }
        let ascii = if bare.is_ascii() {
            bare.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(bare).map_err(|_| NameError::Idna(shown.clone()))?
        };
        if ascii.len() > 253 {
            return Err(NameError::TooLong(shown));
        }
        for label in ascii.split('.') {
            if label.is_empty() {
                return Err(NameError::EmptyLabel(shown));
            }
            if label.len() > 63 {
                return Err(NameError::LabelTooLong { name: shown, length: label.len() });
            }
            if let Some(character) = label.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '-' && *c != '_') {
                return Err(NameError::BadCharacter { name: shown, character });
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(NameError::Hyphen(shown));
            }
        }
        Ok(Self(ascii))
    }

    /// The canonical text, without the trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text with its trailing dot, as zone files and resolvers want it.
    #[must_use]
    pub fn fqdn(&self) -> String {
        format!("{}.", self.0)
    }

    /// Whether this name is `parent` or lies below it, label by label.
    #[must_use]
    pub fn is_at_or_below(&self, parent: &Self) -> bool {
        self.0 == parent.0 || self.0.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.'))
    }

    /// The name one label up, `None` at a top-level domain.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(_, rest)| Self(rest.to_owned()))
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for DomainName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for DomainName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::parse(&text)
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_names() {
        let a = DomainName::parse("MX1.Gateway.Example.").unwrap();
        assert_eq!(a, DomainName::parse("mx1.gateway.example").unwrap());
        assert_eq!(DomainName::parse("Ääkkönen.fi").unwrap().as_str(), "xn--kknen-fraa0m.fi");
    }

    #[test]
    fn below_is_by_label_and_not_by_substring() {
        let parent = DomainName::parse("gateway.example").unwrap();
        assert!(DomainName::parse("mx1.gateway.example").unwrap().is_at_or_below(&parent));
        assert!(!DomainName::parse("mx1.evilgateway.example").unwrap().is_at_or_below(&parent));
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        for bad in ["", ".", "a..b", "-a.example", "a b.example", "a\r\nb.example", "192.0.2.1", "::1"] {
            assert!(DomainName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
