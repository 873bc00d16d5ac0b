//! Objects in S3, for threads that wait for them.

use std::{
    collections::HashMap,
    io,
    path::Path as FilePath,
    sync::{Arc, Mutex, PoisonError},
};

use indic_seamless::{Error, Result};
use indic_seamless_aws::store::{self, Object};
use object_store::{ObjectStore, path::Path};
use tempfile::NamedTempFile;
use tokio::runtime::{Builder, Runtime};

use super::{copies, location::S3Url};

/// The buckets that a run has to do with. Each is opened when it is needed.
pub(super) struct Buckets {
    runtime: Runtime,
    open: Mutex<HashMap<String, Arc<dyn ObjectStore>>>,
}

impl Buckets {
    /// # Errors
    ///
    /// [`Error::Io`] if no thread can be started.
    pub(super) fn new() -> Result<Self> {
        Ok(Self { runtime: runtime("the client of S3")?, open: Mutex::default() })
    }

    /// Reads an object of at most `max_bytes`.
    pub(super) fn read(&self, url: &S3Url, max_bytes: u64) -> Result<Vec<u8>> {
        self.with("read", url, async |store, key| match store::read(store, key, max_bytes).await {
            Ok(Object::Whole { bytes, .. }) => Ok(bytes),
            Ok(Object::TooLarge { size, .. }) => {
                let reason = format!("it has {size} bytes, wanted at most {max_bytes}");
                Err(io::Error::new(io::ErrorKind::InvalidInput, reason))
            }
            Err(error) => Err(store::io_error(error)),
        })
    }

    /// Copies an object to a temporary file.
    pub(super) fn copy(&self, url: &S3Url) -> Result<NamedTempFile> {
        // Some formats are known by it.
        let extension = FilePath::new(&url.key).extension().map(|extension| format!(".{}", extension.display()));
        self.with("read", url, async |store, key| {
            let mut file = copies::create(&extension.unwrap_or_default())?;
            store::copy(store, key, file.as_file_mut()).await?;
            Ok(file)
        })
    }

    /// Looks whether an object can be asked for. There need not be one.
    pub(super) fn probe(&self, url: &S3Url) -> Result<()> {
        self.with("read", url, async |store, key| store::exists(store, key).await.map_err(store::io_error)).map(drop)
    }

    /// Looks whether objects exist, all in the bucket of `folder`.
    pub(super) fn exist(&self, folder: &S3Url, names: &[String]) -> Result<Vec<bool>> {
        let keys: Result<Vec<Path>> = names.iter().map(|name| key(&folder.join(name))).collect();
        let keys = keys?;
        self.with("read", folder, async |store, _| store::exist(store, &keys).await.map_err(store::io_error))
    }

    /// Looks into a folder.
    pub(super) fn probe_folder(&self, folder: &S3Url) -> Result<()> {
        self.with("list", folder, async |store, key| store::probe(store, key).await.map_err(store::io_error))
    }

    /// Writes an object; in place of an older one, or only if there is none.
    pub(super) fn put(&self, url: &S3Url, bytes: Vec<u8>, media_type: &'static str, replace: bool) -> Result<()> {
        self.with("write", url, async |store, key| {
            if !replace {
                match store::create(store, key, bytes.clone(), media_type).await {
                    // A store that cannot create: all who write this object write the same.
                    Err(object_store::Error::NotImplemented { .. }) => {}
                    created => return created.map_err(store::io_error),
                }
            }
            store::replace(store, key, bytes, media_type).await.map_err(store::io_error)
        })
    }

    fn with<T>(
        &self,
        action: &'static str,
        url: &S3Url,
        work: impl AsyncFnOnce(&dyn ObjectStore, &Path) -> io::Result<T>,
    ) -> Result<T> {
        let (store, key) = (self.bucket(&url.bucket)?, key(url)?);
        let done = self.runtime.block_on(work(&*store, &key));
        done.map_err(|source| Error::Io { action, path: url.to_string().into(), source })
    }

    fn bucket(&self, name: &str) -> Result<Arc<dyn ObjectStore>> {
        // Nothing panics while it is locked.
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = open.get(name) {
            return Ok(Arc::clone(store));
        }
        let store = store::open(name).map_err(|error| {
            let (path, source) = (format!("s3://{name}").into(), store::io_error(error));
            Error::Io { action: "open", path, source }
        })?;
        let store: Arc<dyn ObjectStore> = Arc::new(store);
        open.insert(name.to_owned(), Arc::clone(&store));
        Ok(store)
    }
}

/// What a client does its requests on.
///
/// # Errors
///
/// [`Error::Io`] if no thread can be started.
pub(super) fn runtime(client: &str) -> Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.map_err(|source| Error::Io { action: "start", path: client.into(), source })
}

fn key(url: &S3Url) -> Result<Path> {
    Path::parse(&url.key).map_err(|error| Error::Io {
        action: "open",
        path: url.to_string().into(),
        source: io::Error::new(io::ErrorKind::InvalidInput, error),
    })
}
