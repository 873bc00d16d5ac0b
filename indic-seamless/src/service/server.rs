//! An HTTP listener for hosts without one of their own.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1::Builder, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tower::ServiceExt;

use super::{
    Service,
    connections::{Connection, Connections, until_written},
    patient::Patient,
    settings::Settings,
};

/// How long a new connection may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// The largest head of a request; hyper answers 431 beyond.
const HEAD_BYTES: usize = 64 * 1024;
/// Connections at a time. When there are more, those without a request are closed.
const CONNECTIONS: usize = 1024;
/// How often room is made for a connection that waits.
const MAKE_ROOM: Duration = Duration::from_millis(100);
/// How long a connection that can be spared has to close.
const SPARED: Duration = Duration::from_millis(5);

/// Serves `router` on `listener` until `shutdown` completes; then accepts no new connections, and returns when the requests in
/// flight are answered. [`Service::serve`] also ends as load balancers need it.
///
/// Unlike `axum::serve` it refuses slow and oversized heads of requests, closes connections that do nothing, and gives up on
/// clients that do not read their answers.
///
/// # Errors
///
/// Those of the listener; a failed connection is logged.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let server = Server::new(router, &Settings::default());
    tokio::select! {
        never = server.accept(&listener) => match never {},
        () = shutdown => {}
    }
    drop(listener);
    server.end().await;
    Ok(())
}

impl Service {
    /// Serves `router`, which is that of this service or holds it, on `listener` until `shutdown` completes. Then it ends in steps,
    /// so that nothing is lost behind a load balancer:
    ///
    /// 1. `/ready` answers 503 for [`Settings::drain`]; all requests are still answered. Live transcriptions end with what has been
    ///    said.
    /// 2. Connections are refused. Requests in flight are answered, for up to [`Settings::grace`]; bodies that are still being sent
    ///    must come within [`Settings::body_timeout`].
    ///
    /// Another Ctrl-C or SIGTERM ends it at once.
    ///
    /// # Errors
    ///
    /// Those of the listener; a failed connection is logged.
    pub async fn serve(
        &self,
        listener: TcpListener,
        router: Router,
        shutdown: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let settings = self.settings();
        let server = Server::new(router, settings);
        tokio::select! {
            never = server.accept(&listener) => match never {},
            () = shutdown => {}
        }
        self.end();
        let ending = async {
            tokio::select! {
                never = server.accept(&listener) => match never {},
                () = sleep(settings.drain) => {}
            }
            drop(listener);
            let sockets = async {
                if timeout(settings.grace, self.0.sockets.closed()).await.is_err() {
                    tracing::warn!("shutdown timed out with live transcriptions under way");
                }
            };
            tokio::join!(server.end(), sockets);
        };
        tokio::select! {
            () = ending => {}
            () = termination() => tracing::warn!("ended at once, with requests in flight"),
        }
        Ok(())
    }
}

/// What serves connections.
struct Server {
    router: Router,
    http: Builder,
    write_timeout: Duration,
    grace: Duration,
    places: Arc<Semaphore>,
    connections: Arc<Connections>,
    /// Tells connections to end after their requests. Each has a receiver of it until it has ended, or became a WebSocket.
    ending: watch::Sender<()>,
}

impl Server {
    fn new(router: Router, settings: &Settings) -> Self {
        let mut http = Builder::new();
        // hyper has one timeout for idle connections and for heads.
        let head_timeout = settings.keep_alive.max(HEAD_TIMEOUT);
        http.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_BYTES);
        Self {
            router,
            http,
            write_timeout: settings.write_timeout,
            grace: settings.grace,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            connections: Arc::default(),
            ending: watch::Sender::new(()),
        }
    }

    /// Serves new connections.
    async fn accept(&self, listener: &TcpListener) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, address)) => {
                    let place = self.place().await;
                    self.serve(stream, address, place);
                }
                // There is room for fewer than `CONNECTIONS`.
                Err(error) if is_full(&error) && self.connections.spare_one() => sleep(SPARED).await,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    sleep(MAKE_ROOM).await;
                }
            }
        }
    }

    /// A place for a connection; if there is none, others are closed.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(place) = self.places.clone().try_acquire_owned() {
                return Some(place);
            }
            self.connections.spare_one();
            if let Ok(place) = timeout(MAKE_ROOM, self.places.clone().acquire_owned()).await {
                // The semaphore is never closed.
                return place.ok();
            }
        }
    }

    fn serve(&self, stream: TcpStream, address: SocketAddr, place: Option<OwnedSemaphorePermit>) {
        let (connection, stream) = (self.connections.add(), Patient::new(stream, self.write_timeout));
        let served = one(&self.http, stream, address, self.router.clone(), &connection, self.ending.subscribe());
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                result = served => if let Err(error) = result {
                    tracing::debug!(%error, "connection failed");
                },
                () = connection.closed() => {}
                () = silence(&connection) => tracing::debug!("a connection without a request"),
            }
        });
    }

    /// Waits for the requests in flight, for a while.
    async fn end(self) {
        self.ending.send_replace(());
        if timeout(self.grace, self.ending.closed()).await.is_err() {
            tracing::warn!("shutdown timed out with requests in flight");
        }
        self.connections.close_all();
    }
}

/// Whether so many files are open that no connection can be accepted.
fn is_full(error: &io::Error) -> bool {
    #[cfg(unix)]
    return matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE));
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::OutOfMemory;
}

/// Serves one connection.
fn one(
    http: &Builder,
    stream: Patient,
    address: SocketAddr,
    router: Router,
    connection: &Arc<Connection>,
    mut ending: watch::Receiver<()>,
) -> impl Future<Output = hyper::Result<()>> + use<> {
    let connection = connection.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (under_way, router) = (connection.begin(), router.clone());
        request.extensions_mut().insert(ConnectInfo(address));
        async move {
            let response = router.oneshot(request).await?;
            Ok::<_, Infallible>(response.map(|body| until_written(body, under_way)))
        }
    });
    let served = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    async move {
        let mut served = pin!(served);
        tokio::select! {
            result = served.as_mut() => return result,
            _ = ending.changed() => served.as_mut().graceful_shutdown(),
        }
        served.await
    }
}

/// Completes when no request has come in time.
async fn silence(connection: &Connection) {
    sleep(HEAD_TIMEOUT).await;
    if !connection.is_silent() {
        std::future::pending::<()>().await;
    }
}

/// Waits for Ctrl-C or SIGTERM.
pub async fn termination() {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<Option<()>>();
    tokio::select! {
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn silent_connections_make_room_for_others() {
        let router = Router::new().route("/health", axum::routing::get(|| async { "healthy" }));
        let mut server = Server::new(router, &Settings::default());
        server.places = Arc::new(Semaphore::new(8));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { server.accept(&listener).await });
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(address).await.expect("connected"));
        }
        for _ in 0..3 {
            let mut client = TcpStream::connect(address).await.expect("connected");
            let asked = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            client.write_all(asked).await.expect("sent");
            let mut answer = String::new();
            let read = timeout(Duration::from_secs(5), client.read_to_string(&mut answer)).await;
            read.expect("in time").expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("healthy"), "{answer}");
        }
    }
}
