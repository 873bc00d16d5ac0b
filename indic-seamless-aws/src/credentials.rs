//! Credentials of a function that was restored from a snapshot.
//!
//! Its environment has no credentials, but a token for an endpoint on its own machine that has them. `object_store` supports
//! such an endpoint only with the token in a file.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use ::http::{Request, header};
use async_trait::async_trait;
use object_store::{
    ClientOptions, CredentialProvider, Error, Result,
    aws::AwsCredential,
    client::{HttpClient, HttpConnector as _, HttpRequestBody},
};
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::{http::Connector, variable};

/// How long credentials are kept. The endpoint is near, and they are valid for much longer.
const KEPT: Duration = Duration::from_secs(60);

/// The endpoint, if the environment names one with a token.
pub(crate) fn from_env() -> Result<Option<Endpoint>> {
    let elsewhere =
        ["AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];
    let elsewhere = elsewhere.into_iter().find_map(variable);
    match variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        Some(url) if elsewhere.is_none() => Endpoint::new(url, variable("AWS_CONTAINER_AUTHORIZATION_TOKEN")).map(Some),
        _ => Ok(None),
    }
}

pub(crate) struct Endpoint {
    url: String,
    token: Option<String>,
    client: HttpClient,
    /// By wall-clock time: the monotonic clock may stop while the function is frozen.
    latest: Mutex<Option<(SystemTime, Arc<AwsCredential>)>>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: String,
}

impl Endpoint {
    fn new(url: String, token: Option<String>) -> Result<Self> {
        let client = Connector.connect(&ClientOptions::new().with_allow_http(true))?;
        Ok(Self { url, token, client, latest: Mutex::default() })
    }

    async fn ask(&self) -> Result<AwsCredential, Box<dyn std::error::Error + Send + Sync>> {
        let mut request = Request::get(&self.url);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, token);
        }
        let response = self.client.execute(request.body(HttpRequestBody::empty())?).await?;
        if !response.status().is_success() {
            return Err(format!("{} answers {}", self.url, response.status()).into());
        }
        let answer: Answer = serde_json::from_slice(&response.into_body().bytes().await?)?;
        Ok(AwsCredential {
            key_id: answer.access_key_id,
            secret_key: answer.secret_access_key,
            token: Some(answer.token),
        })
    }
}

#[async_trait]
impl CredentialProvider for Endpoint {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> Result<Arc<AwsCredential>> {
        let mut latest = self.latest.lock().await;
        if let Some((since, credential)) = &*latest
            && since.elapsed().is_ok_and(|age| age < KEPT)
        {
            return Ok(credential.clone());
        }
        let credential = self.ask().await.map_err(|source| Error::Generic { store: "credentials", source })?;
        let credential = Arc::new(credential);
        *latest = Some((SystemTime::now(), credential.clone()));
        Ok(credential)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{Router, http::HeaderMap, routing::get};

    use super::*;

    #[tokio::test]
    async fn the_endpoint_is_asked_with_the_token_and_not_each_time() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let answer = |headers: HeaderMap| async move {
            ASKED.fetch_add(1, Ordering::SeqCst);
            match headers.get(header::AUTHORIZATION) {
                Some(token) if token == "from the environment" => Ok(
                    r#"{"AccessKeyId":"ASIA","SecretAccessKey":"secret","Token":"session","Expiration":"2030-01-01T00:00:00Z"}"#,
                ),
                _ => Err(axum::http::StatusCode::FORBIDDEN),
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/2021-04-23/credentials", listener.local_addr().unwrap());
        let router = Router::new().route("/2021-04-23/credentials", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });

        let endpoint = Endpoint::new(url.clone(), Some("from the environment".to_owned())).unwrap();
        let credential = endpoint.get_credential().await.unwrap();
        assert_eq!((&*credential.key_id, &*credential.secret_key), ("ASIA", "secret"));
        assert_eq!(credential.token.as_deref(), Some("session"));
        endpoint.get_credential().await.unwrap();
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);

        *endpoint.latest.lock().await = Some((SystemTime::now() - KEPT, credential));
        endpoint.get_credential().await.unwrap();
        assert_eq!(ASKED.load(Ordering::SeqCst), 2);

        let error = Endpoint::new(url, None).unwrap().get_credential().await.unwrap_err().to_string();
        assert!(error.contains("403"), "{error}");
    }
}
