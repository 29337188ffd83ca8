//! Trusted roots, and two ways to use them: strictly for policy files, and recording for mail servers,
//! where the handshake takes any certificate so that a bad one can be described. Describes, never judges.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use fencepost_checks::observation::TlsFacts;
use fencepost_checks::observation::smtp::CertificateDigests;
use jiff::Timestamp;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256, Sha512};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{ProbeSetupError, escape, signatures};

const MAX_NAMES: usize = 50;
const MAX_ISSUERS: usize = 5;
const MAX_CHARS: usize = 256;

/// The public roots and those of `probe.extra_roots`.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    verifier: Arc<WebPkiServerVerifier>,
    /// Everything of a recording configuration but the recorder.
    opportunistic: ClientConfig,
}

impl Trust {
    pub(super) fn new(extra_roots: Option<&Path>) -> Result<Self, ProbeSetupError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        if let Some(path) = extra_roots {
            add_file(&mut roots, path)
                .map_err(|why| ProbeSetupError::ExtraRoots(format!("{}: {why}", path.display())))?;
        }
        let roots = Arc::new(roots);
        let with_memory =
            CryptoProvider { signature_verification_algorithms: signatures::remembering(), ..(*provider).clone() };
        let verifier = WebPkiServerVerifier::builder_with_provider(roots.clone(), Arc::new(with_memory))
            .build()
            .map_err(|error| ProbeSetupError::Tls(error.to_string()))?;
        let mut opportunistic = strict(&provider, &roots).map_err(|e| ProbeSetupError::Tls(e.to_string()))?;
        // Every handshake shows the whole certificate; a resumed one would show none.
        opportunistic.resumption = rustls::client::Resumption::disabled();
        Ok(Self { provider, roots, verifier, opportunistic })
    }

    /// For HTTPS: nothing but a valid certificate is accepted.
    pub(super) fn strict(&self) -> Result<ClientConfig, Error> {
        strict(&self.provider, &self.roots)
    }

    /// For one opportunistic handshake: accepts any certificate and keeps what was shown.
    pub(super) fn recording(&self) -> (Arc<ClientConfig>, Arc<Recorder>) {
        let recorder = Arc::new(Recorder { verifier: self.verifier.clone(), seen: Mutex::new(None) });
        let mut config = self.opportunistic.clone();
        config.dangerous().set_certificate_verifier(recorder.clone());
        (Arc::new(config), recorder)
    }
}

fn strict(provider: &Arc<CryptoProvider>, roots: &Arc<RootCertStore>) -> Result<ClientConfig, Error> {
    Ok(ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots.clone())
        .with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| format!("cannot be read: {e}"))?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|e| format!("is not PEM: {e}"))?;
        roots.add(certificate).map_err(|e| format!("holds a certificate that is no usable root: {e}"))?;
    }
    if roots.len() == before { Err("holds no certificate".to_owned()) } else { Ok(()) }
}

/// Stands in for verification and remembers what verification would have said.
#[derive(Debug)]
pub(super) struct Recorder {
    verifier: Arc<WebPkiServerVerifier>,
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug, Clone)]
struct Seen {
    certificate: CertificateDer<'static>,
    /// As sent, at most [`MAX_ISSUERS`].
    issuers: Vec<CertificateDer<'static>>,
    name_matches: bool,
    chain_error: Option<String>,
}

impl Recorder {
    /// The facts of a finished handshake; `None` when no certificate was shown.
    pub(super) fn facts(&self, session: &ClientConnection, digests: bool) -> Option<TlsFacts> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let mut facts = describe(&seen.certificate);
        facts.version = match session.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
            other => format!("{other:?}"),
        };
        facts.cipher = session.negotiated_cipher_suite().map_or_else(String::new, |s| format!("{:?}", s.suite()));
        facts.name_matches = seen.name_matches;
        facts.chain_error = seen.chain_error;
        if digests {
            facts.chain = std::iter::once(&seen.certificate).chain(&seen.issuers).filter_map(digest).collect();
        }
        Some(facts)
    }

    fn note_signature(&self, outcome: Result<HandshakeSignatureValid, Error>) {
        if let Err(error) = outcome
            && let Some(seen) = self.seen.lock().unwrap_or_else(PoisonError::into_inner).as_mut()
        {
            seen.chain_error.get_or_insert(format!("the server did not prove that it holds the key: {error}"));
        }
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The chain is verified before the name, so an error about the name means a sound chain, and an
        // error about the chain leaves the name to be looked at.
        let chain = self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let (name_matches, chain_error) = match chain {
            Ok(_) => (true, None),
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => (false, None),
            Err(error) => {
                let name_matches = ParsedCertificate::try_from(end_entity)
                    .is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, server_name).is_ok());
                (name_matches, Some(in_words(&error)))
            }
        };
        let issuers = intermediates.iter().take(MAX_ISSUERS).map(|c| c.clone().into_owned()).collect();
        let seen = Seen { certificate: end_entity.clone().into_owned(), issuers, name_matches, chain_error };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note_signature(self.verifier.verify_tls12_signature(message, cert, dss));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.note_signature(self.verifier.verify_tls13_signature(message, cert, dss));
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Why a handshake failed; old versions are named as such, because they have a remedy of their own.
pub(super) fn failure(error: &std::io::Error) -> String {
    use rustls::PeerIncompatible::{ServerDoesNotSupportTls12Or13, ServerTlsVersionIsDisabledByOurConfig};
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::PeerIncompatible(ServerDoesNotSupportTls12Or13 | ServerTlsVersionIsDisabledByOurConfig)) => {
            "unsupported protocol version: neither TLS 1.2 nor 1.3".to_owned()
        }
        _ => error.to_string(),
    }
}

fn in_words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the certificate has expired".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "the certificate is not valid yet".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the chain does not lead to a trusted root (self-signed, or an intermediate is missing)".to_owned()
        }
        other => escape::text(&other.to_string(), MAX_CHARS),
    }
}

/// What TLSA records are compared with (RFC 6698 §2.1); `None` for bytes that are no certificate.
fn digest(certificate: &CertificateDer<'_>) -> Option<CertificateDigests> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let key = parsed.tbs_certificate.subject_pki.raw;
    Some(CertificateDigests {
        certificate_sha256: hex::encode(Sha256::digest(certificate)),
        certificate_sha512: hex::encode(Sha512::digest(certificate)),
        key_sha256: hex::encode(Sha256::digest(key)),
        key_sha512: hex::encode(Sha512::digest(key)),
    })
}

/// What the certificate says of itself. One that cannot be parsed gives empty fields.
fn describe(certificate: &CertificateDer<'_>) -> TlsFacts {
    let mut facts = TlsFacts {
        version: String::new(),
        cipher: String::new(),
        subject: String::new(),
        names: Vec::new(),
        issuer: String::new(),
        not_before: Timestamp::UNIX_EPOCH,
        not_after: Timestamp::UNIX_EPOCH,
        name_matches: false,
        chain_error: None,
        chain: Vec::new(),
    };
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return facts };
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or_default();
    facts.subject = escape::text(&parsed.subject().to_string(), MAX_CHARS);
    facts.issuer = escape::text(&parsed.issuer().to_string(), MAX_CHARS);
    facts.not_before = at(parsed.validity().not_before);
    facts.not_after = at(parsed.validity().not_after);
    if let Ok(Some(names)) = parsed.subject_alternative_name() {
        facts.names = names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(dns) => Some(escape::text(dns, MAX_CHARS)),
                _ => None,
            })
            .take(MAX_NAMES)
            .collect();
    }
    facts
}
