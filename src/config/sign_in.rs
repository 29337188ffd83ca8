//! How people sign in to the pages, and how often anybody may ask for anything.

use serde::{Deserialize, Serialize};

/// Ways to sign in, and for how long it lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignInConfig {
    /// People with an account get a link by e-mail. Needs `notify.smarthost`.
    pub link: bool,
    /// For how long such a link works.
    pub link_minutes: u32,
    /// Holders of an API token may sign in with it, too.
    pub token: bool,
    /// Whoever does nothing for that long is signed out.
    pub idle_minutes: u32,
    /// Whoever signed in is signed out after that, whatever they do.
    pub session_hours: u32,
}

impl Default for SignInConfig {
    fn default() -> Self {
        Self { link: true, link_minutes: 15, token: true, idle_minutes: 240, session_hours: 24 }
    }
}

/// How often anybody may ask: so many a minute in the long run, and so many at once. 0 sets no bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateConfig {
    /// Of one client: an IPv4 address, or a /64 of IPv6.
    pub client_per_minute: u32,
    pub client_burst: u32,
    /// Of one token, and of one person.
    pub token_per_minute: u32,
    pub token_burst: u32,
    /// Attempts of one client to sign in, or with a token that is not in force.
    pub sign_in_per_minute: u32,
    pub sign_in_burst: u32,
}

impl Default for RateConfig {
    fn default() -> Self {
        Self {
            client_per_minute: 6_000,
            client_burst: 2_000,
            token_per_minute: 6_000,
            token_burst: 2_000,
            sign_in_per_minute: 6,
            sign_in_burst: 20,
        }
    }
}

impl RateConfig {
    /// No bounds at all.
    #[must_use]
    pub const fn unbounded() -> Self {
        Self {
            client_per_minute: 0,
            client_burst: 0,
            token_per_minute: 0,
            token_burst: 0,
            sign_in_per_minute: 0,
            sign_in_burst: 0,
        }
    }
}
