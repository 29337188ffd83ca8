//! A rendered notice as a message (RFC 5322, RFC 2046 §5.1.4, RFC 3834 §5). The same letter always
//! gives the same Message-ID, so that a receiver recognises a repetition.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use super::view::one_line;
use crate::engine::ports::Letter;

/// More recipients are a mistake, not a notice.
const MAX_RECIPIENTS: usize = 50;

/// Addresses that every notice carries.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    pub(super) from: Mailbox,
    pub(super) reply_to: Mailbox,
    pub(super) message_id_domain: String,
}

/// What stands in a message.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// PNG by Content-ID, as the HTML names them.
    pub(super) pictures: Vec<(String, Vec<u8>)>,
}

/// Builds the message.
pub(super) fn build(letter: &Letter, content: Content, sender: &Sender) -> Result<Message, String> {
    let subject = one_line(&content.subject);
    let mut builder = Message::builder()
        .from(sender.from.clone())
        .reply_to(sender.reply_to.clone())
        .subject(subject)
        .date(system_time(letter.at))
        .message_id(Some(message_id(&letter.dedupe_key, sender)))
        .raw_header(fixed("Auto-Submitted", "auto-generated"))
        .raw_header(fixed("X-Auto-Response-Suppress", "All"))
        .raw_header(fixed("Content-Language", letter.language.tag()))
        // For rules of mail programs: subjects are in the customer's language.
        .raw_header(fixed("X-Fencepost-Notice", &one_line(&letter.notice)));
    if let Some(thread) = thread_id(letter, sender) {
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    for to in recipients(letter)? {
        builder = builder.to(to);
    }
    let alternative = MultiPart::alternative()
        .boundary(hash("boundary", &letter.dedupe_key))
        .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(content.text));
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(content.html);
    let whole = if content.pictures.is_empty() {
        alternative.singlepart(html)
    } else {
        alternative.multipart(with_pictures(letter, html, content.pictures)?)
    };
    builder.multipart(whole).map_err(|error| error.to_string())
}

/// HTML and its pictures, as parts of one (RFC 2387, RFC 2392).
fn with_pictures(letter: &Letter, html: SinglePart, pictures: Vec<(String, Vec<u8>)>) -> Result<MultiPart, String> {
    let png = ContentType::parse("image/png").map_err(|error| error.to_string())?;
    let mut related = MultiPart::related().boundary(hash("related", &letter.dedupe_key)).singlepart(html);
    for (id, bytes) in pictures {
        related = related.singlepart(Attachment::new_inline(id).body(bytes, png.clone()));
    }
    Ok(related)
}

/// The end of the Content-IDs of a letter: unique in the world, as RFC 2045 §7 asks for.
pub(super) fn content_id_suffix(letter: &Letter, sender: &Sender) -> String {
    format!(".{}@{}", hash("picture", &letter.dedupe_key), sender.message_id_domain)
}

/// The recipients, parsed.
pub(super) fn recipients(letter: &Letter) -> Result<Vec<Mailbox>, String> {
    if letter.to.is_empty() || letter.to.len() > MAX_RECIPIENTS {
        return Err(format!("a notice goes to 1 to {MAX_RECIPIENTS} addresses, not {}", letter.to.len()));
    }
    let mut seen: Vec<Mailbox> = Vec::new();
    for text in &letter.to {
        let shown = one_line(text);
        let mailbox: Mailbox = if text.chars().any(char::is_control) { None } else { text.parse().ok() }
            .ok_or_else(|| format!("`{shown}` is no mail address"))?;
        if !seen.iter().any(|earlier| earlier.email == mailbox.email) {
            seen.push(mailbox);
        }
    }
    Ok(seen)
}

/// `<32 hex digits@domain>`.
pub(super) fn message_id(dedupe_key: &str, sender: &Sender) -> String {
    format!("<{}@{}>", hash("message", dedupe_key), sender.message_id_domain)
}

/// What all notices of a connection, or of a customer's subscription, refer to: mail programs then
/// show them as one conversation. No message of that id needs to exist (RFC 5322 §3.6.4).
fn thread_id(letter: &Letter, sender: &Sender) -> Option<String> {
    let about = match (&letter.status, &letter.commerce) {
        (Some(status), _) => &status.connection_id,
        (None, Some(facts)) => &facts.customer_id,
        (None, None) => return None,
    };
    Some(format!("<{}@{}>", hash("thread", about), sender.message_id_domain))
}

/// 128 bits are plenty against accidents, and keys are not made by adversaries.
fn hash(purpose: &str, key: &str) -> String {
    let digest = Sha256::new().chain_update(purpose).chain_update([0]).chain_update(key).finalize();
    hex::encode(&digest[..16])
}

fn fixed(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn system_time(at: Timestamp) -> SystemTime {
    // A date of the year 1900 or 9999 is a bug elsewhere, but no reason to stop.
    SystemTime::from(at.max(Timestamp::UNIX_EPOCH))
}
