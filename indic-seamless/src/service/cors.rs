//! Requests that pages of other origins send.

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use super::settings::Settings;
use crate::error::{Error, Result};

/// What answers browsers that ask whether a page may send a request; `None` if no other origin may.
///
/// # Errors
///
/// [`Error::InvalidOption`] for an origin that can be none.
pub(super) fn cors(settings: &Settings) -> Result<Option<CorsLayer>> {
    let origins = &settings.cors_origins;
    let allowed = match origins.as_slice() {
        [] => return Ok(None),
        [any] if any == "*" => AllowOrigin::any(),
        _ => {
            let values = origins.iter().map(|origin| match HeaderValue::from_str(origin) {
                Ok(value) if origin != "*" => Ok(value),
                _ => Err(Error::InvalidOption {
                    option: "cors_origins",
                    found: origin.clone(),
                    wanted: "an origin such as https://example.com, or * alone".to_owned(),
                }),
            });
            AllowOrigin::list(values.collect::<Result<Vec<_>>>()?)
        }
    };
    let told =
        [header::RETRY_AFTER, HeaderName::from_static("x-request-id"), HeaderName::from_static("x-should-retry")];
    let layer = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::OPTIONS])
        // Whatever a client sends beside what is read here, such as the `x-stainless-*` of OpenAI's clients. `*` would not
        // include `authorization`.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(told);
    Ok(Some(layer))
}
