//! The laboratory of the whole path: a root and two name servers (Knot), a resolver (Unbound), the
//! gateway and the customer's server (Postfix), and the next hop of notices, each at an address of
//! its own.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::knot::Knot;
use super::postfix::{Postfix, account};
use super::sink::Sink;
use super::unbound::Unbound;

pub const ROOT: &str = "127.0.61.1";
const NS1: &str = "127.0.61.2";
const NS2: &str = "127.0.61.3";
pub const RESOLVER: &str = "127.0.61.11";
pub const GATEWAY: [&str; 2] = ["127.0.62.1", "127.0.62.2"];
pub const EGRESS: [&str; 2] = ["127.0.62.10", "127.0.62.11"];
const OWN_SERVER: &str = "127.0.63.1";
pub const OUTSIDER: &str = "127.0.64.1";
/// Where delivery notices come back to.
pub const INTAKE_DOMAIN: &str = "intake.gateway.example";
pub const SMARTHOST: &str = "127.0.65.1:2525";

/// Everything that runs.
pub struct Network {
    _root: Knot,
    ns: [Knot; 2],
    _resolver: Unbound,
    pub gateway: Postfix,
    pub customer: Postfix,
    pub sink: Sink,
    folder: PathBuf,
}

impl Network {
    pub fn start(folder: &Path) -> Self {
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
        let gateway = gateway(&folder.join("gateway"), &maps(folder), &GATEWAY, EGRESS[0], &intake(folder));
        gateway.resolve_by(ip(RESOLVER));
        let customer = customer(folder);
        let sink = Sink::start(folder, SMARTHOST.parse().unwrap());
        Self { _root: root, ns, _resolver: resolver, gateway, customer, sink, folder: folder.to_owned() }
    }

    /// Moves the customer's MX to the gateway, on one name server.
    pub fn move_mx(&self, name_server: usize) {
        let zone = customer_zone(&["10 mx1.gateway.example.", "20 mx2.gateway.example."]);
        self.ns[name_server].replace("customer.example.", &zone, 2);
    }

    /// Waits until the customer's mailbox holds a message with this subject.
    pub fn arrives(&self, subject: &str) -> String {
        let inbox = self.folder.join("mail/inbox/new");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            for entry in fs::read_dir(&inbox).into_iter().flatten() {
                let text = fs::read_to_string(entry.unwrap().path()).unwrap_or_default();
                if text.contains(&format!("Subject: {subject}")) {
                    return text;
                }
            }
            assert!(Instant::now() < deadline, "no mail:\n{}\n{}", self.gateway.log(), self.customer.log());
            super::pause();
        }
    }
}

/// Where the gateway's maps are.
pub fn maps(folder: &Path) -> PathBuf {
    let maps = folder.join("maps");
    fs::create_dir_all(&maps).unwrap();
    maps
}

/// A gateway with the main.cf that the adapter's documentation asks for.
pub fn gateway(folder: &Path, maps: &Path, addresses: &[&str], egress: &str, settings: &str) -> Postfix {
    for map in ["relay_domains", "transport"] {
        fs::OpenOptions::new().create(true).append(true).open(maps.join(map)).unwrap();
    }
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| ip(address)).collect();
    Postfix::start(
        folder,
        &addresses,
        &format!(
            "myhostname = mx1.gateway.example\nrelay_domains = texthash:{maps}/relay_domains\n\
             transport_maps = texthash:{maps}/transport\n\
             smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination\n\
             smtp_bind_address = {egress}\nsmtp_bind_address_enforce = yes\n{settings}",
            maps = maps.display()
        ),
    )
}

/// The Maildir of the address to which delivery notices of canaries go, and settings that fill it.
pub fn intake_maildir(folder: &Path) -> PathBuf {
    folder.join("intake/canary")
}

fn intake(folder: &Path) -> String {
    let (uid, gid) = account("nobody");
    let base = folder.join("intake");
    fs::create_dir_all(&base).unwrap();
    std::os::unix::fs::chown(&base, Some(uid), Some(gid)).unwrap();
    format!(
        "virtual_mailbox_domains = {INTAKE_DOMAIN}\nvirtual_mailbox_base = {base}\n\
         virtual_mailbox_maps = inline:{{ {{ canary@{INTAKE_DOMAIN} = canary/ }} }}\n\
         virtual_uid_maps = static:{uid}\nvirtual_gid_maps = static:{gid}\nvirtual_minimum_uid = 1\n",
        base = base.display(),
    )
}

/// The customer's server, with a certificate that nobody has signed.
fn customer(folder: &Path) -> Postfix {
    let (uid, gid) = account("nobody");
    let mail = folder.join("mail");
    fs::create_dir_all(&mail).unwrap();
    std::os::unix::fs::chown(&mail, Some(uid), Some(gid)).unwrap();
    let boxes = folder.join("mailboxes");
    fs::write(&boxes, "onboarding-test@customer.example inbox/\npostmaster@customer.example inbox/\n").unwrap();
    let signed = rcgen::generate_simple_self_signed(["mail.customer.example".to_owned()]).unwrap();
    let pem = folder.join("customer.pem");
    fs::write(&pem, signed.signing_key.serialize_pem() + signed.cert.pem().as_str()).unwrap();
    fs::set_permissions(&pem, fs::Permissions::from_mode(0o600)).unwrap();
    Postfix::start(
        &folder.join("customer"),
        &[ip(OWN_SERVER)],
        &format!(
            "myhostname = mail.customer.example\nvirtual_mailbox_domains = customer.example\nvirtual_mailbox_base = {mail}\n\
             virtual_mailbox_maps = texthash:{boxes}\nvirtual_uid_maps = static:{uid}\nvirtual_gid_maps = static:{gid}\n\
             virtual_minimum_uid = 1\ntransport_maps = inline:{{ {{ {INTAKE_DOMAIN} = smtp:[{gateway}] }} }}\nsmtpd_tls_security_level = may\nsmtpd_tls_chain_files = {pem}\n",
            mail = mail.display(),
            boxes = boxes.display(),
            pem = pem.display(),
            gateway = GATEWAY[0],
        ),
    )
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

/// What the server at port 25 answers to this recipient, without sending anything. From an address
/// that no server of the laboratory trusts.
pub fn answer_to(server: &str, recipient: &str) -> String {
    let source = SocketAddr::new(ip(OUTSIDER), 0);
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&source.into()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.connect(&SocketAddr::new(ip(server), 25).into()).unwrap();
    let mut stream = BufReader::new(TcpStream::from(socket));
    reply(&mut stream);
    let mut last = String::new();
    for command in
        ["EHLO outsider.example", "MAIL FROM:<sender@elsewhere.example>", &format!("RCPT TO:<{recipient}>"), "QUIT"]
    {
        stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let answer = reply(&mut stream);
        if command.starts_with("RCPT") {
            last = answer;
        }
    }
    last
}

/// Sends one message, as any sender would.
pub fn send(server: &str, recipient: &str, subject: &str) -> Result<(), String> {
    use lettre::{Message, SmtpTransport, Transport};
    let message = Message::builder()
        .from("sender@elsewhere.example".parse().unwrap())
        .to(recipient.parse().unwrap())
        .subject(subject)
        .message_id(None)
        .body("A real message.\n".to_owned())
        .unwrap();
    let transport = SmtpTransport::builder_dangerous(server).port(25).build();
    transport.send(&message).map(drop).map_err(|error| error.to_string())
}

fn reply(stream: &mut impl BufRead) -> String {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the server hung up after {text:?}");
        text.push_str(&line);
        if line.as_bytes().get(3) != Some(&b'-') {
            return text;
        }
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
