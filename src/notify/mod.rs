//! Outgoing notices: a [`Letter`] rendered from templates and handed to the next hop by SMTP.
//! Implements the port [`Notifier`] that the engine owns. Whom to tell what, and when, is decided
//! elsewhere; nothing here looks at a database or a clock.
//!
//! Letter → `view` (words, made harmless) → template → `document` (blocks) → text and HTML →
//! `message` (headers) → `smarthost` (next hop).

mod accepted;
mod document;
mod message;
pub mod sample;
mod smarthost;
mod template;
mod view;
mod webhook;

#[cfg(test)]
mod delivery_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::{AsyncTransport, Message};

use self::accepted::Accepted;
use self::document::Document;
use self::message::{Content, Sender};
use self::smarthost::Transport;
use self::view::View;
use crate::config::{CommerceConfig, NotifyConfig, OnNoDecision, WebhookConfig};
use crate::engine::ports::{Letter, Notifier, NotifyError, Told};
use crate::failpoint::{Step, around};
use crate::report::{self, MailHtml, Report, Source, mail_html, mail_text};

pub use self::template::{NAMES, when};

/// One whole delivery to one recipient, connection included.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(120);

/// Sends notices through the configured smarthost.
#[derive(Debug)]
pub struct SmtpNotifier {
    config: NotifyConfig,
    public_url: String,
    zone: TimeZone,
    no_decision: OnNoDecision,
    sender: Sender,
    transport: Option<Transport>,
    accepted: Accepted,
    webhook: Option<webhook::Webhook>,
}

/// Why the notifier cannot be set up. The text names the configuration key and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotifySetupError(pub(crate) String);

/// A notice as people would see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl SmtpNotifier {
    /// `public_url` is how people reach the pages; status links in notices start with it. Times are
    /// written in UTC unless [`Self::with_calendar`] says otherwise.
    ///
    /// # Errors
    /// [`NotifySetupError`] for a malformed address or next hop, or a password file that cannot be read.
    pub fn new(config: &NotifyConfig, public_url: &str) -> Result<Self, NotifySetupError> {
        let mailbox = |key: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|_| NotifySetupError(format!("notify.{key}: `{text}` is no mail address")))
        };
        let sender = Sender {
            from: mailbox("from", &config.from)?,
            reply_to: mailbox("desk", &config.desk)?,
            message_id_domain: config.message_id_domain.clone(),
        };
        let transport = if config.smarthost.is_empty() {
            None
        } else {
            let made =
                smarthost::connect(&config.smarthost, config.username.as_deref(), config.password_file.as_deref());
            Some(made.map_err(NotifySetupError)?)
        };
        Ok(Self {
            config: config.clone(),
            public_url: public_url.to_owned(),
            zone: TimeZone::UTC,
            no_decision: OnNoDecision::Invoice,
            sender,
            transport,
            accepted: Accepted::default(),
            webhook: None,
        })
    }

    /// Writes times in the business time zone, and what happens without a decision as configured.
    ///
    /// # Errors
    /// [`NotifySetupError`] when there is no such zone.
    pub fn with_calendar(mut self, commerce: &CommerceConfig) -> Result<Self, NotifySetupError> {
        let name = &commerce.time_zone;
        self.no_decision = commerce.on_no_decision;
        self.zone =
            TimeZone::get(name).map_err(|error| NotifySetupError(format!("commerce.time_zone: `{name}`: {error}")))?;
        Ok(self)
    }

    /// Tells the accounting system, where one is configured.
    ///
    /// # Errors
    /// [`NotifySetupError`] for a URL that is none or a secret that cannot be used.
    pub fn with_webhook(mut self, config: Option<&WebhookConfig>) -> Result<Self, NotifySetupError> {
        self.webhook = config.map(webhook::Webhook::new).transpose()?;
        Ok(self)
    }

    /// Subject, text and HTML of a letter, without sending it.
    ///
    /// # Errors
    /// [`NotifyError::Permanent`] when there is no such notice.
    pub fn render(&self, letter: &Letter) -> Result<Rendered, NotifyError> {
        let Content { subject, text, html, .. } = self.content(letter)?;
        Ok(Rendered { subject, text, html })
    }

    fn content(&self, letter: &Letter) -> Result<Content, NotifyError> {
        if let Some(report) = &letter.report {
            return self.report(letter, report);
        }
        let (document, html) = self.compose(letter)?;
        Ok(Content { text: document.text(), subject: document.subject, html, pictures: Vec::new() })
    }

    /// The monthly report has views of its own.
    fn report(&self, letter: &Letter, report: &Report) -> Result<Content, NotifyError> {
        let (service, desk) = (&self.config.service_name, &self.config.desk);
        let base = self.public_url.trim_end_matches('/');
        let link = format!("{base}/reports/{}/{}", report.customer_id, report.month);
        let source = Source::Mail { suffix: message::content_id_suffix(letter, &self.sender) };
        let MailHtml { html, pictures } = mail_html(report, service, desk, Some(&link), &source)
            .map_err(|error| NotifyError::Permanent(format!("the report: {error}")))?;
        let text = mail_text(report, service, desk, Some(&link));
        Ok(Content { subject: report::subject(report), text, html, pictures })
    }

    fn compose(&self, letter: &Letter) -> Result<(Document, String), NotifyError> {
        let view = View::new(letter, &self.config, &self.public_url, &self.zone, self.no_decision);
        let name = view::one_line(&letter.notice);
        let unrenderable = |error: askama::Error| NotifyError::Permanent(format!("notice `{name}`: {error}"));
        let rendered = template::render(&letter.notice, letter.language, &view)
            .ok_or_else(|| NotifyError::Permanent(format!("there is no notice `{name}`")))?
            .map_err(unrenderable)?;
        let document = Document::parse(&rendered, letter.language);
        let tone = template::tone(&letter.notice);
        let html = document.html(tone, &view.service, view.status_url.as_deref()).map_err(unrenderable)?;
        Ok((document, html))
    }

    fn message(&self, letter: &Letter) -> Result<Message, NotifyError> {
        message::build(letter, self.content(letter)?, &self.sender).map_err(NotifyError::Permanent)
    }

    /// One transaction for one recipient: an address that is refused keeps nobody else from reading.
    async fn send(&self, transport: &Transport, to: &Mailbox, bytes: &[u8]) -> Result<String, NotifyError> {
        let envelope = Envelope::new(Some(self.sender.from.email.clone()), vec![to.email.clone()])
            .map_err(|error| NotifyError::Permanent(error.to_string()))?;
        let sending = around(Step::NoticeDelivery, transport.send_raw(&envelope, bytes));
        match tokio::time::timeout(DELIVERY_TIMEOUT, sending).await {
            Err(_) => Err(NotifyError::Transient(format!("no end after {} s", DELIVERY_TIMEOUT.as_secs()))),
            Ok(Ok(response)) => {
                let reply: Vec<&str> = response.message().collect();
                Ok(view::one_line(&format!("{} {}", response.code(), reply.join(" "))))
            }
            Ok(Err(error)) => Err(classify(&error)),
        }
    }
}

#[async_trait]
impl Notifier for SmtpNotifier {
    async fn deliver(&self, letter: &Letter) -> Result<String, NotifyError> {
        let message = self.message(letter)?;
        let recipients = message::recipients(letter).map_err(NotifyError::Permanent)?;
        let Some(transport) = &self.transport else {
            return Err(NotifyError::Transient("not sent: notify.smarthost is empty".to_owned()));
        };
        let id = message::message_id(&letter.dedupe_key, &self.sender);
        let bytes = message.formatted();
        let mut said = Vec::new();
        let (mut taken, mut transient) = (0_usize, false);
        for to in &recipients {
            if let Some(reply) = self.accepted.reply(&id, &to.email) {
                taken += 1;
                said.push(format!("{}: {reply}", to.email));
                continue;
            }
            match self.send(transport, to, &bytes).await {
                Ok(reply) => {
                    taken += 1;
                    said.push(format!("{}: {reply}", to.email));
                    self.accepted.remember(&id, &to.email, reply);
                }
                Err(NotifyError::Transient(why)) => {
                    transient = true;
                    said.push(format!("{}: {why}", to.email));
                }
                Err(NotifyError::Permanent(why)) => said.push(format!("{}: refused: {why}", to.email)),
            }
        }
        let said = format!("{id} {}", said.join("; "));
        match (taken, transient) {
            (_, true) => Err(NotifyError::Transient(said)),
            (0, false) => Err(NotifyError::Permanent(said)),
            (_, false) => Ok(said),
        }
    }

    async fn tell(&self, message: &Told) -> Result<String, NotifyError> {
        match &self.webhook {
            Some(webhook) => webhook.tell(message).await,
            None => Err(NotifyError::Transient("commerce.webhook is not configured on this node".to_owned())),
        }
    }
}

/// 5xx is for good, except where the log-in is meant: somebody will mend that.
fn classify(error: &lettre::transport::smtp::Error) -> NotifyError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    let text = view::one_line(&text);
    let about_login =
        error.status().is_some_and(|code| matches!(code.to_string().as_str(), "530" | "534" | "535" | "538"));
    if error.is_permanent() && !about_login { NotifyError::Permanent(text) } else { NotifyError::Transient(text) }
}
