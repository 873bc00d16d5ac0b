//! The HTTP service, for every host: one [`Service`] whose [router](Service::router) stands behind AWS Lambda as well as behind
//! a [listener](serve).
//!
//! ```no_run
//! use indic_seamless::{
//!     Transcriber,
//!     service::{Service, Settings, serve, termination},
//! };
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let service = Service::start(Settings::from_env()?, || Transcriber::from_dir("indic-int8"))?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//! let stop = service.clone();
//! let shutdown = async move {
//!     termination().await;
//!     stop.end();
//! };
//! serve(listener, service.router(), shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | `POST /speech-to-text` | a recording to text: form, JSON or the bytes; answers in JSON, text, subtitles, or as events |
//! | `GET /` | a page for browsers, else what this is |
//! | `GET /health`, `GET /ready` | whether the process lives; whether it can work |
//! | `GET /supported-languages`, `GET /limits` | what can be asked for |
//! | `GET /openapi.json`, `GET /docs` | the description, and a page of it |
//! | `GET /metrics` | for Prometheus |
//!
//! The model runs on a thread of its own, one request at a time with all cores. As many requests as
//! [`queue`](Settings::queue) says wait for it; more are told to come back, before they cost memory. Problems have the shape
//! `{"detail", "code", "request_id"}`, and what is logged never has audio or text in it.

mod answer;
mod engine;
mod handlers;
mod metrics;
mod observe;
mod openapi;
mod problem;
mod request;
mod server;
mod settings;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::from_fn_with_state,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use tower::util::MapRequest;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
};
use uuid::Uuid;

use self::{
    engine::{Engine, Event, Recording, decoded, ended},
    metrics::Metrics,
    observe::{ClientGuard, Clients, observe, panicked},
    problem::Problem,
};
pub use self::{
    observe::Deadline,
    problem::code,
    server::{serve, termination},
    settings::Settings,
};
use crate::{
    audio::AudioOptions,
    error::{Error, Result, StopReason},
    language::Language,
    transcriber::Transcriber,
    transcript::Transcript,
};

/// The service: a model on its thread, and what is around it.
///
/// Clones are the same service.
#[derive(Debug, Clone)]
pub struct Service(Arc<Shared>);

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: Settings,
    engine: Engine,
    metrics: Arc<Metrics>,
    clients: Arc<Clients>,
    ending: AtomicBool,
}

impl Shared {
    /// Counts a request for its client.
    fn enter(&self, client: String) -> Result<Option<ClientGuard>, Problem> {
        let limit = self.settings.per_client;
        if limit == 0 {
            return Ok(None);
        }
        self.clients.enter(client, limit).map(Some).ok_or_else(|| {
            self.metrics.refused("client");
            Problem::too_many_requests(format!("{limit} requests of this client are under way, which is the limit"))
        })
    }

    /// The language, if the model knows it.
    fn known(&self, language: Language) -> Result<Language, Problem> {
        let known = &self.engine.loaded()?.languages;
        if known.contains(&language) {
            return Ok(language);
        }
        let known = known.iter().map(|language| language.code().to_owned()).collect();
        Err(Error::UnknownLanguage { found: language.name().to_owned(), known }.into())
    }

    fn ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }
}

impl Service {
    /// Starts the thread of the model, which calls `load` first. The service answers at once, but turns recordings away until
    /// it is [ready](Self::ready).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if there can be no thread, [`Error::InvalidOption`] for a setting.
    pub fn start(settings: Settings, load: impl FnOnce() -> Result<Transcriber> + Send + 'static) -> Result<Self> {
        cors(&settings)?;
        let metrics = Arc::new(Metrics::new(settings.embedded_metrics));
        let engine = Engine::start(settings.queue, metrics.clone(), load)?;
        let (clients, ending) = (Arc::default(), AtomicBool::new(false));
        Ok(Self(Arc::new(Shared { settings, engine, metrics, clients, ending })))
    }

    /// Waits until the model is loaded and was run once.
    ///
    /// # Errors
    ///
    /// Why it could not be loaded.
    pub async fn ready(&self) -> Result<(), String> {
        self.0.engine.ready().await
    }

    /// From now on `/ready` says no, so that a load balancer sends no more. What is under way goes on.
    pub fn end(&self) {
        self.0.ending.store(true, Ordering::Relaxed);
    }

    /// The endpoints.
    pub fn router(&self) -> Router {
        self.router_with(Router::new())
    }

    /// The endpoints and those of a host, which get the same ids, logs, limits and shape of problems.
    pub fn router_with(&self, more: Router) -> Router {
        let shared = self.0.clone();
        let router = Router::new()
            .route("/", get(handlers::index))
            .route("/health", get(handlers::health))
            .route("/ready", get(handlers::ready))
            .route("/limits", get(handlers::limits))
            .route("/supported-languages", get(handlers::supported_languages))
            .route("/speech-to-text", post(handlers::speech_to_text))
            .route("/metrics", get(handlers::metrics))
            .route("/openapi.json", get(handlers::openapi))
            .route("/docs", get(handlers::docs))
            .route("/redoc", get(handlers::redoc));
        let router = self.around(router.merge(more.with_state(()))).with_state(shared);
        let prefix = self.0.settings.root_path.clone();
        if prefix.is_empty() {
            return router;
        }
        // In front of the routes, which are chosen by what is left of the path.
        Router::new().fallback_service(MapRequest::new(router, move |request| without_prefix(request, &prefix)))
    }

    /// Transcribes a recording that came another way than by HTTP. It waits for its turn, however many wait.
    ///
    /// # Errors
    ///
    /// What is wrong with the recording or the language; [`Error::Stopped`] if there is no result by `deadline`.
    pub async fn transcribe(&self, audio: Vec<u8>, language: Language, deadline: Instant) -> Result<Transcript> {
        let shared = &self.0;
        let work = async {
            let slot = shared.engine.turn().await?;
            let max = shared.settings.max_audio;
            let decoded = decoded(move || AudioOptions::new().max_duration(max).from_bytes(audio, None)).await;
            let (audio, audio_ms) = decoded.ok_or_else(ended)??;
            let id = Uuid::new_v4().to_string().into();
            let recording = Recording { audio, audio_ms, language, beams: None, words: false, deadline };
            let mut running = shared.engine.submit(&id, recording, slot)?;
            while let Some(event) = running.events.recv().await {
                if let Event::Done(result) = event {
                    return result;
                }
            }
            Err(ended())
        };
        tokio::time::timeout_at(deadline.into(), work)
            .await
            .unwrap_or(Err(Error::Stopped { reason: StopReason::Deadline, partial: None }))
    }

    /// Everything that must hold for every endpoint.
    fn around(&self, router: Router<Arc<Shared>>) -> Router<Arc<Shared>> {
        let settings = &self.0.settings;
        let router = router
            .fallback(handlers::not_found)
            .method_not_allowed_fallback(handlers::method_not_allowed)
            // Bodies are read with this service's own limit.
            .layer(DefaultBodyLimit::disable())
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn_with_state(self.0.clone(), observe));
        match cors(settings) {
            Ok(Some(cors)) => router.layer(cors),
            _ => router,
        }
    }
}

/// Takes a prefix off the path of a request that has it.
fn without_prefix(mut request: Request, prefix: &str) -> Request {
    let uri = request.uri();
    let rest = uri.path().strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Some(Ok(uri)) = rest.map(|rest| format!("/{}{query}", rest.trim_start_matches('/')).parse::<Uri>()) {
        *request.uri_mut() = uri;
    }
    request
}

/// An answer that says what is wrong in the shape of this service, for the endpoints of a host
/// ([`Service::router_with`]). `code` is for programs, and should never change.
pub fn problem(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Response {
    Problem::new(status, code, detail).into_response()
}

/// Which pages may ask; `None` for those of this service only.
fn cors(settings: &Settings) -> Result<Option<CorsLayer>> {
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
    let named = [header::CONTENT_TYPE, header::ACCEPT, HeaderName::from_static("x-api-key")];
    let told = [header::RETRY_AFTER, HeaderName::from_static("x-request-id")];
    let methods = [Method::GET, Method::POST, Method::OPTIONS];
    let layer = CorsLayer::new().allow_origin(allowed).allow_methods(methods);
    Ok(Some(layer.allow_headers(named).expose_headers(told)))
}
