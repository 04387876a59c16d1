//! The HTTP client for Stripe: version, key, idempotency, deadlines and retries. It knows no
//! resource.
//!
//! async-stripe builds the requests. Its own client is not used: it reuses no connection, sets no
//! deadline, and cannot send our idempotency key on every attempt.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::{
    super::{PaymentError, capability::IdempotencyKey},
    decode::decode_response,
    error::{self, ErrorResponse},
    retry::{Failed, Next, next},
};
use crate::server::backoff::retry_after;

/// The API version that the adapter reads and writes.
pub const API_VERSION: &str = "2025-06-30.basil";

/// The longest duration of a call with its retries.
const DEADLINE: Duration = Duration::from_secs(8);

/// The longest duration of one attempt, so that a hanging connection leaves time for another one.
const ATTEMPT: Duration = Duration::from_millis(4500);

/// The client of one account.
pub struct StripeClient {
    http: reqwest::Client,
    base: String,
    key: SecretString,
}

/// A response with a 2xx status.
pub struct Success {
    pub body: Bytes,
    /// Stripe replayed the stored response of this idempotency key.
    pub replayed: bool,
}

/// A failed call.
pub struct Failure {
    pub response: ErrorResponse,
    /// The failure is a stored response: the same key will always fail.
    pub replayed: bool,
    /// The same request is in progress. It is right to retry until it has a response.
    pub in_progress: bool,
    /// The number of attempts of this call. A replay at the first one is of an earlier call.
    pub attempts: u32,
}

impl Failure {
    pub fn error(self) -> PaymentError {
        self.response.error
    }

    /// Returns whether a retry of this call failed so. The attempt before it may have succeeded
    /// with its response lost.
    pub fn repeated(&self) -> bool {
        self.attempts > 1
    }
}

/// Returns the deadline of a call that begins now.
pub fn deadline() -> Instant {
    Instant::now() + DEADLINE
}

impl StripeClient {
    pub fn new(http: reqwest::Client, base: &Url, key: SecretString) -> Self {
        Self { http, base: base.as_str().trim_end_matches('/').to_owned(), key }
    }

    /// Sends `request` and decodes the response.
    pub async fn call<T: DeserializeOwned, R: StripeRequest>(
        &self,
        request: &R,
        key: Option<&IdempotencyKey>,
    ) -> Result<T, PaymentError> {
        let sent = self.send(request, key.map(IdempotencyKey::as_str), deadline()).await;
        decode_response(&sent.map_err(Failure::error)?.body)
    }

    /// Sends `request` until `deadline`, and retries it under the same key while that can help.
    pub async fn send<R: StripeRequest>(
        &self,
        request: &R,
        key: Option<&str>,
        deadline: Instant,
    ) -> Result<Success, Failure> {
        let request = request.build();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let failure = match self.attempt(&request, key, deadline.min(Instant::now() + ATTEMPT)).await {
                Ok(success) => return Ok(success),
                Err(failure) => Failure { attempts: attempt, ..failure },
            };
            let (error, left) = (&failure.response.error, deadline.saturating_duration_since(Instant::now()));
            let failed = Failed { attempt, error, replayed: failure.replayed, in_progress: failure.in_progress };
            match next(&failed, left) {
                Next::GiveUp => return Err(failure),
                Next::Poll(pause) => {
                    attempt -= 1;
                    sleep(pause).await;
                }
                Next::Retry(pause) => {
                    tracing::warn!(attempt, %error, "a request to Stripe failed and is retried");
                    sleep(pause).await;
                }
            }
        }
    }

    async fn attempt(
        &self,
        request: &RequestBuilder,
        key: Option<&str>,
        deadline: Instant,
    ) -> Result<Success, Failure> {
        let unreachable = |text: &str| Failure {
            response: ErrorResponse {
                error: PaymentError::Unreachable(text.to_owned()),
                code: String::new(),
                param: String::new(),
            },
            replayed: false,
            in_progress: false,
            attempts: 1,
        };
        let exchange = async {
            let response =
                self.request(request, key).send().await.map_err(|error| unreachable(error::transport(&error)))?;
            let status = response.status();
            let replayed = response.headers().get("idempotent-replayed").is_some_and(|value| value == "true");
            let retry_after = retry_after(response.headers());
            let body = response.bytes().await.map_err(|error| unreachable(error::transport(&error)))?;
            if status.is_success() {
                return Ok(Success { body, replayed });
            }
            let response = error::classify(status, retry_after, &body);
            Err(Failure {
                replayed: replayed && status >= StatusCode::INTERNAL_SERVER_ERROR,
                in_progress: status == StatusCode::CONFLICT && matches!(response.error, PaymentError::Conflict(_)),
                response,
                attempts: 1,
            })
        };
        timeout_at(deadline, exchange).await.unwrap_or_else(|_| Err(unreachable("no response in time")))
    }

    fn request(&self, request: &RequestBuilder, key: Option<&str>) -> reqwest::RequestBuilder {
        let mut url = format!("{}/v1{}", self.base, request.path);
        if let Some(query) = request.query.as_deref().filter(|query| !query.is_empty()) {
            url.push('?');
            url.push_str(query);
        }
        let mut outgoing = match request.method {
            StripeMethod::Get => self.http.get(url),
            StripeMethod::Post => self.http.post(url),
            StripeMethod::Delete => self.http.delete(url),
        };
        outgoing = outgoing.bearer_auth(self.key.expose_secret()).header("stripe-version", API_VERSION);
        if let Some(key) = key {
            outgoing = outgoing.header("idempotency-key", key);
        }
        if let Some(body) = &request.body {
            outgoing = outgoing.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.clone());
        }
        outgoing
    }
}
