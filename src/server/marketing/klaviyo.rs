//! Klaviyo: one event, one request. Source: <https://developers.klaviyo.com/en/reference/create_event>.

use std::time::Duration;

use reqwest::header;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use url::Url;

use super::{MarketingError, MarketingEvent};
use crate::domain::{preorder::Preorder, product::ProductColor};

/// The API's revision. Klaviyo keeps one for two years.
const REVISION: &str = "2026-07-15";

/// An attempt, connecting included; shorter than any lease on a message.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long the lane waits when Klaviyo says 429 without saying how long.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(10);

/// The longest wait that Klaviyo may ask for: more is a mistake.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

#[derive(Clone, Debug)]
pub struct KlaviyoConfig {
    pub api_key: SecretString,
    pub base: Url,
}

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

    /// Sends a frozen body. Klaviyo's 202 means queued; `unique_id` makes a repeat harmless.
    pub async fn send(&self, body: Vec<u8>) -> Result<(), MarketingError> {
        let again = |text: &str| MarketingError::Again(text.to_owned());
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
            .map_err(|error| again(if error.is_timeout() { "no answer in time" } else { "no connection" }))?;
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(());
        }
        let retry_after = response
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
        let told = format!("{status} {}", codes(&response.bytes().await.unwrap_or_default()));
        Err(match status {
            429 => MarketingError::Throttled { retry_after: retry_after.unwrap_or(DEFAULT_RETRY_AFTER) },
            401 | 403 => MarketingError::Refused(told),
            408 | 425 | 500.. => MarketingError::Again(told),
            _ => MarketingError::Final(told),
        })
    }
}

/// The codes and pointers of a JSON:API error: what the operator needs, without the values that Klaviyo quotes.
fn codes(body: &[u8]) -> String {
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
    crate::domain::text::clean(&each.collect::<Vec<_>>().join("; "), 200)
}

/// The event of a preorder that has just been paid; `None` when there is nobody to address it to.
pub fn preorder_success(preorder: &Preorder, at: OffsetDateTime) -> Option<MarketingEvent> {
    let details = &preorder.details;
    if details.email.is_empty() {
        return None;
    }
    let unique_id = format!("preorder_success:{}:{}", email_hash(&details.email), details.session);
    // A JSON number made of decimal text: money never passes through a float.
    let amount = details.amount.and_then(|amount| RawValue::from_string(amount.decimal()).ok());
    let currency = details.amount.map(|amount| amount.currency().code().to_uppercase());
    let attributes = Attributes {
        properties: Properties {
            color: details.color.map(ProductColor::as_str),
            preorder_id: &preorder.id,
            preorder_number: preorder.number.as_str(),
            locale: details.locale.as_str(),
            amount: amount.as_deref(),
            currency: currency.as_deref(),
            session_id: details.session.as_str(),
        },
        time: at.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()?,
        value: amount.as_deref(),
        value_currency: currency.as_deref(),
        unique_id: &unique_id,
        metric: resource("metric", json!({ "name": "Preorder Success" })),
        profile: resource("profile", json!({ "email": details.email, "locale": details.locale.as_str() })),
    };
    let body = serde_json::to_vec(&Envelope { data: Resource { kind: "event", attributes } }).ok()?;
    Some(MarketingEvent { unique_id, body })
}

#[derive(Serialize)]
struct Envelope<'a> {
    data: Resource<Attributes<'a>>,
}

/// JSON:API's `{type, attributes}`.
#[derive(Serialize)]
struct Resource<T> {
    #[serde(rename = "type")]
    kind: &'static str,
    attributes: T,
}

fn resource(kind: &'static str, attributes: Value) -> Value {
    json!({ "data": { "type": kind, "attributes": attributes } })
}

#[derive(Serialize)]
struct Attributes<'a> {
    properties: Properties<'a>,
    time: String,
    value: Option<&'a RawValue>,
    value_currency: Option<&'a str>,
    unique_id: &'a str,
    metric: Value,
    profile: Value,
}

#[derive(Serialize)]
struct Properties<'a> {
    color: Option<&'a str>,
    preorder_id: &'a str,
    preorder_number: &'a str,
    locale: &'a str,
    amount: Option<&'a RawValue>,
    currency: Option<&'a str>,
    session_id: &'a str,
}

/// Stands for an address in keys: the same for every spelling of its case.
fn email_hash(email: &str) -> String {
    hex::encode(&Sha256::digest(email.trim().to_lowercase())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        customer::Locale,
        money::{Currency, Money},
        payment::SessionId,
        preorder::{PreorderDetails, PreorderStatus},
    };

    fn preorder(email: &str, session: &str) -> Preorder {
        Preorder {
            id: "row".into(),
            number: "ROL-7K3M9QXZ".parse().unwrap(),
            details: PreorderDetails {
                session: SessionId::parse(session).unwrap(),
                intent: None,
                status: PreorderStatus::Paid,
                email: email.into(),
                color: Some(ProductColor::SakuraPink),
                amount: Some(Money::new(29_900, Currency::USD).unwrap()),
                locale: Locale::default(),
                shipping: None,
                livemode: false,
                review: None,
            },
        }
    }

    #[test]
    fn the_event_has_what_klaviyo_and_the_contract_ask_for() {
        let event = preorder_success(&preorder("Jo@example.com", "cs_1"), OffsetDateTime::UNIX_EPOCH).unwrap();
        let body: Value = serde_json::from_slice(&event.body).unwrap();
        let attributes = &body["data"]["attributes"];
        assert_eq!(attributes["metric"]["data"]["attributes"]["name"], "Preorder Success");
        assert_eq!(attributes["profile"]["data"]["attributes"]["email"], "Jo@example.com");
        assert_eq!(attributes["properties"]["color"], "Sakura Pink");
        assert_eq!(attributes["time"], "1970-01-01T00:00:00Z");
        assert_eq!(attributes["unique_id"], event.unique_id);
        assert!(String::from_utf8(event.body).unwrap().contains(r#""value":299.00,"value_currency":"USD""#));
    }

    #[test]
    fn the_key_against_doubles_is_of_person_and_session_and_hides_the_address() {
        let id =
            |email, session| preorder_success(&preorder(email, session), OffsetDateTime::UNIX_EPOCH).unwrap().unique_id;
        assert_eq!(id("jo@example.com", "cs_1"), id("JO@example.com", "cs_1"));
        assert_ne!(id("jo@example.com", "cs_1"), id("jo@example.com", "cs_2"));
        assert_ne!(id("jo@example.com", "cs_1"), id("al@example.com", "cs_1"));
        assert!(!id("jo@example.com", "cs_1").contains("jo@"));
    }

    #[test]
    fn without_an_address_there_is_no_event() {
        assert!(preorder_success(&preorder("", "cs_1"), OffsetDateTime::UNIX_EPOCH).is_none());
    }
}
