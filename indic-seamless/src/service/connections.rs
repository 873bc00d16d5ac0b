//! The connections of a listener: what each is doing, and which one can be spared.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Instant,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::Notify;

/// What a connection is doing. Those that come first can be spared first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// There has been no request yet.
    Silent,
    /// It is between requests.
    Idle,
    /// A request is under way.
    Busy,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    close: Arc<Notify>,
}

/// All connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    next: AtomicU64,
    open: Mutex<HashMap<u64, State>>,
}

/// One of them, which is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct Connection {
    all: Arc<Connections>,
    id: u64,
    close: Arc<Notify>,
}

/// A request under way, until its answer is written.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Connection>);

/// The body of an answer, with which a request ends.
struct Answer<G> {
    body: Body,
    _guard: G,
}

/// The body, which holds `guard` until it is written, or its client has gone.
pub(super) fn until_written<G: Send + Unpin + 'static>(body: Body, guard: G) -> Body {
    Body::new(Answer { body, _guard: guard })
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, State>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new connection.
    pub(super) fn add(self: &Arc<Self>) -> Arc<Connection> {
        let (id, close) = (self.next.fetch_add(1, Ordering::Relaxed), Arc::new(Notify::new()));
        let state = State { phase: Phase::Silent, since: Instant::now(), close: close.clone() };
        self.open().insert(id, state);
        Arc::new(Connection { all: self.clone(), id, close })
    }

    /// Closes the connection that has been without any request for longest, or else the one that has been idle for longest. False
    /// if all are busy.
    pub(super) fn spare_one(&self) -> bool {
        let open = self.open();
        let spared =
            open.values().filter(|state| state.phase != Phase::Busy).min_by_key(|state| (state.phase, state.since));
        if let Some(state) = spared {
            state.close.notify_one();
        }
        spared.is_some()
    }

    /// Closes all connections, whatever they are doing.
    pub(super) fn close_all(&self) {
        self.open().values().for_each(|state| state.close.notify_one());
    }
}

impl Connection {
    fn enter(&self, phase: Phase) {
        if let Some(state) = self.all.open().get_mut(&self.id) {
            (state.phase, state.since) = (phase, Instant::now());
        }
    }

    /// Notes that a request has come.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.enter(Phase::Busy);
        UnderWay(self.clone())
    }

    /// Whether there has been no request yet.
    pub(super) fn is_silent(&self) -> bool {
        self.all.open().get(&self.id).is_some_and(|state| state.phase == Phase::Silent)
    }

    /// Completes when the connection is to be closed.
    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.open().remove(&self.id);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.enter(Phase::Idle);
    }
}

impl<G: Unpin> HttpBody for Answer<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each is told to close.
    fn told(connections: &[&Arc<Connection>]) -> Vec<bool> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let told = |one: &&Arc<Connection>| std::pin::pin!(one.closed()).poll(&mut context).is_ready();
        connections.iter().map(told).collect()
    }

    #[test]
    fn silent_connections_are_spared_first_and_busy_ones_never() {
        let all = Arc::new(Connections::default());
        let (busy, idle, silent) = (all.add(), all.add(), all.add());
        let under_way = busy.begin();
        drop(idle.begin());
        let every = [&busy, &idle, &silent];
        assert!(all.spare_one());
        assert_eq!(told(&every), [false, false, true]);
        drop(silent);
        all.spare_one();
        assert_eq!(told(&[&busy, &idle]), [false, true]);
        drop(idle);
        assert!(!all.spare_one());
        assert_eq!(told(&[&busy]), [false]);
        drop(under_way);
        all.spare_one();
        assert_eq!(told(&[&busy]), [true]);
        drop(busy);
        assert!(all.open().is_empty());
    }
}
