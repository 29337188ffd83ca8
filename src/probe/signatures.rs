//! Signatures on certificates, verified once for the same bytes: many customers share the certificates of a
//! few platforms, and each is looked at again and again. What is remembered is only that one signature by one
//! key over one text is good, which never changes; dates, names, uses and the way to a root are judged at each
//! look, and so is the proof of each handshake that the server holds the key.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm};
use sha2::{Digest, Sha256};

/// Good signatures remembered; when there are more, all are forgotten and learnt again.
const REMEMBERED: usize = 4096;

static GOOD: LazyLock<Mutex<HashSet<[u8; 32]>>> = LazyLock::new(Mutex::default);
static REMEMBERING: LazyLock<Vec<Remembering>> =
    LazyLock::new(|| plain().all.iter().map(|a| Remembering(*a)).collect());
static ALL: LazyLock<Vec<&'static dyn SignatureVerificationAlgorithm>> =
    LazyLock::new(|| REMEMBERING.iter().map(|a| a as &dyn SignatureVerificationAlgorithm).collect());

/// The algorithms of the provider, those on certificates with a memory.
pub(super) fn remembering() -> WebPkiSupportedAlgorithms {
    WebPkiSupportedAlgorithms { all: &ALL, ..plain() }
}

fn plain() -> WebPkiSupportedAlgorithms {
    rustls::crypto::ring::default_provider().signature_verification_algorithms
}

#[derive(Debug)]
struct Remembering(&'static dyn SignatureVerificationAlgorithm);

impl SignatureVerificationAlgorithm for Remembering {
    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let name = digest([self.signature_alg_id().as_ref(), public_key, message, signature]);
        if GOOD.lock().unwrap_or_else(PoisonError::into_inner).contains(&name) {
            return Ok(());
        }
        self.0.verify_signature(public_key, message, signature)?;
        let mut good = GOOD.lock().unwrap_or_else(PoisonError::into_inner);
        if good.len() >= REMEMBERED {
            good.clear();
        }
        good.insert(name);
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }
}

/// Each part with its length, so that no two lists of parts read the same.
fn digest(parts: [&[u8]; 4]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};

    use super::*;

    fn algorithm(key: &KeyPair) -> &'static dyn SignatureVerificationAlgorithm {
        // The point alone, without its length, is what is verified with.
        assert_eq!(key.algorithm(), &PKCS_ECDSA_P256_SHA256);
        let p256 = rustls::pki_types::alg_id::ECDSA_P256;
        let sha256 = rustls::pki_types::alg_id::ECDSA_SHA256;
        *ALL.iter().find(|a| a.public_key_alg_id() == p256 && a.signature_alg_id() == sha256).unwrap()
    }

    #[test]
    fn only_the_very_signature_that_was_verified_is_remembered() {
        let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let signature = key.sign(b"a certificate").unwrap();
        let verify = |key: &KeyPair, message: &[u8], signature: &[u8]| {
            algorithm(key).verify_signature(key.der_bytes(), message, signature).is_ok()
        };
        for _ in 0..3 {
            assert!(verify(&key, b"a certificate", &signature));
            assert!(!verify(&key, b"another certificate", &signature));
            assert!(!verify(&other, b"a certificate", &signature));
            assert!(!verify(&key, b"a certificate", &other.sign(b"a certificate").unwrap()));
        }
    }
}
