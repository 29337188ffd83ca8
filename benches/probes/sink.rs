//! An SMTP server that takes everything and keeps nothing: the same other side for every prober. Can be
//! slow on purpose. Knows STARTTLS when it is given a certificate; never opens a connection itself.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::Outcome;

#[derive(clap::Args)]
pub struct Options {
    #[arg(long)]
    listen: SocketAddr,
    /// Certificate chain and key, PEM: offers STARTTLS
    #[arg(long)]
    identity: Option<PathBuf>,
    /// Before the banner, milliseconds
    #[arg(long, default_value_t = 0)]
    banner_ms: u64,
    /// Before every other reply, milliseconds
    #[arg(long, default_value_t = 0)]
    reply_ms: u64,
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// How a session goes.
struct Manner {
    tls: Option<TlsAcceptor>,
    banner: Duration,
    reply: Duration,
}

pub fn run(options: &Options) -> Outcome<()> {
    let manner = Arc::new(Manner {
        tls: options.identity.as_deref().map(acceptor).transpose()?,
        banner: Duration::from_millis(options.banner_ms),
        reply: Duration::from_millis(options.reply_ms),
    });
    // Threads that share nothing: the kernel deals the connections out, and no session wakes another thread.
    let mut threads = Vec::new();
    for _ in 0..options.threads.max(1) {
        let socket = listening(options.listen)?;
        let manner = manner.clone();
        threads.push(std::thread::spawn(move || accept(&socket, &manner)));
    }
    println!("ready");
    for thread in threads {
        thread.join().map_err(|_| "a thread of the sink broke down")??;
    }
    Ok(())
}

fn listening(at: SocketAddr) -> Outcome<std::net::TcpListener> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(at)?;
        Ok(socket.listen(4096)?.into_std()?)
    })
}

fn accept(socket: &std::net::TcpListener, manner: &Arc<Manner>) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(socket.try_clone()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            let manner = manner.clone();
            tokio::spawn(async move { serve(stream, &manner).await });
        }
    })
}

fn acceptor(pem: &std::path::Path) -> Outcome<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(pem)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(pem)?;
    let mut provider = rustls::crypto::ring::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let mut config = ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // No prober resumes, so the sink spends nothing on it, and every prober gets the same cipher suite.
    config.send_tls13_tickets = 0;
    config.ignore_client_order = true;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Whoever goes away in the middle is no error here.
async fn serve(mut stream: TcpStream, manner: &Manner) -> io::Result<()> {
    pause(manner.banner).await;
    stream.write_all(b"220 sink.example ESMTP ready\r\n").await?;
    if let Ended::Starttls = session(&mut stream, manner, manner.tls.is_some()).await?
        && let Some(tls) = &manner.tls
    {
        // The end of a handshake and the reply to EHLO follow each other at once.
        stream.set_nodelay(true)?;
        let mut stream = tls.accept(stream).await?;
        session(&mut stream, manner, false).await?;
        return stream.shutdown().await;
    }
    Ok(())
}

enum Ended {
    Quit,
    Starttls,
}

async fn session<S>(stream: &mut S, manner: &Manner, starttls: bool) -> io::Result<Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut held = Vec::with_capacity(512);
    let mut message = false;
    loop {
        let Some(line) = line(stream, &mut held).await? else { return Ok(Ended::Quit) };
        if message && line != b"." {
            continue;
        }
        let reply: &[u8] = match line.get(..4).unwrap_or(&line).to_ascii_uppercase().as_slice() {
            _ if message => {
                message = false;
                b"250 2.0.0 taken\r\n"
            }
            b"EHLO" if starttls => {
                b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
            }
            b"EHLO" => b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n",
            b"HELO" => b"250 sink.example\r\n",
            b"MAIL" => b"250 2.1.0 sender ok\r\n",
            b"RCPT" => b"250 2.1.5 recipient ok\r\n",
            b"RSET" | b"NOOP" => b"250 2.0.0 ok\r\n",
            b"DATA" => {
                message = true;
                b"354 go on\r\n"
            }
            b"STAR" if starttls => b"220 2.0.0 ready for TLS\r\n",
            b"QUIT" => b"221 2.0.0 bye\r\n",
            _ => b"502 5.5.2 what?\r\n",
        };
        pause(manner.reply).await;
        stream.write_all(reply).await?;
        stream.flush().await?;
        match reply.get(..3) {
            Some(b"221") => return Ok(Ended::Quit),
            Some(b"220") => return Ok(Ended::Starttls),
            _ => {}
        }
    }
}

/// One line without its end; `None` at the end of the stream.
async fn line<S: AsyncRead + Unpin>(stream: &mut S, held: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    loop {
        if let Some(end) = held.iter().position(|b| *b == b'\n') {
            let mut line: Vec<u8> = held.drain(..=end).collect();
            line.truncate(end);
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(Some(line));
        }
        if held.len() > 8192 || stream.read_buf(held).await? == 0 {
            return Ok(None);
        }
    }
}

async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}
