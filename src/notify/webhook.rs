//! Messages to the accounting system by HTTP, signed as Standard Webhooks 1.0 says: `webhook-id`,
//! `webhook-timestamp`, and `webhook-signature: v1,` with the HMAC-SHA256 of `id.timestamp.body`. One attempt
//! a call; when to try again is the outbox's to know. The secret is never written anywhere.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, StatusCode};
use ring::hmac;
use url::Url;

use super::NotifySetupError;
use crate::config::WebhookConfig;
use crate::engine::ports::{NotifyError, Told};
use crate::failpoint::{Step, around};

/// One message with its answer takes no longer.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const MAX_ANSWER: usize = 4 << 10;
const SHOWN: usize = 200;
const MAX_SECRET_FILE: u64 = 4 << 10;

/// The accounting system, with the key that messages are signed with.
pub(super) struct Webhook {
    client: Client,
    url: Url,
    key: hmac::Key,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Reads the secret once.
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, NotifySetupError> {
        let setup = |key: &str, why: String| NotifySetupError(format!("commerce.webhook.{key}: {why}"));
        let url = Url::parse(&config.url).map_err(|error| setup("url", error.to_string()))?;
        let secret = secret(&config.secret_file).map_err(|why| setup("secret_file", why))?;
        let client = Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            // What is signed for one receiver is not for whoever it names.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("fencepost/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls().map_err(|error| setup("url", error.to_string()))?)
            .build()
            .map_err(|error| setup("url", error.without_url().to_string()))?;
        Ok(Self { client, url, key: hmac::Key::new(hmac::HMAC_SHA256, &secret) })
    }

    /// `v1,` and the signature of one attempt.
    fn signature(&self, message: &Told, second: i64) -> String {
        let mut signing = hmac::Context::with_key(&self.key);
        signing.update(format!("{}.{second}.", message.id).as_bytes());
        signing.update(&message.body);
        format!("v1,{}", STANDARD.encode(signing.sign()))
    }

    /// One attempt. Anything but 2xx is tried again, save 410: the receiver is gone for good.
    pub(super) async fn tell(&self, message: &Told) -> Result<String, NotifyError> {
        let second = message.at.as_second();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", second)
            .header("webhook-signature", self.signature(message, second))
            .body(message.body.clone());
        let response = around(Step::NoticeDelivery, request.send()).await;
        let mut response =
            response.map_err(|error| NotifyError::Transient(format!("the accounting system: {}", chain(&error))))?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            answer.extend_from_slice(&chunk);
            if answer.len() > MAX_ANSWER {
                break;
            }
        }
        let text: String = String::from_utf8_lossy(&answer).chars().take(SHOWN).collect();
        let said = super::view::one_line(&format!("{status} {text}"));
        match status {
            status if status.is_success() => Ok(said),
            StatusCode::GONE => Err(NotifyError::Permanent(format!("the accounting system wants no more: {said}"))),
            _ => Err(NotifyError::Transient(format!("the accounting system answered {said}"))),
        }
    }
}

/// The key in a file with `whsec_` and base64. An error never repeats what the file holds.
fn secret(file: &Path) -> Result<Vec<u8>, String> {
    let told = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    if std::fs::metadata(file).map_err(told)?.len() > MAX_SECRET_FILE {
        return Err(format!("{} is no secret: it is too long", file.display()));
    }
    let text = std::fs::read_to_string(file).map_err(told)?;
    let coded = text.trim();
    let key = STANDARD.decode(coded.strip_prefix("whsec_").unwrap_or(coded)).ok();
    key.filter(|key| (24..=64).contains(&key.len())).ok_or_else(|| {
        format!(
            "{} must hold `whsec_` and 24 to 64 bytes in base64; `openssl rand -base64 32` makes them",
            file.display()
        )
    })
}

/// The error with its causes, without the URL.
fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { "request failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// The system's roots with the ring provider, so that nothing depends on a process-wide default.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(secret: &str) -> Result<Webhook, NotifySetupError> {
        let folder = tempfile::tempdir().unwrap();
        let secret_file = folder.path().join("secret");
        std::fs::write(&secret_file, secret).unwrap();
        Webhook::new(&WebhookConfig { url: "http://127.0.0.1:1/hook".to_owned(), secret_file })
    }

    /// The example of the specification's reference libraries.
    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let webhook = webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let message = Told {
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned(),
            at: jiff::Timestamp::from_second(1_614_265_330).unwrap(),
            body: br#"{"test": 2432232314}"#.to_vec(),
        };
        let signed = webhook.signature(&message, message.at.as_second());
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_never_shown() {
        let good = webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        assert!(!format!("{good:?}").contains("MfKQ"));
        for bad in ["", "whsec_", "whsec_c2hvcnQ=", "correct horse battery staple !"] {
            let error = webhook(bad).unwrap_err().to_string();
            assert!(error.starts_with("commerce.webhook.secret_file") && error.contains("openssl"), "{error}");
            assert!(bad.len() < 8 || !error.contains(bad.trim_start_matches("whsec_")), "{error}");
        }
    }
}
