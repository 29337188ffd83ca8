//! Bearer tokens: `fp_<id>_<secret>`. The secret is shown once when it is made; stored is only the
//! SHA-256 of the whole token. Nothing here prints or logs a token.

use std::fmt;

use sha2::{Digest, Sha256};

const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// A token as its holder has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    id: String,
}

impl Token {
    /// A new token from the system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let id = hex::encode(rand::random::<[u8; ID_BYTES]>());
        let secret = hex::encode(rand::random::<[u8; SECRET_BYTES]>());
        Self { text: format!("fp_{id}_{secret}"), id }
    }

    /// Reads what somebody presents; `None` for anything that is not of this form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("fp_")?.split_once('_')?;
        let is_hex = |part: &str, bytes: usize| {
            part.len() == bytes * 2 && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_hex(id, ID_BYTES) && is_hex(secret, SECRET_BYTES))
            .then(|| Self { text: text.to_owned(), id: id.to_owned() })
    }

    /// The public part: names the token in lists, logs and histories.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is stored: SHA-256 of the whole token. 256 random bits need no slow hash.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The whole token, for its holder's eyes only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(fp_{}_…)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_token_is_read_back_and_never_shown_by_debug() {
        let token = Token::generate();
        assert_eq!(Token::parse(token.reveal()).unwrap(), token);
        assert!(!format!("{token:?}").contains(&token.reveal()[16..]));
        assert_ne!(token.hash(), Token::generate().hash());
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let good = Token::generate().reveal().to_owned();
        for bad in ["", "fp_", "fp_1_2", &good[1..], &format!("{good}0"), &good.to_uppercase(), &good.replace('_', "-")]
        {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
