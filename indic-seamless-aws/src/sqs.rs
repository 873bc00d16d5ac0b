//! Messages of a queue in SQS, by its [JSON
//! protocol](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html).

use std::{fmt, time::Duration};

use ::http::{Request, StatusCode, Uri, header};
use object_store::{
    ClientOptions,
    aws::{AwsAuthorizer, AwsCredentialProvider},
    client::{HttpClient, HttpConnector as _, HttpRequestBody},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    http::{Connector, TIMEOUT},
    store, variable,
};

/// How often a request is sent, if it may succeed later.
const ATTEMPTS: u32 = 4;
/// The wait before the second attempt; before each other one it is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// The most messages that SQS gives or changes at a time.
pub const MOST: usize = 10;

/// A queue.
#[derive(Debug)]
pub struct Queue {
    url: String,
    endpoint: Uri,
    region: String,
    client: HttpClient,
    credentials: AwsCredentialProvider,
}

/// A message that was received.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Message {
    /// Its name in the queue.
    #[serde(rename = "MessageId")]
    pub id: String,
    /// By which it is [kept](Queue::hide) and [deleted](Queue::delete) after this delivery.
    #[serde(rename = "ReceiptHandle")]
    pub receipt: String,
    /// What it says.
    pub body: String,
}

/// Why a request to a queue failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum QueueError {
    /// The URL of the queue, or a setting, cannot be used.
    Invalid {
        /// What was found.
        found: String,
        /// What would be accepted.
        wanted: &'static str,
    },
    /// The queue refused the request; it would do so again.
    Refused {
        /// SQS's name of the error, such as `QueueDoesNotExist`.
        code: String,
        /// What it says.
        detail: String,
    },
    /// The queue could not be reached, or could not answer now.
    Unreachable {
        /// What happened.
        reason: String,
    },
}

impl fmt::Display for QueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { found, wanted } => write!(f, "{found} found, wanted {wanted}"),
            Self::Refused { code, detail } => write!(f, "{code}: {detail}"),
            Self::Unreachable { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for QueueError {}

#[derive(Deserialize)]
struct Received {
    #[serde(rename = "Messages", default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

impl Queue {
    /// The queue of a URL, such as `https://sqs.ap-south-1.amazonaws.com/111122223333/recordings`. `AWS_ENDPOINT_URL_SQS` and
    /// `AWS_ENDPOINT_URL` name another service.
    ///
    /// # Errors
    ///
    /// [`QueueError::Invalid`].
    pub fn open(url: &str) -> Result<Self, QueueError> {
        let invalid =
            |found: &str| QueueError::Invalid { found: found.to_owned(), wanted: "the URL of a queue in SQS" };
        let queue: Uri = url.parse().map_err(|_| invalid(url))?;
        let host = queue.host().filter(|_| queue.path().len() > 1).ok_or_else(|| invalid(url))?.to_owned();
        let endpoint = match variable("AWS_ENDPOINT_URL_SQS").or_else(|| variable("AWS_ENDPOINT_URL")) {
            Some(endpoint) => endpoint.parse().map_err(|_| invalid(&endpoint))?,
            None => queue,
        };
        if !matches!(endpoint.scheme_str(), Some("http" | "https")) {
            return Err(invalid(&endpoint.to_string()));
        }
        let of_setting = |error: object_store::Error| QueueError::Invalid {
            found: error.to_string(),
            wanted: "settings of AWS that can be used",
        };
        let options = ClientOptions::new().with_allow_http(endpoint.scheme_str() == Some("http"));
        let client = Connector.connect(&options).map_err(of_setting)?;
        // Credentials are found as for S3; no bucket is asked for anything.
        let credentials = store::open("credentials").map_err(of_setting)?.credentials().clone();
        Ok(Self { url: url.to_owned(), endpoint, region: region(&host), client, credentials })
    }

    /// Asks for a property of the queue, to find out whether it is there and may be used.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn probe(&self) -> Result<(), QueueError> {
        let asked = json!({ "QueueUrl": self.url, "AttributeNames": ["VisibilityTimeout"] });
        self.ask::<Value>("GetQueueAttributes", &asked).await.map(drop)
    }

    /// Takes up to `most` messages, but no more than [`MOST`]: those that are there, or that come while it waits. For `hidden`,
    /// in whole seconds, nobody else gets them.
    ///
    /// # Errors
    ///
    /// Why none could be received.
    pub async fn receive(&self, most: usize, wait: Duration, hidden: Duration) -> Result<Vec<Message>, QueueError> {
        let asked = json!({
            "QueueUrl": self.url,
            "MaxNumberOfMessages": most.clamp(1, MOST),
            "WaitTimeSeconds": wait.as_secs(),
            "VisibilityTimeout": hidden.as_secs(),
        });
        self.ask::<Received>("ReceiveMessage", &asked).await.map(|received| received.messages)
    }

    /// Hides a message from now on for so long, in whole seconds. For no time, it is given to whoever asks next.
    ///
    /// # Errors
    ///
    /// Why not: such as that it was hidden too short, and others may have it.
    pub async fn hide(&self, receipt: &str, hidden: Duration) -> Result<(), QueueError> {
        let asked = json!({ "QueueUrl": self.url, "ReceiptHandle": receipt, "VisibilityTimeout": hidden.as_secs() });
        self.ask::<Value>("ChangeMessageVisibility", &asked).await.map(drop)
    }

    /// Deletes a message.
    ///
    /// # Errors
    ///
    /// Why not.
    pub async fn delete(&self, receipt: &str) -> Result<(), QueueError> {
        self.ask::<Value>("DeleteMessage", &json!({ "QueueUrl": self.url, "ReceiptHandle": receipt })).await.map(drop)
    }

    async fn ask<T: DeserializeOwned>(&self, action: &str, asked: &Value) -> Result<T, QueueError> {
        let mut pause = PAUSE;
        for _ in 1..ATTEMPTS {
            match self.ask_once(action, asked).await {
                Err(QueueError::Unreachable { .. }) => sleep(pause).await,
                answer => return answer,
            }
            pause *= 2;
        }
        self.ask_once(action, asked).await
    }

    async fn ask_once<T: DeserializeOwned>(&self, action: &str, asked: &Value) -> Result<T, QueueError> {
        let unreachable = |reason: String| QueueError::Unreachable { reason };
        let credential = self.credentials.get_credential().await.map_err(|error| unreachable(error.to_string()))?;
        let request = Request::post(root(&self.endpoint))
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("x-amz-target", format!("AmazonSQS.{action}"))
            .body(HttpRequestBody::from(asked.to_string()));
        let mut request = request.map_err(|error| unreachable(error.to_string()))?;
        let signed = AwsAuthorizer::new(&credential, "sqs", &self.region).try_authorize(&mut request, None);
        signed.map_err(|error| unreachable(error.to_string()))?;
        let response = self.client.execute(request).await.map_err(|error| unreachable(with_cause(&error)))?;
        let status = response.status();
        let body = timeout(TIMEOUT, response.into_body().bytes()).await;
        let body = body.map_err(|_| unreachable(format!("no whole answer within {} s", TIMEOUT.as_secs())))?;
        let body = body.map_err(|error| unreachable(with_cause(&error)))?;
        if status.is_success() {
            // Some answers have no body.
            let body = if body.is_empty() { b"{}".as_slice() } else { &body };
            return serde_json::from_slice(body).map_err(|error| unreachable(format!("no answer of SQS: {error}")));
        }
        Err(refusal(status, &body))
    }
}

/// The error of an answer that is one.
fn refusal(status: StatusCode, body: &[u8]) -> QueueError {
    let Ok(Failure { code, message }) = serde_json::from_slice(body) else {
        return QueueError::Unreachable { reason: format!("answer {status}") };
    };
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    let throttled = ["Throttl", "TooManyRequests", "ServiceUnavailable"].iter().any(|name| code.contains(name));
    if throttled || status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return QueueError::Unreachable { reason: format!("{code}: {message} ({status})") };
    }
    QueueError::Refused { code, detail: message }
}

/// The region that the host of a queue names, or else the environment.
fn region(host: &str) -> String {
    let named = host.strip_prefix("sqs.").and_then(|rest| rest.split_once(".amazonaws.com"));
    let named = named.map(|(region, _)| region.to_owned());
    let named = named.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
    named.unwrap_or_else(|| "us-east-1".to_owned())
}

/// The root of the service at an address.
fn root(endpoint: &Uri) -> String {
    let (scheme, authority) = (endpoint.scheme_str().unwrap_or("https"), endpoint.authority());
    format!("{scheme}://{}/", authority.map_or("", |authority| authority.as_str()))
}

fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_roots() {
        assert_eq!(region("sqs.ap-south-1.amazonaws.com"), "ap-south-1");
        assert_eq!(region("sqs.cn-north-1.amazonaws.com.cn"), "cn-north-1");
        let queue: Uri = "http://localhost:4566/000000000000/recordings".parse().unwrap();
        assert_eq!(root(&queue), "http://localhost:4566/");
        for wrong in ["recordings", "", "https://sqs.ap-south-1.amazonaws.com", "arn:aws:sqs:x:1:recordings"] {
            assert!(matches!(Queue::open(wrong), Err(QueueError::Invalid { .. })), "{wrong}");
        }
    }

    #[test]
    fn what_may_pass_and_what_may_not() {
        let missing = br#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"#;
        let error = refusal(StatusCode::BAD_REQUEST, missing);
        assert_eq!(error.to_string(), "QueueDoesNotExist: no such queue");
        assert!(matches!(error, QueueError::Refused { .. }));
        let throttled = br#"{"__type":"com.amazon.coral.service#ThrottlingException","Message":"slower"}"#;
        assert!(matches!(refusal(StatusCode::BAD_REQUEST, throttled), QueueError::Unreachable { .. }));
        assert!(matches!(refusal(StatusCode::SERVICE_UNAVAILABLE, b"<html>"), QueueError::Unreachable { .. }));
        assert!(matches!(refusal(StatusCode::INTERNAL_SERVER_ERROR, missing), QueueError::Unreachable { .. }));
    }
}
