//! Stripe's errors in the shop's words: the only place with Stripe's codes. No text of a customer's passes through.
//!
//! Source: <https://docs.stripe.com/api/errors>.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::{PaymentError, error::Decline};

#[derive(Deserialize)]
struct Body {
    error: ApiError,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
    #[serde(default)]
    param: Option<String>,
}

/// What an answer that is no success means.
pub fn classify(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> PaymentError {
    let error = serde_json::from_slice::<Body>(body).ok().map(|body| body.error);
    let text = |name: fn(&ApiError) -> Option<&String>| error.as_ref().and_then(name).map_or("-", String::as_str);
    let (kind, code) = (text(|e| e.kind.as_ref()), text(|e| e.code.as_ref()));
    let told = format!("{} {kind} {code} {}", status.as_u16(), text(|e| e.param.as_ref()));
    match status.as_u16() {
        _ if kind == "card_error" => PaymentError::Declined(Decline {
            code: code.to_owned(),
            decline_code: error.as_ref().and_then(|e| e.decline_code.clone()),
        }),
        400 if code == "email_invalid" || text(|e| e.param.as_ref()) == "customer_email" => PaymentError::Email,
        402 => PaymentError::Declined(Decline { code: told, decline_code: None }),
        404 if code == "resource_missing" => PaymentError::NotFound,
        429 => PaymentError::RateLimited { retry_after },
        409 | 424 | 500.. => PaymentError::Unreachable(told),
        _ if code == "lock_timeout" || code == "idempotency_key_in_use" => PaymentError::Unreachable(told),
        _ => PaymentError::Configuration(told),
    }
}

/// What went wrong before there was an answer; never the URL, which may name a customer's session.
pub fn transport(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> PaymentError {
        classify(StatusCode::from_u16(status).unwrap(), None, body.as_bytes())
    }

    #[test]
    fn each_answer_is_of_one_kind() {
        let declined = r#"{"error":{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds"}}"#;
        assert_eq!(
            of(402, declined),
            PaymentError::Declined(Decline {
                code: "card_declined".into(),
                decline_code: Some("insufficient_funds".into())
            })
        );
        assert_eq!(of(404, r#"{"error":{"code":"resource_missing"}}"#), PaymentError::NotFound);
        assert_eq!(of(429, "{}"), PaymentError::RateLimited { retry_after: None });
        for status in [409, 424, 500, 502, 503, 504] {
            assert!(of(status, "<html>").retryable(), "{status}");
        }
        for status in [400, 401, 403] {
            assert!(matches!(of(status, "{}"), PaymentError::Configuration(_)), "{status}");
        }
    }

    #[test]
    fn an_address_that_is_not_taken_is_the_customers_to_mend() {
        let body = r#"{"error":{"type":"invalid_request_error","code":"email_invalid","param":"customer_email"}}"#;
        assert_eq!(of(400, body).for_customer().field(), Some(crate::domain::checkout::Field::Email));
    }

    #[test]
    fn the_operator_learns_the_parameter_and_not_its_value() {
        let body = r#"{"error":{"type":"invalid_request_error","code":"parameter_invalid_empty","param":"success_url","message":"jo@example.com is bad"}}"#;
        let told = of(400, body).to_string();
        assert!(told.contains("success_url") && !told.contains("jo@example.com"), "{told}");
    }
}
