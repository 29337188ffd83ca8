//! The commands of LMTP, read from one line.

use std::net::IpAddr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Lhlo,
    /// How our mail server got the message.
    XForward {
        address: Option<IpAddr>,
        helo: Option<String>,
    },
    Mail {
        sender: String,
        size: Option<usize>,
    },
    Rcpt {
        recipient: String,
    },
    Data,
    Rset,
    Noop,
    Vrfy,
    Quit,
    /// HELO and EHLO are for SMTP (RFC 2033 §4.1).
    Smtp,
    /// Known, but not written as it has to be.
    Malformed(&'static str),
    Unknown,
}

impl Command {
    pub(super) fn read(line: &[u8]) -> Self {
        let Ok(text) = std::str::from_utf8(line) else { return Self::Malformed("a command is ASCII or UTF-8") };
        if text.chars().any(char::is_control) {
            return Self::Malformed("a command has no control characters");
        }
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let rest = rest.trim();
        match verb.to_ascii_uppercase().as_str() {
            "LHLO" if rest.is_empty() => Self::Malformed("LHLO needs a name"),
            "LHLO" => Self::Lhlo,
            "XFORWARD" => xforward(rest),
            "MAIL" => mail(rest),
            "RCPT" => rcpt(rest),
            "DATA" if rest.is_empty() => Self::Data,
            "RSET" => Self::Rset,
            "NOOP" => Self::Noop,
            "VRFY" => Self::Vrfy,
            "QUIT" => Self::Quit,
            "HELO" | "EHLO" => Self::Smtp,
            _ => Self::Unknown,
        }
    }
}

fn mail(rest: &str) -> Command {
    let Some((sender, parameters)) = path(rest, "FROM:") else {
        return Command::Malformed("write MAIL FROM:<address>");
    };
    let mut size = None;
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            "SIZE" => match value.parse() {
                Ok(bytes) => size = Some(bytes),
                Err(_) => return Command::Malformed("SIZE is a number of bytes"),
            },
            "BODY" | "SMTPUTF8" | "RET" | "ENVID" => {}
            _ => return Command::Malformed("a parameter is not known here"),
        }
    }
    Command::Mail { sender: sender.to_lowercase(), size }
}

fn rcpt(rest: &str) -> Command {
    match path(rest, "TO:") {
        Some((recipient, _)) if !recipient.is_empty() => Command::Rcpt { recipient: recipient.to_lowercase() },
        _ => Command::Malformed("write RCPT TO:<address>"),
    }
}

/// The address between the brackets, and what follows.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let start = rest.get(..keyword.len()).filter(|start| start.eq_ignore_ascii_case(keyword))?;
    let inside = rest.get(start.len()..)?.trim_start().strip_prefix('<')?;
    let (address, parameters) = inside.split_once('>')?;
    (address.len() <= 254 && !address.contains([' ', '<'])).then_some((address, parameters))
}

/// Attributes are names and values in xtext; `[UNAVAILABLE]` stands for what is not known.
fn xforward(rest: &str) -> Command {
    let (mut address, mut helo) = (None, None);
    for attribute in rest.split_ascii_whitespace().take(20) {
        let Some((name, value)) = attribute.split_once('=') else { return Command::Malformed("write NAME=VALUE") };
        let known = !value.eq_ignore_ascii_case("[UNAVAILABLE]");
        match name.to_ascii_uppercase().as_str() {
            "ADDR" => {
                address = value.strip_prefix("IPV6:").or(value.strip_prefix("ipv6:")).unwrap_or(value).parse().ok();
            }
            "HELO" if known => helo = Some(value.chars().take(253).collect()),
            _ => {}
        }
    }
    Command::XForward { address, helo }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_as_postfix_sends_them() {
        let rows = [
            ("LHLO mx.example", Command::Lhlo),
            ("lhlo", Command::Malformed("LHLO needs a name")),
            ("EHLO mx.example", Command::Smtp),
            ("MAIL FROM:<>", Command::Mail { sender: String::new(), size: None }),
            (
                "MAIL FROM:<A@b.example> SIZE=120 BODY=8BITMIME",
                Command::Mail { sender: "a@b.example".to_owned(), size: Some(120) },
            ),
            ("mail from: <a@b.example>", Command::Mail { sender: "a@b.example".to_owned(), size: None }),
            ("MAIL FROM:a@b.example", Command::Malformed("write MAIL FROM:<address>")),
            ("RCPT TO:<x@y.example>", Command::Rcpt { recipient: "x@y.example".to_owned() }),
            ("RCPT TO:<>", Command::Malformed("write RCPT TO:<address>")),
            ("DATA", Command::Data),
            ("DATA x", Command::Unknown),
            ("BDAT 3", Command::Unknown),
            (
                "XFORWARD NAME=mx.example ADDR=192.0.2.7 HELO=mx.example",
                Command::XForward { address: Some([192, 0, 2, 7].into()), helo: Some("mx.example".to_owned()) },
            ),
            (
                "XFORWARD NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 HELO=[UNAVAILABLE]",
                Command::XForward { address: Some("2001:db8::1".parse().unwrap()), helo: None },
            ),
        ];
        for (line, expected) in rows {
            assert_eq!(Command::read(line.as_bytes()), expected, "{line}");
        }
        assert!(matches!(Command::read(b"MAIL FROM:<a\x00@b>"), Command::Malformed(_)));
        assert!(matches!(Command::read(b"MAIL FROM:<\xff@b>"), Command::Malformed(_)));
    }

    proptest! {
        #[test]
        fn no_line_breaks_it(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::read(&line);
        }
    }
}
