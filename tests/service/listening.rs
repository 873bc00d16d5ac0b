//! A service on a port.

use axum::Router;
use indic_seamless::service::{Service, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::start;

/// A service that listens.
pub(crate) struct Listening {
    pub(crate) address: std::net::SocketAddr,
    /// Its endpoints, without the listener.
    pub(crate) router: Router,
    end: Option<oneshot::Sender<()>>,
    pub(crate) server: JoinHandle<std::io::Result<()>>,
}

impl Listening {
    pub(crate) async fn start(settings: Settings) -> Self {
        Self::of(start(settings)).await
    }

    pub(crate) async fn of(service: Service) -> Self {
        service.ready().await.expect("loaded");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (end, ended) = oneshot::channel::<()>();
        let (router, served) = (service.router(), service.router());
        let server = tokio::spawn(async move { service.serve(listener, served, async { drop(ended.await) }).await });
        Self { address, router, end: Some(end), server }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connected")
    }

    /// Asks on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> String {
        let mut stream = self.connect().await;
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    pub(crate) fn end(&mut self) {
        drop(self.end.take());
    }
}
