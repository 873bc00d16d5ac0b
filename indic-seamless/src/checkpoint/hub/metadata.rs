//! Etags and sizes of files on the hub.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::{
    client::{Answer, Client, Method, Sibling},
    digest::Digest,
    error::{HubError, StatusError},
};
use crate::checkpoint::shards::is_plain;

/// A file on the hub.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) name: String,
    /// Identifies the content; on the hub itself a hash of it.
    pub(super) etag: String,
    pub(super) size: Option<u64>,
}

/// The files of a commit.
pub(super) struct Metadata<'a> {
    pub(super) client: &'a Client,
    pub(super) commit: &'a str,
    /// The hub's list with hashes and sizes, which is requested if headers are missing.
    list: Mutex<Option<BTreeMap<String, Sibling>>>,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(client: &'a Client, commit: &'a str) -> Self {
        Self { client, commit, list: Mutex::new(None) }
    }

    /// Etag and size of a file.
    pub(super) fn of(&self, name: &str) -> Result<Remote, HubError> {
        let path = self.client.file(self.commit, name);
        let answer = self.client.again(name, self.client.retries, || {
            match self.client.request(Method::Head, &path, name) {
                Err(HubError::Refused(StatusError { status: 400 | 405 | 501, .. })) => {
                    self.client.request(Method::HeadByGet, &path, name)
                }
                // A mirror does not send the error code.
                Err(HubError::Refused(refusal @ StatusError { status: 404, .. })) if refusal.code.is_empty() => {
                    Err(HubError::Refused(StatusError { code: "EntryNotFound".to_owned(), ..refusal }))
                }
                other => other,
            }
        })?;
        let commit = answer.header("x-repo-commit");
        if !commit.is_empty() && commit != self.commit {
            return Err(HubError::Content(format!(
                "{} answers for commit {commit:?} of {name}, wanted {}",
                answer.host(),
                self.commit
            )));
        }
        let (mut etag, mut size) = (etag(&answer), size(&answer));
        // A proxy may strip headers, and a mirror may have other etags.
        let is_hub = !commit.is_empty() && Digest::of(&etag) != Digest::Unknown;
        if !is_hub || size.is_none() {
            let (listed, listed_size) = self.listed(name);
            size = size.filter(|_| is_hub).or(listed_size).or(size);
            if let (false, Some(listed)) = (is_hub, listed) {
                etag = listed;
            }
        }
        if !is_plain(&etag) {
            return Err(HubError::Content(format!(
                "the answer of {} for {name} has no valid etag (found {etag:?}); is it a hub, or does a proxy strip headers?",
                answer.host()
            )));
        }
        Ok(Remote { name: name.to_owned(), etag, size })
    }

    /// Hash and size from the hub's list of files, which not every mirror has.
    fn listed(&self, name: &str) -> (Option<String>, Option<u64>) {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let list = list.get_or_insert_with(|| match self.client.info(self.commit, true, self.client.retries) {
            Ok(info) => info.siblings.into_iter().map(|file| (file.name.clone(), file)).collect(),
            Err(failure) => {
                tracing::debug!(?failure, "no list of hashes");
                BTreeMap::new()
            }
        });
        match list.get(name) {
            Some(Sibling { lfs: Some(lfs), size, .. }) => (lfs.sha256.clone(), lfs.size.or(*size)),
            Some(file) => (file.blob.clone(), file.size),
            None => (None, None),
        }
    }
}

/// The etag of the file, not of a redirect.
fn etag(answer: &Answer) -> String {
    let linked = answer.header("x-linked-etag");
    let etag = if linked.is_empty() && !answer.status().is_redirection() { answer.header("etag") } else { linked };
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

fn size(answer: &Answer) -> Option<u64> {
    let own = if answer.status().is_redirection() { "" } else { answer.header("content-length") };
    answer.header("x-linked-size").parse().or_else(|_| own.parse()).ok()
}
