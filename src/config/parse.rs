//! YAML text to [`Config`], and the parser's complaints in the words of somebody who edits a file,
//! not of somebody who wrote the parser.

use serde_yaml::budget::BudgetBreach;
use serde_yaml::{Error, Options, UserMessageFormatter};

use super::Config;
use super::known::shown;
use super::place::Place;

/// No aliases, no merges, one document, nothing guessed: a configuration file needs none of that.
pub(super) fn options() -> Options {
    serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_documents: 1,
            max_depth: 16,
            max_nodes: 20_000,
            max_events: 60_000,
            max_aliases: 0,
            max_anchors: 0,
            max_merge_keys: 0,
        },
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::Error,
        merge_keys: serde_yaml::MergeKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    }
}

/// Parses the text.
pub(super) fn parse(text: &str) -> Result<Config, ParseError> {
    // A file of comments alone is the default configuration.
    serde_yaml::from_str_with_options::<Option<Config>>(text, options())
        .map(Option::unwrap_or_default)
        .map_err(|error| ParseError(Box::new(error)))
}

/// The first thing that the parser did not like.
#[derive(Debug)]
pub(super) struct ParseError(Box<Error>);

impl ParseError {
    pub(super) fn is_unknown_key(&self) -> bool {
        matches!(self.0.without_snippet(), Error::SerdeUnknownField { .. })
    }

    pub(super) fn place(&self) -> Option<Place> {
        let location = self.0.location()?;
        (location.line() > 0).then(|| Place { line: location.line(), column: location.column() })
    }

    /// One sentence, without the place.
    pub(super) fn message(&self) -> String {
        match self.0.without_snippet() {
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                format!("the key `{}` is given twice; keep one", shown(key))
            }
            Error::SerdeMissingField { field, .. } => format!("`{field}` is missing here"),
            Error::SerdeUnknownVariant { variant, expected, .. } => {
                format!("`{}` is not known here; write one of {}", shown(variant), expected.join(", "))
            }
            Error::SerdeUnknownField { field, expected, .. } => {
                format!("unknown key `{}`; known here: {}", shown(field), expected.join(", "))
            }
            Error::SerdeInvalidType { unexpected, expected, .. } => {
                format!("found {}, expected {}", shown(unexpected), in_words(expected))
            }
            Error::SerdeInvalidValue { unexpected, expected, .. } => {
                format!("found {}, expected {}", shown(unexpected), in_words(expected))
            }
            Error::InvalidScalar { ty, .. } => format!("expected {}", in_words(ty)),
            Error::Unexpected { expected, .. } => format!("expected {}", in_words(expected)),
            Error::Budget { breach: BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. }, .. } => {
                "anchors (&) and aliases (*) are not used here; write the value out".to_owned()
            }
            Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
                "a second document begins here; the file must be one".to_owned()
            }
            Error::Budget { .. } => "this is too large or too deeply nested for a configuration file".to_owned(),
            Error::Message { msg, .. } if msg.contains("socket address") => {
                format!("expected {}", in_words("socket address"))
            }
            Error::Message { msg, .. } if msg.contains("IP address syntax") => {
                format!("expected {}", in_words("IP address"))
            }
            Error::Message { msg, .. } => msg.chars().filter(|c| !c.is_control()).take(400).collect(),
            other => {
                let text = other.render_with_formatter(&UserMessageFormatter);
                shown(text.lines().next().unwrap_or("this is no valid YAML").split(" at line ").next().unwrap_or(""))
            }
        }
    }
}

/// What a Rust type means to somebody who writes YAML.
fn in_words(expected: &str) -> String {
    match expected {
        "bool" | "a boolean" => "true or false".to_owned(),
        "i8" => "a whole number from -128 to 127".to_owned(),
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" => "a whole number from 0 to 4294967295".to_owned(),
        "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "socket address" => "an address with port, such as 192.0.2.1:53 or [2001:db8::1]:53".to_owned(),
        "IP address" => "an IP address, such as 192.0.2.1 or 2001:db8::1".to_owned(),
        "a sequence" | "sequence start" => "a list".to_owned(),
        "string scalar" => "a single value, not a list or mapping".to_owned(),
        "mapping start" => "a mapping of keys and values".to_owned(),
        other if other.starts_with("struct ") => "a mapping of keys and values".to_owned(),
        other => shown(other),
    }
}
