//! Requests to the hub: who gets the token, redirects, and retries.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, de::IgnoredAny};
use ureq::{
    Body,
    http::{HeaderMap, Response, StatusCode, Uri, header},
};

use super::{
    address::{encoded, joined, of_origin, shown},
    error::{Again, HubError, StatusError, one_line},
    network::Agents,
};

/// Most redirects in a row.
const REDIRECTS: usize = 10;
/// Longest pause that a server may ask for. After a longer one the request fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Longest pause between attempts when the server asks for none.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(16);
/// Largest list of files.
const LIST: u64 = 64 << 20;

/// A client of the hub.
pub(super) struct Client {
    pub(super) agents: Agents,
    /// The address of the hub without a trailing slash. It may have a path.
    pub(super) base: String,
    /// The same, for its host, port and scheme.
    pub(super) endpoint: Uri,
    pub(super) token: Option<String>,
    pub(super) id: String,
    pub(super) retries: u32,
    /// Set after an error in one thread, so that the others stop.
    pub(super) stopped: AtomicBool,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// The headers of the hub itself; redirects to other hosts are not followed.
    Head,
    /// As `Head`, for servers that do not know it.
    HeadByGet,
    /// The content from this byte on, from whatever host has it.
    Get(u64),
}

/// An answer other than a redirect to follow.
pub(super) struct Answer {
    pub(super) response: Response<Body>,
    /// The address that answered.
    pub(super) address: Uri,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The text of a header; empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        text(self.response.headers(), name)
    }

    pub(super) fn host(&self) -> String {
        shown(&self.address)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

/// The hub's description of a revision.
#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) sha: String,
    pub(super) siblings: Vec<Sibling>,
}

/// One file of a model. Only with `blobs` it has more than the name.
#[derive(Debug, Deserialize)]
pub(super) struct Sibling {
    #[serde(rename = "rfilename")]
    pub(super) name: String,
    pub(super) size: Option<u64>,
    #[serde(rename = "blobId")]
    pub(super) blob: Option<String>,
    pub(super) lfs: Option<Lfs>,
}

/// The hub's description of a large file.
#[derive(Debug, Deserialize)]
pub(super) struct Lfs {
    pub(super) sha256: Option<String>,
    pub(super) size: Option<u64>,
}

impl Client {
    /// The files of a revision; with hashes and sizes where `blobs` is true and the hub knows them.
    pub(super) fn info(&self, revision: &str, blobs: bool, retries: u32) -> Result<Info, HubError> {
        let what = format!("model {} at revision {revision}", self.id);
        let query = if blobs { "?blobs=true" } else { "" };
        let path = format!("/api/models/{}/revision/{}{query}", self.id, encoded(revision));
        self.again(&what, retries, || {
            let answer = self.request(Method::Get(0), &path, &what)?;
            let host = answer.host();
            let mut body = answer.response.into_body();
            let json = body.with_config().limit(LIST).read_to_vec();
            let json = json.map_err(|error| HubError::transport(&error, &host))?;
            serde_json::from_slice(&json).map_err(|error| {
                // Pages of proxies and portals come with status 200.
                let kind = if serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(&json).is_ok() { "" } else { "no JSON: " };
                HubError::Content(format!(
                    "the answer of {host} for {what} makes no sense ({kind}{error}); is it a hub, or does a proxy ask for a login?"
                ))
            })
        })
    }

    /// The path of a file.
    pub(super) fn file(&self, commit: &str, name: &str) -> String {
        format!("/{}/resolve/{commit}/{}", self.id, encoded(name))
    }

    /// One request, including its redirects.
    pub(super) fn request(&self, method: Method, path: &str, what: &str) -> Result<Answer, HubError> {
        let mut address = joined(&self.endpoint, &format!("{}{path}", self.base))?;
        for _ in 0..REDIRECTS {
            let answer = self.ask(method, address)?;
            if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
                return self.accepted(answer, what);
            }
            let location = answer.header(header::LOCATION.as_str());
            if location.is_empty() {
                return Err(HubError::Content(format!("{} redirects {what} to nowhere", answer.host())));
            }
            let next = joined(&answer.address, location)?;
            if answer.address.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                return Err(HubError::Content(format!(
                    "{} redirects {what} to {}, which is not encrypted",
                    answer.host(),
                    shown(&next)
                )));
            }
            // The answer of the hub itself has all headers; another host does not know the etag.
            if !matches!(method, Method::Get(_)) && !of_origin(&next, &self.endpoint) {
                return Ok(answer);
            }
            address = next;
        }
        Err(HubError::Content(format!("{} redirects {what} in a circle", shown(&self.endpoint))))
    }

    fn ask(&self, method: Method, address: Uri) -> Result<Answer, HubError> {
        let agent = self.agents.to(&address);
        let request = if method == Method::Head { agent.head(&address) } else { agent.get(&address) };
        // A compressed transfer has another length and cannot be resumed.
        let mut request = request.header(header::ACCEPT_ENCODING, "identity");
        if let Method::Get(from @ 1..) = method {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        // Only the hub itself gets the token.
        if let (Some(token), true) = (&self.token, of_origin(&address, &self.endpoint)) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.call().map_err(|error| HubError::transport(&error, &shown(&address)))?;
        Ok(Answer { response, address })
    }

    /// The answer, or the error by its status.
    fn accepted(&self, answer: Answer, what: &str) -> Result<Answer, HubError> {
        let status = answer.status();
        if status.is_success() || status == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(answer);
        }
        let reason = format!("{} answers {} for {what}", answer.host(), status.as_u16());
        if matches!(status.as_u16(), 408 | 429 | 500 | 502..) {
            let again = pause(answer.response.headers()).map_or(Again::Soon, Again::After);
            return Err(HubError::Network { reason, again });
        }
        // A signed address has expired: the hub gives a new one.
        if !of_origin(&answer.address, &self.endpoint) && matches!(status.as_u16(), 400 | 401 | 403 | 410) {
            return Err(HubError::Network { reason, again: Again::Soon });
        }
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(HubError::Network { reason, again: Again::Never });
        }
        Err(HubError::Refused(StatusError {
            status: status.as_u16(),
            code: one_line(answer.header("x-error-code")),
            message: one_line(answer.header("x-error-message")),
            what: what.to_owned(),
        }))
    }

    /// Repeats a request until it succeeds or fails for good.
    pub(super) fn again<T>(
        &self,
        what: &str,
        retries: u32,
        mut attempt: impl FnMut() -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        let mut attempts = Attempts::new(retries);
        loop {
            match attempt() {
                Ok(result) => return Ok(result),
                Err(failure) => self.pause(attempts.next(failure, what)?)?,
            }
        }
    }

    /// Waits, unless another thread stops the download.
    pub(super) fn pause(&self, time: Duration) -> Result<(), HubError> {
        let end = Instant::now() + time;
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return Err(HubError::Stopped);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

/// Counts attempts.
pub(super) struct Attempts {
    most: u32,
    failed: u32,
}

impl Attempts {
    pub(super) fn new(most: u32) -> Self {
        Self { most, failed: 0 }
    }

    /// Resets the count after progress.
    pub(super) fn reset(&mut self) {
        self.failed = 0;
    }

    /// How long to wait before the next attempt.
    ///
    /// # Errors
    ///
    /// The error itself, if there are no attempts left.
    pub(super) fn next(&mut self, failure: HubError, what: &str) -> Result<Duration, HubError> {
        let HubError::Network { reason, again } = failure else { return Err(failure) };
        let pause = match again {
            Again::Soon => (Duration::from_millis(500) * (1 << self.failed.min(8))).min(LONGEST_BACK_OFF),
            Again::After(pause) if pause <= LONGEST_PAUSE => pause,
            Again::After(pause) => {
                let reason = format!("{reason} and wants to be left alone for {} s", pause.as_secs());
                return Err(HubError::Network { reason, again: Again::Never });
            }
            Again::Never => return Err(HubError::Network { reason, again }),
        };
        if self.failed >= self.most {
            return Err(HubError::Network { reason, again });
        }
        self.failed += 1;
        tracing::info!(what, %reason, pause_s = pause.as_secs_f64(), "request failed; trying again");
        Ok(pause)
    }
}

/// The pause that a server asks for.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = text(headers, "retry-after").parse().ok().or_else(|| {
        // The hub's `RateLimit: "api";r=0;t=55`.
        let limit = text(headers, "ratelimit");
        limit.split(';').find_map(|part| part.trim().strip_prefix("t=")?.parse().ok())
    })?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failure of a test tells the line")]
mod tests {
    use super::*;

    fn network(again: Again) -> HubError {
        HubError::Network { reason: "busy".to_owned(), again }
    }

    #[test]
    fn pauses_grow_and_are_what_the_server_asks_for() {
        let mut attempts = Attempts::new(3);
        let mut next = |again| attempts.next(network(again), "it").map(|pause| pause.as_millis());
        assert_eq!(next(Again::Soon).unwrap(), 500);
        assert_eq!(next(Again::Soon).unwrap(), 1000);
        assert_eq!(next(Again::After(Duration::from_secs(7))).unwrap(), 7000);
        assert!(next(Again::Soon).is_err());
        attempts.reset();
        let mut next = |again| attempts.next(network(again), "it").map(|pause| pause.as_millis());
        assert_eq!(next(Again::Soon).unwrap(), 500);
        let long = next(Again::After(Duration::from_secs(301))).unwrap_err();
        assert!(matches!(long, HubError::Network { reason, .. } if reason.contains("301 s")));
        assert!(next(Again::Never).is_err());
    }

    #[test]
    fn pauses_by_two_headers() {
        let headers = |name: &'static str, value: &'static str| {
            HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
        };
        let seconds = |name, value| pause(&headers(name, value)).map(|pause| pause.as_secs());
        assert_eq!(seconds("retry-after", "12"), Some(12));
        assert_eq!(seconds("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(seconds("ratelimit", "\"resolvers\";r=0;t=55"), Some(55));
        assert_eq!(seconds("date", "1"), None);
    }
}
