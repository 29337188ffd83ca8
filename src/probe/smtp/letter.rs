//! The one message that a probe may send, the canary: its parameters in the envelope (RFC 3461) and its
//! form on the wire (RFC 5321 §4.5.2). Plain ASCII of our own making; nothing from outside enters it
//! but names that were checked.

use super::dialogue::Mailbox;

/// Longest line without its end (RFC 5322 §2.1.1).
const MAX_LINE: usize = 998;
/// Longest ENVID (RFC 3461 §4.4).
const MAX_ENVID: usize = 100;

/// A message to one recipient, with a notice of its delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    envid: String,
    recipient: Mailbox,
    lines: Vec<String>,
}

impl Letter {
    /// `None` for an `envid` that is no plain word, and for lines that are too long or not plain ASCII.
    pub(crate) fn new(envid: &str, recipient: Mailbox, lines: Vec<String>) -> Option<Self> {
        let word = (1..=MAX_ENVID).contains(&envid.len()) && envid.bytes().all(|b| b.is_ascii_alphanumeric());
        let plain = |line: &String| line.len() <= MAX_LINE && line.bytes().all(|b| (0x20..0x7f).contains(&b));
        (word && lines.iter().all(plain)).then(|| Self { envid: envid.to_owned(), recipient, lines })
    }

    /// `MAIL`: headers come back with the notice, and the identifier of the envelope (RFC 3461 §4.3, §4.4).
    pub(super) fn mail(&self, sender: &Mailbox) -> String {
        format!("MAIL FROM:<{sender}> RET=HDRS ENVID={}", self.envid)
    }

    /// `RCPT`: a notice either way (RFC 3461 §4.1).
    pub(super) fn rcpt(&self) -> String {
        format!("RCPT TO:<{}> NOTIFY=SUCCESS,FAILURE", self.recipient)
    }

    pub(super) fn on_the_wire(&self) -> Vec<u8> {
        let mut out = String::new();
        for line in &self.lines {
            if line.starts_with('.') {
                out.push('.');
            }
            out.push_str(line);
            out.push_str("\r\n");
        }
        out.push_str(".\r\n");
        out.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(envid: &str, line: &str) -> Option<Letter> {
        Letter::new(envid, Mailbox::parse("test@customer.example")?, vec![line.to_owned()])
    }

    #[test]
    fn a_line_that_begins_with_a_dot_does_not_end_the_message() {
        assert_eq!(letter("a1", ".").unwrap().on_the_wire(), b"..\r\n.\r\n");
    }

    #[test]
    fn nothing_but_plain_text_reaches_the_wire() {
        for (envid, line) in
            [("", "x"), ("a b", "x"), ("a\r\nDATA", "x"), ("a", "x\r\n.\r\nQUIT"), ("a", "\u{e4}"), ("a", "\0")]
        {
            assert!(letter(envid, line).is_none(), "{envid:?} {line:?}");
        }
        assert!(letter("a", &"x".repeat(999)).is_none() && letter(&"a".repeat(101), "x").is_none());
    }
}
