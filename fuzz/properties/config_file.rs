//! What must hold of a configuration file whatever it says: it is taken whole or refused with short and
//! harmless words at places that exist, and what was taken can be written down and read again.

use crate::config::{Config, from_text};

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match from_text(text) {
        Ok(config) => taken(&config, text),
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            let ends = text.replace("\r\n", "\n").matches(['\r', '\n']).count();
            let lines = u64::try_from(ends).unwrap_or(u64::MAX) + 1;
            for mistake in mistakes {
                assert!(mistake.message.chars().count() <= 2000, "{}", mistake.message);
                assert!(!mistake.message.is_empty() && !mistake.message.chars().any(char::is_control), "{mistake:?}");
                assert!(mistake.place.is_none_or(|place| place.line >= 1 && place.line <= lines), "{mistake:?}");
            }
        }
    }
}

fn taken(config: &Config, text: &str) {
    assert!(config.validate().is_empty());
    let notes = config.notes().len() + config.missing_for_serving().len();
    assert!(notes <= text.len() + 16);
    let written = serde_yaml::to_string(config).expect("a configuration can be written down");
    match from_text(&written) {
        Ok(again) => assert_eq!(*config, again),
        Err(mistakes) => assert!(mistakes.is_empty(), "{mistakes:#?}\n{written}"),
    }
}
