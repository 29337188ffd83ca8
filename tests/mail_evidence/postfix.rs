//! A real Postfix hands mail over: by a pipe to `fencepost ledger ingest -`, and by LMTP. What it must be told
//! so that it keeps a message while the service is away is held here, too.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use super::lab::postfix::Postfix;
use super::lab::{pause, ready};
use super::service::{PROGRAM, Service};

const POSTFIX: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 91, 1));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_postfix_delivers_by_pipe_and_by_lmtp() {
    if !ready() {
        return;
    }
    let service = Service::start().await;
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("ingest");
    let text = format!(
        "#!/bin/sh\nexport FENCEPOST_URL='{}' FENCEPOST_TOKEN='{}'\nexec '{PROGRAM}' ledger ingest \"$@\"\n",
        service.url, service.token
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let settings = format!(
        "relay_domains = pipe.test lmtp.test\nrelay_recipient_maps =\n\
         transport_maps = inline:{{ {{ pipe.test = fencepost: }} {{ lmtp.test = lmtp:inet:{} }} }}\n\
         fencepost_destination_recipient_limit = 1",
        service.lmtp
    );
    let services = format!(
        "lmtp      unix  -       -       n       -       -       lmtp\n\
         fencepost unix  -       n       n       -       4       pipe\n  \
         user=nobody null_sender= argv={} --sender ${{sender}} --client-address ${{client_address}} --helo ${{client_helo}} -\n",
        script.display()
    );
    let postfix = Postfix::start_with(folder.path(), &[POSTFIX], &settings, &services);

    let letter = service.letter("rep@partner.example", super::BODY);
    let signed = service.signer.sign(&letter);
    // The same message by both ways, and a forgery that says the same.
    send("desk@pipe.test", &signed);
    send("desk@lmtp.test", &signed);
    send("desk@pipe.test", letter.as_bytes());
    let told = || format!("{}\n{}", postfix.log(), service.log());
    for _ in 0..1_500 {
        let open = service.proposals("open").await;
        let copies: u64 = open.iter().filter_map(|mail| mail["copies"].as_u64()).sum();
        let quarantined = service.proposals("quarantined").await;
        assert!(open.len() <= 1 && quarantined.len() <= 1, "{open:?} {quarantined:?}\n{}", told());
        if copies == 2 && quarantined.len() == 1 {
            let reason = quarantined[0]["reason"].as_str().unwrap();
            assert!(reason.contains("nothing proves that it comes from partner.example"), "{reason}");
            return;
        }
        pause();
    }
    panic!("not both deliveries came:\n{}\n{:?}", told(), service.proposals("open").await);
}

/// One message by SMTP.
fn send(to: &str, message: &[u8]) {
    let stream = TcpStream::connect(SocketAddr::new(POSTFIX, 25)).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    let mut answer = |wanted: &str| {
        let mut line = String::new();
        loop {
            line.clear();
            reader.read_line(&mut line).unwrap();
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        assert!(line.starts_with(wanted), "{line}");
    };
    answer("220");
    for (said, wanted) in [
        ("EHLO mx.partner.example\r\n".to_owned(), "250"),
        ("MAIL FROM:<rep@partner.example>\r\n".to_owned(), "250"),
        (format!("RCPT TO:<{to}>\r\n"), "250"),
        ("DATA\r\n".to_owned(), "354"),
    ] {
        writer.write_all(said.as_bytes()).unwrap();
        answer(wanted);
    }
    writer.write_all(message).unwrap();
    writer.write_all(b"\r\n.\r\n").unwrap();
    answer("250");
    writer.write_all(b"QUIT\r\n").unwrap();
}
