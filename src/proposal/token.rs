//! The token in a subject that finds the customer: its id, written so that mail programs leave it
//! alone. It finds, and allows nothing.

use uuid::Uuid;

const OPENING: &str = "[fp-";
/// Of Crockford: without letters that look like others.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: usize = 26;

/// `[FP-…]` for a subject; `None` for a customer whose id is no UUID.
#[must_use]
pub fn subject_token(customer_id: &str) -> Option<String> {
    let id = Uuid::try_parse(customer_id).ok()?.as_u128();
    let digit = |at: usize| ALPHABET.get(usize::try_from((id >> (5 * (LENGTH - 1 - at))) & 31).unwrap_or(0)).copied();
    let digits: Option<Vec<u8>> = (0..LENGTH).map(digit).collect();
    Some(format!("[FP-{}]", String::from_utf8(digits?).ok()?.to_ascii_uppercase()))
}

/// The customers that a subject names, by id, each once. More than one names nobody for certain.
#[must_use]
pub fn find(subject: &str) -> Vec<String> {
    let mut found = Vec::new();
    // Folding may have put blanks into it.
    let lower: String =
        subject.chars().filter(|c| !c.is_whitespace()).take(2_000).collect::<String>().to_ascii_lowercase();
    for (at, _) in lower.match_indices(OPENING) {
        let rest = lower.get(at + OPENING.len()..).unwrap_or_default();
        let Some(id) = rest.split(']').next().and_then(read) else { continue };
        let id = Uuid::from_u128(id).to_string();
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

fn read(digits: &str) -> Option<u128> {
    if digits.len() != LENGTH {
        return None;
    }
    let mut id: u128 = 0;
    for byte in digits.bytes() {
        // What a person would type for a digit that looks like it.
        let byte = match byte {
            b'o' => b'0',
            b'i' | b'l' => b'1',
            other => other,
        };
        let value = ALPHABET.iter().position(|letter| *letter == byte)?;
        // 26 letters hold 130 bits, an id has 128.
        id = id.checked_mul(32)?.checked_add(u128::try_from(value).ok()?)?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_token_finds_its_customer_whatever_mail_programs_do(id in any::<u128>(), before in "\\PC{0,40}", upper in any::<bool>()) {
            prop_assume!(!before.to_ascii_lowercase().contains("[fp"));
            let id = Uuid::from_u128(id).to_string();
            let token = subject_token(&id).unwrap();
            let token = if upper { token } else { token.to_lowercase() };
            let (start, end) = token.split_at(9);
            for subject in [format!("{before} {token}"), format!("Re: {before}{token} x"), format!("{start}\r\n {end}")] {
                prop_assert_eq!(find(&subject), std::slice::from_ref(&id));
            }
        }

        #[test]
        fn no_subject_breaks_it(subject in "\\PC{0,200}") {
            let _ = find(&subject);
        }
    }

    #[test]
    fn what_is_no_token_finds_nobody() {
        for subject in ["", "[FP-]", "[FP-0]", "[FP-zzzzzzzzzzzzzzzzzzzzzzzzzz]", "FP-01ARZ3NDEKTSV4RRFFQ69G5FAV"] {
            assert!(find(subject).is_empty(), "{subject}");
        }
        assert_eq!(subject_token("k1"), None);
        let two = format!(
            "{} {}",
            subject_token(&Uuid::from_u128(1).to_string()).unwrap(),
            subject_token(&Uuid::from_u128(2).to_string()).unwrap()
        );
        assert_eq!(find(&two).len(), 2);
    }
}
