//! The whole path against real daemons: Knot as authoritative servers, Unbound as resolver, Postfix
//! as the gateway and as the customer's server.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use lab::knot::Knot;
use lab::postfix::{Postfix, account};
use lab::unbound::Unbound;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

const ROOT: &str = "127.0.61.1";
const NS1: &str = "127.0.61.2";
const NS2: &str = "127.0.61.3";
const RESOLVER: &str = "127.0.61.11";
const GATEWAY: [&str; 2] = ["127.0.62.1", "127.0.62.2"];
const EGRESS: [&str; 2] = ["127.0.62.10", "127.0.62.11"];
const OWN_SERVER: &str = "127.0.63.1";

struct Lab {
    _root: Knot,
    ns: [Knot; 2],
    _resolver: Unbound,
    gateway: Postfix,
    customer: Postfix,
}

impl Lab {
    fn start(folder: &Path) -> Self {
        let root = Knot::start(
            &folder.join("root"),
            ip(ROOT),
            &[
                (
                    ".",
                    &format!(
                        "@ 300 IN NS root.invalid.\nroot.invalid. 300 IN A {ROOT}\n\
                         customer.example. 300 IN NS ns1.customer.example.\ncustomer.example. 300 IN NS ns2.customer.example.\n\
                         ns1.customer.example. 300 IN A {NS1}\nns2.customer.example. 300 IN A {NS2}\n\
                         gateway.example. 300 IN NS root.invalid.\n"
                    ),
                ),
                (
                    "gateway.example.",
                    &format!(
                        "@ 300 IN NS root.invalid.\nmx1 300 IN A {}\nmx2 300 IN A {}\nprobe 300 IN A {}\n",
                        GATEWAY[0], GATEWAY[1], EGRESS[0]
                    ),
                ),
            ],
        );
        let zone = customer_zone(&["10 mail.customer.example."]);
        let ns = [("ns1", NS1), ("ns2", NS2)]
            .map(|(name, address)| Knot::start(&folder.join(name), ip(address), &[("customer.example.", &zone)]));
        let resolver = Unbound::start(&folder.join("unbound"), ip(RESOLVER), ip(ROOT));
        let maps = folder.join("maps");
        fs::create_dir_all(&maps).unwrap();
        for map in ["relay_domains", "transport"] {
            fs::write(maps.join(map), "").unwrap();
        }
        let gateway = Postfix::start(
            &folder.join("gateway"),
            &GATEWAY.map(ip),
            &format!(
                "myhostname = mx1.gateway.example\nrelay_domains = texthash:{maps}/relay_domains\ntransport_maps = texthash:{maps}/transport\n\
                 smtpd_relay_restrictions = reject_unauth_destination\nsmtp_bind_address = {}\nsmtp_bind_address_enforce = yes\n",
                EGRESS[0],
                maps = maps.display()
            ),
        );
        let (uid, gid) = account("nobody");
        let mail = folder.join("mail");
        fs::create_dir_all(&mail).unwrap();
        std::os::unix::fs::chown(&mail, Some(uid), Some(gid)).unwrap();
        fs::write(
            folder.join("mailboxes"),
            "onboarding-test@customer.example inbox/\npostmaster@customer.example inbox/\n",
        )
        .unwrap();
        let customer = Postfix::start(
            &folder.join("customer"),
            &[ip(OWN_SERVER)],
            &format!(
                "myhostname = mail.customer.example\nvirtual_mailbox_domains = customer.example\nvirtual_mailbox_base = {mail}\n\
                 virtual_mailbox_maps = texthash:{boxes}\nvirtual_uid_maps = static:{uid}\nvirtual_gid_maps = static:{gid}\nvirtual_minimum_uid = 1\n",
                mail = mail.display(),
                boxes = folder.join("mailboxes").display()
            ),
        );
        Self { _root: root, ns, _resolver: resolver, gateway, customer }
    }
}

fn customer_zone(exchanges: &[&str]) -> String {
    let mut zone = format!(
        "@ 300 IN NS ns1\n@ 300 IN NS ns2\nns1 300 IN A {NS1}\nns2 300 IN A {NS2}\nmail 300 IN A {OWN_SERVER}\n"
    );
    for exchange in exchanges {
        zone.push_str(&format!("@ 300 IN MX {exchange}\n"));
    }
    zone
}

/// Sends one message to the gateway's first MX host, as any sender would.
fn send(folder: &Path, subject: &str) {
    use lettre::{Message, SmtpTransport, Transport};
    let message = Message::builder()
        .from("sender@elsewhere.example".parse().unwrap())
        .to("onboarding-test@customer.example".parse().unwrap())
        .subject(subject)
        .body("A real message.\n".to_owned())
        .unwrap();
    let sent = SmtpTransport::builder_dangerous(GATEWAY[0]).port(25).build().send(&message);
    assert!(sent.is_ok(), "{sent:?}\n{}", fs::read_to_string(folder.join("gateway/maillog")).unwrap());
}

/// Waits until the customer's mailbox holds a message with this subject.
fn arrives(lab: &Lab, folder: &Path, subject: &str) -> String {
    let inbox = folder.join("mail/inbox/new");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        for entry in fs::read_dir(&inbox).into_iter().flatten() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
            if text.contains(&format!("Subject: {subject}")) {
                return text;
            }
        }
        assert!(Instant::now() < deadline, "no mail:\n{}\n{}", lab.gateway.log(), lab.customer.log());
        lab::pause();
    }
}

#[test]
fn the_daemons_start() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path());
    fs::write(folder.path().join("maps/relay_domains"), "customer.example ok\n").unwrap();
    fs::write(folder.path().join("maps/transport"), format!("customer.example smtp:[{OWN_SERVER}]:25\n")).unwrap();
    let reload = lab.gateway.reload_command();
    assert!(std::process::Command::new(&reload[0]).args(&reload[1..]).status().unwrap().success());
    send(folder.path(), "first");
    arrives(&lab, folder.path(), "first");
    lab.ns[0].replace("customer.example.", &customer_zone(&["10 mx1.gateway.example."]), 2);
}
