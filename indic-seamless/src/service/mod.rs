//! The HTTP service: one [`Service`] with a [router](Service::router) that all hosts share: a cloud function, an axum
//! application, or the [listener](serve) of this module.
//!
//! ```no_run
//! use indic_seamless::{
//!     Transcriber,
//!     service::{Service, Settings, termination},
//! };
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let service = Service::start(Settings::from_env()?, || Transcriber::from_dir("indic-int8"))?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8000").await?;
//! service.serve(listener, service.router(), termination()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | | |
//! |---|---|
//! | `POST /speech-to-text` | transcribes a recording, sent as a form, JSON or bytes; answers with JSON, text, subtitles, or server-sent events |
//! | `POST /v1/audio/transcriptions`, `POST /v1/audio/translations`, `GET /v1/models` | the same as in OpenAI's API, for its clients |
//! | `GET /v1/realtime` | live transcription over a WebSocket, as in OpenAI's API |
//! | `GET /` | a web page for browsers; for others, facts about the service |
//! | `GET /health`, `GET /ready` | whether the process is alive; whether it can take requests |
//! | `GET /supported-languages`, `GET /limits` | what requests may ask for |
//! | `GET /openapi.json`, `GET /docs` | the OpenAPI description, and a page that shows it |
//! | `GET /metrics` | metrics for Prometheus |
//!
//! Up to [`recordings`](Settings::recordings) are transcribed at a time, with all cores: they share the steps of the decoder. Up
//! to [`queue`](Settings::queue) more wait for their turn, from when their bodies have come; further ones get 503 with
//! `Retry-After`, before their bodies are read if the queue is full already. Errors are [`Problem`]s, `{"detail", "code", "request_id"}`; those
//! of OpenAI's endpoints have its shape. The log never contains audio or text.

mod accept;
mod answer;
mod body;
mod budget;
mod clients;
mod connections;
mod cors;
mod encoded;
mod engine;
mod fields;
mod form;
mod handlers;
mod json;
mod keys;
mod measurements;
mod metrics;
mod observe;
mod openai;
mod openapi;
mod pages;
mod patient;
mod problem;
mod quote;
mod request;
mod server;
mod settings;
mod sockets;
mod traceparent;
mod transcription;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request},
    http::Uri,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use tokio::sync::{Semaphore, watch};
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use uuid::Uuid;

pub use self::{
    answer::SpeechAnswer,
    keys::ApiKeys,
    measurements::Measurements,
    observe::Deadline,
    problem::{Problem, code},
    server::{serve, termination},
    settings::Settings,
};
use self::{
    budget::Budget,
    clients::{Client, ClientGuard, Clients},
    cors::cors,
    engine::{Engine, TextLanguage, Wanted, ended},
    keys::with_key,
    measurements::Observer,
    metrics::{Metrics, Now},
    observe::{observe, panicked},
    sockets::Sockets,
};
use crate::{
    engine::Update,
    error::{Error, Result, StopReason},
    language::Language,
    scheduler::Priority,
    script::ScriptChoice,
    transcriber::{Segmentation, Transcriber},
    transcript::Transcript,
};

/// Recordings that are opened at a time: the model needs the other cores.
const OPENED_AT_A_TIME: usize = 2;

/// The service: a model, the queue before it, and the endpoints.
///
/// Clones share the model and the queue.
#[derive(Debug, Clone)]
pub struct Service(Arc<Shared>);

/// The state that all requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: Settings,
    engine: Engine,
    metrics: Arc<Metrics>,
    clients: Arc<Clients>,
    budget: Arc<Budget>,
    /// Places to open recordings.
    opening: Arc<Semaphore>,
    sockets: Sockets,
    started: SystemTime,
    /// Since when the service is shutting down.
    ending: watch::Sender<Option<Instant>>,
}

impl Shared {
    /// Counts a request in flight for its client.
    fn enter(&self, request: &Request) -> Result<Option<ClientGuard>, Problem> {
        let limit = self.settings.per_client;
        if limit == 0 {
            return Ok(None);
        }
        let client = Client::of(request, self.settings.trusted_proxy_header.as_deref());
        self.clients.enter(client, limit).map(Some).ok_or_else(|| {
            self.metrics.refused("client");
            Problem::too_many_requests(format!("this client has {limit} requests in flight, which is the limit"))
        })
    }

    /// The language of the text: this one, or else that of the settings.
    fn text_language(&self, named: Option<Language>) -> Result<TextLanguage, Problem> {
        match named.or(self.settings.default_language) {
            Some(language) => self.known(language).map(TextLanguage::Known),
            None => Ok(TextLanguage::Spoken(Vec::new())),
        }
    }

    /// The language, if the model knows it.
    fn known(&self, language: Language) -> Result<Language, Problem> {
        let known = &self.engine.loaded()?.languages;
        if known.contains(&language) {
            return Ok(language);
        }
        let known = known.iter().map(|language| language.code().to_owned()).collect();
        Err(Error::UnknownLanguage { found: language.name().to_owned(), similar: Vec::new(), known }.into())
    }

    /// Opens a recording beside the asynchronous threads, when there is room for it: a file may have to be walked over.
    async fn open<T: Send + 'static>(&self, open: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let place = self.opening.clone().acquire_owned().await;
        let work = move || {
            // Free when the work is done, not when the client leaves.
            let _place = place;
            open()
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| Problem::internal())
    }

    /// What the metrics tell of this moment.
    fn now(&self) -> Now {
        let (waiting, activity) = self.engine.activity();
        Now { body_bytes: self.budget.used(), waiting, activity }
    }

    fn ending(&self) -> bool {
        self.ending.borrow().is_some()
    }
}

impl Service {
    /// Starts a thread that calls `load`. The service answers at once, but refuses recordings until it is
    /// [ready](Self::ready).
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the thread cannot be started, [`Error::InvalidOption`] for an invalid setting.
    pub fn start(settings: Settings, load: impl FnOnce() -> Result<Transcriber> + Send + 'static) -> Result<Self> {
        Self::start_observed(settings, load, |_| {})
    }

    /// Like [`start`](Self::start), and calls `observer` after each transcription, for hosts that report measurements in a
    /// format of their own. It is called on the recording's thread before the answer is sent; if it panics, that is logged.
    ///
    /// ```
    /// use indic_seamless::{Transcriber, service::{Service, Settings}};
    ///
    /// let service = Service::start_observed(Settings::default(), Transcriber::demo, |measurements| {
    ///     println!("{} took {} ms", measurements.request_id, measurements.timings.total_ms);
    /// })?;
    /// # Ok::<(), indic_seamless::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`start`](Self::start).
    pub fn start_observed(
        settings: Settings,
        load: impl FnOnce() -> Result<Transcriber> + Send + 'static,
        observer: impl Fn(&Measurements<'_>) + Send + Sync + 'static,
    ) -> Result<Self> {
        cors(&settings)?;
        settings.check()?;
        let metrics = Arc::new(Metrics::new());
        let observer: Arc<Observer> = Arc::new(observer);
        let engine = Engine::start(&settings, metrics.clone(), observer, load)?;
        let (budget, opening) = (Budget::new(settings.max_waiting_bytes), Arc::new(Semaphore::new(OPENED_AT_A_TIME)));
        let (clients, ending) = (Arc::default(), watch::Sender::new(None));
        let (sockets, started) = (Sockets::new(settings.sockets), SystemTime::now());
        Ok(Self(Arc::new(Shared { settings, engine, metrics, clients, budget, opening, sockets, started, ending })))
    }

    /// Waits until the model is loaded and warmed up.
    ///
    /// # Errors
    ///
    /// The reason why it could not be loaded.
    pub async fn ready(&self) -> Result<(), String> {
        self.0.engine.ready().await
    }

    /// The settings in force.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Makes `/ready` answer 503 from now on, so that a load balancer sends no more requests. Those in flight continue; bodies that
    /// are still being sent must come within [`Settings::body_timeout`]. Live transcriptions end with what has been said.
    /// [`serve`](Self::serve) calls this.
    pub fn end(&self) {
        self.0.ending.send_if_modified(|since| {
            let first = since.is_none();
            since.get_or_insert_with(Instant::now);
            first
        });
    }

    /// The endpoints, as a router that can be served as it is, mounted under a path, or merged into another application.
    /// `nest_service` also answers the path with a slash at its end, which `nest` does not:
    ///
    /// ```
    /// use axum::{Router, routing::get};
    /// use indic_seamless::service::Service;
    ///
    /// fn app(service: &Service) -> Router {
    ///     Router::new().route("/", get(|| async { "my own page" })).nest_service("/speech", service.router())
    /// }
    /// ```
    pub fn router(&self) -> Router {
        self.router_with(Router::new())
    }

    /// The endpoints and those of a host, which get the same request ids, logs, metrics and [`Problem`] bodies, and need the same
    /// [API keys](Settings::api_keys).
    pub fn router_with(&self, more: Router) -> Router {
        let shared = self.0.clone();
        let open = Router::new()
            .route("/", get(pages::index))
            .route(pages::MICROPHONE, get(pages::microphone))
            .route("/health", get(handlers::health))
            .route("/ready", get(handlers::ready))
            .route("/openapi.json", get(openapi::openapi))
            .route("/docs", get(pages::docs))
            .route("/redoc", get(pages::redoc));
        let guarded = Router::new()
            .route("/limits", get(handlers::limits))
            .route("/supported-languages", get(handlers::supported_languages))
            .route("/speech-to-text", post(handlers::speech_to_text))
            .route("/metrics", get(handlers::metrics))
            .merge(openai::routes())
            .merge(more.with_state(()))
            .route_layer(from_fn_with_state(shared.clone(), with_key));
        let router = self.around(open.merge(guarded)).with_state(shared);
        let prefix = self.0.settings.root_path.clone();
        if prefix.is_empty() {
            return router;
        }
        // Before routing, which looks at the rest of the path.
        Router::new().fallback_service(MapRequest::new(router, move |request| without_prefix(request, &prefix)))
    }

    /// Transcribes a recording that did not arrive by HTTP. It waits for its turn, however long the queue is, behind those that
    /// somebody waits for. The segments list
    /// their words, for subtitles.
    ///
    /// # Errors
    ///
    /// Those of the recording and the language; [`Error::Stopped`] if there is no result by `deadline`.
    pub async fn transcribe(&self, audio: Vec<u8>, language: Language, deadline: Instant) -> Result<Transcript> {
        let shared = &self.0;
        let work = async {
            // Why the model could not be loaded is told by `ready`.
            shared.engine.ready().await.map_err(|_| ended())?;
            let slot = shared.engine.turn().await?;
            let options = shared.settings.audio_options();
            let audio = Bytes::from(audio);
            let open = move || options.reader_from_shared(audio.clone(), None);
            let id = Uuid::new_v4().to_string().into();
            let (language, segmentation) = (TextLanguage::Known(language), Segmentation::default());
            let priority = Priority::Batch;
            let script = ScriptChoice::Any;
            let wanted = Wanted { language, beams: None, words: true, script, segmentation, priority, deadline };
            // Nothing but the model not being there can keep it out, as it has a place.
            let mut running = shared.engine.submit(&id, open, (), wanted, slot).map_err(|_| ended())?;
            while let Some(update) = running.updates.recv().await {
                if let Update::Done(result) = update {
                    return result;
                }
            }
            Err(ended())
        };
        let span = tracing::debug_span!("recording", audio.seconds = tracing::field::Empty);
        tokio::time::timeout_at(deadline.into(), work.instrument(span))
            .await
            .unwrap_or(Err(Error::Stopped { reason: StopReason::Deadline, partial: None }))
    }

    /// Adds what applies to every endpoint.
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
