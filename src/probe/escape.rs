//! Text from the other side made harmless: bounded, without control bytes, terminal sequences or
//! characters that change the direction of writing. Everything that is kept or shown passes here.

use std::fmt::Write as _;

/// Bytes as readable text: letters, digits and printable ASCII stay, everything else is written
/// `\xNN` or `\u{NNNN}`. At most `limit` characters, then `…`.
pub(crate) fn bytes(raw: &[u8], limit: usize) -> String {
    // Nearly every line is this: then no character needs a look of its own.
    if raw.len() <= limit
        && raw.iter().all(|b| (0x20..0x7f).contains(b))
        && let Ok(plain) = std::str::from_utf8(raw)
    {
        return plain.to_owned();
    }
    let mut out = String::with_capacity(raw.len().min(limit));
    let mut count = 0;
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            if !push(&mut out, &mut count, limit, &shown(c)) {
                return out;
            }
        }
        for byte in chunk.invalid() {
            if !push(&mut out, &mut count, limit, &format!("\\x{byte:02x}")) {
                return out;
            }
        }
    }
    out
}

/// The same for text.
pub(crate) fn text(raw: &str, limit: usize) -> String {
    bytes(raw.as_bytes(), limit)
}

fn shown(c: char) -> String {
    if c == ' ' || c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric()) {
        return c.to_string();
    }
    let mut out = String::new();
    let _ =
        if c.is_ascii() { write!(out, "\\x{:02x}", u32::from(c)) } else { write!(out, "\\u{{{:x}}}", u32::from(c)) };
    out
}

fn push(out: &mut String, count: &mut usize, limit: usize, piece: &str) -> bool {
    if *count + piece.chars().count() > limit {
        out.push('…');
        return false;
    }
    *count += piece.chars().count();
    out.push_str(piece);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_reaches_the_terminal_raw() {
        assert_eq!(bytes(b"220 ok\x1b[31m\r\n\xff\0", 80), "220 ok\\x1b[31m\\x0d\\x0a\\xff\\x00");
        assert_eq!(text("Grüße \u{202e}txt\u{9b}", 80), "Grüße \\u{202e}txt\\u{9b}");
        assert_eq!(text("abcdef", 3), "abc…");
    }
}
