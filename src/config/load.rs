//! Reading the configuration file: bounded and strict, with file, line, column, the line itself and
//! the way out for every mistake. All mistakes that can be seen at once are told at once.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::known::{KnownKeys, shown};
use super::place::{Key, Place, Places};
use super::{Config, Problem, parse};

/// A configuration file is never larger than this.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

/// Loads and checks a configuration file.
///
/// # Errors
/// [`ConfigError`], whose text names file, line and column of each mistake and what was expected.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = read_bounded(path)?;
    from_text(&text).map_err(|mistakes| ConfigError::Mistakes { path: path.to_path_buf(), mistakes })
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration `{path}`; name another file with --config FILE")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("the configuration `{path}` has more than {MAX_FILE_BYTES} bytes; is it the right file?")]
    TooLarge { path: PathBuf },
    #[error("the configuration `{path}` is not UTF-8 text; save it as UTF-8")]
    NotText { path: PathBuf },
    #[error("{}", listed(path, mistakes))]
    Mistakes { path: PathBuf, mistakes: Vec<Mistake> },
}

impl ConfigError {
    /// Whether there simply is no such file, which a command that can do without may forgive.
    #[must_use]
    pub fn is_missing_file(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
    }
}

/// One mistake in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where; `None` where the file as a whole is meant.
    pub place: Option<Place>,
    pub message: String,
    /// The line of the file, bounded and without control characters.
    line: String,
}

/// Parses and checks a text.
///
/// # Errors
/// Every mistake found, in the order of the text.
pub fn from_text(text: &str) -> Result<Config, Vec<Mistake>> {
    let places = Places::read(text, parse::options());
    let known = KnownKeys::with_adapter(places.scalar("gateway.adapter.kind"));
    let mut mistakes: Vec<Mistake> = places
        .keys()
        .filter_map(|key| known.complaint(key).map(|message| Mistake::new(text, Some(key.place), message)))
        .collect();
    let parsed = parse::parse(text);
    match &parsed {
        Ok(config) => mistakes.extend(
            config
                .validate()
                .into_iter()
                .map(|Problem { key, message }| Mistake::new(text, places.find(&key), format!("{key}: {message}"))),
        ),
        // The walk over the keys tells all unknown ones, with better places.
        Err(error) if error.is_unknown_key() && !mistakes.is_empty() => {}
        Err(error) => {
            let place = error.place();
            let message = match place.and_then(|place| places.path_at(place)) {
                Some(path) => format!("{path}: {}", error.message()),
                None => error.message(),
            };
            mistakes.push(Mistake::new(text, place, message));
        }
    }
    if parsed.is_err() {
        // What can be read is checked all the same, so that all is told at once.
        let unknown = places.keys().filter(|key| known.complaint(key).is_some()).map(Key::path);
        for Problem { key, message } in readable(text, unknown) {
            mistakes.push(Mistake::new(text, places.find(&key), format!("{key}: {message}")));
        }
    }
    mistakes.sort_by_key(|mistake| mistake.place);
    match parsed {
        Ok(config) if mistakes.is_empty() => Ok(config),
        _ => Err(mistakes),
    }
}

/// The problems of every section that can be read by itself once unknown keys are left out.
fn readable(text: &str, unknown: impl Iterator<Item = String>) -> Vec<Problem> {
    let Ok(mut root) = serde_yaml::from_str_with_options::<Value>(text, parse::options()) else { return Vec::new() };
    for path in unknown {
        let pointer = format!("/{}", path.replace('[', "/").replace(']', "").replace('.', "/"));
        if let Some((parent, name)) = pointer.rsplit_once('/')
            && let Some(Value::Object(members)) = root.pointer_mut(parent)
        {
            members.remove(name);
        }
    }
    let Value::Object(sections) = root else { return Vec::new() };
    let mut problems = Vec::new();
    for (name, section) in sections {
        let alone = Value::Object([(name.clone(), section)].into_iter().collect());
        let Ok(config) = serde_json::from_value::<Config>(alone) else { continue };
        let within = |problem: &Problem| problem.key.split('.').next() == Some(name.as_str());
        problems.extend(config.validate().into_iter().filter(within));
    }
    problems
}

fn read_bounded(path: &Path) -> Result<String, ConfigError> {
    let failed = |source| ConfigError::Read { path: path.to_path_buf(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(ConfigError::TooLarge { path: path.to_path_buf() });
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.to_path_buf() })
}

impl Mistake {
    fn new(text: &str, place: Option<Place>, message: String) -> Self {
        let line = place
            .and_then(|place| line_of(text, place.line))
            .map(|line| shown(&without_password(&line.replace('\t', " "))))
            .unwrap_or_default();
        Self { place, message, line }
    }

    fn write(&self, path: &Path, f: &mut impl fmt::Write) -> fmt::Result {
        let Some(Place { line, column }) = self.place else {
            return write!(f, "{}: {}", path.display(), self.message);
        };
        write!(f, "{}:{line}:{column}: {}", path.display(), self.message)?;
        let caret = usize::try_from(column).unwrap_or(1);
        if !self.line.is_empty() && caret <= self.line.chars().count() {
            write!(f, "\n{line:>5} | {}\n      | {:>caret$}", self.line, "^")?;
        }
        Ok(())
    }
}

/// A line without what stands between `://user:` and `@`: a mistake elsewhere in the line must not
/// print a password that somebody wrote where none belongs.
fn without_password(line: &str) -> String {
    let secret = line.find("://").and_then(|scheme| {
        let start = scheme + 3;
        let end = start + line[start..].rfind('@')?;
        let colon = start + line[start..end].find(':')? + 1;
        Some((colon, end))
    });
    secret.map_or_else(|| line.to_owned(), |(from, to)| format!("{}***{}", &line[..from], &line[to..]))
}

/// The line of this number, counted from 1. A line ends as YAML has it: CR LF, LF, or CR alone.
fn line_of(text: &str, number: u64) -> Option<&str> {
    let mut rest = text;
    for _ in 1..number {
        rest = &rest[rest.find(['\r', '\n'])?..];
        rest = rest.strip_prefix("\r\n").unwrap_or(&rest[1..]);
    }
    rest.split(['\r', '\n']).next()
}

fn listed(path: &Path, mistakes: &[Mistake]) -> String {
    let mut text = String::new();
    for (index, mistake) in mistakes.iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = mistake.write(path, &mut text);
    }
    text
}
