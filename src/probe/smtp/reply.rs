//! SMTP replies, line by line (RFC 5321 §4.2): what counts as a line of one, how long one may be, and
//! its form for the parser behind the guard, which knows only well-formed ones. Pure.

use fencepost_checks::observation::SmtpReply;

use crate::probe::escape;

/// Longest line, bytes. RFC 5321 §4.5.3.1.5 asks for 512; EHLO lines of real servers are longer.
pub(super) const MAX_LINE: usize = 2048;
const MAX_LINES: usize = 100;
/// Longest text of a line that is kept, characters.
const MAX_TEXT: usize = 512;

/// A reply while its lines arrive.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    code: Option<u16>,
    lines: Vec<String>,
}

/// What a line did to the reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Complete(SmtpReply),
}

impl Assembly {
    /// Whether a line of the reply has been taken and the last one is missing.
    pub(super) fn has_begun(&self) -> bool {
        self.code.is_some()
    }

    /// Takes one line without its line end.
    ///
    /// # Errors
    /// Says why this is no SMTP reply.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Progress, String> {
        let quoted = || escape::bytes(line, 80);
        let (code, last, text) = split(line).ok_or_else(|| format!("not an SMTP reply: \"{}\"", quoted()))?;
        if self.code.is_some_and(|first| first != code) {
            return Err(format!("one reply with different codes: \"{}\"", quoted()));
        }
        if self.lines.len() >= MAX_LINES {
            return Err(format!("a reply of more than {MAX_LINES} lines"));
        }
        self.code = Some(code);
        self.lines.push(escape::bytes(text, MAX_TEXT));
        if !last {
            return Ok(Progress::More);
        }
        let lines = std::mem::take(&mut self.lines);
        self.code = None;
        Ok(Progress::Complete(SmtpReply { code, enhanced: enhanced(&lines), lines }))
    }
}

/// The reply as the parser wants it: every line with a text, and a second digit that it knows. What is
/// recorded stays as it was.
pub(super) fn well_formed(reply: &SmtpReply) -> Vec<u8> {
    let digit = |n: u16| u8::try_from(n % 10).map_or(b'0', |n| b'0' + n);
    let code = [digit(reply.code / 100), digit((reply.code / 10 % 10).min(5)), digit(reply.code)];
    let last = reply.lines.len().saturating_sub(1);
    let mut out = Vec::with_capacity(reply.lines.iter().map(|text| text.len() + 7).sum());
    for (index, text) in reply.lines.iter().enumerate() {
        let text = if text.trim().is_empty() { "-" } else { text };
        out.extend_from_slice(&code);
        out.push(if index == last { b' ' } else { b'-' });
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Whether bytes could be the beginning of a reply: as much of a code from 200 to 599 as there is.
pub(super) fn begins_like_one(raw: &[u8]) -> bool {
    let code = raw.get(..3).unwrap_or(raw);
    code.iter().all(u8::is_ascii_digit) && code.first().is_none_or(|class| (b'2'..=b'5').contains(class))
}

/// Code, whether it is the last line, text.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_first_chunk::<3>()?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
        return None;
    }
    let code = digits.iter().fold(0, |sum, d| sum * 10 + u16::from(d - b'0'));
    match rest {
        [] => Some((code, true, rest)),
        [b' ', text @ ..] => Some((code, true, text)),
        [b'-', text @ ..] => Some((code, false, text)),
        _ => None,
    }
}

/// The enhanced status code (RFC 3463 §2) at the beginning of the first line.
fn enhanced(lines: &[String]) -> Option<String> {
    let word = lines.first()?.split(' ').next()?;
    let mut parts = word.split('.');
    let class = parts.next()?;
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let fits = matches!(class, "2" | "4" | "5") && number(parts.next()?) && number(parts.next()?);
    (fits && parts.next().is_none()).then(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(lines: &[&[u8]]) -> Result<Progress, String> {
        let mut assembly = Assembly::default();
        let mut last = Ok(Progress::More);
        for line in lines {
            last = assembly.line(line);
        }
        last
    }

    #[test]
    fn bare_codes_and_odd_bytes_are_replies() {
        let Ok(Progress::Complete(bare)) = reply(&[b"220"]) else { panic!("complete") };
        assert_eq!((bare.code, well_formed(&bare)), (220, b"220 -\r\n".to_vec()));
        let Ok(Progress::Complete(odd)) = reply(&[b"571-5.7.1 no\xff", b"571 \x1b[0m"]) else { panic!("complete") };
        assert_eq!(odd.enhanced.as_deref(), Some("5.7.1"));
        assert_eq!(odd.lines, ["5.7.1 no\\xff", "\\x1b[0m"]);
        assert_eq!(well_formed(&odd), b"551-5.7.1 no\\xff\r\n551 \\x1b[0m\r\n");
    }

    #[test]
    fn other_protocols_are_not() {
        for line in
            ["SSH-2.0-OpenSSH_9.2", "HTTP/1.1 400 Bad Request", "+OK", "* OK", "", "22", "199 a", "220_x", "2x0 "]
        {
            assert!(reply(&[line.as_bytes()]).is_err(), "{line:?}");
        }
        assert!(reply(&[b"250-a", b"550 b"]).unwrap_err().contains("different codes"));
        assert!(reply(&vec![&b"250-x"[..]; 101]).unwrap_err().contains("more than 100 lines"));
    }
}
