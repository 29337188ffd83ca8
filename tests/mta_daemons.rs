//! Dialogues with real mail servers as customers run them, and what is judged from them: Postfix, Exim
//! and OpenSMTPD, healthy and in the ways in which they refuse, hesitate and fail.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use fencepost::clock::SystemClock;
use fencepost::config::{EgressAddress, GatewayConfig, ProbeConfig};
use fencepost::engine::ports::{Observer, ServerTask};
use fencepost::order::MailServer;
use fencepost::probe::Prober;
use fencepost_checks::observation::{SmtpDialogue, Stage};
use fencepost_checks::smtp::{self, SmtpContext};
use fencepost_checks::{Actor, Code, DomainName, Finding, Judgement, Verdict};
use jiff::{SignedDuration, Timestamp};
use lab::exim::Exim;
use lab::opensmtpd::OpenSmtpd;
use lab::postfix::{Postfix, account};

const EGRESS: &str = "127.0.70.200";
const TEST_MAILBOX: &str = "onboarding-test";

/// What a server did and what it means.
struct Came {
    dialogue: SmtpDialogue,
    judged: Judgement,
}

impl Came {
    #[track_caller]
    fn expect(&self, verdict: Verdict, codes: &[Code]) -> &Self {
        let mut got: Vec<Code> = self.judged.findings.iter().map(|f| f.code).collect();
        got.sort();
        let mut wanted = codes.to_vec();
        wanted.sort();
        assert_eq!((self.judged.verdict, got), (verdict, wanted), "{self}");
        self
    }

    #[track_caller]
    fn finding(&self, code: Code) -> &Finding {
        self.judged.findings.iter().find(|f| f.code == code).unwrap_or_else(|| panic!("no {code}: {self}"))
    }

    #[track_caller]
    fn quotes(&self, code: Code, text: &str) -> &Self {
        assert!(self.finding(code).detail.contains(text), "{text:?} is not quoted: {self}");
        self
    }

    /// Nothing but what a probe may say ever goes out.
    fn is_well_behaved(&self) {
        let said = self.dialogue.transcript.iter().filter_map(|line| line.strip_prefix("C: "));
        for line in said {
            let word = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
            let allowed = ["EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "RSET", "QUIT"];
            assert!(allowed.contains(&word.as_str()), "{line}: {self}");
        }
    }
}

impl std::fmt::Display for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#?}\n{}", self.judged, self.dialogue.transcript.join("\n"))
    }
}

/// Time-outs are short; `roots` is an authority to trust beside the public ones.
fn prober(roots: Option<&Path>) -> Prober {
    let probe = ProbeConfig {
        resolvers: vec!["127.0.70.53:53".parse().unwrap()],
        connect_timeout_ms: 2_000,
        banner_timeout_ms: 2_500,
        stage_timeout_ms: 2_500,
        total_timeout_ms: 20_000,
        pause_ms: 0,
        allow_targets: vec!["127.0.0.0/8".to_owned()],
        extra_roots: roots.map(Path::to_path_buf),
        ..ProbeConfig::default()
    };
    let egress = vec![EgressAddress::here(ip(EGRESS))];
    let gateway = GatewayConfig { egress, ..GatewayConfig::default() };
    Prober::new(&probe, &gateway, Arc::new(SystemClock)).unwrap()
}

fn visit(prober: &Prober, server: &str, domain: &str) -> Came {
    let domain: DomainName = domain.parse().unwrap();
    let task = ServerTask {
        test_mailbox: format!("{TEST_MAILBOX}@{domain}"),
        domain: domain.clone(),
        servers: vec![MailServer { host: server.to_owned(), port: 25, standby: false }],
        hosted: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut dialogues = runtime.block_on(prober.smtp(&task));
    let judged = smtp::judge(&dialogues, &SmtpContext { domain, now: Timestamp::now() });
    assert_eq!(dialogues.len(), 1);
    let came = Came { dialogue: dialogues.remove(0), judged };
    came.is_well_behaved();
    came
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn obstacle() -> Option<String> {
    let postfix = || lab::missing(&[Path::new("/usr/sbin/postfix")]);
    lab::netns::obstacle().or_else(postfix).or_else(lab::exim::obstacle).or_else(lab::opensmtpd::obstacle)
}

/// Whether the body of a test runs now: inside a namespace of its own.
fn here(test: &str) -> bool {
    match obstacle() {
        Some(reason) => {
            lab::left_out(test, &reason);
            false
        }
        None => lab::netns::inside(test),
    }
}

#[test]
fn postfix_as_the_customers_server() {
    if !here("postfix_as_the_customers_server") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let own = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path.display().to_string()
    };
    let boxes = own(
        "mailboxes",
        "onboarding-test@customer.example inbox/\npostmaster@customer.example inbox/\n\
         onboarding-test@headless.example inbox/\npostmaster@nobody.example inbox/\n\
         onboarding-test@grey.example inbox/\npostmaster@grey.example inbox/\n",
    );
    let grey = own("grey", "grey.example 450 4.2.0 Greylisted, please try again in 5 minutes\n");
    let signed = rcgen::generate_simple_self_signed(["mail.customer.example".to_owned()]).unwrap();
    let pem = own("server.pem", &(signed.signing_key.serialize_pem() + &signed.cert.pem()));
    fs::set_permissions(&pem, fs::Permissions::from_mode(0o600)).unwrap();
    let (uid, gid) = account("nobody");
    let settings = format!(
        "myhostname = mail.customer.example\n\
         virtual_mailbox_domains = customer.example, headless.example, nobody.example, grey.example\n\
         virtual_mailbox_base = {dir}\nvirtual_mailbox_maps = texthash:{boxes}\nvirtual_uid_maps = static:{uid}\n\
         virtual_gid_maps = static:{gid}\nvirtual_minimum_uid = 1\n\
         smtpd_recipient_restrictions = reject_unauth_destination, check_recipient_access texthash:{grey}\n",
        dir = folder.path().display()
    );
    let tls = format!("smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {pem}\n");
    let _encrypted = Postfix::start(&folder.path().join("tls"), &[ip("127.0.70.1")], &format!("{settings}{tls}"));
    let _plain = Postfix::start(
        &folder.path().join("plain"),
        &[ip("127.0.70.2")],
        // Postfix counts from the first connection on, also ours that waits for it to be up, from another address.
        &format!(
            "{settings}smtpd_relay_restrictions = reject_unauth_destination\n\
             smtpd_client_connection_rate_limit = 3\nsmtpd_client_event_limit_exceptions =\n"
        ),
    );
    let prober = prober(None);

    let healthy = visit(&prober, "127.0.70.1", "customer.example");
    healthy.expect(Verdict::Pass, &[Code::SmtpOk, Code::TlsPkix]);
    assert_eq!(healthy.dialogue.tls.as_ref().unwrap().version, "TLSv1.3");
    let last = healthy.dialogue.stages.iter().map(|s| s.stage).collect::<Vec<_>>();
    let all = [
        Stage::Connect,
        Stage::Banner,
        Stage::Ehlo,
        Stage::Starttls,
        Stage::Certificate,
        Stage::EhloTls,
        Stage::MailFrom,
        Stage::RcptTest,
        Stage::RcptPostmaster,
        Stage::Rset,
        Stage::Quit,
    ];
    assert_eq!(last, all, "{healthy}");

    visit(&prober, "127.0.70.1", "headless.example")
        .expect(Verdict::Pass, &[Code::SmtpOk, Code::SmtpPostmasterMissing, Code::TlsPkix])
        .quotes(Code::SmtpPostmasterMissing, "5.1.1");
    visit(&prober, "127.0.70.1", "nobody.example")
        .expect(Verdict::Pass, &[Code::SmtpOk, Code::SmtpRcptRejected, Code::TlsPkix]);
    visit(&prober, "127.0.70.1", "elsewhere.example")
        // Postfix' default for relaying is a temporary no, which never fails by itself.
        .expect(Verdict::Inconclusive, &[Code::SmtpRcptRejected, Code::TlsPkix])
        .quotes(Code::SmtpRcptRejected, "454 4.7.1");
    let grey = visit(&prober, "127.0.70.1", "grey.example");
    grey.expect(Verdict::Inconclusive, &[Code::SmtpGreylisted, Code::TlsPkix]);
    assert_eq!(grey.judged.retry_after, Some(SignedDuration::from_mins(5)));

    for _ in 0..2 {
        visit(&prober, "127.0.70.2", "customer.example").expect(Verdict::Pass, &[Code::SmtpOk, Code::TlsAbsent]);
    }
    visit(&prober, "127.0.70.2", "elsewhere.example")
        .expect(Verdict::Fail, &[Code::SmtpRcptRejected, Code::TlsAbsent])
        .quotes(Code::SmtpRcptRejected, "554 5.7.1");
    let limited = visit(&prober, "127.0.70.2", "customer.example");
    limited
        .expect(Verdict::Inconclusive, &[Code::SmtpRateLimited])
        .quotes(Code::SmtpRateLimited, "too many connections");
    assert_eq!(limited.judged.retry_after, Some(SignedDuration::from_mins(15)));
}

#[test]
fn exim_as_the_customers_server() {
    if !here("exim_as_the_customers_server") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = certificate(folder.path(), "127.0.70.20");
    let exim = folder.path().join("exim");
    let settings = format!(
        "acl_smtp_connect = connect\nacl_smtp_helo = helo\nacl_smtp_rcpt = rcpt\nsmtp_enforce_sync = false\n\
         tls_advertise_hosts = ${{if eq{{$received_ip_address}}{{127.0.70.20}}{{*}}{{}}}}\n\
         tls_certificate = {dir}/cert.pem\ntls_privatekey = {dir}/key.pem\n",
        dir = folder.path().display()
    );
    let lists = format!(
        "connect:\n\
         \x20 warn {at_27}\n       set acl_c_known = ${{if exists{{{seen}}}{{yes}}{{no}}}}\n\
         \x20 drop {at_22}\n       message = 554 5.7.1 no SMTP service here\n\
         \x20 drop {at_23}\n       message = 554 5.7.1 Service unavailable; client host [127.0.70.200] blocked using zen.spamhaus.org\n\
         \x20 defer {at_24}\n       message = 421 4.7.0 too many connections from your address\n\
         \x20 accept {at_25}\n         delay = 1m\n\
         \x20 accept\n\
         helo:\n\
         \x20 deny {at_26}\n      message = 550 5.7.1 I do not like your name\n\
         \x20 accept\n\
         rcpt:\n\
         \x20 defer {at_27}\n       condition = ${{if eq{{$acl_c_known}}{{no}}{{${{run{{/usr/bin/touch {seen}}}{{yes}}{{yes}}}}}}{{no}}}}\n       message = 451 4.7.1 Greylisted, come back later\n\
         \x20 accept {at_28}\n         delay = 1m\n\
         \x20 accept domains = +served\n\
         \x20 deny message = relay not permitted\n",
        at_22 = at(22),
        at_23 = at(23),
        at_24 = at(24),
        at_25 = at(25),
        at_26 = at(26),
        at_27 = at(27),
        at_28 = at(28),
        seen = exim.join("own/seen").display(),
    );
    let listen: Vec<SocketAddr> = (20..=28).map(|last| SocketAddr::new(ip(&format!("127.0.70.{last}")), 25)).collect();
    let _server = Exim::start(&exim, &listen, &settings, &lists);
    let prober = prober(Some(&authority));
    let go = |last: u8| visit(&prober, &format!("127.0.70.{last}"), "customer.example");

    // A certificate of an authority that is trusted, for the name that was asked for: nothing to say.
    let good = go(20);
    good.expect(Verdict::Pass, &[Code::SmtpOk]);
    assert_eq!(good.dialogue.tls.as_ref().unwrap().chain_error, None);
    go(21).expect(Verdict::Pass, &[Code::SmtpOk, Code::TlsAbsent]);
    visit(&prober, "127.0.70.21", "elsewhere.example")
        .expect(Verdict::Fail, &[Code::SmtpRcptRejected, Code::TlsAbsent])
        .quotes(Code::SmtpRcptRejected, "relay not permitted");
    go(22).expect(Verdict::Fail, &[Code::SmtpPolicyReject]).quotes(Code::SmtpPolicyReject, "no SMTP service here");
    let listed = go(23);
    listed.expect(Verdict::Fail, &[Code::SmtpPolicyReject]);
    assert_eq!(listed.finding(Code::SmtpPolicyReject).who, Actor::Vendor, "a listed gateway is the vendor's to mend");
    go(24).expect(Verdict::Inconclusive, &[Code::SmtpRateLimited]);
    // Late is not down, and nothing is said before the greeting.
    let late = go(25);
    late.expect(Verdict::Inconclusive, &[Code::SmtpNoBanner]);
    assert!(late.dialogue.transcript.iter().all(|line| !line.starts_with("C: ")), "{late}");
    go(26).expect(Verdict::Fail, &[Code::SmtpPolicyReject]);
    go(27).expect(Verdict::Inconclusive, &[Code::SmtpGreylisted, Code::TlsAbsent]);
    go(27).expect(Verdict::Pass, &[Code::SmtpOk, Code::TlsAbsent]);
    go(28).expect(Verdict::Inconclusive, &[Code::SmtpTarpit, Code::TlsAbsent]);
}

#[test]
fn opensmtpd_as_the_customers_server() {
    if !here("opensmtpd_as_the_customers_server") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (plain, broken) = ("127.0.70.40", "127.0.70.41");
    let own = folder.path().join("smtpd");
    let _server = OpenSmtpd::start(&own, ip(plain), ip(broken), &[TEST_MAILBOX]);
    let prober = prober(None);
    visit(&prober, plain, "customer.example")
        .expect(Verdict::Pass, &[Code::SmtpOk, Code::SmtpPostmasterMissing, Code::TlsAbsent])
        .quotes(Code::SmtpPostmasterMissing, "550 Invalid recipient");
    visit(&prober, plain, "elsewhere.example").expect(Verdict::Fail, &[Code::SmtpRcptRejected, Code::TlsAbsent]);
    // STARTTLS is offered and the handshake fails: told, and tried again in the clear as mail servers do.
    let fallen_back = visit(&prober, broken, "customer.example");
    fallen_back.expect(Verdict::Pass, &[Code::SmtpOk, Code::SmtpPostmasterMissing, Code::TlsBroken]);
    assert!(fallen_back.dialogue.tls.is_none(), "{fallen_back}");
}

fn at(last: u8) -> String {
    format!("condition = ${{if eq{{$received_ip_address}}{{127.0.70.{last}}}}}")
}

/// An authority, and a certificate of it for an address, in files; the path of the authority's.
fn certificate(folder: &Path, name: &str) -> std::path::PathBuf {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    for (file, text) in [("authority.pem", issuer.pem()), ("cert.pem", cert.pem()), ("key.pem", key.serialize_pem())] {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    }
    folder.join("authority.pem")
}
