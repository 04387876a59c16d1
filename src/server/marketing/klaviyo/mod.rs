//! Klaviyo: one event, one request. Source: <https://developers.klaviyo.com/en/reference/create_event>.

mod event;

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

pub(crate) use self::event::build_event;
use super::{EventSender, MarketingError};
use crate::server::backoff::retry_after;

/// The API's revision. Klaviyo supports one for two years.
const REVISION: &str = "2026-07-15";

/// The longest duration of an attempt with its connection; shorter than any lease on a message.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The pause of the lane after a 429 without `Retry-After`.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct KlaviyoConfig {
    pub api_key: SecretString,
    pub base: Url,
}

#[derive(Clone)]
pub struct Klaviyo {
    http: reqwest::Client,
    url: String,
    key: SecretString,
}

impl Klaviyo {
    pub fn new(config: &KlaviyoConfig, http: reqwest::Client) -> Self {
        let url = format!("{}/api/events", config.base.as_str().trim_end_matches('/'));
        Self { http, url, key: config.api_key.clone() }
    }
}

#[async_trait]
impl EventSender for Klaviyo {
    /// Klaviyo's 202 means queued.
    async fn send(&self, body: Vec<u8>) -> Result<(), MarketingError> {
        let retry = |text: &str| MarketingError::Temporary(text.to_owned());
        let response = self
            .http
            .post(&self.url)
            .timeout(TIMEOUT)
            .header(header::AUTHORIZATION, format!("Klaviyo-API-Key {}", self.key.expose_secret()))
            .header("revision", REVISION)
            .header(header::CONTENT_TYPE, "application/vnd.api+json")
            .header(header::ACCEPT, "application/vnd.api+json")
            .body(body)
            .send()
            .await
            .map_err(|error| retry(if error.is_timeout() { "no response in time" } else { "no connection" }))?;
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(());
        }
        let retry_after = retry_after(response.headers());
        let reason = format!("{status} {}", codes(&response.bytes().await.unwrap_or_default()));
        Err(match status {
            429 => MarketingError::Throttled { retry_after: retry_after.unwrap_or(DEFAULT_RETRY_AFTER) },
            401 | 403 => MarketingError::RefusedKey(reason),
            408 | 425 | 500.. => MarketingError::Temporary(reason),
            _ => MarketingError::Permanent(reason),
        })
    }
}

/// Returns the codes and pointers of a JSON:API error: what an operator needs, without the values
/// that Klaviyo quotes.
pub fn codes(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<Error>,
    }
    #[derive(Deserialize)]
    struct Error {
        #[serde(default)]
        code: String,
        #[serde(default)]
        source: Option<Source>,
    }
    #[derive(Deserialize)]
    struct Source {
        #[serde(default)]
        pointer: String,
    }
    let errors = serde_json::from_slice::<Errors>(body).map(|body| body.errors).unwrap_or_default();
    let each = errors
        .into_iter()
        .map(|error| format!("{} {}", error.code, error.source.unwrap_or(Source { pointer: String::new() }).pointer));
    crate::domain::sanitize::clean(&each.collect::<Vec<_>>().join("; "), 200)
}
