//! What the service counts, for Prometheus to collect.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::measurements::Measurements;
use crate::{
    scheduler::{Activity, ByPriority},
    transcript::Transcript,
};

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Seconds = Counter<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    /// The pattern of the route, so that unknown paths do not each make a series.
    path: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    priority: &'static str,
}

/// What is read when the metrics are asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Now {
    /// Memory of bodies.
    pub(crate) body_bytes: usize,
    /// Recordings that wait for their turn.
    pub(crate) waiting: ByPriority,
    /// The model's work.
    pub(crate) activity: Activity,
}

/// The registry and its metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    refused: Family<Reason, Counter>,
    stages: Family<Stage, Histogram>,
    audio: Seconds,
    real_time_factor: Histogram,
    pub(crate) in_flight: Gauge,
    pub(crate) sockets: Gauge,
    live_audio: Seconds,
    body_bytes: Gauge,
    waiting: Family<Class, Gauge>,
    waiting_clips: Family<Class, Gauge>,
    steps: Counter,
    restarts: Counter,
    tokens: Counter,
    rows: Counter,
    searches: Gauge,
    cache_bytes: Gauge,
    load: Gauge<f64, AtomicU64>,
    /// Whether nothing has been transcribed yet.
    cold: AtomicBool,
}

fn set(gauge: &Gauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 19))
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            requests: Family::default(),
            refused: Family::default(),
            stages: Family::new_with_constructor(seconds),
            audio: Seconds::default(),
            real_time_factor: Histogram::new(exponential_buckets(0.01, 1.6, 14)),
            in_flight: Gauge::default(),
            sockets: Gauge::default(),
            live_audio: Seconds::default(),
            body_bytes: Gauge::default(),
            waiting: Family::default(),
            waiting_clips: Family::default(),
            steps: Counter::default(),
            restarts: Counter::default(),
            tokens: Counter::default(),
            rows: Counter::default(),
            searches: Gauge::default(),
            cache_bytes: Gauge::default(),
            load: Gauge::default(),
            cold: AtomicBool::new(true),
            registry: Mutex::new(Registry::with_prefix("indic_seamless")),
        };
        let registry = metrics.registry.get_mut().unwrap_or_else(PoisonError::into_inner);
        registry.register("requests", "Answers by method, route and status", metrics.requests.clone());
        registry.register("refused", "Requests refused because the service is busy", metrics.refused.clone());
        registry.register("stage_seconds", "Time per recording and stage", metrics.stages.clone());
        registry.register("audio_seconds", "Seconds of speech transcribed", metrics.audio.clone());
        registry.register(
            "real_time_factor",
            "Processing time over the length of the recording",
            metrics.real_time_factor.clone(),
        );
        registry.register("in_flight", "Requests under way", metrics.in_flight.clone());
        registry.register("sockets", "Live transcriptions under way", metrics.sockets.clone());
        registry.register("live_audio_seconds", "Seconds of audio heard live", metrics.live_audio.clone());
        registry.register("body_bytes", "Memory of bodies that are received or wait", metrics.body_bytes.clone());
        registry.register("waiting", "Recordings that wait for their turn", metrics.waiting.clone());
        registry.register("waiting_clips", "Clips that wait for the encoder", metrics.waiting_clips.clone());
        registry.register("decoder_steps", "Steps of the decoder", metrics.steps.clone());
        registry.register("decoder_tokens", "Tokens: one for each search in a step", metrics.tokens.clone());
        registry.register("decoder_rows", "Rows of all steps: one for each hypothesis", metrics.rows.clone());
        registry.register("search_restarts", "Searches that began again for want of memory", metrics.restarts.clone());
        registry.register("searches", "Searches that share the decoder's steps", metrics.searches.clone());
        registry.register("cache_bytes", "Memory of their caches", metrics.cache_bytes.clone());
        registry.register("load_seconds", "Loading and warming up the model", metrics.load.clone());
        metrics
    }

    /// For Prometheus.
    pub(crate) fn text(&self, now: Now) -> String {
        let Now { body_bytes, waiting, activity } = now;
        set(&self.body_bytes, body_bytes as u64);
        for (family, counts) in [(&self.waiting, waiting), (&self.waiting_clips, activity.waiting)] {
            set(&family.get_or_create(&Class { priority: "interactive" }), counts.interactive as u64);
            set(&family.get_or_create(&Class { priority: "batch" }), counts.batch as u64);
        }
        let counted = [
            (&self.steps, activity.steps),
            (&self.tokens, activity.tokens),
            (&self.rows, activity.rows),
            (&self.restarts, activity.restarts),
        ];
        for (counter, count) in counted {
            counter.inner().fetch_max(count, Ordering::Relaxed);
        }
        set(&self.searches, activity.searches as u64);
        set(&self.cache_bytes, activity.cache_bytes);
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }

    pub(crate) fn loaded(&self, took: Duration) {
        self.load.set(took.as_secs_f64());
        tracing::info!(seconds = took.as_secs_f64(), "model loaded and warmed up");
    }

    pub(crate) fn answered(&self, method: &'static str, path: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { method, path: path.to_owned(), status }).inc();
    }

    /// Counts audio of a live transcription.
    pub(crate) fn heard(&self, seconds: f64) {
        self.live_audio.inc_by(seconds);
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a transcription, and logs its times without its text.
    pub(crate) fn transcribed<'a>(
        &self,
        request_id: &'a str,
        waited: Duration,
        transcript: &Transcript,
    ) -> Measurements<'a> {
        let timings = transcript.timings;
        let measurements = Measurements {
            request_id,
            audio_s: transcript.duration_s,
            queue_ms: waited.as_secs_f64() * 1000.0,
            timings,
            cold_start: self.cold.swap(false, Ordering::Relaxed),
        };
        let real_time_factor = measurements.real_time_factor();
        let stages = [
            ("queue", measurements.queue_ms),
            ("audio", timings.audio_ms),
            ("features", timings.features_ms),
            ("encoder", timings.encoder_ms),
            ("generation", timings.generation_ms),
            ("total", timings.total_ms),
        ];
        for (stage, ms) in stages {
            self.stages.get_or_create(&Stage { stage }).observe(ms / 1000.0);
        }
        self.audio.inc_by(measurements.audio_s);
        self.real_time_factor.observe(real_time_factor);
        tracing::info!(
            request_id,
            audio_s = measurements.audio_s,
            queue_ms = measurements.queue_ms,
            audio_ms = timings.audio_ms,
            features_ms = timings.features_ms,
            encoder_ms = timings.encoder_ms,
            generation_ms = timings.generation_ms,
            total_ms = timings.total_ms,
            tokens = timings.new_tokens,
            real_time_factor,
            cold_start = measurements.cold_start,
            "transcribed"
        );
        measurements
    }
}
