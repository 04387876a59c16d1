//! Stripe's errors, in its shape and as close to its words as those are public.

use axum::{
    Json,
    http::{HeaderValue, Method, StatusCode, header::WWW_AUTHENTICATE},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// One error, as Stripe responds with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
    /// Fields that only some errors have: `decline_code`, `payment_intent`, `charge`.
    pub(crate) more: Box<Map<String, Value>>,
}

/// Why a payment was declined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Decline {
    pub(crate) code: &'static str,
    /// Stripe's `decline_code`.
    pub(crate) reason: Option<&'static str>,
    /// The message for the customer.
    pub(crate) message: &'static str,
}

impl ApiError {
    /// Makes the error for a wrong request that has no code of its own.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        let status = StatusCode::BAD_REQUEST;
        let more = Box::default();
        Self { status, kind: "invalid_request_error", code: None, message: message.into(), param: None, more }
    }

    pub(crate) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Adds a field that only some errors have.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn missing(param: &str) -> Self {
        Self::invalid(format!("Missing required param: {param}.")).code("parameter_missing").at(param)
    }

    pub(crate) fn unknown_parameters(params: &[String]) -> Self {
        let plural = if params.len() == 1 { "" } else { "s" };
        let error = Self::invalid(format!("Received unknown parameter{plural}: {}", params.join(", ")));
        error.code("parameter_unknown").at(params.first().map_or("", String::as_str))
    }

    /// Makes the error for what Stripe accepts and the sandbox does not support.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self::invalid(format!("Stripe has `{what}`, but this sandbox does not support it yet."))
    }

    pub(crate) fn empty(param: &str) -> Self {
        let message = format!(
            "You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; however \
             '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty value."
        );
        Self::invalid(message).code("parameter_invalid_empty").at(param)
    }

    pub(crate) fn not_one_of(param: &str, choices: &[&str]) -> Self {
        let list = match choices {
            [rest @ .., last] if !rest.is_empty() => format!("{}, or {last}", rest.join(", ")),
            _ => choices.join(", "),
        };
        Self::invalid(format!("Invalid {param}: must be one of {list}")).at(param)
    }

    /// Makes the error for a missing object that a parameter names.
    pub(crate) fn no_such(kind: &str, id: &str, param: &str) -> Self {
        Self::invalid(format!("No such {kind}: '{id}'")).code("resource_missing").at(param)
    }

    /// Makes the error for a missing object that the address names.
    pub(crate) fn not_found(kind: &str, id: &str, param: &str) -> Self {
        Self::no_such(kind, id, param).status(StatusCode::NOT_FOUND)
    }

    /// Makes the error for a payment that the bank declines.
    pub(crate) fn declined(decline: Decline) -> Self {
        let error = Self::invalid(decline.message).code(decline.code).status(StatusCode::PAYMENT_REQUIRED);
        let error = Self { kind: "card_error", ..error };
        match decline.reason {
            Some(reason) => error.with("decline_code", json!(reason)),
            None => error,
        }
    }

    /// Returns whether a bank declined a request that was itself correct.
    pub(crate) fn is_decline(&self) -> bool {
        self.status == StatusCode::PAYMENT_REQUIRED
    }

    /// Makes the error for an intent in the wrong state. Stripe includes the intent.
    pub(crate) fn unexpected_state(message: impl Into<String>, intent: Value) -> Self {
        Self::invalid(message).code("payment_intent_unexpected_state").with("payment_intent", intent)
    }

    pub(crate) fn unrecognized_url(method: &Method, path: &str) -> Self {
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

    pub(crate) fn no_key() -> Self {
        let message = "You did not provide an API key. You need to provide your API key in the Authorization header, using \
                       Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
                       https://stripe.com/docs/api#authentication for details, or we can help at \
                       https://support.stripe.com/.";
        Self::invalid(message).status(StatusCode::UNAUTHORIZED)
    }

    /// Makes the error for a wrong key. It never contains the key, because this text ends in logs.
    pub(crate) fn wrong_key(live: bool) -> Self {
        let message = if live {
            "A live key was sent to a sandbox. This is not Stripe, no money moves here: use a test key, and take this \
             one out of the configuration that brought it here."
        } else {
            "Invalid API Key provided. The sandbox takes any key that starts with sk_test_ or rk_test_."
        };
        Self::invalid(message).status(StatusCode::UNAUTHORIZED)
    }

    pub(crate) fn key_reused(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a \
             key other than '{key}' if you meant to execute a different request."
        );
        Self { kind: "idempotency_error", ..Self::invalid(message) }
    }

    pub(crate) fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotent Key (that probably means you submitted \
             twice, and the other request is still going through): {key}. Please try again later."
        );
        Self::invalid(message).code("idempotency_key_in_use").status(StatusCode::CONFLICT)
    }

    /// Makes the error of an injected fault.
    pub(crate) fn injected(status: u16) -> Self {
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
