//! What makes two deliveries the same message: what its writer wrote, not what servers put on top.

use mail_parser::{HeaderName, Message};
use sha2::{Digest, Sha256};

/// SHA-256 (hex) over From, Date, Subject, Message-ID and the body, however lines end and headers are folded.
pub(super) fn of(message: &Message<'_>, raw: &[u8]) -> String {
    let mut hash = Sha256::new();
    for name in [HeaderName::From, HeaderName::Date, HeaderName::Subject, HeaderName::MessageId] {
        for header in message.headers().iter().filter(|header| header.name == name) {
            let value = slice(raw, header.offset_start, header.offset_end);
            hash.update(name.as_str().as_bytes());
            hash.update(b":");
            hash.update(words(value));
            hash.update(b"\n");
        }
    }
    let body =
        usize::try_from(message.root_part().raw_body_offset()).ok().and_then(|at| raw.get(at..)).unwrap_or_default();
    let mut lines: Vec<&[u8]> =
        body.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    for line in lines {
        hash.update(b"\n");
        hash.update(line);
    }
    hex::encode(hash.finalize())
}

pub(super) fn slice(raw: &[u8], from: u32, to: u32) -> &[u8] {
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok());
    range.and_then(|(from, to)| raw.get(from..to)).unwrap_or_default()
}

/// Runs of blanks and folds as one blank.
fn words(value: &[u8]) -> Vec<u8> {
    let pieces: Vec<&[u8]> = value.split(u8::is_ascii_whitespace).filter(|piece| !piece.is_empty()).collect();
    pieces.join(&b' ')
}
