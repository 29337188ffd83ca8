//! From raw bytes to what a mail says of itself. Everything kept is bounded; what is odd is said and not
//! put right.

use fencepost_checks::escape::clean;
use mail_parser::{HeaderName, Message, MessageParser, MimeHeaders, PartType};

use super::fingerprint;
use crate::engine::ports::Envelope;
use crate::proposal::ReadMail;

/// Text that is kept and understood.
const MAX_TEXT: usize = 64 << 10;
const MAX_SUBJECT: usize = 500;
const MAX_ADDRESS: usize = 254;
/// A person's mail has a few; more are an attack on whoever reads them.
const MAX_PARTS: usize = 100;
const MAX_HEADERS: usize = 500;
const MAX_HEADER_BYTES: u32 = 128 << 10;
pub(super) const MAX_SIGNATURES: usize = 16;

pub(super) fn read(raw: &[u8]) -> ReadMail {
    let Some(message) = MessageParser::default().parse(raw).filter(|message| !message.headers().is_empty()) else {
        return ReadMail { oddities: vec!["it is no mail message".to_owned()], ..ReadMail::default() };
    };
    let (text, html_only) = text(&message);
    ReadMail {
        from: from(&message),
        subject: clean(message.subject().unwrap_or_default(), MAX_SUBJECT),
        message_id: message.message_id().map(|id| clean(id, MAX_SUBJECT)),
        text,
        html_only,
        automatic: automatic(&message),
        oddities: oddities(&message),
        fingerprint: fingerprint::of(&message, raw),
    }
}

/// As the topmost `Received` says that one of ours (`received_by`) put there, with the sender of the topmost
/// `Return-Path`. Headers further down may be anybody's.
pub(super) fn envelope(raw: &[u8], received_by: &[String]) -> Envelope {
    let Some(message) = MessageParser::default().parse_headers(raw) else { return Envelope::default() };
    let first = |name: &HeaderName<'_>| message.headers().iter().find(|header| header.name == *name);
    let sender = first(&HeaderName::ReturnPath).map(|header| {
        let value = fingerprint::slice(raw, header.offset_start, header.offset_end);
        String::from_utf8_lossy(value).trim().trim_start_matches('<').trim_end_matches('>').to_lowercase()
    });
    let received = first(&HeaderName::Received).and_then(|header| header.value.as_received());
    let ours = received
        .filter(|received| received.by.as_ref().is_some_and(|by| received_by.contains(&by.to_string().to_lowercase())));
    Envelope {
        // Our own server's word alone counts for both.
        sender: sender.filter(|sender| sender.len() <= MAX_ADDRESS && ours.is_some()),
        client: ours.and_then(|received| received.from_ip),
        helo: ours
            .and_then(|received| received.helo.as_ref().or(received.from.as_ref()))
            .map(|host| clean(&host.to_string(), MAX_ADDRESS)),
    }
}

fn from(message: &Message<'_>) -> Vec<String> {
    let addresses = message.headers().iter().filter(|header| header.name == HeaderName::From);
    let addresses = addresses.filter_map(|header| header.value.as_address()).flat_map(|list| list.clone().into_list());
    addresses.map(|one| clean(one.address().unwrap_or_default(), MAX_ADDRESS).to_lowercase()).take(10).collect()
}

/// The plain text, or what an HTML part says.
fn text(message: &Message<'_>) -> (String, bool) {
    let first = message.text_body.first().and_then(|id| message.parts.get(usize::try_from(*id).ok()?));
    let html_only = first.is_some_and(|part| matches!(part.body, PartType::Html(_)));
    let text = message.body_text(0).unwrap_or_default();
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (text.get(..end).unwrap_or_default().to_owned(), html_only)
}

/// Why no person wrote it (RFC 3834 §5, RFC 6522).
fn automatic(message: &Message<'_>) -> Option<String> {
    let value = |name: &'static str| message.header_raw(name).map(|value| clean(value.trim(), 80));
    let submitted = value("Auto-Submitted").filter(|value| !value.to_ascii_lowercase().starts_with("no"));
    if let Some(submitted) = submitted {
        return Some(format!("Auto-Submitted: {submitted}"));
    }
    let precedence = value("Precedence").map(|value| value.to_ascii_lowercase());
    if let Some(precedence) = precedence.filter(|p| ["bulk", "junk", "list", "auto_reply"].contains(&p.as_str())) {
        return Some(format!("Precedence: {precedence}"));
    }
    for name in ["List-Id", "X-Autoreply", "X-Autorespond"] {
        if message.header_raw(name).is_some() {
            return Some(format!("it has the header field {name}"));
        }
    }
    let report = message.root_part().content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case("report"))
    });
    report.then(|| "it is a report of a mail server".to_owned())
}

fn oddities(message: &Message<'_>) -> Vec<String> {
    let mut odd = Vec::new();
    let headers = message.headers();
    let count = |name: HeaderName<'_>| headers.iter().filter(|header| header.name == name).count();
    // A signature covers the lowest ones; which one people are shown is left to the program.
    for (name, shown) in [
        (HeaderName::From, "From"),
        (HeaderName::Subject, "Subject"),
        (HeaderName::Date, "Date"),
        (HeaderName::ContentType, "Content-Type"),
    ] {
        let times = count(name);
        if times > 1 {
            odd.push(format!("it has the header field {shown} {times} times"));
        }
    }
    let signatures = count(HeaderName::DkimSignature);
    if signatures > MAX_SIGNATURES {
        odd.push(format!("it has {signatures} signatures, at most {MAX_SIGNATURES} are looked at"));
    }
    if headers.len() > MAX_HEADERS || message.root_part().raw_body_offset() > MAX_HEADER_BYTES {
        odd.push("its header is too long to be a person's mail".to_owned());
    }
    if message.parts.len() > MAX_PARTS {
        odd.push(format!("it has {} parts, at most {MAX_PARTS} are looked at", message.parts.len()));
    }
    odd
}
