//! Stripe's errors, in its shape and as near to its words as they are publicly known.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::stripe::payments::tender::Decline;

/// One error as Stripe answers it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiError {
    pub status: StatusCode,
    pub kind: &'static str,
    pub code: Option<&'static str>,
    pub message: String,
    pub param: Option<String>,
    /// What some errors say besides: `decline_code`, `payment_intent`, `charge`.
    pub more: Box<Map<String, Value>>,
}

impl ApiError {
    /// A request that is wrong in some way that has no code of its own.
    pub fn invalid(message: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        let more = Box::default();
        Self { status, kind: "invalid_request_error", code: None, message: message.into(), param: None, more }
    }

    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds what only some errors have.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}.")).code("parameter_missing").at(param)
    }

    pub fn unknown_parameters(params: &[String]) -> Self {
        let plural = if params.len() == 1 { "" } else { "s" };
        let error = Self::invalid(format!("Received unknown parameter{plural}: {}", params.join(", ")));
        error.code("parameter_unknown").at(params.first().map_or("", String::as_str))
    }

    /// Stripe would take it; the sandbox does not know how to, and says so.
    pub fn unsupported(what: &str) -> Self {
        Self::invalid(format!("Stripe has `{what}`, but this sandbox does not support it yet."))
    }

    pub fn empty(param: &str) -> Self {
        let message = format!(
            "You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; however \
             '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty value."
        );
        Self::invalid(message).code("parameter_invalid_empty").at(param)
    }

    pub fn not_one_of(param: &str, choices: &[&str]) -> Self {
        let list = match choices {
            [rest @ .., last] if !rest.is_empty() => format!("{}, or {last}", rest.join(", ")),
            _ => choices.join(", "),
        };
        Self::invalid(format!("Invalid {param}: must be one of {list}")).at(param)
    }

    /// An object that a parameter of the request names and that does not exist.
    pub fn no_such(kind: &str, id: &str, param: &str) -> Self {
        Self::invalid(format!("No such {kind}: '{id}'")).code("resource_missing").at(param)
    }

    /// An object that the address names and that does not exist.
    pub fn not_found(kind: &str, id: &str, param: &str) -> Self {
        Self::no_such(kind, id, param).status(StatusCode::NOT_FOUND)
    }

    /// A means of payment that the bank refuses.
    pub fn declined(decline: Decline) -> Self {
        let error = Self::invalid(decline.message).code(decline.code).status(StatusCode::PAYMENT_REQUIRED);
        let error = Self { kind: "card_error", ..error };
        match decline.reason {
            Some(reason) => error.with("decline_code", json!(reason)),
            None => error,
        }
    }

    /// An intent in a state in which this cannot be done; Stripe shows the intent with it.
    pub fn unexpected_state(message: impl Into<String>, intent: Value) -> Self {
        Self::invalid(message).code("payment_intent_unexpected_state").with("payment_intent", intent)
    }

    pub fn unrecognized_url(method: &Method, path: &str) -> Self {
        let hint = if path.ends_with('/') {
            " If you are trying to list objects, remove the trailing slash. If you are trying to retrieve an object, make \
             sure you passed a valid (non-empty) identifier in your code."
        } else {
            ""
        };
        let message = format!(
            "Unrecognized request URL ({method}: {path}).{hint} Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/. (This is a sandbox: it has less than Stripe.)"
        );
        Self::invalid(message).status(StatusCode::NOT_FOUND)
    }

    pub fn no_key() -> Self {
        let message = "You did not provide an API key. You need to provide your API key in the Authorization header, using \
                       Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
                       https://stripe.com/docs/api#authentication for details, or we can help at \
                       https://support.stripe.com/.";
        Self::invalid(message).status(StatusCode::UNAUTHORIZED)
    }

    /// The key itself is never repeated: this text ends in logs.
    pub fn wrong_key(live: bool) -> Self {
        let message = if live {
            "A live key was sent to a sandbox. This is not Stripe, no money moves here: use a test key, and take this \
             one out of the configuration that brought it here."
        } else {
            "Invalid API Key provided. The sandbox takes any key that starts with sk_test_ or rk_test_."
        };
        Self::invalid(message).status(StatusCode::UNAUTHORIZED)
    }

    pub fn key_reused(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a \
             key other than '{key}' if you meant to execute a different request."
        );
        Self { kind: "idempotency_error", ..Self::invalid(message) }
    }

    pub fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted \
             twice, and the other request is still going through): {key}. Please try again later."
        );
        Self::invalid(message).code("idempotency_key_in_use").status(StatusCode::CONFLICT)
    }

    /// What an injected fault answers.
    pub fn injected(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (kind, code, message) = match status.as_u16() {
            429 => ("invalid_request_error", Some("rate_limit"), "Request rate limit exceeded."),
            402 => ("card_error", Some("card_declined"), "Your card was declined."),
            409 => ("invalid_request_error", Some("lock_timeout"), "This object cannot be accessed right now."),
            400..=499 => ("invalid_request_error", None, "An injected fault of the sandbox."),
            _ => ("api_error", None, "An unknown error occurred. (An injected fault of the sandbox.)"),
        };
        Self { kind, code, ..Self::invalid(message).status(status) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = *self.more;
        if let Some(code) = self.code {
            error.insert("code".to_owned(), json!(code));
            let page = code.replace('_', "-");
            error.insert("doc_url".to_owned(), json!(format!("https://stripe.com/docs/error-codes/{page}")));
        }
        error.insert("message".to_owned(), Value::String(self.message));
        if let Some(param) = self.param {
            error.insert("param".to_owned(), Value::String(param));
        }
        error.insert("type".to_owned(), json!(self.kind));
        let mut response = (self.status, Json(json!({ "error": error }))).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Stripe\""));
        }
        response
    }
}
