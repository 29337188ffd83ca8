//! OpenSMTPD as a customer's mail server, from its unpacked package. In Debian 12 its STARTTLS is
//! offered and always fails the handshake, which makes it a real broken server.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::private_root::{self, Account};
use super::{Daemon, missing};

const ACCOUNTS: [Account; 2] = [Account { name: "opensmtpd", id: 64_998 }, Account { name: "opensmtpq", id: 64_997 }];

/// Why it cannot run here.
pub fn obstacle() -> Option<String> {
    missing(&[&private_root::unpacked().join("usr/sbin/smtpd")])
}

/// One OpenSMTPD on port 25 of two addresses, with mail for `customer.example`.
pub struct OpenSmtpd {
    _daemon: Daemon,
}

impl OpenSmtpd {
    /// Without TLS at `plain`, with STARTTLS at `tls`; the mailboxes are `mailboxes`.
    pub fn start(folder: &Path, plain: IpAddr, tls: IpAddr, mailboxes: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        for dir in folder.ancestors().take(2) {
            fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let signed = rcgen::generate_simple_self_signed(["mail.customer.example".to_owned()]).unwrap();
        for (name, text) in [("cert.pem", signed.cert.pem()), ("key.pem", signed.signing_key.serialize_pem())] {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let quoted: Vec<String> = mailboxes.iter().map(|m| format!("\"{m}@customer.example\"")).collect();
        let aliases: Vec<String> = quoted.iter().map(|m| format!("{m} = root")).collect();
        let config = folder.join("smtpd.conf");
        fs::write(
            &config,
            format!(
                "pki mail cert \"{dir}/cert.pem\"\npki mail key \"{dir}/key.pem\"\n\
                 listen on {tls} port 25 tls pki mail hostname mail.customer.example\n\
                 listen on {plain} port 25 hostname mail.customer.example\n\
                 action \"keep\" mda \"/bin/true\" virtual {{ {} }}\n\
                 match from any for domain \"customer.example\" rcpt-to {{ {} }} action \"keep\"\n",
                aliases.join(", "),
                quoted.join(", "),
                dir = folder.display(),
            ),
        )
        .unwrap();
        let log = folder.join("smtpd.log");
        let mut command = private_root::command(folder, &ACCOUNTS, None, "/usr/sbin/smtpd");
        let mut daemon = Daemon::start("smtpd", command.arg("-d").arg("-f").arg(&config), &log);
        for address in [plain, tls] {
            daemon.wait_for(SocketAddr::new(address, 25), &log);
        }
        Self { _daemon: daemon }
    }
}
