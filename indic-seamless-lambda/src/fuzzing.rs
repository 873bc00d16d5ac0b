//! What the fuzz targets call. No interface for others: it changes without notice.

use std::time::Duration;

use lambda_http::{Context, request::LambdaRequest};
use serde_json::value::RawValue;

use crate::{event::Event, gateway::prepared};

/// Reads an event as the function does, up to the request that the service gets or the recordings that are transcribed; whether it
/// is one.
#[must_use]
pub fn event(bytes: &[u8]) -> bool {
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(bytes) else { return false };
    match Event::of(event) {
        Ok(Event::Http(http)) => match serde_json::from_str::<LambdaRequest>(http.event.get()) {
            Ok(request) => {
                let request = prepared(request.into(), &Context::default(), Duration::from_secs(29));
                assert!(request.uri().path().starts_with('/') || request.uri().path() == "*", "{}", request.uri());
                true
            }
            Err(_) => false,
        },
        #[cfg(feature = "s3")]
        Ok(Event::Recordings(_)) => true,
        Err(_) => false,
    }
}
