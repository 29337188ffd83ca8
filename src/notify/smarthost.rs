//! The next hop: what `notify.smarthost` may say, and the SMTP client for it. TLS is never optional
//! where the scheme asks for it.

use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use url::Url;

/// For each step of the dialogue.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_PASSWORD_BYTES: usize = 1024;

pub(super) type Transport = AsyncSmtpTransport<Tokio1Executor>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    Plain,
    StartTls,
    Tls,
}

#[derive(Debug, PartialEq, Eq)]
struct Hop {
    security: Security,
    host: String,
    port: u16,
}

/// Whether a text names a next hop; the error says how to write one.
pub(crate) fn check_smarthost(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

/// A client for the next hop.
pub(super) fn connect(text: &str, username: Option<&str>, password_file: Option<&Path>) -> Result<Transport, String> {
    let hop = parse(text).map_err(|why| format!("notify.smarthost: {why}"))?;
    let tls = |host: &str| TlsParameters::new(host.to_owned()).map_err(|error| format!("notify.smarthost: {error}"));
    let security = match hop.security {
        Security::Plain => Tls::None,
        Security::StartTls => Tls::Required(tls(&hop.host)?),
        Security::Tls => Tls::Wrapper(tls(&hop.host)?),
    };
    let mut builder = Transport::builder_dangerous(hop.host).port(hop.port).tls(security).timeout(Some(STEP_TIMEOUT));
    if let (Some(user), Some(file)) = (username, password_file) {
        builder = builder.credentials(Credentials::new(user.to_owned(), password(file)?));
    }
    Ok(builder.build())
}

fn parse(text: &str) -> Result<Hop, String> {
    let advice = "write smtp://host:port, smtp+starttls://host:port or smtps://host:port";
    let url = Url::parse(text).map_err(|_| format!("is no URL; {advice}"))?;
    let (security, standard_port) = match url.scheme() {
        "smtp" => (Security::Plain, 25),
        "smtp+starttls" => (Security::StartTls, 587),
        "smtps" => (Security::Tls, 465),
        _ => return Err(format!("has another scheme; {advice}")),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a log-in; use username and password_file".to_owned());
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("has something after the host; {advice}"));
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| format!("names no host; {advice}"))?;
    // Brackets belong to the URL, not to the address.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok(Hop { security, host, port: url.port().unwrap_or(standard_port) })
}

fn password(file: &Path) -> Result<String, String> {
    let told = |why: String| format!("notify.password_file: {}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| told(error.to_string()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
        return Err(told(format!("must hold a password of 1 to {MAX_PASSWORD_BYTES} characters")));
    }
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_and_their_ports() {
        let hop = |security, host: &str, port| Ok(Hop { security, host: host.to_owned(), port });
        assert_eq!(parse("smtp://127.0.0.1:2525"), hop(Security::Plain, "127.0.0.1", 2525));
        assert_eq!(parse("smtp://[::1]"), hop(Security::Plain, "::1", 25));
        assert_eq!(parse("smtp+starttls://mail.example"), hop(Security::StartTls, "mail.example", 587));
        assert_eq!(parse("smtps://mail.example/"), hop(Security::Tls, "mail.example", 465));
    }

    #[test]
    fn what_is_no_next_hop() {
        for bad in [
            "mail.example",
            "mail.example:25",
            "http://mail.example",
            "smtp://",
            "smtp://u:p@mail.example",
            "smtp://mail.example/x",
            "smtp://mail.example?tls=none",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
