//! A task that ends with its owner, so that stopping a server really closes its sockets.

use std::future::Future;

use tokio::task::{AbortHandle, JoinHandle};

/// Aborts the task when dropped.
#[derive(Debug)]
pub struct Task(AbortHandle);

impl Task {
    pub fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work).abort_handle())
    }

    /// Like [`Task::spawn`], for an owner that must wait until the sockets are closed.
    pub fn spawn_joined(work: impl Future<Output = ()> + Send + 'static) -> (Self, JoinHandle<()>) {
        let handle = tokio::spawn(work);
        (Self(handle.abort_handle()), handle)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
