//! Objects in S3: the client, and the few things that are done with it.

use std::{io, iter, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector as TcpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use object_store::{
    Attribute, Attributes, ClientOptions, Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, Result,
    RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
        HttpResponseBody, HttpService,
    },
    path::Path,
};
use tokio::time::timeout;

use super::{credentials, variable};

/// How long a connection, the head of an answer, or the next bytes of an object may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client for a bucket, set by the usual environment variables. It holds credentials and, later, connections: it must
/// not be made before a snapshot is taken.
pub(super) fn open(bucket: &str) -> Result<AmazonS3> {
    let endpoint = variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL")).unwrap_or_default();
    let options = ClientOptions::new().with_allow_http(endpoint.starts_with("http://"));
    let retry = RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(60), ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_client_options(options)
        .with_http_connector(Connector)
        .with_retry(retry);
    if let Some(credentials) = credentials::from_env()? {
        builder = builder.with_credentials(Arc::new(credentials));
    }
    builder.build()
}

pub(super) async fn exists(store: &dyn ObjectStore, key: &Path) -> Result<bool> {
    match store.head(key).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The whole of an object, if there is one.
pub(super) async fn text(store: &dyn ObjectStore, key: &Path) -> Result<Option<Vec<u8>>> {
    match store.get(key).await {
        Ok(object) => Ok(Some(object.bytes().await?.into())),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An object that may be large.
#[derive(Debug)]
pub(super) enum Object {
    Whole {
        bytes: Vec<u8>,
        etag: Option<String>,
    },
    /// It has this many bytes, more than allowed, and was not read.
    TooLarge(u64),
}

pub(super) async fn read(store: &dyn ObjectStore, key: &Path, max_bytes: u64) -> Result<Object> {
    let object = store.get(key).await?;
    let (size, etag) = (object.meta.size, object.meta.e_tag.clone());
    if size > max_bytes {
        return Ok(Object::TooLarge(size));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    let mut chunks = object.into_stream();
    while let Some(chunk) = timeout(PATIENCE, chunks.try_next()).await.map_err(|_| stalled(key))?? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(Object::Whole { bytes, etag })
}

fn stalled(key: &Path) -> Error {
    Error::Generic { store: "S3", source: format!("{key}: no more bytes came for {} s", PATIENCE.as_secs()).into() }
}

/// Writes an object unless there is one, which then stays.
pub(super) async fn create(
    store: &dyn ObjectStore,
    key: &Path,
    bytes: Vec<u8>,
    content_type: &'static str,
) -> Result<()> {
    match put(store, key, bytes, content_type, PutMode::Create).await {
        Err(Error::AlreadyExists { .. }) => Ok(()),
        other => other,
    }
}

pub(super) async fn replace(
    store: &dyn ObjectStore,
    key: &Path,
    bytes: Vec<u8>,
    content_type: &'static str,
) -> Result<()> {
    put(store, key, bytes, content_type, PutMode::Overwrite).await
}

async fn put(
    store: &dyn ObjectStore,
    key: &Path,
    bytes: Vec<u8>,
    content_type: &'static str,
    mode: PutMode,
) -> Result<()> {
    let attributes = Attributes::from_iter([(Attribute::ContentType, content_type)]);
    let options = PutOptions { mode, attributes, ..PutOptions::default() };
    store.put_opts(key, bytes.into(), options).await.map(|_| ())
}

/// HTTP by hyper, which the rest of this program has anyway, and by rustls with roots of its own: the container has no files
/// with certificates.
#[derive(Debug)]
pub(super) struct Connector;

#[derive(Debug)]
struct Http(Client<HttpsConnector<TcpConnector>, HttpRequestBody>);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> Result<HttpClient> {
        let mut tcp = TcpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(PATIENCE));
        tcp.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new().with_webpki_roots();
        let plain = options.get_config_value(&object_store::ClientConfigKey::AllowHttp);
        let schemes = if plain.as_deref() == Some("true") { tls.https_or_http() } else { tls.https_only() };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // S3 closes after about as long; a connection that was closed while the function was frozen costs a retry.
            .pool_idle_timeout(Duration::from_secs(5))
            .build(schemes.enable_http1().wrap_connector(tcp));
        Ok(HttpClient::new(Http(client)))
    }
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = timeout(PATIENCE, self.0.request(request)).await;
        let response = response.map_err(|error| HttpError::new(HttpErrorKind::Timeout, error))?.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, whole(&error))
        })?;
        let broken = |error| HttpError::new(HttpErrorKind::Interrupted, whole(&error));
        Ok(response.map(|body| HttpResponseBody::new(body.map_err(broken))))
    }
}

/// An error with what it came from, which hyper does not say by itself: "connect" alone helps nobody.
fn whole(error: &(dyn std::error::Error + 'static)) -> io::Error {
    let chain = iter::successors(Some(error), |error| error.source());
    io::Error::other(chain.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}
