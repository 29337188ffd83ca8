//! What an ID token says, believed only when a key of the provider signed it, for this client, for this attempt, and
//! not too long ago (OpenID Connect Core 1.0 §3.1.3.7). Pure: no clock, no network.
//!
//! Only public-key signatures count. `none`, and the client's secret as a key, are not even known here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

use super::OpenIdError;

/// Seconds by which the clocks of provider and service may differ.
const SKEW: i64 = 60;
/// A token that was made longer ago was not made for this attempt.
const OLDEST: i64 = 600;
const LONGEST: usize = 32 << 10;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a str,
    pub(super) now: Timestamp,
}

/// The keys of a provider (RFC 7517).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

/// Members of other kinds of keys are not looked at.
#[derive(Debug, Clone, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that must be understood (RFC 7515 §4.1.11); none is here.
    crit: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
    email: Option<String>,
    email_verified: Option<Truth>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Some providers write it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Truth {
    Plain(bool),
    Text(String),
}

impl Keys {
    pub(super) fn has(&self, id: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref() == Some(id))
    }
}

/// The id of the key that a token says it is signed with.
pub(super) fn key_id(token: &str) -> Result<Option<String>, OpenIdError> {
    Ok(parts(token)?.header.kid)
}

/// The address of a token that is to be believed.
pub(super) fn verified_address(token: &str, keys: &Keys, expected: &Expected<'_>) -> Result<String, OpenIdError> {
    let parts = parts(token)?;
    if parts.header.crit.is_some() {
        return refuse("it wants extensions to be understood");
    }
    let fits = |key: &&Key| {
        key.r#use.as_deref().is_none_or(|purpose| purpose == "sig")
            && key.alg.as_deref().is_none_or(|alg| alg == parts.header.alg)
            && parts.header.kid.as_deref().is_none_or(|id| key.kid.as_deref() == Some(id))
    };
    let signed = keys.keys.iter().filter(fits).any(|key| verifies(key, &parts));
    if !signed {
        return refuse("no key of the provider has signed it");
    }
    let claims: Claims =
        serde_json::from_slice(&parts.claims).map_err(|error| OpenIdError::Refused(format!("its claims: {error}")))?;
    judge(claims, expected)
}

fn judge(claims: Claims, expected: &Expected<'_>) -> Result<String, OpenIdError> {
    let now = expected.now.as_second();
    let (for_us, several) = match &claims.aud {
        Audience::One(one) => (one == expected.client_id, false),
        Audience::Several(all) => (all.iter().any(|one| one == expected.client_id), all.len() > 1),
    };
    let party = claims.azp.as_deref();
    if claims.iss != expected.issuer {
        return refuse("it is of another issuer");
    }
    if !for_us || party.is_some_and(|party| party != expected.client_id) || (several && party.is_none()) {
        return refuse("it is for another client");
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return refuse("its nonce is not that of this attempt");
    }
    if now >= claims.exp.saturating_add(SKEW) || now > claims.iat.saturating_add(OLDEST) {
        return refuse("it has expired");
    }
    if claims.iat.saturating_sub(SKEW) > now || claims.nbf.is_some_and(|from| from.saturating_sub(SKEW) > now) {
        return refuse("it is not yet in force");
    }
    let verified = match &claims.email_verified {
        Some(Truth::Plain(truth)) => *truth,
        Some(Truth::Text(text)) => text == "true",
        None => false,
    };
    match claims.email.filter(|_| verified) {
        Some(email) => Ok(email),
        None => refuse("it names no address that the provider has verified"),
    }
}

struct Parts<'a> {
    header: Header,
    claims: Vec<u8>,
    signature: Vec<u8>,
    signed: &'a [u8],
}

fn parts(token: &str) -> Result<Parts<'_>, OpenIdError> {
    let malformed = || OpenIdError::Refused("it is no signed token".to_owned());
    if token.len() > LONGEST {
        return Err(malformed());
    }
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed());
    Ok(Parts {
        header: serde_json::from_slice(&decoded(header)?).map_err(|_| malformed())?,
        claims: decoded(claims)?,
        signature: decoded(signature)?,
        signed: signed.as_bytes(),
    })
}

/// Whether the key made the signature, by the one algorithm that the header names and the key is for.
fn verifies(key: &Key, parts: &Parts<'_>) -> bool {
    let rsa = match parts.header.alg.as_str() {
        "RS256" => Some(&RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Some(&RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Some(&RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Some(&RSA_PSS_2048_8192_SHA256),
        _ => None,
    };
    let bytes = |text: &Option<String>| text.as_deref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    if let Some(algorithm) = rsa {
        let (Some(n), Some(e)) = (bytes(&key.n), bytes(&key.e)) else { return false };
        let public = RsaPublicKeyComponents { n, e };
        return key.kty == "RSA" && public.verify(algorithm, parts.signed, &parts.signature).is_ok();
    }
    let (Some(x), y) = (bytes(&key.x), bytes(&key.y)) else { return false };
    let curve = (key.kty.as_str(), key.crv.as_deref());
    match (parts.header.alg.as_str(), curve, y) {
        ("ES256", ("EC", Some("P-256")), Some(y)) if x.len() == 32 && y.len() == 32 => {
            let point = [&[4], x.as_slice(), &y].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(parts.signed, &parts.signature).is_ok()
        }
        ("ES384", ("EC", Some("P-384")), Some(y)) if x.len() == 48 && y.len() == 48 => {
            let point = [&[4], x.as_slice(), &y].concat();
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(parts.signed, &parts.signature).is_ok()
        }
        ("EdDSA", ("OKP", Some("Ed25519")), _) => {
            UnparsedPublicKey::new(&ED25519, x).verify(parts.signed, &parts.signature).is_ok()
        }
        _ => false,
    }
}

fn refuse<T>(why: &str) -> Result<T, OpenIdError> {
    Err(OpenIdError::Refused(why.to_owned()))
}
