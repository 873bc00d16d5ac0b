//! The events that invoke the function.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{Result, failure::Permanent};

/// An event, recognised by its fields.
#[derive(Debug)]
pub(crate) enum Event {
    Http(HttpEvent),
    /// Recordings in S3 to transcribe.
    #[cfg(feature = "s3")]
    Recordings(crate::s3::RecordingsEvent),
}

/// A request from a gateway, a load balancer or a function URL, as JSON that `lambda_http` understands.
#[derive(Debug)]
pub(crate) struct HttpEvent {
    pub(crate) event: Box<RawValue>,
    /// Whether a person wrote it, and no gateway is waiting for the answer.
    pub(crate) by_hand: bool,
}

/// The fields that tell events apart. The rest, such as a body of megabytes, is skipped.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    request_context: Option<IgnoredAny>,
    http_method: Option<IgnoredAny>,
    path: Option<IgnoredAny>,
    raw_path: Option<IgnoredAny>,
}

impl Event {
    pub(crate) fn of(event: Box<RawValue>) -> Result<Self> {
        let fields: Option<Fields> = serde_json::from_str(event.get()).ok();
        match fields {
            Some(
                Fields { request_context: Some(_), http_method: Some(_), .. }
                | Fields { request_context: Some(_), raw_path: Some(_), .. },
            ) => return Ok(Self::Http(HttpEvent { event, by_hand: false })),
            Some(Fields { http_method: Some(_), path: Some(_), .. }) => {
                return Ok(Self::Http(HttpEvent { event: completed(&event)?, by_hand: true }));
            }
            _ => {}
        }
        #[cfg(feature = "s3")]
        if let Some(recordings) = crate::s3::RecordingsEvent::of(&event)? {
            return Ok(Self::Recordings(recordings));
        }
        Err(Permanent(format!("unknown event; wanted {WANTED}")).into())
    }
}

#[cfg(feature = "s3")]
const WANTED: &str = "one of API Gateway (REST or HTTP), a function URL, a load balancer, or {\"httpMethod\", \"path\"}; S3 \
                      notifications from SQS; {\"bucket\", \"key\"}; or items of a distributed map";
#[cfg(not(feature = "s3"))]
const WANTED: &str = "one of API Gateway (REST or HTTP), a function URL, a load balancer, or {\"httpMethod\", \"path\"} (this \
                      program was built without the feature `s3`)";

/// Completes a request written by hand, `{"httpMethod": "GET", "path": "/health"}`, to one of a REST API.
fn completed(event: &RawValue) -> Result<Box<RawValue>> {
    let given: Map<String, Value> = serde_json::from_str(event.get())?;
    let (path, method) = (given["path"].clone(), given["httpMethod"].clone());
    let mut whole = json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method, "headers": {}, "multiValueHeaders": {},
        "queryStringParameters": {}, "multiValueQueryStringParameters": {}, "pathParameters": {}, "stageVariables": {},
        "requestContext": { "path": path, "httpMethod": method, "stage": "$default", "identity": {} },
        "body": null, "isBase64Encoded": false,
    });
    for (name, value) in given {
        whole[name] = value;
    }
    Ok(serde_json::value::to_raw_value(&whole)?)
}
