//! The laboratory's certificate authority. Its PEM is what `probe.extra_roots` names; every mail
//! server, gateway host and policy server gets a certificate of its own from it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::error::{LabResult, While};

/// Valid long enough for any virtual time that a demonstration may show.
const NOT_BEFORE: (i32, u8, u8) = (2020, 1, 1);
const NOT_AFTER: (i32, u8, u8) = (2049, 12, 31);

/// Issues certificates; its key lives in memory only.
pub struct CertificateAuthority(CertifiedIssuer<'static, KeyPair>);

impl CertificateAuthority {
    /// # Errors
    /// When the system gives no randomness for a key.
    pub fn new() -> LabResult<Self> {
        let what = "making the certificate authority of the laboratory";
        let mut params = dated(CertificateParams::default());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "fencepost demonstration CA");
        let key = KeyPair::generate().during(what)?;
        CertifiedIssuer::self_signed(params, key).during(what).map(Self)
    }

    /// The root certificate, for `probe.extra_roots`.
    #[must_use]
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A TLS acceptor with a certificate for these names.
    ///
    /// # Errors
    /// When a name is no host name.
    pub fn acceptor(&self, names: &[&str]) -> LabResult<TlsAcceptor> {
        let what = format!("issuing a certificate for {}", names.join(", "));
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = dated(CertificateParams::new(names.clone()).during(&what)?);
        params.distinguished_name.push(DnType::CommonName, names.first().cloned().unwrap_or_default());
        let key = KeyPair::generate().during(&what)?;
        let certificate = params.signed_by(&key, &self.0).during(&what)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .during(&what)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .during(&what)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn dated(mut params: CertificateParams) -> CertificateParams {
    params.not_before = rcgen::date_time_ymd(NOT_BEFORE.0, NOT_BEFORE.1, NOT_BEFORE.2);
    params.not_after = rcgen::date_time_ymd(NOT_AFTER.0, NOT_AFTER.1, NOT_AFTER.2);
    params
}
