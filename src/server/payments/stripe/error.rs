//! Maps Stripe's errors to the shop's errors. Stripe's codes are in this file only, and no text of
//! a customer passes through it.
//!
//! Source: <https://docs.stripe.com/api/errors>, <https://docs.stripe.com/error-codes>.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::{PaymentError, error::Decline};

/// A response without a 2xx status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ErrorResponse {
    pub error: PaymentError,
    /// Stripe's code and the parameter that it concerns; empty if the response names none.
    pub code: String,
    pub param: String,
}

#[derive(Deserialize)]
struct Body {
    error: ApiError,
}

/// The body of an error. Every field is lenient: an unreadable error must not hide its status.
#[derive(Deserialize, Default)]
#[serde(default)]
struct ApiError {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

/// Codes that say that the object's state does not allow the call.
const STATE: [&str; 15] = [
    "balance_insufficient",
    "charge_already_captured",
    "charge_already_refunded",
    "charge_disputed",
    "charge_expired_for_capture",
    "charge_not_refundable",
    "intent_invalid_state",
    "invoice_not_editable",
    "payment_intent_payment_attempt_expired",
    "payment_intent_unexpected_state",
    "payment_method_unexpected_state",
    "refund_disputed_payment",
    "resource_already_exists",
    "setup_intent_unexpected_state",
    "status_transition_invalid",
];

/// Parameters that name the object of a call. If Stripe does not know such an object, the caller's
/// object is missing; if it does not know a price, the configuration is wrong.
const SUBJECTS: [&str; 9] =
    ["charge", "customer", "dispute", "id", "intent", "payment_intent", "payment_method", "refund", "session"];

/// Classifies a response without a 2xx status.
pub fn classify(status: StatusCode, retry_after: Option<Duration>, body: &[u8]) -> ErrorResponse {
    let error = serde_json::from_slice::<Body>(body).map(|body| body.error).unwrap_or_default();
    let [kind, code, param] = [&error.kind, &error.code, &error.param].map(|text| word(text.as_deref()));
    let description =
        [status.as_str(), &kind, &code, &param].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let description = description.join(" ");
    let status = status.as_u16();
    let meaning = match code.as_str() {
        _ if kind == "card_error" || status == 402 => {
            let decline_code = Some(word(error.decline_code.as_deref())).filter(|code| !code.is_empty());
            let code = if code.is_empty() { "declined".to_owned() } else { code.clone() };
            PaymentError::Declined(Decline { code, decline_code })
        }
        "rate_limit" => PaymentError::RateLimited { retry_after },
        "lock_timeout" | "idempotency_key_in_use" => PaymentError::Conflict(description),
        "api_key_expired" | "platform_api_key_expired" | "secret_key_required" => {
            PaymentError::Authentication(description)
        }
        "email_invalid" => PaymentError::Email,
        code if STATE.contains(&code) => PaymentError::State(description),
        "resource_missing" if status == 404 || SUBJECTS.contains(&param.as_str()) => PaymentError::NotFound,
        _ => match status {
            401 => PaymentError::Authentication(description),
            403 => PaymentError::Permission(permission(error.message.as_deref()).unwrap_or(description)),
            409 => PaymentError::Conflict(description),
            429 => PaymentError::RateLimited { retry_after },
            424 | 500.. => PaymentError::Unavailable(description),
            _ if kind == "idempotency_error" => PaymentError::KeyReused(description),
            _ if kind == "api_error" => PaymentError::Unavailable(description),
            400 if param == "customer_email" || param == "email" => PaymentError::Email,
            _ => PaymentError::Configuration(description),
        },
    };
    ErrorResponse { error: meaning, code, param }
}

impl ErrorResponse {
    /// Returns the error of a call that has only its object as a parameter: a refusal then concerns
    /// the object's state. Stripe gives no code for most of these.
    pub(crate) fn about_state(self) -> PaymentError {
        match self.error {
            PaymentError::Configuration(description) => PaymentError::State(description),
            error => error,
        }
    }
}

/// Returns a name that Stripe defines. Any other text becomes `?`, because it may be a customer's.
fn word(text: Option<&str>) -> String {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return String::new() };
    let name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[]".contains(&byte);
    if text.len() <= 120 && text.bytes().all(name) { text.to_owned() } else { "?".to_owned() }
}

/// Returns the permission that a restricted key lacks. Stripe names it only in its message: `Having
/// the 'rak_charge_read' permission`.
fn permission(message: Option<&str>) -> Option<String> {
    let rest = &message?[message?.find("'rak_")? + 1..];
    let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_' || c.is_ascii_digit()).collect();
    rest[name.len()..].starts_with('\'').then_some(name)
}

/// Describes a failure without a response. Never contains the URL, which may name a session.
pub fn transport(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no response in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection was lost"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> PaymentError {
        classify(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()).error
    }

    fn classified(status: u16, error: &str) -> PaymentError {
        of(status, &format!(r#"{{"error":{error}}}"#))
    }

    fn declined(code: &str, decline_code: Option<&str>) -> PaymentError {
        PaymentError::Declined(Decline { code: code.to_owned(), decline_code: decline_code.map(str::to_owned) })
    }

    #[test]
    fn a_declined_card_has_both_codes() {
        let both =
            r#"{"type":"card_error","code":"card_declined","decline_code":"insufficient_funds","message":"No."}"#;
        assert_eq!(classified(402, both), declined("card_declined", Some("insufficient_funds")));
        assert_eq!(classified(402, r#"{"type":"card_error","code":"expired_card"}"#), declined("expired_card", None));
        assert_eq!(classified(400, r#"{"type":"card_error","code":"incorrect_cvc"}"#), declined("incorrect_cvc", None));
        let action = r#"{"type":"invalid_request_error","code":"payment_intent_authentication_failure"}"#;
        assert_eq!(classified(402, action), declined("payment_intent_authentication_failure", None));
        assert_eq!(of(402, "<html>"), declined("declined", None));
    }

    /// The variant of each response, by name. The texts are for people.
    #[test]
    fn each_error_response_is_classified() {
        let cases = [
            (400, r#"{"type":"invalid_request_error"}"#, "Configuration"),
            (400, r#"{"type":"invalid_request_error","code":"parameter_unknown","param":"colour"}"#, "Configuration"),
            (400, r#"{"type":"invalid_request_error","code":"amount_too_small","param":"amount"}"#, "Configuration"),
            (400, r#"{"code":"resource_missing","param":"line_items[0][price]"}"#, "Configuration"),
            (400, r#"{"code":"resource_missing","param":"payment_intent"}"#, "NotFound"),
            (400, r#"{"code":"resource_missing","param":"customer"}"#, "NotFound"),
            (404, r#"{"code":"resource_missing","param":"session"}"#, "NotFound"),
            (404, r#"{"type":"invalid_request_error","message":"Unrecognized request URL"}"#, "Configuration"),
            (400, r#"{"code":"email_invalid","param":"customer_email"}"#, "Email"),
            (400, r#"{"type":"invalid_request_error","param":"customer_email"}"#, "Email"),
            (400, r#"{"type":"invalid_request_error","param":"email"}"#, "Email"),
            (400, r#"{"type":"idempotency_error","message":"Keys for idempotent requests …"}"#, "KeyReused"),
            (409, r#"{"type":"idempotency_error","code":"idempotency_key_in_use"}"#, "Conflict"),
            (409, r#"{"type":"invalid_request_error","code":"idempotency_key_in_use"}"#, "Conflict"),
            (409, "{}", "Conflict"),
            (429, r#"{"type":"invalid_request_error","code":"lock_timeout"}"#, "Conflict"),
            (429, r#"{"type":"invalid_request_error","code":"rate_limit"}"#, "RateLimited"),
            (429, "{}", "RateLimited"),
            (401, r#"{"type":"invalid_request_error","message":"Invalid API Key provided"}"#, "Authentication"),
            (401, r#"{"code":"api_key_expired"}"#, "Authentication"),
            (403, r#"{"type":"invalid_request_error"}"#, "Permission"),
            (400, r#"{"code":"payment_intent_unexpected_state"}"#, "State"),
            (400, r#"{"code":"charge_already_refunded"}"#, "State"),
            (400, r#"{"code":"charge_disputed"}"#, "State"),
            (400, r#"{"code":"resource_already_exists"}"#, "State"),
            (424, r#"{"type":"api_error"}"#, "Unavailable"),
            (400, r#"{"type":"api_error"}"#, "Unavailable"),
            (500, r#"{"type":"api_error"}"#, "Unavailable"),
            (503, "{}", "Unavailable"),
        ];
        for (status, error, kind) in cases {
            let found = format!("{:?}", classified(status, error));
            assert!(found.starts_with(kind), "{status} {error}: {found}, not {kind}");
        }
    }

    #[test]
    fn an_error_response_without_json_is_classified_by_its_status() {
        for body in
            ["", "<html>Bad gateway</html>", "null", "[]", r#"{"error":"no"}"#, r#"{"error":{"code":7}}"#, "\u{0}"]
        {
            for (status, kind) in [
                (400, "Configuration"),
                (401, "Authentication"),
                (403, "Permission"),
                (404, "Configuration"),
                (409, "Conflict"),
                (429, "RateLimited"),
                (500, "Unavailable"),
                (502, "Unavailable"),
                (504, "Unavailable"),
                (599, "Unavailable"),
            ] {
                let found = format!("{:?}", of(status, body));
                assert!(found.starts_with(kind), "{status} {body:?}: {found}");
            }
        }
    }

    #[test]
    fn only_temporary_errors_are_retryable() {
        for (status, again) in [
            (400, false),
            (401, false),
            (402, false),
            (403, false),
            (404, false),
            (409, true),
            (424, true),
            (429, true),
        ] {
            assert_eq!(of(status, "{}").retryable(), again, "{status}");
        }
        assert!(!classified(400, r#"{"type":"idempotency_error"}"#).retryable());
        assert!(classified(429, r#"{"code":"lock_timeout"}"#).retryable());
    }

    #[test]
    fn a_refused_email_address_is_the_customers_error() {
        let error =
            classified(400, r#"{"type":"invalid_request_error","code":"email_invalid","param":"customer_email"}"#);
        assert_eq!(error.for_customer().field(), Some(crate::domain::checkout::Field::Email));
    }

    #[test]
    fn a_permission_error_names_the_permission_and_not_the_key() {
        let message = "The provided key 'rk_test_abc' does not have the required permissions for this endpoint on account \
                       'acct_1'. Having the 'rak_charge_read' permission would allow this request to continue.";
        let error = classified(403, &format!(r#"{{"type":"invalid_request_error","message":"{message}"}}"#));
        assert_eq!(error, PaymentError::Permission("rak_charge_read".into()));
        let strange = classified(403, r#"{"message":"Having the 'rak_jo@example.com' permission"}"#).to_string();
        assert!(!strange.contains("jo"), "{strange}");
    }

    #[test]
    fn an_error_names_the_parameter_and_no_text_of_a_customer() {
        let body = r#"{"type":"invalid_request_error","code":"parameter_invalid_empty","param":"success_url","message":"jo@example.com is bad"}"#;
        let shown = classified(400, body).to_string();
        assert!(shown.contains("success_url") && !shown.contains("jo@example.com"), "{shown}");
        for field in ["type", "code", "param", "decline_code", "message"] {
            for status in [400, 401, 402, 403, 404, 409, 429, 500] {
                let response = classify(
                    StatusCode::from_u16(status).unwrap(),
                    None,
                    format!(r#"{{"error":{{"{field}":"jo@example.com"}}}}"#).as_bytes(),
                );
                assert!(!format!("{response:?}").contains("jo@"), "{field}: {response:?}");
            }
        }
    }
}
