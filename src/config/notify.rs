//! Outgoing mail.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::words::Language;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// Next hop: `smtp://host:port` (plain), `smtp+starttls://…` or `smtps://…`; empty: notices stay
    /// in the outbox and are shown there.
    pub smarthost: String,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    /// `From` of every notice.
    pub from: String,
    /// The service desk: gets desk notices and is `Reply-To` of the others.
    pub desk: String,
    pub accounting: String,
    /// Name of the service as customers know it.
    pub service_name: String,
    /// Domain part of Message-IDs.
    pub message_id_domain: String,
    /// Of notices to the service desk and to accounting; everybody else gets the order's.
    pub language: Language,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            smarthost: String::new(),
            username: None,
            password_file: None,
            from: "Mail gateway onboarding <onboarding@gateway.example>".to_owned(),
            desk: "desk@gateway.example".to_owned(),
            accounting: "accounting@gateway.example".to_owned(),
            service_name: "Mail gateway".to_owned(),
            message_id_domain: "gateway.example".to_owned(),
            language: Language::En,
        }
    }
}
