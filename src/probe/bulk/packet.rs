//! Questions as bytes, and whether bytes are an answer to one. Of an answer only the header and the
//! question are looked at here: what it says is read later, once, by whoever asked.

/// Bytes of a DNS header (RFC 1035 §4.1.1).
pub(super) const HEADER: usize = 12;
/// Longest question that is sent: header, name, type and class. Nothing else goes along, so that no server
/// refuses the question for an option that it does not know.
pub(super) const LONGEST: usize = HEADER + 255 + 4;
const MX: u16 = 15;
const INTERNET: u16 = 1;

/// What the packet of somebody who knows the id turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// An answer (NOERROR or NXDOMAIN).
    Answer,
    /// It did not fit.
    Truncated,
    /// The server says that it cannot or will not (SERVFAIL, REFUSED, FORMERR, …).
    Refusal,
    /// No DNS message in answer to a query.
    NoAnswer,
    /// Answers a question that was not asked.
    OtherQuestion,
}

/// Writes the question for the MX of a name, with recursion desired. The id is set when it is sent.
///
/// `name` is lower-case text without the trailing dot. `false`, and nothing that may be sent, where it is
/// no legal name.
pub(crate) fn write_mx_question(packet: &mut Vec<u8>, name: &str) -> bool {
    packet.clear();
    packet.extend_from_slice(&[0, 0, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        match u8::try_from(label.len()) {
            Ok(length @ 1..=63) => packet.push(length),
            _ => return false,
        }
        packet.extend_from_slice(label.as_bytes());
    }
    packet.push(0);
    packet.extend_from_slice(&MX.to_be_bytes());
    packet.extend_from_slice(&INTERNET.to_be_bytes());
    packet.len() <= LONGEST
}

/// The id of a message, `None` where there is not even one.
pub(super) fn id(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk::<2>().map(|id| u16::from_be_bytes(*id))
}

pub(super) fn set_id(packet: &mut [u8], id: u16) {
    if let Some(place) = packet.first_chunk_mut::<2>() {
        *place = id.to_be_bytes();
    }
}

/// Holds bytes against the packet that they are said to answer.
pub(super) fn read(asked: &[u8], bytes: &[u8]) -> Reply {
    let (Some(header), Some(question)) = (bytes.first_chunk::<HEADER>(), asked.get(HEADER..)) else {
        return Reply::NoAnswer;
    };
    let [_, _, high, low, q0, q1, ..] = *header;
    // QR set, opcode QUERY.
    if high & 0xf8 != 0x80 {
        return Reply::NoAnswer;
    }
    let rcode = low & 0x0f;
    let failed = !matches!(rcode, 0 | 3);
    match u16::from_be_bytes([q0, q1]) {
        1 if same_question(question, &bytes[HEADER..]) => {}
        // A server that could not read the question may leave it out.
        0 if failed => return Reply::Refusal,
        _ => return Reply::OtherQuestion,
    }
    if failed {
        Reply::Refusal
    } else if high & 0x02 != 0 {
        Reply::Truncated
    } else {
        Reply::Answer
    }
}

/// Names are equal whatever the case of their letters (RFC 4343); type and class are numbers.
fn same_question(asked: &[u8], bytes: &[u8]) -> bool {
    let Some((name, numbers)) = asked.split_last_chunk::<4>() else { return false };
    let Some(said) = bytes.get(..asked.len()).and_then(<[u8]>::split_last_chunk::<4>) else { return false };
    // The lengths of labels are below the letters, so that they are compared as they are.
    said.0.eq_ignore_ascii_case(name) && said.1 == numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str) -> Vec<u8> {
        let mut packet = Vec::new();
        assert!(write_mx_question(&mut packet, name), "{name}");
        set_id(&mut packet, 0x1234);
        packet
    }

    fn answer(name: &str, high: u8, low: u8) -> Vec<u8> {
        let mut packet = asked(name);
        packet[2] = high;
        packet[3] = low;
        packet
    }

    #[test]
    fn the_question_is_one_that_others_read() {
        use hickory_proto::op::{Message, MessageType, OpCode};
        use hickory_proto::rr::{DNSClass, RecordType};
        let message = Message::from_vec(&asked("mail.customer.example")).unwrap();
        assert_eq!((message.metadata.id, message.metadata.message_type), (0x1234, MessageType::Query));
        assert!(message.metadata.recursion_desired && message.metadata.op_code == OpCode::Query);
        let [query] = &message.queries[..] else { panic!("{message}") };
        assert_eq!(query.name().to_string(), "mail.customer.example.");
        assert_eq!((query.query_type(), query.query_class()), (RecordType::MX, DNSClass::IN));
    }

    #[test]
    fn what_is_no_name_is_not_asked() {
        let mut packet = Vec::new();
        for bad in ["", "a..b", ".", &"a".repeat(64), &["a".repeat(60).as_str(); 5].join(".")] {
            assert!(!write_mx_question(&mut packet, bad), "{bad}");
        }
    }

    #[test]
    fn letters_may_come_back_in_another_case_and_nothing_else_may_differ() {
        let question = asked("customer.example");
        assert_eq!(read(&question, &answer("CUSTOMER.exaMple", 0x84, 0)), Reply::Answer);
        assert_eq!(read(&question, &answer("customer.examplf", 0x84, 0)), Reply::OtherQuestion);
        assert_eq!(read(&question, &answer("customer.example.x", 0x84, 0)), Reply::OtherQuestion);
        let mut other_type = answer("customer.example", 0x84, 0);
        let end = other_type.len();
        other_type[end - 3] = 1;
        assert_eq!(read(&question, &other_type), Reply::OtherQuestion);
        for cut in 0..end {
            let said = read(&question, &answer("customer.example", 0x84, 0)[..cut]);
            assert!(matches!(said, Reply::NoAnswer | Reply::OtherQuestion), "{cut}: {said:?}");
        }
    }

    #[test]
    fn the_header_says_what_it_is() {
        let question = asked("customer.example");
        let read = |high, low| read(&question, &answer("customer.example", high, low));
        assert_eq!(read(0x84, 3), Reply::Answer);
        assert_eq!(read(0x86, 0), Reply::Truncated);
        assert_eq!(read(0x80, 2), Reply::Refusal);
        assert_eq!(read(0x80, 5), Reply::Refusal);
        assert_eq!(read(0x01, 0), Reply::NoAnswer, "a query");
        assert_eq!(read(0xa8, 0), Reply::NoAnswer, "another opcode");
    }

    #[test]
    fn without_a_question_only_a_refusal_counts() {
        let question = asked("customer.example");
        let without = |low| [0x12, 0x34, 0x80, low, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&question, &without(1)), Reply::Refusal);
        assert_eq!(read(&question, &without(0)), Reply::OtherQuestion);
        assert_eq!(read(&question, &without(3)), Reply::OtherQuestion);
    }
}
