//! The recordings that an event names.

use indic_seamless_aws::recording::{Named, Recording, is_folder, recordings};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Permanent;

/// Recordings to transcribe. An invalid one is kept as an error message, as the others are still to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum RecordingsEvent {
    /// Messages of an SQS queue.
    Queue(Vec<Message>),
    /// `{"bucket", "key", "target_lang"?}`.
    One(Recording),
    /// Items of a distributed map.
    Map(Vec<Result<Recording, String>>),
}

/// A message and its recordings, usually one.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(super) id: String,
    pub(super) recordings: Result<Vec<Recording>, String>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "Records")]
    records: Option<Vec<&'a RawValue>>,
    #[serde(borrow, rename = "Items")]
    items: Option<Vec<&'a RawValue>>,
    #[serde(rename = "BatchInput")]
    of_all: Option<Named>,
    #[serde(flatten)]
    named: Named,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    event_source: String,
    message_id: String,
    body: String,
}

impl RecordingsEvent {
    /// `None` for any other event.
    pub(crate) fn of(event: &RawValue) -> crate::Result<Option<Self>> {
        let Ok(Fields { records, items, of_all, named }) = serde_json::from_str(event.get()) else { return Ok(None) };
        if let Some(records) = records {
            let records = records.into_iter().map(|record| serde_json::from_str::<SqsRecord>(record.get()));
            let Ok(records) = records.collect::<Result<Vec<_>, _>>() else { return Ok(None) };
            if records.iter().any(|record| record.event_source != "aws:sqs") {
                return Ok(None);
            }
            let message =
                |SqsRecord { message_id, body, .. }| Message { id: message_id, recordings: recordings(&body) };
            return Ok(Some(Self::Queue(records.into_iter().map(message).collect())));
        }
        if let Some(items) = items {
            let of_all = of_all.unwrap_or_default();
            let item = |item: &RawValue| match serde_json::from_str::<Named>(item.get()) {
                // A listing has the folders that were made in AWS's console.
                Ok(named) if named.key.as_deref().is_some_and(is_folder) => None,
                Ok(named) => Some(named.or(&of_all).recording()),
                Err(error) => Some(Err(error.to_string())),
            };
            return Ok(Some(Self::Map(items.into_iter().filter_map(item).collect())));
        }
        match named.key {
            Some(_) => Ok(Some(Self::One(named.recording().map_err(Permanent)?))),
            None => Ok(None),
        }
    }
}
