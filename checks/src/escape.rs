//! Text from outside, made harmless. A banner, a certificate or a name may hold terminal escape
//! sequences, line breaks or characters that turn the reading direction; nothing of that survives
//! here. The only place that does it: findings are built through it.

use std::fmt::Write as _;

/// Longest subject of a finding, characters.
pub const SUBJECT: usize = 300;
/// Longest detail or remedy of a finding, characters.
pub const DETAIL: usize = 1500;
/// Longest piece of outside text that is quoted inside a sentence, characters.
pub const QUOTE: usize = 160;

/// `text` with every control, formatting and direction character written as `\u{…}`, cut to `max`
/// characters (an ellipsis shows the cut).
#[must_use]
pub fn clean(text: &str, max: usize) -> String {
    // Nearly every text is this: then no character needs a look of its own.
    if text.len() <= max && text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().min(max));
    let mut length = 0;
    let mut piece = String::new();
    for c in text.chars() {
        piece.clear();
        if is_harmful(c) {
            // Writing to a String cannot fail.
            let _ = write!(piece, "\\u{{{:x}}}", u32::from(c));
        } else {
            piece.push(c);
        }
        let size = piece.chars().count();
        if length + size > max {
            out.push('…');
            break;
        }
        out.push_str(&piece);
        length += size;
    }
    out
}

/// A piece of outside text for use inside a sentence: cleaned and cut to [`QUOTE`] characters.
#[must_use]
pub fn quote(text: &str) -> String {
    clean(text, QUOTE)
}

/// Whether a character could act on what shows it instead of being shown.
#[must_use]
pub const fn is_harmful(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'          // C0, DEL, C1
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' // soft hyphen, joiners, Arabic letter mark
        | '\u{200b}'..='\u{200f}'                       // zero width, direction marks
        | '\u{2028}'..='\u{202e}'                       // line separators, direction overrides
        | '\u{2060}'..='\u{206f}'                       // invisible operators, isolates
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_survives() {
        assert_eq!(clean("220 \u{1b}[2Jhi\r\n", 100), "220 \\u{1b}[2Jhi\\u{d}\\u{a}");
        assert_eq!(clean("a\u{202e}b", 100), "a\\u{202e}b");
    }

    #[test]
    fn the_cut_never_splits_an_escape() {
        assert_eq!(clean("abc\u{1b}", 5), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }
}
