//! The pages for browsers: the one to use the service, and the one about its interface.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::{
    Json,
    http::{HeaderMap, HeaderValue, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::accept::prefers;

/// The path of the script that hears the microphone for the page. Browsers take such a script from an address only.
pub(super) const MICROPHONE: &str = "/microphone.js";

static INDEX: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("page.html"), "'self'"));
static DOCS: LazyLock<Page> = LazyLock::new(|| Page::new(include_str!("docs.html"), ""));

/// A page, and what it may do.
struct Page {
    html: &'static str,
    policy: Option<HeaderValue>,
}

impl Page {
    /// The page may run its own scripts, which are told by their hashes, and those of `scripts`; ask this service, and nothing
    /// else.
    fn new(html: &'static str, scripts: &str) -> Self {
        let policy = format!(
            "default-src 'none'; connect-src 'self'; img-src 'self' data:; media-src 'self' blob:; script-src {} {scripts}; \
             style-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hashes(html, "script"),
            hashes(html, "style")
        );
        // It has no characters but these.
        Self { html, policy: HeaderValue::from_str(&policy).ok() }
    }

    fn answer(&self) -> Response {
        let mut response = ([(header::VARY, "accept")], Html(self.html)).into_response();
        response.headers_mut().extend(self.policy.clone().map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
        response
    }
}

/// The hashes of what stands in the elements of this name, as a policy lists them.
fn hashes(html: &str, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let contents = html.split(&open).skip(1).filter_map(|rest| rest.split_once(&close));
    let hash = |content: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(content)));
    contents.map(|(content, _)| hash(content)).collect::<Vec<_>>().join(" ")
}

/// The service and its endpoints.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceInfo {
    service: &'static str,
    version: &'static str,
    description: &'static str,
    documentation: &'static str,
    health: &'static str,
    supported_languages: &'static str,
    endpoints: BTreeMap<&'static str, &'static str>,
}

/// The service: a web page for browsers, JSON for others.
#[utoipa::path(get, path = "/", tag = "service", responses((status = 200, description = "The service", body = ServiceInfo)))]
pub(crate) async fn index(headers: HeaderMap) -> Response {
    if prefers(&headers, "text/html", "application/json") {
        return INDEX.answer();
    }
    let info = ServiceInfo {
        service: "indic-seamless",
        version: env!("CARGO_PKG_VERSION"),
        description: "Speech to text, and to text in another language",
        documentation: "/docs",
        health: "/health",
        supported_languages: "/supported-languages",
        endpoints: BTreeMap::from([
            ("speech_to_text", "/speech-to-text"),
            ("transcriptions", "/v1/audio/transcriptions"),
            ("translations", "/v1/audio/translations"),
            ("realtime", "/v1/realtime"),
            ("models", "/v1/models"),
            ("health", "/health"),
            ("ready", "/ready"),
            ("limits", "/limits"),
            ("supported_languages", "/supported-languages"),
            ("metrics", "/metrics"),
            ("openapi", "/openapi.json"),
        ]),
    };
    ([(header::VARY, "accept")], Json(info)).into_response()
}

/// The page about the interface.
pub(crate) async fn docs() -> Response {
    DOCS.answer()
}

pub(crate) async fn redoc() -> Redirect {
    // Relative, as the router may be mounted under a path.
    Redirect::permanent("docs")
}

/// The script of [`MICROPHONE`].
pub(crate) async fn microphone() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("microphone.js")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_every_script_and_style_of_its_page() {
        // Of the empty text, as `openssl dgst -sha256 -binary | base64` has it.
        let empty = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='";
        assert_eq!(hashes("<p><script></script></p><script></script>", "script"), format!("{empty} {empty}"));
        for page in [&*INDEX, &*DOCS] {
            let policy = page.policy.as_ref().and_then(|policy| policy.to_str().ok()).expect("a policy");
            assert!(!policy.contains("unsafe"), "{policy}");
            // Elements with attributes would have no hash, and neither would attributes with styles and scripts.
            assert!(!page.html.contains("<script ") && !page.html.contains("<style "));
            assert!(!page.html.contains(" style=") && !page.html.contains(" onclick="));
        }
    }
}
