//! Checks of single fields, gathered so that a person sees every problem of a form at once. Nothing
//! here knows how fields belong together.

use std::net::IpAddr;

use fencepost_checks::escape::is_harmful;
use fencepost_checks::{DomainName, target};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What is wrong at one field of a form, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[error("{field}: {message}")]
pub struct FieldError {
    /// Path of the field as it is written: `price`, `domains[0]`, `servers[1].port`.
    pub field: String,
    pub message: String,
}

/// Gathers problems while fields are read.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<FieldError>);

impl Problems {
    pub(super) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }

    /// The value, or `None` with the reason kept.
    pub(super) fn take<T>(&mut self, field: impl Into<String>, read: Result<T, String>) -> Option<T> {
        read.map_err(|message| self.add(field, message)).ok()
    }

    pub(super) fn into_inner(self) -> Vec<FieldError> {
        self.0
    }
}

/// A text as it was typed, without surrounding blanks; empty counts as not given.
pub(super) fn given(text: Option<&String>) -> Option<&str> {
    text.map(|t| t.trim()).filter(|t| !t.is_empty())
}

/// One or several lines of plain text.
pub(crate) fn plain(text: &str, max_chars: usize, lines: bool) -> Result<String, String> {
    let length = text.chars().count();
    if length > max_chars {
        return Err(format!("has {length} characters, at most {max_chars} are allowed"));
    }
    // Invisible ones can make a name look like another one on a page or an invoice.
    if text.chars().any(|c| is_harmful(c) && !(lines && c == '\n')) {
        return Err("has a line break, a control character or an invisible one; write plain text".to_owned());
    }
    Ok(text.to_owned())
}

/// A mail address that fits on an SMTP command line: the dot-string form of RFC 5321 §4.1.2, at most
/// 254 octets. Quoted local parts are refused: they are never needed here and often mishandled.
pub(crate) fn email(text: &str) -> Result<String, String> {
    let (local, domain) = text
        .rsplit_once('@')
        .ok_or_else(|| format!("`{}` is no e-mail address; write name@example.com", shown(text)))?;
    local_part(local)?;
    let domain = mail_domain(domain)?;
    let address = format!("{local}@{domain}");
    if address.len() > 254 {
        return Err("is longer than the 254 octets that an address may have (RFC 5321 §4.5.3.1.3)".to_owned());
    }
    Ok(address)
}

/// The part before the `@`.
pub(super) fn local_part(local: &str) -> Result<(), String> {
    let atext = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    if local.is_empty() || local.len() > 64 {
        return Err("needs 1 to 64 characters before the @ (RFC 5321 §4.5.3.1.1)".to_owned());
    }
    if let Some(c) = local.chars().find(|c| !atext(*c) && *c != '.') {
        return Err(format!("has the character {c:?} before the @, which is not allowed there"));
    }
    if local.split('.').any(str::is_empty) {
        return Err("has a dot at the beginning or end, or two in a row, before the @".to_owned());
    }
    Ok(())
}

/// A domain that can have mail: at least two labels, no underscore.
pub(super) fn mail_domain(text: &str) -> Result<DomainName, String> {
    let name = DomainName::parse(text).map_err(|e| e.to_string())?;
    if name.parent().is_none() {
        return Err(format!("`{name}` has no dot; write the whole domain, such as example.com"));
    }
    if name.as_str().contains('_') {
        return Err(format!("`{name}` has an underscore, which a mail domain cannot have (RFC 1123 §2.1)"));
    }
    if looks_numeric(&name) {
        return Err(format!("`{}` is no domain name; it ends in a number", shown(text)));
    }
    Ok(name)
}

/// A host name, or an address that may be connected to. Gives its canonical text.
pub(super) fn host(text: &str, allowed: &[IpNet]) -> Result<String, String> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if let Ok(address) = bare.parse::<IpAddr>() {
        let plain = address.to_canonical();
        return match target::refusal(address) {
            Some(why) if !allowed.iter().any(|net| net.contains(&plain)) => Err(format!(
                "{address} is {why}; give the server's public address or name (only networks in `probe.allow_targets` are excepted)"
            )),
            _ => Ok(address.to_string()),
        };
    }
    let name = mail_domain(bare)?;
    if name.as_str() == "localhost" || name.as_str().ends_with(".localhost") {
        return Err("localhost is the gateway itself; give the server's public name or address".to_owned());
    }
    Ok(name.to_string())
}

/// A whole number between two bounds.
pub(super) fn number(text: &str, least: u32, most: u32) -> Result<u32, String> {
    text.parse::<u32>()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("`{}` is no whole number from {least} to {most}", shown(text)))
}

/// Some resolvers take `127.1` or `0x7f000001` for an address, so no name may end like one.
fn looks_numeric(name: &DomainName) -> bool {
    let last = name.as_str().rsplit('.').next().unwrap_or_default();
    last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x")
}

/// A piece of what was typed, safe to show.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}
