//! Sign-in through a provider (OpenID Connect Core 1.0, code flow with PKCE, RFC 7636). The provider says which
//! verified address somebody has; whether there is an account is ours to know. What an attempt needs to be
//! recognised by (state, nonce, verifier) is derived from a secret in the browser's cookie, and kept nowhere else.

mod provider;
mod token;

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use self::provider::Provider;
use self::token::Expected;
use crate::config::{HttpConfig, OpenIdConfig};

/// The path under which the provider sends people back; registered there.
pub(super) const CALLBACK: &str = "/sign-in/openid/callback";

/// What goes wrong between this service and the provider. The text is for the log; people are told less.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum OpenIdError {
    /// The provider cannot be asked, or does not answer as the standards say.
    #[error("the provider: {0}")]
    Provider(String),
    /// The answer is not one to this attempt, or not to be believed.
    #[error("refused: {0}")]
    Refused(String),
}

/// Sign-in through the one configured provider. Cheap to clone.
#[derive(Clone)]
pub(super) struct OpenId {
    config: Arc<OpenIdConfig>,
    callback: String,
    provider: Provider,
}

/// One attempt, as its browser remembers it.
pub(super) struct Attempt<'a>(pub(super) &'a str);

impl Attempt<'_> {
    fn state(&self) -> String {
        self.derived("state")
    }

    fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// 43 characters, as RFC 7636 §4.1 asks for at the least.
    fn verifier(&self) -> String {
        self.derived("verifier")
    }

    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    fn derived(&self, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("fencepost openid {purpose} {}", self.0)))
    }
}

impl OpenId {
    pub(super) fn new(config: &HttpConfig) -> Option<Self> {
        let openid = Arc::new(config.openid.clone()?);
        let callback = format!("{}{CALLBACK}", config.public_url.trim_end_matches('/'));
        Some(Self { provider: Provider::new(&openid.issuer), config: openid, callback })
    }

    /// What the button says.
    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    /// Where to send the browser.
    pub(super) async fn begin(&self, attempt: &Attempt<'_>) -> Result<Url, OpenIdError> {
        let mut url = self.provider.metadata().await?.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.config.client_id)
            .append_pair("redirect_uri", &self.callback)
            .append_pair("scope", "openid email")
            .append_pair("state", &attempt.state())
            .append_pair("nonce", &attempt.nonce())
            .append_pair("code_challenge", &attempt.challenge())
            .append_pair("code_challenge_method", "S256");
        Ok(url)
    }

    /// The verified address of whoever came back with this code.
    pub(super) async fn end(
        &self,
        attempt: &Attempt<'_>,
        state: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<String, OpenIdError> {
        if !bool::from(attempt.state().as_bytes().ct_eq(state.as_bytes())) {
            return Err(OpenIdError::Refused("the state is not that of this browser's attempt".to_owned()));
        }
        let secret = read_secret(&self.config.client_secret_file)?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.callback),
            ("code_verifier", &attempt.verifier()),
        ];
        let id_token = self.provider.exchange(&self.config.client_id, &secret, &form).await?;
        let expected =
            Expected { issuer: &self.config.issuer, client_id: &self.config.client_id, nonce: &attempt.nonce(), now };
        let keys = self.provider.keys(token::key_id(&id_token)?.as_deref()).await?;
        token::verified_address(&id_token, &keys, &expected)
    }
}

/// The secret is read when it is needed, so that it can be changed without a restart.
fn read_secret(path: &Path) -> Result<String, OpenIdError> {
    let failed = |why: String| OpenIdError::Provider(format!("http.openid.client_secret_file: {why}"));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let secret = text.trim();
    if secret.is_empty() || secret.len() > 1_024 {
        return Err(failed("must hold 1 to 1024 characters".to_owned()));
    }
    Ok(secret.to_owned())
}
