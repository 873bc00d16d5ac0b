//! Recordings in S3: whatever is put into the bucket is transcribed, however long it takes to upload or to process.
//!
//! | object | |
//! |---|---|
//! | `recordings/hin/a.wav` | a recording; the folder may name the language of the text |
//! | `transcripts/hin/a.wav.srt` | its subtitles |
//! | `transcripts/hin/a.wav.json` | its [`Transcript`](indic_seamless::Transcript) and its source; written last, so its presence means that all results are there |
//! | `transcripts/hin/a.wav.error.json` | the reason why there will be no transcript, `{"detail", "code", "etag"}` |
//! | `transcripts/hin/a.wav.tam.json` and so on | the results in another language than the recording's own, if an event asks for it |
//!
//! Transcripts are never overwritten, and a recording that has one is skipped, so an event that is delivered twice changes
//! nothing. Neither is a recording read again that could not be transcribed, unless there is another one in its place. To
//! transcribe a recording again, delete its transcript or its error.
//!
//! A recording's own language is that of its folder, or else the one by default.
//!
//! | variable | |
//! |---|---|
//! | `INDIC_SEAMLESS_BUCKET` | the bucket of `/v1/jobs`, which is offered on Lambda if this is set |
//! | `INDIC_SEAMLESS_TARGET_LANG` | the language of the text where neither event nor folder names one; English by default |
//! | `INDIC_SEAMLESS_MAX_OBJECT_BYTES` | the largest recording; 500 MB by default |
//! | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | another S3 than Amazon's |

mod event;
mod jobs;
mod openapi;
mod presign;
mod results;
mod settings;
#[cfg(test)]
mod tests;
mod worker;

use std::{sync::Arc, time::Instant};

use axum::Router;
use indic_seamless::service::Service;
use indic_seamless_aws::{store, variable};
use object_store::ObjectStore;
use serde_json::Value;

pub(crate) use self::event::RecordingsEvent;
use self::{jobs::Jobs, worker::Worker};

/// The service with the endpoints of jobs, if there is a bucket for them.
///
/// # Errors
///
/// A setting that cannot be read.
pub(crate) fn with_jobs(service: &Service) -> crate::Result<Option<Router>> {
    let Some(bucket) = variable("INDIC_SEAMLESS_BUCKET") else { return Ok(None) };
    let root_path = service.settings().root_path.clone();
    let jobs = Jobs::new(bucket, settings::language()?, settings::max_object_bytes()?, root_path);
    Ok(Some(openapi::described(service.router_with(jobs::router(jobs)))))
}

/// Says that a listener does not offer jobs, if they seem to be wanted: it has no queue, so they would never be done.
pub(crate) fn not_offered() {
    if variable("INDIC_SEAMLESS_BUCKET").is_some() {
        tracing::warn!(
            "INDIC_SEAMLESS_BUCKET is ignored: only on Lambda are jobs offered, and recordings in a bucket transcribed"
        );
    }
}

impl RecordingsEvent {
    /// Transcribes the recordings that the event names, one after the other, and answers as its sender expects:
    ///
    /// - a queue: the messages to deliver again, which are those that may succeed then. After some attempts they go to the
    ///   dead-letter queue. A recording that can never be transcribed is done: its error is in the bucket. One that is too long
    ///   for the function is such, unless the event had to wait for the model (`is_cold`).
    /// - one recording: where its results are.
    /// - items of a map: a list of results or errors, in the order of the items.
    ///
    /// # Errors
    ///
    /// Why one recording failed. Of a map's items: that some failed but may succeed later, or that all failed, so that the
    /// tolerated percentage of failures has a meaning. It is [`Permanent`](crate::failure::Permanent) if another attempt would
    /// fail, too.
    pub(crate) async fn transcribe(self, service: &Service, deadline: Instant, is_cold: bool) -> crate::Result<Value> {
        let open = |bucket: &str| Ok(Arc::new(store::open(bucket)?) as Arc<dyn ObjectStore>);
        let worker = Worker::new(service, open, settings::language()?, settings::max_object_bytes()?, is_cold);
        worker.answer(self, deadline).await
    }
}
