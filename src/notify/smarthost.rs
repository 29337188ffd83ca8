//! The SMTP client for the next hop. TLS is never optional where the configuration asks for it.

use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};

use crate::config::{Security, Smarthost};

/// For each step of the dialogue.
const STEP_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_PASSWORD_BYTES: usize = 1024;

pub(super) type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// A client for the next hop.
pub(super) fn connect(text: &str, username: Option<&str>, password_file: Option<&Path>) -> Result<Transport, String> {
    let hop = text.parse::<Smarthost>().map_err(|why| format!("notify.smarthost: {why}"))?;
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

fn password(file: &Path) -> Result<String, String> {
    let told = |why: String| format!("notify.password_file: {}: {why}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| told(error.to_string()))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
        return Err(told(format!("must hold a password of 1 to {MAX_PASSWORD_BYTES} characters")));
    }
    Ok(password.to_owned())
}
