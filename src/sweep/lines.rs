//! Domains from a text, one a line, as a stream: the file is never in memory. Empty lines and what follows `#`
//! count for nothing; what is no domain name is told with the number of its line.

use std::io::{self, BufRead, Read};

use fencepost_checks::{DomainName, escape};

/// Longest line, bytes. A domain name has at most 253.
const LONGEST: u64 = 1_024;

/// A text of domains.
pub struct Lines<R> {
    text: R,
    /// Number of the line read last, from 1.
    line: u64,
    /// Bytes read.
    offset: u64,
    buffer: Vec<u8>,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Domain(DomainName),
    /// Nothing but space or a remark.
    Empty,
    /// In words, harmless for a terminal.
    Bad(String),
}

impl<R: BufRead> Lines<R> {
    /// Begins after `line` lines and `offset` bytes, to which `text` has been moved already.
    pub fn after(text: R, line: u64, offset: u64) -> Self {
        Self { text, line, offset, buffer: Vec::new() }
    }

    /// Number of the line read last, from 1.
    pub fn number(&self) -> u64 {
        self.line
    }

    /// Bytes up to the end of that line.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// The text cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        self.buffer.clear();
        let read = (&mut self.text).take(LONGEST).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        self.offset += read as u64;
        if read as u64 == LONGEST && self.buffer.last() != Some(&b'\n') {
            self.skip_rest()?;
            return Ok(Some(Line::Bad(format!("the line is longer than {LONGEST} bytes"))));
        }
        Ok(Some(parse(&self.buffer)))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let piece = self.text.fill_buf()?;
            let (length, ends) = match piece.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (piece.len(), piece.is_empty()),
            };
            self.text.consume(length);
            self.offset += length as u64;
            if ends {
                return Ok(());
            }
        }
    }
}

fn parse(line: &[u8]) -> Line {
    let Ok(text) = std::str::from_utf8(line) else { return Line::Bad("the line is no UTF-8 text".to_owned()) };
    // A byte order mark stands at the beginning of files of some editors.
    let text = text.trim_start_matches('\u{feff}').split('#').next().unwrap_or_default().trim();
    if text.is_empty() {
        return Line::Empty;
    }
    match DomainName::parse(text) {
        Ok(domain) => Line::Domain(domain),
        Err(error) => Line::Bad(escape::clean(&error.to_string(), 300)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(u64, Line)> {
        let mut lines = Lines::after(text, 0, 0);
        let mut all = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            all.push((lines.number(), line));
        }
        assert_eq!(lines.offset(), text.len() as u64);
        all
    }

    #[test]
    fn a_domain_a_line() {
        let text = "\u{feff}Customer.Example.\r\n\n# a remark\n  ääkkönen.fi  # ours\nlast.example";
        let domain = |name: &str| Line::Domain(DomainName::parse(name).unwrap());
        let expected = [
            (1, domain("customer.example")),
            (2, Line::Empty),
            (3, Line::Empty),
            (4, domain("xn--kknen-fraa0m.fi")),
            (5, domain("last.example")),
        ];
        assert_eq!(all(text.as_bytes()), expected);
    }

    #[test]
    fn what_is_no_domain_is_told_with_its_line() {
        let long = "a".repeat(5_000);
        let text = [b"a b.example\n192.0.2.1\n\xff\xfe\n", long.as_bytes(), b"\ngood.example\n"].concat();
        let lines = all(&text);
        assert!(lines[..4].iter().all(|(_, line)| matches!(line, Line::Bad(_))), "{lines:?}");
        assert_eq!(lines[4], (5, Line::Domain(DomainName::parse("good.example").unwrap())));
    }
}
