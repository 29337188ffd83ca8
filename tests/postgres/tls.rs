//! TLS to the server: `sslmode=verify-full` connects to the server that an authority of one's own vouches
//! for, and to nobody else: not with another authority, not under another name, not without TLS.

use std::path::{Path, PathBuf};

use fencepost::config::StoreConfig;
use fencepost::store::{self, StoreError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::postgres::Server;

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    root: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let root = folder.join(name);
        std::fs::write(&root, issuer.pem()).unwrap();
        Self { issuer, root }
    }

    /// A certificate for `host` and its key.
    fn certify(&self, host: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![host.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        (leaf.pem(), key.serialize_pem())
    }
}

/// Two addresses of loopback that no other test uses: the certificate is for the first one.
fn addresses() -> [String; 2] {
    let [.., high, low] = std::process::id().to_be_bytes();
    [77, 78].map(|net| format!("127.{net}.{high}.{}", low.max(1)))
}

fn store(host: &str, parameters: &str) -> StoreConfig {
    StoreConfig {
        connections: 2,
        lock_timeout_ms: 5_000,
        ..StoreConfig::at(&format!("postgres://postgres@{host}:5432/test0?{parameters}"))
    }
}

async fn refused(config: &StoreConfig) -> String {
    match store::open(config).await {
        Ok(_) => panic!("{} was let in", config.url),
        Err(error @ StoreError::Unavailable(_)) => {
            let mut told = String::new();
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                told.push_str(&format!("{error}: "));
                cause = error.source();
            }
            told
        }
        Err(other) => panic!("{}: {other:?}", config.url),
    }
}

#[tokio::test]
async fn a_connection_leads_to_the_server_that_is_meant_or_nowhere() {
    let folder = TempDir::new().unwrap();
    let (ours, others) = (Authority::new(folder.path(), "ours.pem"), Authority::new(folder.path(), "others.pem"));
    let [host, other_host] = addresses();
    let server = Server::listening(&format!("{host},{other_host}"));
    let (certificate, key) = ours.certify(&host);
    let certificate = server.own_file("server.pem", &certificate);
    let key = server.own_file("server.key", &key);
    // Whoever comes over the network comes with TLS.
    server.own_file("data/pg_hba.conf", "local all all trust\nhostssl all all 127.0.0.0/8 trust\n");
    for setting in [
        format!("ssl_cert_file = '{}'", certificate.display()),
        format!("ssl_key_file = '{}'", key.display()),
        "ssl = on".to_owned(),
    ] {
        server.psql("postgres", &format!("ALTER SYSTEM SET {setting}"));
    }
    server.stop();
    server.start_again();
    let local = StoreConfig::at(&server.database());
    store::migrate(&local).await.unwrap();

    let trusting = |root: &Path| format!("sslmode=verify-full&sslrootcert={}", root.display());
    let proven = store::open(&store(&host, &trusting(&ours.root))).await.unwrap();
    proven.ready().await.unwrap();
    let encrypted = server.psql(
        "test0",
        "SELECT count(*) > 0 AND bool_and(s.ssl) FROM pg_stat_activity a JOIN pg_stat_ssl s USING (pid) \
         WHERE a.application_name = 'fencepost' AND a.client_addr IS NOT NULL",
    );
    assert_eq!(encrypted, "t", "every connection over the network is encrypted");

    let stranger = refused(&store(&host, &trusting(&others.root))).await;
    assert!(stranger.contains("UnknownIssuer") || stranger.contains("certificate"), "{stranger}");
    let misnamed = refused(&store(&other_host, &trusting(&ours.root))).await;
    assert!(misnamed.contains("not valid for name") || misnamed.contains("NotValidForName"), "{misnamed}");
    // Without a root of one's own the system's count, and none of them knows this server.
    let unknown = refused(&store(&host, "sslmode=verify-full")).await;
    assert!(unknown.contains("certificate"), "{unknown}");
    let missing = refused_as_wrong(&store(&host, &trusting(&folder.path().join("none.pem")))).await;
    assert!(missing.contains("none.pem") || missing.contains("No such file"), "{missing}");
    let plain = refused_as_wrong(&store(&host, "sslmode=disable")).await;
    assert!(plain.contains("no encryption"), "the server wants TLS: {plain}");

    // A server that has no TLS, or somebody who speaks for it, is not spoken to in plain text.
    server.own_file("data/pg_hba.conf", "local all all trust\nhost all all 127.0.0.0/8 trust\n");
    server.psql("postgres", "ALTER SYSTEM SET ssl = off");
    drop(proven);
    server.stop();
    server.start_again();
    let downgraded = refused_as_wrong(&store(&host, &trusting(&ours.root))).await;
    assert!(downgraded.to_lowercase().contains("tls"), "{downgraded}");
    store::open(&store(&host, "sslmode=disable")).await.unwrap().ready().await.unwrap();
}

/// Refused, whether as something that may pass or as a mistake.
async fn refused_as_wrong(config: &StoreConfig) -> String {
    match store::open(config).await {
        Ok(_) => panic!("{} was let in", config.url),
        Err(error) => format!("{error:?}"),
    }
}
