//! The HTTP client of the exporter, which is called on the exporter's own thread.

use async_trait::async_trait;
use axum::{
    body::Bytes,
    http::{Request, Response},
};
use opentelemetry_http::{HttpClient, HttpError};
use ureq::{
    Agent,
    tls::{RootCerts, TlsConfig},
};

use super::settings::{Settings, TracesError};

/// The largest answer of a collector that is read: it has nothing to say but why it refused something.
const MAX_ANSWER: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Client(Agent);

impl Client {
    /// # Errors
    ///
    /// [`TracesError::Certificate`] if there is a file of certificates that cannot be read.
    pub(crate) fn new(settings: &Settings) -> Result<Self, TracesError> {
        let roots = settings.certificates()?.map_or(RootCerts::WebPki, RootCerts::from);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Headers may hold a key.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .user_agent(concat!("indic-seamless/", env!("CARGO_PKG_VERSION")))
            .timeout_global(Some(settings.timeout));
        Ok(Self(Agent::new_with_config(config.build())))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let (parts, body_of_answer) = self.0.run(Request::from_parts(parts, &*body))?.into_parts();
        let answer = body_of_answer.into_with_config().limit(MAX_ANSWER).read_to_vec()?;
        Ok(Response::from_parts(parts, answer.into()))
    }
}
