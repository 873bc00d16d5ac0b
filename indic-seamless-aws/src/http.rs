//! The HTTP client of `object_store`, on hyper, which this program has anyway.

use std::{io, iter, time::Duration};

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector as TcpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use object_store::{
    ClientOptions, Result,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use tokio::time::timeout;

/// How long a connection, the head of an answer, or the next bytes of an object may take.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Opens connections, with rustls and compiled-in root certificates: the container has no certificate files.
#[derive(Debug)]
pub struct Connector;

#[derive(Debug)]
struct Http(Client<HttpsConnector<TcpConnector>, HttpRequestBody>);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(TIMEOUT));
        tcp.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new().with_webpki_roots();
        let plain = options.get_config_value(&object_store::ClientConfigKey::AllowHttp);
        let schemes = if plain.as_deref() == Some("true") { tls.https_or_http() } else { tls.https_only() };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // S3 closes idle connections after about as long, and one that was closed while the function was frozen costs a
            // retry.
            .pool_idle_timeout(Duration::from_secs(5))
            .build(schemes.enable_http1().wrap_connector(tcp));
        Ok(HttpClient::new(Http(client)))
    }
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = timeout(TIMEOUT, self.0.request(request)).await;
        let response = response.map_err(|error| HttpError::new(HttpErrorKind::Timeout, error))?.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, with_causes(&error))
        })?;
        let interrupted = |error| HttpError::new(HttpErrorKind::Interrupted, with_causes(&error));
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(interrupted))))
    }
}

/// An error with its causes, which hyper's messages leave out: "connect" alone explains nothing.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> io::Error {
    let chain = iter::successors(Some(error), |error| error.source());
    io::Error::other(chain.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}
