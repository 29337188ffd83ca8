//! Certificates for hostile servers: one authority, and leaves that are odd in one way each.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

/// What is odd about a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    None,
    WrongName,
    Expired,
    NotYetValid,
    SelfSigned,
    /// 40 intermediates that nobody asked for.
    HugeChain,
    /// 2,000 names.
    ManyNames,
    /// Control bytes and a terminal sequence in the subject.
    OddSubject,
    /// Only TLS 1.2.
    OldVersion,
    /// A client certificate is demanded, which no mail server has.
    WantsClient,
}

pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: tempfile::TempDir,
    name: String,
}

impl Authority {
    /// An authority whose leaves are for `name`.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("root.pem"), issuer.pem()).unwrap();
        Self { issuer, folder, name: name.to_owned() }
    }

    /// The file to trust the authority by.
    pub fn roots(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    /// A plain leaf and its key, for a server that is another process.
    pub fn pem(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![self.name.clone()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (leaf.pem(), key.serialize_pem())
    }

    pub fn acceptor(&self, oddity: Oddity) -> TlsAcceptor {
        self.acceptor_of(oddity, &KeyPair::generate().unwrap())
    }

    /// With a key of the caller's.
    pub fn acceptor_of(&self, oddity: Oddity, key: &KeyPair) -> TlsAcceptor {
        let names = match oddity {
            Oddity::WrongName => vec!["other.example".to_owned()],
            Oddity::ManyNames => (0..2000).map(|n| format!("host{n}.customer.example")).collect(),
            _ => vec![self.name.clone()],
        };
        let mut params = CertificateParams::new(names).unwrap();
        match oddity {
            Oddity::Expired => {
                (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(2002, 1, 1));
            }
            Oddity::NotYetValid => params.not_before = date_time_ymd(3001, 1, 1),
            Oddity::OddSubject => {
                params.distinguished_name.push(DnType::CommonName, "a\u{1b}[2J\r\nb\u{202e}c\0");
            }
            _ => {}
        }
        let leaf = match oddity {
            Oddity::SelfSigned => params.self_signed(key).unwrap(),
            _ => params.signed_by(key, &self.issuer).unwrap(),
        };
        let mut chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone()];
        if oddity == Oddity::HugeChain {
            chain.extend(std::iter::repeat_n(self.issuer.der().clone(), 40));
        }
        let versions: &[&SupportedProtocolVersion] = match oddity {
            Oddity::OldVersion => &[&rustls::version::TLS12],
            _ => rustls::ALL_VERSIONS,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
        let config = if oddity == Oddity::WantsClient {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            config.with_client_cert_verifier(clients)
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
    }
}

/// A server's side made of a file that holds certificate and key.
pub fn acceptor_from(pem: &std::path::Path) -> TlsAcceptor {
    use rustls::pki_types::pem::PemObject;
    let chain = CertificateDer::pem_file_iter(pem).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(pem).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(rustls::ALL_VERSIONS).unwrap();
    TlsAcceptor::from(Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()))
}
