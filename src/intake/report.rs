//! A delivery status notification (RFC 3464) in a multipart/report (RFC 6522), and the token of the
//! canary that it is about. Everything kept of it is bounded and harmless.

use fencepost_checks::canary::{Action, Notice};
use fencepost_checks::escape::clean;
use jiff::Timestamp;
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

/// Parts of a message that are looked at.
const MAX_PARTS: usize = 16;
/// Fields of a delivery-status part that are looked at.
const MAX_FIELDS: usize = 200;
const MAX_TEXT: usize = 300;
/// The header that a canary carries its token in.
const HEADER: &str = "X-Fencepost-Canary";

/// Reads a message as a notice about a canary.
pub(super) fn read(raw: &[u8], at: Timestamp) -> Result<Notice, String> {
    let message = MessageParser::default().parse(raw).ok_or("no mail message")?;
    let root = message.parts.first().ok_or("an empty message")?;
    let report = root.content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case("multipart")
            && kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case("report"))
    });
    if !report {
        return Err("no multipart/report (RFC 6522)".to_owned());
    }
    let parts = || message.parts.iter().skip(1).take(MAX_PARTS);
    let status =
        parts().find(|part| is(part, "message", "delivery-status")).ok_or("no delivery-status in the report")?;
    let fields = groups(&String::from_utf8_lossy(bytes(status)));
    let (about, recipients) = fields.split_first().ok_or("an empty delivery-status")?;
    let of_envelope = value(about, "Original-Envelope-Id").map(str::to_owned);
    let of_headers = parts().find_map(returned);
    let token = match (of_envelope.as_deref().and_then(token), of_headers) {
        (Some(one), Some(other)) if one != other => return Err("it names two messages".to_owned()),
        (Some(token), _) | (None, Some(token)) => token,
        (None, None) => return Err("it is about no message of ours".to_owned()),
    };
    // One recipient was asked for; where a list was behind it, the gravest counts.
    let (action, group) = recipients
        .iter()
        .filter_map(|group| Some((action(value(group, "Action")?)?, group)))
        .max_by_key(|(action, _)| gravity(*action))
        .ok_or("no recipient with an action that is known")?;
    let text = |group: &Fields, name| value(group, name).map_or_else(String::new, |v| clean(typed(v), MAX_TEXT));
    Ok(Notice {
        token,
        action,
        status: clean(value(group, "Status").unwrap_or_default(), 40),
        reporting_mta: text(about, "Reporting-MTA"),
        diagnostic: text(group, "Diagnostic-Code"),
        received_at: at,
    })
}

type Fields = Vec<(String, String)>;

/// Groups of fields, parted by empty lines; folded lines are joined.
fn groups(text: &str) -> Vec<Fields> {
    let mut groups: Vec<Fields> = Vec::new();
    let mut open = false;
    for line in text.lines().take(MAX_FIELDS) {
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        if !open {
            groups.push(Vec::new());
            open = true;
        }
        let Some(group) = groups.last_mut() else { continue };
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = group.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            group.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    groups
}

fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// `dns; mx1.gateway.example` → `mx1.gateway.example`.
fn typed(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, rest)| rest.trim())
}

fn action(text: &str) -> Option<Action> {
    // A comment may follow.
    let word = text.split([' ', '(', ';']).next()?.to_ascii_lowercase();
    Some(match word.as_str() {
        "delivered" => Action::Delivered,
        "relayed" => Action::Relayed,
        "expanded" => Action::Expanded,
        "delayed" => Action::Delayed,
        "failed" => Action::Failed,
        _ => return None,
    })
}

const fn gravity(action: Action) -> u8 {
    match action {
        Action::Delivered => 0,
        Action::Relayed => 1,
        Action::Expanded => 2,
        Action::Delayed => 3,
        Action::Failed => 4,
    }
}

/// The token in the headers that came back.
fn returned(part: &MessagePart<'_>) -> Option<String> {
    if let PartType::Message(inner) = &part.body {
        return header(inner);
    }
    if !is(part, "text", "rfc822-headers") && !is(part, "message", "rfc822") {
        return None;
    }
    header(&MessageParser::default().parse_headers(bytes(part))?)
}

fn header(message: &Message<'_>) -> Option<String> {
    let text = message.header_raw(HEADER).map(str::to_owned);
    let id = || message.message_id()?.strip_prefix("canary.")?.split('@').next().map(str::to_owned);
    text.or_else(id).as_deref().and_then(token)
}

/// A text that has the form of a token.
fn token(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    fits.then(|| text.to_owned())
}

fn is(part: &MessagePart<'_>, ctype: &str, subtype: &str) -> bool {
    part.content_type().is_some_and(|kind| {
        kind.ctype().eq_ignore_ascii_case(ctype) && kind.subtype().is_some_and(|s| s.eq_ignore_ascii_case(subtype))
    })
}

fn bytes<'a>(part: &'a MessagePart<'_>) -> &'a [u8] {
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.as_bytes(),
        PartType::Binary(raw) | PartType::InlineBinary(raw) => raw,
        PartType::Message(message) => message.raw_message(),
        PartType::Multipart(_) => &[],
    }
}
