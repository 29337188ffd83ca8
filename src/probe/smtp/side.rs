//! The guard as the stream that `async-smtp` reads and writes. Only an adapter: the parser keeps its
//! stream to itself, so both sides share the guard, which is never locked across an await.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, ReadBuf};

use super::guard::Guard;

/// One of the two holders of a guard.
#[derive(Clone)]
pub(super) struct Side {
    guard: Arc<Mutex<Guard>>,
    /// A reply being read, from `position` on.
    reply: Vec<u8>,
    position: usize,
}

impl Side {
    pub(super) fn new(guard: Guard) -> Self {
        Self { guard: Arc::new(Mutex::new(guard)), reply: Vec::new(), position: 0 }
    }

    pub(super) fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncBufRead for Side {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let side = self.get_mut();
        if side.position >= side.reply.len() {
            let reply = ready!(side.guard().poll_reply(cx))?;
            side.reply = reply;
            side.position = 0;
        }
        Poll::Ready(Ok(side.reply.get(side.position..).unwrap_or_default()))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let side = self.get_mut();
        side.position = side.position.saturating_add(amount).min(side.reply.len());
    }
}

impl AsyncRead for Side {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = bytes.len().min(buffer.remaining());
        buffer.put_slice(bytes.get(..count).unwrap_or_default());
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Side {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.guard().gather(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.guard().poll_send(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}
