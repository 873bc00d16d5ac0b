//! What the fuzz targets call. No interface for others: it changes without notice.

use lambda_http::request::LambdaRequest;
use serde_json::value::RawValue;

use crate::event::Event;

/// Reads an event as the function does; whether it is one.
///
/// A request is read, but not made into one for the service: `lambda_http` does so, and panics at some that no gateway sends, such
/// as a body that is not in base64 but said to be. The runtime answers that the invocation failed.
#[must_use]
pub fn event(bytes: &[u8]) -> bool {
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(bytes) else { return false };
    match Event::of(event) {
        Ok(Event::Http(http)) => serde_json::from_str::<LambdaRequest>(http.event.get()).is_ok(),
        #[cfg(feature = "s3")]
        Ok(Event::Recordings(_)) => true,
        Err(_) => false,
    }
}
