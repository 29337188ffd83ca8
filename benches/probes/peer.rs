//! The peers as they are installed, each told to do the same as our probe as far as it can.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::process::{self, Running, Taken};
use crate::web;

const BLACKBOX: &str = "prometheus-blackbox-exporter";
const CHECK_SMTP: &str = "/usr/lib/nagios/plugins/check_smtp";

/// `smtp_starttls` as in the exporter's own examples, with the certificate judged; `smtp_plain` goes as
/// far as our probe does.
const MODULES: &str = r#"modules:
  smtp_starttls:
    prober: tcp
    timeout: 60s
    tcp:
      query_response:
        - expect: "^220 ([^ ]+) ESMTP (.+)$"
        - send: "EHLO prober\r"
        - expect: "^250-STARTTLS"
        - send: "STARTTLS\r"
        - expect: "^220"
        - starttls: true
        - send: "EHLO prober\r"
        - expect: "^250-AUTH"
        - send: "QUIT\r"
      tls_config:
        ca_file: ROOT
        server_name: sink.example
  smtp_plain:
    prober: tcp
    timeout: 60s
    tcp:
      query_response:
        - expect: "^220 ([^ ]+) ESMTP (.+)$"
        - send: "EHLO prober\r"
        - expect: "^250 "
        - send: "MAIL FROM:<>\r"
        - expect: "^250 "
        - send: "RCPT TO:<postmaster@customer.example>\r"
        - expect: "^250 "
        - send: "RSET\r"
        - expect: "^250 "
        - send: "QUIT\r"
        - expect: "^221 "
"#;

/// A running blackbox_exporter.
pub struct Blackbox {
    process: Running,
    web: SocketAddr,
    path: String,
}

impl Blackbox {
    pub fn start(folder: &Path, root: &Path, web: SocketAddr, module: &str, target: SocketAddr) -> Outcome<Self> {
        let config = folder.join("blackbox.yml");
        std::fs::write(&config, MODULES.replace("ROOT", &root.display().to_string()))?;
        let process = Running::peer(
            Command::new(BLACKBOX)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--web.listen-address={web}"))
                .arg("--history.limit=100"),
        )?;
        wait_for(web)?;
        Ok(Self { process, web, path: format!("/probe?module={module}&target={target}") })
    }

    pub fn run(&self, count: usize, concurrency: usize) -> Outcome<Taken> {
        let pid = self.process.id();
        let (begun, cpu) = (Instant::now(), process::cpu_seconds(pid)?);
        web::ask(self.web, &self.path, "\nprobe_success 1\n", count, concurrency)?;
        Ok(Taken {
            probes: count,
            seconds: begun.elapsed().as_secs_f64(),
            cpu_seconds: process::cpu_seconds(pid)? - cpu,
            peak_kib: process::peak_kib(pid)?,
        })
    }
}

/// One message a session, as short as it can be: it has no way to stop before DATA.
pub fn smtp_source(target: SocketAddr, count: usize, concurrency: usize) -> Outcome<Taken> {
    children(count, || {
        let status = Command::new("smtp-source")
            .args(["-s", &concurrency.to_string(), "-m", &count.to_string(), "-l", "1"])
            .args(["-f", "probe@prober.example", "-t", "postmaster@customer.example", "-M", "prober.example"])
            .arg(format!("inet:{}:{}", target.ip(), target.port()))
            .stdout(Stdio::null())
            .status()?;
        if status.success() { Ok(()) } else { Err("smtp-source failed".into()) }
    })
}

/// A process for each probe, `concurrency` of them at a time. It judges no more of the certificate than
/// its end date.
pub fn check_smtp(target: SocketAddr, count: usize, concurrency: usize) -> Outcome<Taken> {
    children(count, || {
        let mut left = count;
        while left > 0 {
            let batch = left.min(concurrency);
            let started = (0..batch).map(|_| {
                Command::new(CHECK_SMTP)
                    .args(["-H", &target.ip().to_string(), "-p", &target.port().to_string()])
                    .args(["-S", "-D", "1", "-F", "prober.example", "-t", "20"])
                    .stdout(Stdio::piped())
                    .spawn()
            });
            for child in started.collect::<Vec<_>>() {
                let output = child?.wait_with_output()?;
                if !output.status.success() {
                    return Err(format!("check_smtp: {}", String::from_utf8_lossy(&output.stdout)).into());
                }
            }
            left -= batch;
        }
        Ok(())
    })
}

fn children(probes: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<Taken> {
    let (begun, cpu) = (Instant::now(), process::children_cpu_seconds()?);
    work()?;
    let (seconds, cpu_seconds) = (begun.elapsed().as_secs_f64(), process::children_cpu_seconds()? - cpu);
    Ok(Taken { probes, seconds, cpu_seconds, peak_kib: 0 })
}

/// Until somebody listens there.
#[expect(clippy::disallowed_methods, reason = "another process gives no signal to wait for; the condition decides")]
pub fn wait_for(address: SocketAddr) -> Outcome<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_err() {
        if Instant::now() > deadline {
            return Err(format!("nothing listens on {address}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
