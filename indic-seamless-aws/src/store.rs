//! Objects in S3: opening a bucket, reading and writing.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures_util::{
    Stream, StreamExt as _,
    stream::{self, TryStreamExt as _},
};
use object_store::{
    Attribute, Attributes, ClientOptions, Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, Result,
    RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use tokio::time::timeout;

use crate::{
    credentials,
    http::{Connector, TIMEOUT},
    variable,
};

/// How many objects are asked for at a time.
const AT_A_TIME: usize = 64;

/// A client for a bucket, configured by AWS's usual environment variables. It holds credentials and, later, connections, so
/// it must not be made before a snapshot is taken.
///
/// # Errors
///
/// A setting that cannot be used.
pub fn open(bucket: &str) -> Result<AmazonS3> {
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
///
/// # Errors
///
/// Those of the store.
pub async fn exists(store: &dyn ObjectStore, key: &Path) -> Result<bool> {
    match store.head(key).await {
        Ok(_) => Ok(true),
        Err(Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The version of an object, as S3 names it; `None` if there is no such object.
///
/// # Errors
///
/// Those of the store.
pub async fn etag(store: &dyn ObjectStore, key: &Path) -> Result<Option<String>> {
    match store.head(key).await {
        Ok(object) => Ok(object.e_tag),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of a small object; `None` if there is no such object.
///
/// # Errors
///
/// Those of the store.
pub async fn get(store: &dyn ObjectStore, key: &Path) -> Result<Option<Vec<u8>>> {
    match store.get(key).await {
        Ok(object) => Ok(Some(object.bytes().await?.into())),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A recording, unless it is too large.
#[derive(Debug)]
pub enum Object {
    /// All of it.
    Whole {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Its version, as S3 names it.
        etag: Option<String>,
    },
    /// More bytes than allowed. It was not read.
    TooLarge {
        /// How many bytes it has.
        size: u64,
        /// Its version, as S3 names it.
        etag: Option<String>,
    },
}

/// Reads an object of at most `max_bytes`.
///
/// # Errors
///
/// Those of the store.
pub async fn read(store: &dyn ObjectStore, key: &Path, max_bytes: u64) -> Result<Object> {
    let object = store.get(key).await?;
    let (size, etag) = (object.meta.size, object.meta.e_tag.clone());
    if size > max_bytes {
        return Ok(Object::TooLarge { size, etag });
    }
    let mut bytes = Vec::with_capacity(size as usize);
    let mut chunks = object.into_stream();
    while let Some(chunk) = next(&mut chunks, key).await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(Object::Whole { bytes, etag })
}

/// Writes all bytes of an object to `to`, piece by piece.
///
/// # Errors
///
/// Those of the store, [as those of a file](io_error), and those of `to`.
pub async fn copy(store: &dyn ObjectStore, key: &Path, to: &mut (dyn Write + Send)) -> io::Result<()> {
    let mut chunks = store.get(key).await.map_err(io_error)?.into_stream();
    while let Some(chunk) = next(&mut chunks, key).await.map_err(io_error)? {
        to.write_all(&chunk)?;
    }
    Ok(())
}

async fn next(chunks: &mut (impl Stream<Item = Result<Bytes>> + Unpin), key: &Path) -> Result<Option<Bytes>> {
    timeout(TIMEOUT, chunks.try_next()).await.map_err(|_| stalled(key))?
}

/// Whether objects exist, each in its place.
///
/// # Errors
///
/// The first one.
pub async fn exist(store: &dyn ObjectStore, keys: &[Path]) -> Result<Vec<bool>> {
    stream::iter(keys).map(|key| exists(store, key)).buffered(AT_A_TIME).try_collect().await
}

/// Looks into a folder, to find out whether its bucket can be reached and read.
///
/// # Errors
///
/// Why not.
pub async fn probe(store: &dyn ObjectStore, folder: &Path) -> Result<()> {
    let listed = store.list(Some(folder)).try_next().await;
    listed.map(|_| ()).map_err(|error| {
        // Errors of lists have their status in the text only.
        let (text, path) = (error.to_string(), folder.to_string());
        let has_status = |status: &str| text.contains(&format!("status code: {status} "));
        match error {
            Error::Generic { source, .. } if has_status("404") => Error::NotFound { path, source },
            Error::Generic { source, .. } if has_status("403") => Error::PermissionDenied { path, source },
            error => error,
        }
    })
}

/// An error of the store as one of a file. Its kind says what is to be done about it: what is missing or forbidden stays so, and
/// [`Other`](io::ErrorKind::Other) may be over the next time.
#[must_use]
#[allow(clippy::needless_pass_by_value, reason = "it is for `map_err`")]
pub fn io_error(error: Error) -> io::Error {
    let kind = match &error {
        Error::NotFound { .. } => io::ErrorKind::NotFound,
        Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        Error::InvalidPath { .. } | Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            io::ErrorKind::Unsupported
        }
        _ => io::ErrorKind::Other,
    };
    let text = match kind {
        io::ErrorKind::NotFound => "there is no such object, or no such bucket".to_owned(),
        // Of answers in XML it has several lines.
        _ => error.to_string().lines().collect::<Vec<_>>().join(" "),
    };
    io::Error::new(kind, text)
}

fn stalled(key: &Path) -> Error {
    Error::Generic { store: "S3", source: format!("{key}: no bytes arrived for {} s", TIMEOUT.as_secs()).into() }
}

/// Writes an object, unless it exists already.
///
/// # Errors
///
/// Those of the store.
pub async fn create(store: &dyn ObjectStore, key: &Path, bytes: Vec<u8>, content_type: &'static str) -> Result<()> {
    match put(store, key, bytes, content_type, PutMode::Create).await {
        Err(Error::AlreadyExists { .. }) => Ok(()),
        other => other,
    }
}

/// Writes an object, in place of an older one.
///
/// # Errors
///
/// Those of the store.
pub async fn replace(store: &dyn ObjectStore, key: &Path, bytes: Vec<u8>, content_type: &'static str) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use axum::{Router, http::StatusCode};

    use super::*;

    /// The error of a probe where the store answers so.
    async fn probed(status: StatusCode) -> io::Error {
        let answer = move || async move { (status, "<Error>\n<Code>No</Code></Error>") };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let builder =
            AmazonS3Builder::new().with_endpoint(endpoint).with_region("us-east-1").with_bucket_name("speech");
        let retry = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        let builder = builder.with_access_key_id("test").with_secret_access_key("test").with_retry(retry);
        let options = ClientOptions::new().with_allow_http(true);
        let store = builder.with_client_options(options).with_http_connector(Connector).build().unwrap();
        io_error(probe(&store, &Path::from("texts")).await.unwrap_err())
    }

    #[tokio::test]
    async fn what_is_missing_or_forbidden_is_told_from_what_may_pass() {
        for (status, kind) in [
            (StatusCode::NOT_FOUND, io::ErrorKind::NotFound),
            (StatusCode::FORBIDDEN, io::ErrorKind::PermissionDenied),
            (StatusCode::SERVICE_UNAVAILABLE, io::ErrorKind::Other),
        ] {
            let error = probed(status).await;
            assert_eq!(error.kind(), kind, "{error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
