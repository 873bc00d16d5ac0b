//! Bodies as they come: within their size, their time and the memory of all bodies.

use std::time::{Duration, Instant};

use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use futures_util::StreamExt;
use tokio::sync::watch;

use super::{
    Shared,
    budget::{Full, Held},
    problem::Problem,
};

/// Bytes in a second that a client must send on average, once the time for a pause is over.
const LEAST_RATE: f64 = 1024.0;
/// The most bytes that are reserved for a body before they come: some systems count what is reserved as used.
const MOST_RESERVED: usize = 1 << 20;
/// How long the rest of a refused body is read, so that the client reads the answer.
const DRAIN: Duration = Duration::from_secs(5);

/// A body that is being received.
pub(super) struct Incoming<'a> {
    stream: BodyDataStream,
    shared: &'a Shared,
    ending: watch::Receiver<Option<Instant>>,
    declared: Option<usize>,
    /// Whether the client waits for a sign before it sends. Reading the body gives the sign.
    waits: bool,
    started: Instant,
    received: usize,
    held: Held,
}

/// A whole body, or a part of it, and the memory that it holds.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    pub(super) held: Held,
}

impl<'a> Incoming<'a> {
    pub(super) fn new(body: Body, headers: &HeaderMap, shared: &'a Shared) -> Self {
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let waits =
            headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let (stream, held, started) = (body.into_data_stream(), shared.budget.hold(), Instant::now());
        Self { stream, shared, ending: shared.ending.subscribe(), declared, waits, started, received: 0, held }
    }

    /// Refuses what can be refused before the first byte.
    ///
    /// Memory is held for what has come, not for what is declared: clients that announce much and send little would otherwise
    /// keep others out.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let Some(declared) = self.declared else { return Ok(()) };
        if declared > self.shared.settings.max_body_bytes {
            return Err(Problem::body_too_large(self.shared.settings.max_body_bytes));
        }
        self.shared.budget.has(declared).map_err(|full| self.shared.full(&full))
    }

    /// A buffer for the body. It grows with what comes, whatever is declared.
    pub(super) fn buffer(&self) -> Vec<u8> {
        Vec::with_capacity(self.declared.unwrap_or_default().min(MOST_RESERVED))
    }

    /// The next part; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let by = self.latest();
        let chunk = tokio::select! {
            chunk = tokio::time::timeout_at(by.into(), self.stream.next()) => chunk,
            () = too_late(&mut self.ending, self.shared.settings.body_timeout) => {
                return Err(Problem::not_ready("the service is shutting down"));
            }
        };
        self.waits = false;
        match chunk {
            Ok(None) => Ok(None),
            Ok(Some(Ok(chunk))) => {
                let limit = self.shared.settings.max_body_bytes;
                self.received += chunk.len();
                if self.received > limit {
                    return Err(Problem::body_too_large(limit));
                }
                self.held.grow(chunk.len()).map_err(|full| self.shared.full(&full))?;
                Ok(Some(chunk))
            }
            Ok(Some(Err(error))) => Err(Problem::bad_request(format!("the body is incomplete: {error}"))),
            Err(_) => {
                let detail = format!(
                    "the body came too slowly: {} bytes in {:.1} s; wanted no pause of {:?}, and {LEAST_RATE} bytes a second",
                    self.received,
                    self.started.elapsed().as_secs_f64(),
                    self.shared.settings.body_timeout
                );
                Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail))
            }
        }
    }

    /// When the next part must be there.
    fn latest(&self) -> Instant {
        let pause = self.shared.settings.body_timeout;
        let average = self.started + pause + Duration::from_secs_f64(self.received as f64 / LEAST_RATE);
        average.min(Instant::now() + pause)
    }

    /// The whole body.
    pub(super) async fn whole(mut self) -> Result<Whole, Problem> {
        let mut bytes = self.buffer();
        loop {
            match self.next().await {
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => return Ok(self.keep(bytes)),
                Err(problem) => {
                    drop(bytes);
                    return Err(self.refuse(problem).await);
                }
            }
        }
    }

    /// Keeps `bytes` of the body, and gives the rest of its memory back.
    pub(super) fn keep(mut self, bytes: Vec<u8>) -> Whole {
        self.held.shrink_to(bytes.len());
        Whole { bytes, held: self.held }
    }

    /// Reads on for a while and discards, unless the client waits or is slow, or the service ends: many clients read the answer
    /// only after they have sent everything.
    pub(super) async fn refuse(self, problem: Problem) -> Problem {
        drop(self.held);
        if self.waits || problem.status == StatusCode::REQUEST_TIMEOUT || self.shared.ending() {
            return problem;
        }
        let (mut left, mut stream) = (self.shared.settings.max_body_bytes, self.stream);
        let read = async {
            while let Some(Ok(chunk)) = stream.next().await {
                left = left.saturating_sub(chunk.len());
                if left == 0 {
                    break;
                }
            }
        };
        // The answer is the same whether or not this times out.
        let _ = tokio::time::timeout(DRAIN, read).await;
        problem
    }
}

/// Refuses a request before its body is read.
pub(super) async fn refuse(problem: Problem, request: Request, shared: &Shared) -> Problem {
    let (parts, body) = request.into_parts();
    Incoming::new(body, &parts.headers, shared).refuse(problem).await
}

/// Completes a while after the service was told to end.
async fn too_late(ending: &mut watch::Receiver<Option<Instant>>, pause: Duration) {
    let since = ending.wait_for(Option::is_some).await.ok().and_then(|since| *since);
    match since {
        Some(since) => tokio::time::sleep_until((since + pause).into()).await,
        // The service is gone, and this request with it.
        None => std::future::pending().await,
    }
}

impl Shared {
    /// The problem when the memory for bodies is taken.
    pub(super) fn full(&self, full: &Full) -> Problem {
        self.metrics.refused("memory");
        Problem::busy(format!("the bodies of waiting requests may take {} bytes; try again soon", full.limit))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::service::{Service, Settings, engine::ended};

    #[test]
    fn what_is_declared_is_not_reserved() {
        let service = Service::start(Settings::default(), || Err(ended())).expect("a service");
        for (declared, most) in [("50000000", 2 * MOST_RESERVED), ("1000", 2000)] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static(declared));
            let body = Incoming::new(Body::empty(), &headers, &service.0);
            assert!(body.check().is_ok(), "{declared}");
            assert!((1000..most).contains(&body.buffer().capacity()), "{declared}");
        }
    }
}
