//! Reading the configuration file: bounded, strict, and with a message for every mistake.

use std::path::{Path, PathBuf};

use super::Config;

/// A configuration file is never larger than this.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {path}: {source}; name another file with --config FILE")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the configuration {path} has {bytes} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLarge { path: PathBuf, bytes: u64 },
    #[error("{path}: {message}")]
    Yaml { path: PathBuf, message: String },
}

/// Loads and checks a configuration file.
///
/// # Errors
/// [`ConfigError`], whose text names file, line and column of each mistake and what was expected.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
    serde_yaml::from_str(&text)
        .map_err(|error| ConfigError::Yaml { path: path.to_path_buf(), message: error.to_string() })
}
