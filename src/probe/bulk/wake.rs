//! Wakes the reactor from another thread, and lets it wait for that and for its sockets together.

use std::os::fd::AsFd;
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// Cheap to clone; any thread may hold one.
#[derive(Debug, Clone)]
pub(crate) struct Waker(Arc<EventFd>);

impl Waker {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?)))
    }

    /// The reactor looks for work now, or the next time it would wait.
    pub(crate) fn wake(&self) {
        // It can only fail when it has been woken countless times already.
        let _ = self.0.write(1);
    }
}

/// Readiness of the sockets, named by their index, and of the waker.
pub(super) struct Ears {
    epoll: Epoll,
    waker: Waker,
    events: Vec<EpollEvent>,
}

/// What the waker is registered as.
const WAKER: u64 = u64::MAX;

impl Ears {
    pub(super) fn new<F: AsFd>(sockets: &[F], waker: Waker) -> std::io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        for (index, socket) in (0_u64..).zip(sockets) {
            epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, index))?;
        }
        epoll.add(&*waker.0, EpollEvent::new(EpollFlags::EPOLLIN, WAKER))?;
        Ok(Self { epoll, waker, events: vec![EpollEvent::empty(); 512] })
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits at most `millis` and adds the sockets that can be read to `ready`.
    pub(super) fn wait(&mut self, millis: u16, ready: &mut Vec<usize>) {
        let count = self.epoll.wait(&mut self.events, EpollTimeout::from(millis)).unwrap_or(0);
        for event in self.events.iter().take(count) {
            match event.data() {
                WAKER => drop(self.waker.0.read()),
                index => ready.extend(usize::try_from(index)),
            }
        }
    }
}
