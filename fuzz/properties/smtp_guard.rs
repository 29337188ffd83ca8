//! What must hold of the guard's intake whatever an SMTP server sends: replies are well-formed for the
//! parser behind it, bounded and harmless, and do not depend on where the network cut the packets.

use std::str::FromStr;

use async_smtp::response::Response;
use fencepost_checks::escape::is_harmful;
use fencepost_checks::observation::SmtpReply;

use super::intake::{Fault, Intake};
use super::reply::well_formed;
use super::transcript::Transcript;

/// One read of the guard.
const READ: usize = 4096;
/// A line that has not ended is given up beyond this.
const LINE: usize = 2048;

/// The first byte is the size of the packets, the second says how often the rest comes.
pub fn check(data: &[u8]) {
    let Some((&[size, times], rest)) = data.split_first_chunk::<2>() else { return };
    let wire = rest.repeat(usize::from(times % 64) + 1);
    let whole = converse(&wire, READ);
    let pieces = converse(&wire, 1 + usize::from(size));
    for (one, other) in whole.replies.iter().zip(&pieces.replies) {
        assert_eq!(one, other, "the packets decide what the reply is");
    }
    // Only how much of a flood was looked at may depend on the packets.
    if ![&whole, &pieces].iter().any(|seen| seen.flood) {
        assert_eq!(whole.replies.len(), pieces.replies.len(), "{:?} {:?}", whole.fault, pieces.fault);
        assert_eq!(whole.fault, pieces.fault);
    }
}

struct Seen {
    replies: Vec<SmtpReply>,
    fault: Option<Fault>,
    flood: bool,
}

fn converse(wire: &[u8], read: usize) -> Seen {
    let mut intake = Intake::default();
    let mut transcript = Transcript::default();
    let mut seen = Seen { replies: Vec::new(), fault: None, flood: false };
    'dialogue: for packet in wire.chunks(read) {
        if let Err(fault) = intake.push(packet) {
            seen.flood = true;
            seen.fault = Some(fault);
            break;
        }
        loop {
            match intake.next_reply(&mut transcript) {
                Ok(Some(reply)) => {
                    sound(&reply);
                    seen.replies.push(reply);
                }
                Ok(None) => break,
                Err(fault) => {
                    seen.fault = Some(fault);
                    break 'dialogue;
                }
            }
        }
        assert!(intake.rest().len() <= LINE, "{} bytes wait for a line end", intake.rest().len());
    }
    if seen.fault.is_none() {
        seen.fault = Some(intake.ended(Fault::Closed, &mut transcript));
        assert!(intake.rest().is_empty());
    }
    if let Some(Fault::Protocol { detail, .. } | Fault::Tls(detail)) = &seen.fault {
        harmless(detail, 600);
    }
    let kept = transcript.take();
    assert!(kept.len() <= 301);
    for line in kept {
        harmless(&line, 520);
    }
    seen
}

fn sound(reply: &SmtpReply) {
    assert!((200..600).contains(&reply.code), "{reply:?}");
    assert!((1..=100).contains(&reply.lines.len()));
    for line in &reply.lines {
        harmless(line, 513);
    }
    if let Some(enhanced) = &reply.enhanced {
        let parts: Vec<&str> = enhanced.split('.').collect();
        assert!(parts.len() == 3 && parts.iter().all(|p| p.parse::<u16>().is_ok_and(|n| n < 1000)), "{enhanced}");
    }
    let bytes = well_formed(reply);
    let text = String::from_utf8(bytes).expect("text");
    let lines: Vec<&str> = text.strip_suffix("\r\n").expect("a line end").split("\r\n").collect();
    assert_eq!(lines.len(), reply.lines.len());
    for (index, line) in lines.iter().enumerate() {
        let last = index + 1 == lines.len();
        assert_eq!(line.as_bytes().get(3), Some(if last { &b' ' } else { &b'-' }), "{line:?}");
        assert_eq!(line.as_bytes().first(), text.as_bytes().first(), "one class for all lines");
        harmless(line, 520);
    }
    let parsed = Response::from_str(&text).expect("the parser behind the guard takes it");
    assert_eq!(parsed.is_positive(), (200..400).contains(&reply.code), "{reply:?}");
    assert_eq!(parsed.message.len(), reply.lines.len());
}

fn harmless(text: &str, limit: usize) {
    assert!(text.chars().count() <= limit, "{} characters", text.chars().count());
    assert!(!text.chars().any(is_harmful), "{text:?}");
}
