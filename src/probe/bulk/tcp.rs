//! Questions whose answer did not fit into a packet, asked again over TCP (RFC 7766) by a few threads that
//! wait so that the reactor need not. They are started when the first such answer comes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::flight::Ticket;
use super::packet::{self, Reply};
use super::wake::Waker;

const THREADS: usize = 8;
/// Questions that wait for a thread.
const QUEUE: usize = 256;
/// For the connection, and for each step on it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question for a thread.
struct Errand {
    ticket: Ticket,
    upstream: SocketAddr,
    packet: Vec<u8>,
}

/// What came of it: the answer, or why there is none.
pub(super) struct Returned {
    pub(super) ticket: Ticket,
    pub(super) answer: Result<Vec<u8>, String>,
}

pub(super) struct Tcp {
    errands: Option<SyncSender<Errand>>,
    returned: Receiver<Returned>,
    back: Sender<Returned>,
    waker: Waker,
}

impl Tcp {
    pub(super) fn new(waker: Waker) -> Self {
        let (back, returned) = mpsc::channel();
        Self { errands: None, returned, back, waker }
    }

    /// Hands a question to a thread. `false`: all have enough to do, try again later.
    pub(super) fn ask(&mut self, ticket: Ticket, upstream: SocketAddr, packet: &[u8]) -> bool {
        if self.errands.is_none() {
            self.errands = start(&self.back, &self.waker);
        }
        let Some(errands) = &self.errands else { return false };
        match errands.try_send(Errand { ticket, upstream, packet: packet.to_vec() }) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => false,
            Err(TrySendError::Disconnected(_)) => {
                self.errands = None;
                false
            }
        }
    }

    pub(super) fn returned(&self) -> Option<Returned> {
        self.returned.try_recv().ok()
    }
}

fn start(back: &Sender<Returned>, waker: &Waker) -> Option<SyncSender<Errand>> {
    let (errands, waiting) = mpsc::sync_channel(QUEUE);
    let waiting = Arc::new(Mutex::new(waiting));
    let mut started = 0;
    for _ in 0..THREADS {
        let (waiting, back, waker) = (waiting.clone(), back.clone(), waker.clone());
        let thread = std::thread::Builder::new().name("dns-tcp".to_owned());
        started += usize::from(thread.spawn(move || work(&waiting, &back, &waker)).is_ok());
    }
    (started > 0).then_some(errands)
}

fn work(waiting: &Mutex<Receiver<Errand>>, back: &Sender<Returned>, waker: &Waker) {
    // A connection is kept for the next question to the same server.
    let mut open: Option<(SocketAddr, TcpStream)> = None;
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Errand { ticket, upstream, packet }) = next else { return };
        let kept = open.take().filter(|(to, _)| *to == upstream);
        // A server may have closed it meanwhile, which is no answer.
        let mut answer =
            kept.ok_or_else(|| io::ErrorKind::NotConnected.into()).and_then(|(_, stream)| talk(stream, &packet));
        if answer.is_err() {
            answer = TcpStream::connect_timeout(&upstream, PATIENCE).and_then(|stream| talk(stream, &packet));
        }
        let answer = answer.map_err(|error| error.to_string()).map(|(stream, bytes)| {
            open = Some((upstream, stream));
            bytes
        });
        let answer = answer.and_then(|bytes| match packet::read(&packet, &bytes) {
            Reply::Answer if bytes.get(..2) == packet.get(..2) => Ok(bytes),
            Reply::Truncated => Err("truncated even over TCP".to_owned()),
            Reply::Refusal => Err("refused over TCP".to_owned()),
            Reply::Answer | Reply::NoAnswer | Reply::OtherQuestion => {
                Err("answers another question over TCP".to_owned())
            }
        });
        if back.send(Returned { ticket, answer }).is_err() {
            return;
        }
        waker.wake();
    }
}

fn talk(mut stream: TcpStream, packet: &[u8]) -> io::Result<(TcpStream, Vec<u8>)> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), packet].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes)?;
    Ok((stream, bytes))
}
