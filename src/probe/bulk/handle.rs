//! The reactor on a thread of its own, under hickory's `DnsHandle`: everything that is built upon that, such as
//! `CachingClient`, then asks over the shared sockets. Questions go without EDNS.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};

use futures_util::stream::{self, Stream};
use hickory_net::NetError;
use hickory_net::runtime::TokioRuntimeProvider;
use hickory_net::xfer::DnsHandle;
use hickory_proto::op::{DnsRequest, DnsResponse, Message};
use tokio::sync::oneshot;

use super::reactor::{Reactor, RunError};
use super::wake::Waker;
use super::{Answer, Client, Failure, Next, Settings, Told};

/// Questions that wait for the reactor; with more, [`NetError::Busy`] is the answer.
const QUEUE: usize = 4_096;

/// Cheap to clone. The thread ends when the last clone is gone and the last question is answered.
#[derive(Debug, Clone)]
pub struct Bulk {
    requests: SyncSender<Request>,
    waker: Waker,
}

#[derive(Debug)]
struct Request {
    packet: Vec<u8>,
    answer: oneshot::Sender<Result<DnsResponse, NetError>>,
}

impl Bulk {
    /// Opens the sockets and starts the thread.
    ///
    /// # Errors
    /// Sockets or the thread could not be made.
    pub fn start(settings: &Settings) -> Result<Self, RunError> {
        let (requests, waiting) = sync_channel(QUEUE);
        let reactor = Reactor::new(settings, Channel { waiting, asked: HashMap::new(), key: 0 })?;
        let waker = reactor.waker();
        let thread = std::thread::Builder::new().name("dns-bulk".to_owned());
        let thread = thread.spawn(move || reactor.run());
        thread.map_err(|source| RunError::Sockets { wanted: settings.sockets, source })?;
        Ok(Self { requests, waker })
    }

    fn ask(&self, request: &DnsRequest) -> Result<oneshot::Receiver<Result<DnsResponse, NetError>>, NetError> {
        let question = request.queries.first().ok_or(NetError::Message("a request without a question"))?;
        let mut message = Message::query();
        message.metadata.recursion_desired = request.metadata.recursion_desired;
        message.add_query(question.clone());
        let (answer, answered) = oneshot::channel();
        let request = Request { packet: message.to_vec()?, answer };
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => NetError::Busy,
            TrySendError::Disconnected(_) => NetError::NoConnections,
        })?;
        self.waker.wake();
        Ok(answered)
    }
}

impl DnsHandle for Bulk {
    type Response = Pin<Box<dyn Stream<Item = Result<DnsResponse, NetError>> + Send>>;
    type Runtime = TokioRuntimeProvider;

    fn is_using_edns(&self) -> bool {
        false
    }

    fn send(&self, request: DnsRequest) -> Self::Response {
        match self.ask(&request) {
            Ok(answered) => Box::pin(stream::once(settled(answered))),
            Err(error) => Box::pin(stream::once(std::future::ready(Err(error)))),
        }
    }
}

async fn settled(answered: oneshot::Receiver<Result<DnsResponse, NetError>>) -> Result<DnsResponse, NetError> {
    answered.await.unwrap_or(Err(NetError::NoConnections))
}

/// The reactor's end.
struct Channel {
    waiting: Receiver<Request>,
    asked: HashMap<u64, oneshot::Sender<Result<DnsResponse, NetError>>>,
    key: u64,
}

impl Client for Channel {
    fn next(&mut self, packet: &mut Vec<u8>) -> Next {
        loop {
            match self.waiting.try_recv() {
                // Whoever asked went away while it waited.
                Ok(request) if request.answer.is_closed() => {}
                Ok(request) => {
                    self.key += 1;
                    packet.clear();
                    packet.extend_from_slice(&request.packet);
                    self.asked.insert(self.key, request.answer);
                    return Next::Ask(self.key);
                }
                Err(TryRecvError::Empty) => return Next::Later,
                Err(TryRecvError::Disconnected) => return Next::End,
            }
        }
    }

    fn answered(&mut self, key: u64, answer: &Answer<'_>) -> bool {
        let Ok(response) = DnsResponse::from_buffer(answer.bytes.to_vec()) else { return false };
        if let Some(asker) = self.asked.remove(&key) {
            let _ = asker.send(Ok(response));
        }
        true
    }

    fn failed(&mut self, key: u64, failure: Failure, _: Told) {
        let error = match failure {
            Failure::TimedOut | Failure::AllGone => NetError::Timeout,
            Failure::Unreadable => NetError::Message("only answers that cannot be read"),
            Failure::NoTcp => NetError::Message("the answer does not fit into a packet, and TCP failed"),
            Failure::NoRoute => NetError::Message("there is no route to the server"),
        };
        if let Some(asker) = self.asked.remove(&key) {
            let _ = asker.send(Err(error));
        }
    }
}
