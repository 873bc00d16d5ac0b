//! Recordings in S3: what is put there is transcribed, however long it takes to travel or to compute.
//!
//! | | |
//! |---|---|
//! | `recordings/hin/a.wav` | a recording; the folder, if it is a language, is that of the text |
//! | `transcripts/hin/a.wav.srt` | its subtitles |
//! | `transcripts/hin/a.wav.json` | its `Transcript` and where it is from; written last: once it is there, all is |
//! | `transcripts/hin/a.wav.error.json` | why there will be none, `{"detail", "code"}` |
//!
//! A transcript is never overwritten, and a recording that has one is passed over. So an event that comes twice changes
//! nothing; to have a recording transcribed again, delete its transcript.
//!
//! | variable | |
//! |---|---|
//! | `INDIC_SEAMLESS_BUCKET` | turns on `/v1/jobs`, whose recordings are in this bucket |
//! | `INDIC_SEAMLESS_TARGET_LANG` | the language of the text where neither event nor folder says it; English |
//! | `INDIC_SEAMLESS_MAX_OBJECT_BYTES` | the largest recording; 500 MB |
//! | `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL` | another S3 than Amazon's |

mod credentials;
mod event;
mod jobs;
mod store;
#[cfg(test)]
mod tests;
mod worker;

use std::{env, sync::Arc, time::Instant};

use indic_seamless::{Language, service::Service};
use object_store::ObjectStore;
use serde_json::Value;

use self::worker::Worker;
pub(crate) use self::{event::Event, jobs::jobs};

impl Event {
    /// Transcribes what the event names, one recording after the other, and answers as the sender wants it:
    ///
    /// - a queue: the messages that must come again. Those go to the dead letters in the end, if a recording is bad.
    /// - one recording: what was done.
    /// - items of a map: a list of what was done or is wrong, in their order.
    ///
    /// # Errors
    ///
    /// Why one recording failed. Of a map's items, why some failed that may succeed later; or that all failed, so that the
    /// tolerated percentage of failures has a meaning.
    pub(crate) async fn transcribe(self, service: &Service, deadline: Instant) -> crate::Result<Value> {
        let open = |bucket: &str| Ok(Arc::new(store::open(bucket)?) as Arc<dyn ObjectStore>);
        let max_bytes = match variable("INDIC_SEAMLESS_MAX_OBJECT_BYTES") {
            Some(bytes) => bytes.parse().map_err(|error| format!("INDIC_SEAMLESS_MAX_OBJECT_BYTES: {error}"))?,
            None => 500_000_000,
        };
        Worker::new(service, open, language()?, max_bytes).answer(self, deadline).await
    }
}

/// The language of text where nothing else says it.
fn language() -> crate::Result<Language> {
    variable("INDIC_SEAMLESS_TARGET_LANG").map_or(Ok(Language::ENGLISH), |language| Ok(language.parse()?))
}

/// An environment variable, if it is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
