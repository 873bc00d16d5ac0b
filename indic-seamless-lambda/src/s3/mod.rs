//! Recordings in S3: whatever is put into the bucket is transcribed, however long it takes to upload or to process.
//!
//! | object | |
//! |---|---|
//! | `recordings/hin/a.wav` | a recording; the folder may name the language of the text |
//! | `transcripts/hin/a.wav.srt` | its subtitles |
//! | `transcripts/hin/a.wav.json` | its [`Transcript`](indic_seamless::Transcript) and its source; written last, so its presence means that all results are there |
//! | `transcripts/hin/a.wav.error.json` | the reason why there will be no transcript, `{"detail", "code"}` |
//!
//! Transcripts are never overwritten, and a recording that has one is skipped, so an event that is delivered twice changes
//! nothing. To transcribe a recording again, delete its transcript.
//!
//! | variable | |
//! |---|---|
//! | `INDIC_SEAMLESS_BUCKET` | the bucket of `/v1/jobs`, which is offered if this is set |
//! | `INDIC_SEAMLESS_TARGET_LANG` | the language of the text where neither event nor folder names one; English by default |
//! | `INDIC_SEAMLESS_MAX_OBJECT_BYTES` | the largest recording; 500 MB by default |
//! | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | another S3 than Amazon's |

mod credentials;
mod event;
mod http;
mod jobs;
mod results;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod worker;

use std::{sync::Arc, time::Instant};

use indic_seamless::service::Service;
use object_store::ObjectStore;
use serde_json::Value;

use self::worker::Worker;
pub(crate) use self::{event::RecordingsEvent, jobs::jobs};

impl RecordingsEvent {
    /// Transcribes the recordings that the event names, one after the other, and answers as its sender expects:
    ///
    /// - a queue: the messages to deliver again. After some attempts they go to the dead-letter queue.
    /// - one recording: where its results are.
    /// - items of a map: a list of results or errors, in the order of the items.
    ///
    /// # Errors
    ///
    /// Why one recording failed. Of a map's items: that some failed but may succeed later, or that all failed, so that the
    /// tolerated percentage of failures has a meaning.
    pub(crate) async fn transcribe(self, service: &Service, deadline: Instant) -> crate::Result<Value> {
        let open = |bucket: &str| Ok(Arc::new(store::open(bucket)?) as Arc<dyn ObjectStore>);
        Worker::new(service, open, settings::language()?, settings::max_object_bytes()?).answer(self, deadline).await
    }
}
