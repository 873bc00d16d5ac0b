//! S3 and SQS, as the programs of `indic-seamless` use them.
//!
//! Clients are configured by AWS's usual environment variables: `AWS_REGION`, credentials of any kind that
//! [`object_store`] knows, and `AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL_SQS` for other services than
//! Amazon's.

mod credentials;
pub mod http;
pub mod recording;
pub mod sqs;
pub mod store;

/// An environment variable, unless it is empty.
#[must_use]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
