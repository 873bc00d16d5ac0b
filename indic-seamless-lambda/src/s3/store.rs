//! Objects in S3: opening a bucket, reading and writing.

use std::{sync::Arc, time::Duration};

use futures_util::TryStreamExt as _;
use object_store::{
    Attribute, Attributes, ClientOptions, Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, Result,
    RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use tokio::time::timeout;

use super::{
    credentials,
    http::{Connector, TIMEOUT},
    settings::variable,
};

/// A client for a bucket, configured by AWS's usual environment variables. It holds credentials and, later, connections, so
/// it must not be made before a snapshot is taken.
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

/// Whether an object exists.
pub(super) async fn exists(store: &dyn ObjectStore, key: &Path) -> Result<bool> {
    match store.head(key).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The version of an object, as S3 names it; `None` if there is no such object.
pub(super) async fn etag(store: &dyn ObjectStore, key: &Path) -> Result<Option<String>> {
    match store.head(key).await {
        Ok(object) => Ok(object.e_tag),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of a small object; `None` if there is no such object.
pub(super) async fn get(store: &dyn ObjectStore, key: &Path) -> Result<Option<Vec<u8>>> {
    match store.get(key).await {
        Ok(object) => Ok(Some(object.bytes().await?.into())),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A recording, unless it is too large.
#[derive(Debug)]
pub(super) enum Object {
    Whole {
        bytes: Vec<u8>,
        etag: Option<String>,
    },
    /// More bytes than allowed. It was not read.
    TooLarge {
        size: u64,
        etag: Option<String>,
    },
}

/// Reads an object of at most `max_bytes`.
pub(super) async fn read(store: &dyn ObjectStore, key: &Path, max_bytes: u64) -> Result<Object> {
    let object = store.get(key).await?;
    let (size, etag) = (object.meta.size, object.meta.e_tag.clone());
    if size > max_bytes {
        return Ok(Object::TooLarge { size, etag });
    }
    let mut bytes = Vec::with_capacity(size as usize);
    let mut chunks = object.into_stream();
    while let Some(chunk) = timeout(TIMEOUT, chunks.try_next()).await.map_err(|_| stalled(key))?? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(Object::Whole { bytes, etag })
}

fn stalled(key: &Path) -> Error {
    Error::Generic { store: "S3", source: format!("{key}: no bytes arrived for {} s", TIMEOUT.as_secs()).into() }
}

/// Writes an object, unless it exists already.
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

/// Writes an object, in place of an older one.
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
