//! Live transcription: events of clients over a WebSocket.

use std::{net::SocketAddr, sync::LazyLock, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};
use tokio_tungstenite::{connect_async, tungstenite::Message};

use crate::requests::{RUNTIME, SERVICE};

/// Longer than a session may take.
const LONG: Duration = Duration::from_secs(9);
/// The most events of a session.
const MOST: usize = 60;

static ADDRESS: LazyLock<SocketAddr> = LazyLock::new(|| {
    // Before the runtime is entered, in which the service cannot be waited for.
    let (service, router) = (SERVICE.clone(), SERVICE.router());
    RUNTIME.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { service.serve(listener, router, std::future::pending()).await });
        address
    })
});

/// Sends each line as an event, those that begin with `!` as bytes, and hears the answers to the end.
pub(crate) fn realtime(data: &[u8]) {
    let url = format!("ws://{}/v1/realtime?intent=transcription", *ADDRESS);
    let session = async {
        let (socket, _) = connect_async(url).await.expect("a socket");
        let (mut sender, mut receiver) = socket.split();
        let events = data.split(|&byte| byte == b'\n').take(MOST).map(|line| match line.strip_prefix(b"!") {
            Some(bytes) => Message::binary(bytes.to_vec()),
            None => Message::text(String::from_utf8_lossy(line).into_owned()),
        });
        let sent = async {
            for event in events {
                // It may have been closed after the one before.
                if sender.send(event).await.is_err() {
                    return;
                }
            }
            drop(sender.close().await);
        };
        let heard = async {
            while let Some(Ok(message)) = receiver.next().await {
                match message {
                    Message::Text(text) => {
                        let event: Value = serde_json::from_str(&text).expect("JSON");
                        assert!(event["type"].is_string() && event["event_id"].is_string(), "{event}");
                        assert_ne!(event["error"]["code"], "internal", "{event}");
                    }
                    Message::Close(Some(frame)) => assert_ne!(u16::from(frame.code), 1011, "{frame}"),
                    _ => {}
                }
            }
        };
        tokio::join!(sent, heard);
    };
    RUNTIME.block_on(async { timeout(LONG, session).await.expect("the end of the session") });
}
