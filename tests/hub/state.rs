//! What the stand-in hub has, how it behaves, and what it answers.

use std::collections::BTreeMap;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use serde_json::{Value, json};

use crate::{
    ID,
    server::Seen,
    wire::{Answer, Request},
};

/// The name under which the model was known before it moved.
pub(crate) const OLD_ID: &str = "someone/old-name";

/// What the hub has and how it behaves. All numbers are of requests that are still to be treated so.
pub(crate) struct State {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) commit: String,
    /// The token without which files are refused.
    pub(crate) gate: Option<&'static str>,
    /// A file whose transfer breaks off half-way, or after so many bytes.
    pub(crate) cut: Option<(&'static str, usize)>,
    pub(crate) cut_after: Option<usize>,
    /// A file whose transfer stands still half-way.
    pub(crate) stall: Option<(&'static str, usize)>,
    /// A file that is sent with one bit turned.
    pub(crate) corrupt: Option<(&'static str, usize)>,
    /// A file that comes with more bytes than it has, in place of which a login page comes.
    pub(crate) longer: Option<&'static str>,
    pub(crate) login: Option<&'static str>,
    /// Ranges: a file that is always sent from its start, one with ranges of its own, and refusals.
    pub(crate) whole: Option<&'static str>,
    pub(crate) odd_range: Option<&'static str>,
    pub(crate) no_range: usize,
    /// Answers to everything.
    pub(crate) status: Option<u16>,
    /// Answers to files and lists: status, error code and message of the hub.
    pub(crate) refusal: Option<(u16, &'static str, &'static str)>,
    /// Requests answered with this status and `Retry-After`, and how many.
    pub(crate) busy: Option<(u16, &'static str, usize)>,
    /// How small files are redirected to the hub's cache.
    pub(crate) redirect_small: Option<u16>,
    /// Addresses of the store that are no longer valid.
    pub(crate) expired: usize,
    /// HEAD: the status for it, or no length in the answer.
    pub(crate) head: u16,
    pub(crate) no_length: bool,
    /// A proxy takes away all headers that are not of HTTP, and etags; the list has no hashes.
    pub(crate) strip: bool,
    pub(crate) no_hashes: bool,
    /// Etags of a mirror's own.
    pub(crate) own_etags: Option<fn(&[u8]) -> String>,
    pub(crate) xet: bool,
    /// Compresses files for whoever takes that.
    pub(crate) gzip: bool,
    /// The size that headers claim large files to have.
    pub(crate) claimed: Option<usize>,
    /// A file that is listed and not there.
    pub(crate) absent: Option<&'static str>,
    /// The path that the hub lies below.
    pub(crate) below: &'static str,
    /// A page in place of every list.
    pub(crate) page: Option<&'static str>,
    /// Where the list of the model is redirected to.
    pub(crate) redirect: Option<&'static str>,
    /// Requests, in the order in which they came.
    pub(crate) seen: Vec<Seen>,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The etag of a file on the hub: SHA-256 of large ones, git's SHA-1 of the others.
pub(crate) fn etag(name: &str, content: &[u8]) -> String {
    if name.ends_with(".safetensors") {
        return hex(digest(&SHA256, content).as_ref());
    }
    let object = [format!("blob {}\0", content.len()).as_bytes(), content].concat();
    hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, &object).as_ref())
}

/// Counts one of something that is limited.
fn one_of(count: &mut usize) -> bool {
    let left = *count > 0;
    *count -= usize::from(left);
    left
}

impl State {
    pub(crate) fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            files,
            commit: "0123456789abcdef0123456789abcdef01234567".to_owned(),
            gate: None,
            cut: None,
            cut_after: None,
            stall: None,
            corrupt: None,
            longer: None,
            login: None,
            whole: None,
            odd_range: None,
            no_range: 0,
            status: None,
            refusal: None,
            busy: None,
            redirect_small: None,
            expired: 0,
            head: 200,
            no_length: false,
            strip: false,
            no_hashes: false,
            own_etags: None,
            xet: true,
            gzip: true,
            claimed: None,
            absent: None,
            below: "",
            page: None,
            redirect: None,
            seen: Vec::new(),
        }
    }

    /// The hub's answer.
    pub(crate) fn answer(&mut self, request: &Request, store: &str) -> Answer {
        let refused = |status: u16, code: &str| {
            Answer::new(status, "{}").with("x-error-code", code).with("x-error-message", "it said so")
        };
        if let Some(status) = self.status {
            return Answer::new(status, "{}");
        }
        if let Some((status, after, left)) = &mut self.busy
            && one_of(left)
        {
            return Answer::new(*status, "slow down").with("retry-after", *after);
        }
        let path = request.path.split('?').next().unwrap_or_default().replace("%2F", "/");
        let Some(path) = path.strip_prefix(self.below) else { return Answer::new(404, "nothing here") };
        if let (Some(location), true) = (self.redirect, path.starts_with("/api/models/")) {
            return Answer::new(302, "").with("location", location);
        }
        if path.contains(OLD_ID) {
            return Answer::new(307, "moved").with("location", request.path.replace(OLD_ID, ID));
        }
        if let Some((status, code, message)) = self.refusal {
            return Answer::new(status, "{}").with("x-error-code", code).with("x-error-message", message);
        }
        let known = |revision: &str| ["main", "refs/pr/1", self.commit.as_str()].contains(&revision);
        let api = path.strip_prefix("/api/models/").and_then(|path| path.strip_prefix(ID));
        if let Some(rest) = api {
            let list = rest.strip_prefix("/revision/").or_else(|| rest.strip_prefix("/tree/"));
            return match list {
                _ if self.page.is_some() => Answer::new(200, self.page.unwrap_or_default()),
                _ if rest.is_empty() => self.list(request),
                Some(revision) if known(revision) => self.list(request),
                _ => refused(404, "RevisionNotFound"),
            };
        }
        let cached = path.strip_prefix("/api/resolve-cache/models/").and_then(|path| path.strip_prefix(ID));
        let resolved = path.strip_prefix('/').and_then(|path| path.strip_prefix(ID)?.strip_prefix("/resolve/"));
        let is_cached = cached.is_some();
        let Some(rest) = cached.map(|path| path.trim_start_matches('/')).or(resolved) else {
            return refused(if request.header("authorization").is_empty() { 401 } else { 404 }, "RepoNotFound");
        };
        let Some((revision, name)) = rest.rsplit_once('/') else { return refused(404, "EntryNotFound") };
        if !known(revision) {
            return refused(404, "RevisionNotFound");
        }
        if let Some(token) = self.gate
            && request.header("authorization") != format!("Bearer {token}")
        {
            return refused(if request.header("authorization").is_empty() { 401 } else { 403 }, "GatedRepo");
        }
        if self.absent == Some(name) {
            return Answer::new(404, "no such file");
        }
        let Some(content) = self.files.get(name) else {
            return refused(404, "EntryNotFound").with("x-repo-commit", &self.commit);
        };
        if request.method == "HEAD" && self.head != 200 {
            return Answer::new(self.head, "no HEAD here");
        }
        let etag = self.own_etags.map_or_else(|| etag(name, content), |etag| etag(content));
        let mut about = Vec::new();
        if !self.strip {
            about.push(("x-repo-commit", self.commit.clone()));
        }
        if name.ends_with(".safetensors") {
            if !self.strip {
                about.push(("x-linked-etag", format!("\"{etag}\"")));
                about.push(("x-linked-size", self.claimed.unwrap_or(content.len()).to_string()));
                about.push(("etag", "\"of the redirect\"".to_owned()));
            }
            if self.xet && !self.strip {
                about.push(("x-xet-hash", "f".repeat(64)));
                about.push(("link", format!("<{store}/xet>; rel=\"xet-auth\"")));
            }
            // A new signature each time.
            let location = format!("{store}/stored/{name}?X-Amz-Expires=60&X-Amz-Signature={}", self.seen.len());
            let mut answer = Answer::new(302, "Found. Redirecting").with("location", location);
            answer.headers.extend(about);
            return answer;
        }
        if let (Some(status), false) = (self.redirect_small, is_cached) {
            let location = format!("/api/resolve-cache/models/{ID}/{}/{name}?etag=%22{etag}%22", self.commit);
            let mut answer = Answer::new(status, "Temporary Redirect").with("location", location);
            if !self.strip {
                about.push(("x-linked-size", content.len().to_string()));
                about.push(("x-linked-etag", format!("\"{etag}\"")));
            }
            answer.headers.extend(about);
            return answer;
        }
        if !self.strip {
            about.push(("etag", format!("W/\"{etag}\"")));
        }
        let name = name.to_owned();
        let mut answer = self.content(request, &name);
        answer.headers.extend(about);
        answer
    }

    /// The store's answer.
    pub(crate) fn stored(&mut self, request: &Request) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        // Signed for one method, as there.
        if request.method != "GET" || !query.contains("X-Amz-Signature=") || one_of(&mut self.expired) {
            return Answer::new(403, "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>");
        }
        if !request.header("authorization").is_empty() {
            return Answer::new(400, "<Error>Only one auth mechanism allowed</Error>");
        }
        let mut answer = self.content(request, &name).with("etag", "\"of the store\"");
        answer.headers.push(("accept-ranges", "bytes".to_owned()));
        answer
    }

    /// A file, or the part of it that is wanted.
    fn content(&mut self, request: &Request, name: &str) -> Answer {
        let head = request.method == "HEAD";
        let mut content = self.files[name].clone();
        let size = content.len();
        if self.login == Some(name) && !head {
            let mut answer = Answer::new(200, "<html>Please log in</html>").with("content-type", "text/html");
            answer.no_length = self.no_length;
            return answer;
        }
        let gzip = self.gzip && request.header("accept-encoding").contains("gzip");
        if gzip {
            // Compressed on the way, its length is unknown and it cannot be resumed.
            let mut answer = Answer::new(200, b"\x1f\x8b no file".to_vec()).with("content-encoding", "gzip");
            answer.no_length = true;
            return answer;
        }
        if let Some((file, left)) = &mut self.corrupt
            && *file == name
            && !head
            && one_of(left)
        {
            content[size / 2] ^= 1;
        }
        if self.longer == Some(name) && !head {
            content.extend_from_slice(b"more");
        }
        let whole = self.whole == Some(name);
        let mut answer = match request.from() {
            Some(_) if one_of(&mut self.no_range) => return Answer::new(416, ""),
            Some(from) if from >= size && !whole => return Answer::new(416, ""),
            Some(from) if !whole => {
                let shown = if self.odd_range == Some(name) { 0 } else { from };
                Answer::new(206, &content[from..]).with("content-range", format!("bytes {shown}-{}/{size}", size - 1))
            }
            _ => Answer::new(200, content),
        };
        for (limit, stalls) in [(&mut self.cut, false), (&mut self.stall, true)] {
            if let Some((file, left)) = limit
                && *file == name
                && !head
                && one_of(left)
            {
                answer.cut = Some(self.cut_after.unwrap_or(answer.body.len() / 2).min(answer.body.len()));
                answer.stalls = stalls;
            }
        }
        answer.no_length = self.no_length && head || self.longer == Some(name);
        answer
    }

    /// What the model has, as its revision or as a tree.
    fn list(&self, request: &Request) -> Answer {
        let entry = |(name, content): (&String, &Vec<u8>)| {
            let large = name.ends_with(".safetensors");
            let hash = etag(name, content);
            if request.path.contains("/tree/") {
                let mut entry = json!({"type": "file", "path": name, "size": content.len(), "oid": hash});
                if large {
                    entry["lfs"] = json!({"oid": hash, "size": content.len(), "pointerSize": 134});
                    entry["oid"] = "a".repeat(40).into();
                }
                return entry;
            }
            let mut entry = json!({"rfilename": name});
            if request.path.contains("blobs=true") && !self.no_hashes {
                entry["size"] = content.len().into();
                entry["blobId"] = if large { "a".repeat(40) } else { hash.clone() }.into();
                if large {
                    entry["lfs"] = json!({"sha256": hash, "size": content.len(), "pointerSize": 134});
                }
            }
            entry
        };
        let entries: Vec<Value> = self.files.iter().map(entry).collect();
        let list = if request.path.contains("/tree/") {
            Value::from(entries)
        } else {
            json!({"_id": "0", "id": ID, "modelId": ID, "sha": self.commit, "siblings": entries, "gated": "manual",
                "private": false, "disabled": false, "tags": [], "downloads": 0, "likes": 0})
        };
        Answer::new(200, list.to_string()).with("content-type", "application/json")
    }
}
