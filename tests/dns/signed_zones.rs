//! DNSSEC and DANE with zones that are really signed below a signed root, a validating Unbound that trusts
//! its key, and gateway hosts with certificates that TLSA records name rightly, wrongly, or in vain.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fencepost::clock::SystemClock;
use fencepost::config::{GatewayConfig, MxHost, ProbeConfig};
use fencepost::engine::ports::{Observer, ServerTask};
use fencepost::probe::Prober;
use fencepost_checks::lint::{self, LintContext};
use fencepost_checks::{Code, Finding, Judgement, Severity, Verdict};
use rcgen::{KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};

use super::lab::certificates::{Authority, Oddity};
use super::lab::hostile_smtp::{HostileSmtp, Script, Step};
use super::lab::nsd::Nsd;
use super::lab::signed::{self, EXPIRED, NOW, Signed, Validity, sign};
use super::lab::unbound::Unbound;
use super::lab::{self, zone};
use super::{ip, name};

const ROOT: &str = "127.0.82.1";
const SERVER: &str = "127.0.82.2";
const VALIDATING: &str = "127.0.82.11";
const PLAIN: &str = "127.0.82.12";
/// The gateway's MX hosts, by the zone that they lie in.
const GATEWAY: [(&str, &str); 4] = [
    ("mx1.gateway.example", "127.0.82.21"),
    ("mx2.gateway.example", "127.0.82.22"),
    ("mx3.insecure.example", "127.0.82.23"),
    ("mx4.gateway.example", "127.0.82.24"),
];
const MX: &str = "@ 300 IN NS ns.names.example.\n@ 300 IN MX 10 mail.old.example.\n";

#[test]
fn secure_insecure_and_bogus() {
    const TEST: &str = "signed_zones::secure_insecure_and_bogus";
    let obstacle = lab::netns::obstacle().or_else(lab::nsd::obstacle).or_else(signed::obstacle);
    if let Some(reason) = obstacle.or_else(|| lab::missing(&[Path::new("/usr/sbin/unbound")])) {
        return lab::left_out(TEST, &reason);
    }
    if !lab::netns::inside(TEST) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let lab = Lab::start(folder.path()).await;
        let secure = lab.lint(&[VALIDATING], "secure.example").await;
        assert_eq!(has(&secure, Code::DnssecOk).severity, Severity::Info);
        lab.tlsa_of_the_gateway(&secure);

        let insecure = lab.lint(&[VALIDATING], "insecure.example").await;
        assert!(has(&insecure, Code::DnssecNone).detail.contains("not signed"), "{insecure:#?}");

        // Signatures that ran out, a DS of another key, a DS although nothing is signed.
        for bogus in ["expired.example", "wrong-ds.example", "no-longer-signed.example"] {
            // One resolver that validates is enough to see it.
            for resolvers in [&[VALIDATING][..], &[PLAIN, VALIDATING]] {
                let judged = lab.lint(resolvers, bogus).await;
                let finding = has(&judged, Code::DnssecBogus);
                assert_eq!((finding.severity, judged.verdict), (Severity::Blocking, Verdict::Fail), "{bogus}");
                assert!(finding.detail.contains(VALIDATING) && !finding.detail.contains(PLAIN), "{finding:#?}");
                assert!(finding.remedy.contains(bogus), "{finding:#?}");
            }
        }

        // Where nobody validates, a signature proves nothing, and nothing is claimed.
        for signed in ["secure.example", "expired.example"] {
            let judged = lab.lint(&[PLAIN], signed).await;
            has(&judged, Code::DnssecUnverified);
            lacks(&judged, Code::DnssecOk);
            lacks(&judged, Code::DnssecBogus);
        }
        let unproven = lab.lint(&[PLAIN], "secure.example").await;
        lacks(&unproven, Code::DaneOk);
        lacks(&unproven, Code::DaneMismatch);
    });
}

struct Lab {
    _servers: Vec<Nsd>,
    _resolvers: [Unbound; 2],
    gateway: Vec<HostileSmtp>,
    authority: Authority,
}

impl Lab {
    async fn start(folder: &Path) -> Self {
        let authority = Authority::new(GATEWAY[0].0);
        let mut gateway = Vec::new();
        let mut digests = Vec::new();
        for (_, address) in GATEWAY {
            let key = KeyPair::generate().unwrap();
            digests.push(hex::encode(Sha256::digest(key.subject_public_key_info())));
            // TLSA 3 1 1 asks for the key and for no name.
            let script = Script::starttls([Step::Tls(authority.acceptor_of(Oddity::None, &key))]);
            gateway.push(HostileSmtp::start((ip(address), 25).into(), script).await.unwrap());
        }
        let zones = zones(folder, &digests);
        let mut root = format!(
            "$TTL 300\n@ 300 IN NS root.invalid.\nroot.invalid. 300 IN A {ROOT}\nns.names.example. 300 IN A {SERVER}\n\
             mail.old.example. 300 IN A 127.0.82.31\n"
        );
        for zone in &zones {
            writeln!(root, "{} 300 IN NS ns.names.example.\n{}", zone.apex, zone.ds).unwrap();
        }
        let root = sign(folder, ".", &root, NOW);
        let files = zones.into_iter().map(|zone| (zone.apex.to_owned(), zone.file)).collect::<Vec<_>>();
        let servers = vec![
            Nsd::serving(&folder.join("nsd-root"), ip(ROOT), &[(".".to_owned(), root.file.clone())]),
            Nsd::serving(&folder.join("nsd"), ip(SERVER), &files),
        ];
        let resolvers = [
            Unbound::validating(&folder.join("validating"), ip(VALIDATING), ip(ROOT), &root.anchor),
            Unbound::start(&folder.join("plain"), ip(PLAIN), ip(ROOT)),
        ];
        Self { _servers: servers, _resolvers: resolvers, gateway, authority }
    }

    /// What `fencepost` says of the domain when it asks these resolvers.
    async fn lint(&self, resolvers: &[&str], domain: &str) -> Judgement {
        let probe = ProbeConfig {
            resolvers: resolvers.iter().map(|address| (ip(address), 53).into()).collect(),
            roots: vec![(ip(ROOT), 53).into()],
            outsiders: vec![ip("127.0.82.41")],
            dns_timeout_ms: 4_000,
            pause_ms: 0,
            allow_targets: vec!["127.0.0.0/8".to_owned()],
            extra_roots: Some(self.authority.roots()),
            ..ProbeConfig::default()
        };
        let mx_hosts = GATEWAY.iter().map(|(host, _)| MxHost::current(name(host), 10)).collect();
        let config = GatewayConfig { mx_hosts, ..GatewayConfig::default() };
        let prober = Prober::new(&probe, &config, Arc::new(SystemClock)).unwrap();
        let test_mailbox = format!("postmaster@{domain}");
        let dialogues = prober.gateway(&name(domain), &test_mailbox).await;
        let task = ServerTask { domain: name(domain), servers: Vec::new(), test_mailbox, hosted: false };
        let seen = prober.lint(&task).await;
        let gateway_hosts = GATEWAY.iter().map(|(host, _)| name(host)).collect();
        let context = LintContext { gateway_hosts, dialogues, now: seen.observed_at, ..LintContext::default() };
        lint::judge(&seen, None, &context)
    }

    fn tlsa_of_the_gateway(&self, judged: &Judgement) {
        assert!(self.gateway.iter().all(|host| !host.heard().is_empty()), "every host was asked");
        let about = |host: &str| -> Vec<&Finding> {
            let dane = |f: &&Finding| f.code.as_str().starts_with("DANE_") && f.subject == host;
            judged.findings.iter().filter(dane).collect()
        };
        let codes = |host| about(host).iter().map(|f| f.code).collect::<Vec<_>>();
        assert_eq!(codes("mx1.gateway.example"), [Code::DaneOk], "{judged:#?}");
        assert_eq!(codes("mx2.gateway.example"), [Code::DaneMismatch], "{judged:#?}");
        assert_eq!(codes("mx3.insecure.example"), [Code::DaneIgnored], "{judged:#?}");
        assert!(codes("mx4.gateway.example").is_empty(), "no TLSA, nothing to say: {judged:#?}");
        let mismatch = about("mx2.gateway.example")[0];
        assert_eq!((mismatch.severity, judged.verdict), (Severity::Blocking, Verdict::Fail));
        assert!(mismatch.remedy.contains("_25._tcp.mx2.gateway.example. IN TLSA 3 1 1 "), "{mismatch:#?}");
    }
}

struct Zone {
    apex: &'static str,
    file: PathBuf,
    /// Records of the parent beside the delegation.
    ds: String,
}

fn zones(folder: &Path, digests: &[String]) -> Vec<Zone> {
    let as_signed = |apex, Signed { file, ds, .. }: Signed| Zone { apex, file, ds };
    let make = |apex: &'static str, records: &str, validity: Validity| {
        as_signed(apex, sign(folder, apex, &format!("$TTL 300\n{records}"), validity))
    };
    let unsigned = |apex: &'static str, records: &str| Zone {
        apex,
        file: zone::write(folder, apex, records, 1),
        ds: String::new(),
    };
    let ns = "@ 300 IN NS ns.names.example.\n";
    let tlsa = |label: &str, digest: &str| format!("_25._tcp.{label} 300 IN TLSA 3 1 1 {digest}\n");
    let host = |index: usize| {
        let (host, address) = GATEWAY[index];
        format!("{} 300 IN A {address}\n", host.split('.').next().unwrap())
    };
    let gateway = [
        ns.to_owned(),
        host(0),
        host(1),
        host(3),
        tlsa("mx1", &digests[0]),
        // As if the key had been renewed and the record forgotten.
        tlsa("mx2", &digests[0]),
    ]
    .concat();
    let insecure = [MX.to_owned(), host(2), tlsa("mx3", &digests[2])].concat();
    let mut wrong_ds = make("wrong-ds.example.", MX, NOW);
    wrong_ds.ds = sign(&folder.join("another"), "wrong-ds.example.", &format!("$TTL 300\n{MX}"), NOW).ds;
    let mut no_longer = unsigned("no-longer-signed.example.", MX);
    no_longer.ds = sign(&folder.join("formerly"), "no-longer-signed.example.", &format!("$TTL 300\n{MX}"), NOW).ds;
    vec![
        make("secure.example.", MX, NOW),
        unsigned("insecure.example.", &insecure),
        make("expired.example.", MX, EXPIRED),
        wrong_ds,
        no_longer,
        make("gateway.example.", &gateway, NOW),
    ]
}

#[track_caller]
fn has(judged: &Judgement, code: Code) -> &Finding {
    judged.findings.iter().find(|f| f.code == code).unwrap_or_else(|| panic!("no {code}: {judged:#?}"))
}

#[track_caller]
fn lacks(judged: &Judgement, code: Code) {
    assert!(judged.findings.iter().all(|f| f.code != code), "{code}: {judged:#?}");
}
