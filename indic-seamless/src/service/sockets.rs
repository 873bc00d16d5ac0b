//! Live transcriptions, each of which is a WebSocket: how many there are.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places for sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    places: Arc<Semaphore>,
    most: u32,
}

/// The place of a socket, until dropped.
pub(super) type SocketPlace = OwnedSemaphorePermit;

impl Sockets {
    /// So many places.
    pub(super) fn new(most: usize) -> Self {
        // No host has more connections.
        let most = u16::try_from(most).unwrap_or(u16::MAX);
        Self { places: Arc::new(Semaphore::new(usize::from(most))), most: u32::from(most) }
    }

    /// A place; `None` if all are taken.
    pub(super) fn enter(&self) -> Option<SocketPlace> {
        self.places.clone().try_acquire_owned().ok()
    }

    /// Waits until all sockets are closed.
    pub(super) async fn closed(&self) {
        // The semaphore is never closed.
        let _ = self.places.acquire_many(self.most).await;
    }
}
