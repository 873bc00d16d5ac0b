//! What the service counts: for Prometheus to collect, and for CloudWatch as lines of its embedded metric format.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
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
use serde_json::json;

use crate::transcript::Transcript;

/// The content type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Seconds = Counter<f64, AtomicU64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    /// The pattern of the route, so that foreign paths do not make series.
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

/// The registry and what is in it.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    refused: Family<Reason, Counter>,
    stages: Family<Stage, Histogram>,
    audio: Seconds,
    real_time_factor: Histogram,
    pub(crate) in_flight: Gauge,
    load: Gauge<f64, AtomicU64>,
    /// Whether to print embedded metrics.
    embedded: bool,
    /// Whether nothing was transcribed yet.
    cold: AtomicBool,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 19))
}

impl Metrics {
    pub(crate) fn new(embedded: bool) -> Self {
        let mut metrics = Self {
            requests: Family::default(),
            refused: Family::default(),
            stages: Family::new_with_constructor(seconds),
            audio: Seconds::default(),
            real_time_factor: Histogram::new(exponential_buckets(0.01, 1.6, 14)),
            in_flight: Gauge::default(),
            load: Gauge::default(),
            embedded,
            cold: AtomicBool::new(true),
            registry: Mutex::new(Registry::with_prefix("indic_seamless")),
        };
        let registry = metrics.registry.get_mut().unwrap_or_else(PoisonError::into_inner);
        registry.register("requests", "Answers by method, route and status", metrics.requests.clone());
        registry.register("refused", "Requests turned away for lack of room", metrics.refused.clone());
        registry.register("stage_seconds", "Time per recording and stage", metrics.stages.clone());
        registry.register("audio_seconds", "Seconds of speech transcribed", metrics.audio.clone());
        registry.register(
            "real_time_factor",
            "Working time over the length of the recording",
            metrics.real_time_factor.clone(),
        );
        registry.register("in_flight", "Requests under way", metrics.in_flight.clone());
        registry.register("load_seconds", "Loading the model and running it once", metrics.load.clone());
        metrics
    }

    /// For Prometheus.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &registry);
        text
    }

    pub(crate) fn loaded(&self, took: Duration) {
        self.load.set(took.as_secs_f64());
        tracing::info!(seconds = took.as_secs_f64(), "the model is loaded and was run once");
    }

    pub(crate) fn answered(&self, method: &'static str, path: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { method, path: path.to_owned(), status }).inc();
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a transcription, and logs it: how long, not what was said.
    pub(crate) fn transcribed(&self, request_id: &str, waited: Duration, transcript: &Transcript) {
        let timings = &transcript.timings;
        let (audio_s, total_ms) = (transcript.duration_s, timings.total_ms);
        let real_time_factor = total_ms / 1000.0 / audio_s;
        let queue_ms = waited.as_secs_f64() * 1000.0;
        let stages = [
            ("queue", queue_ms),
            ("audio", timings.audio_ms),
            ("features", timings.features_ms),
            ("encoder", timings.encoder_ms),
            ("generation", timings.generation_ms),
            ("total", total_ms),
        ];
        for (stage, ms) in stages {
            self.stages.get_or_create(&Stage { stage }).observe(ms / 1000.0);
        }
        self.audio.inc_by(audio_s);
        self.real_time_factor.observe(real_time_factor);
        let cold_start = self.cold.swap(false, Ordering::Relaxed);
        tracing::info!(
            request_id,
            audio_s,
            queue_ms,
            audio_ms = timings.audio_ms,
            features_ms = timings.features_ms,
            encoder_ms = timings.encoder_ms,
            generation_ms = timings.generation_ms,
            total_ms,
            tokens = timings.new_tokens,
            real_time_factor,
            cold_start,
            "transcribed"
        );
        if self.embedded {
            let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
            let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
            let line = json!({
                "_aws": {
                    "Timestamp": timestamp,
                    "CloudWatchMetrics": [{
                        "Namespace": "IndicSeamless",
                        "Dimensions": [["FunctionName"]],
                        "Metrics": [
                            metric("QueueTime", "Milliseconds"), metric("FeaturesTime", "Milliseconds"),
                            metric("EncoderTime", "Milliseconds"), metric("GenerationTime", "Milliseconds"),
                            metric("TotalTime", "Milliseconds"), metric("AudioSeconds", "Seconds"),
                            metric("RealTimeFactor", "None"), metric("Tokens", "Count"), metric("ColdStart", "Count"),
                        ],
                    }],
                },
                "FunctionName": std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
                "RequestId": request_id,
                "QueueTime": queue_ms, "FeaturesTime": timings.features_ms, "EncoderTime": timings.encoder_ms,
                "GenerationTime": timings.generation_ms, "TotalTime": total_ms, "AudioSeconds": audio_s,
                "RealTimeFactor": real_time_factor, "Tokens": timings.new_tokens, "ColdStart": u8::from(cold_start),
            });
            println!("{line}");
        }
    }
}
