//! A provider that says who somebody is (OpenID Connect).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenIdConfig {
    /// Its address as it names itself: `https://login.example.com/tenant`.
    pub issuer: String,
    /// Under what name this service is registered there.
    pub client_id: String,
    /// File that holds the client's secret, readable by the service alone.
    pub client_secret_file: PathBuf,
    /// What the button says.
    #[serde(default = "single_sign_on")]
    pub name: String,
}

fn single_sign_on() -> String {
    "single sign-on".to_owned()
}
