//! The next hop of outgoing mail, as `notify.smarthost` names it.

use std::str::FromStr;

use url::Url;

/// How the connection to the next hop is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// `smtp://`
    Plain,
    /// `smtp+starttls://`, and nothing without it.
    StartTls,
    /// `smtps://`
    Tls,
}

/// Where notices are handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smarthost {
    pub security: Security,
    /// Name or address, without brackets.
    pub host: String,
    pub port: u16,
}

impl FromStr for Smarthost {
    type Err = String;

    /// The error says what is wrong and how to write it.
    fn from_str(text: &str) -> Result<Self, String> {
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
        Ok(Self { security, host, port: url.port().unwrap_or(standard_port) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_and_their_ports() {
        let hop = |security, host: &str, port| Ok(Smarthost { security, host: host.to_owned(), port });
        assert_eq!(Smarthost::from_str("smtp://127.0.0.1:2525"), hop(Security::Plain, "127.0.0.1", 2525));
        assert_eq!(Smarthost::from_str("smtp://[::1]"), hop(Security::Plain, "::1", 25));
        assert_eq!(Smarthost::from_str("smtp+starttls://mail.example"), hop(Security::StartTls, "mail.example", 587));
        assert_eq!(Smarthost::from_str("smtps://mail.example/"), hop(Security::Tls, "mail.example", 465));
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
            assert!(Smarthost::from_str(bad).is_err(), "{bad}");
        }
    }
}
