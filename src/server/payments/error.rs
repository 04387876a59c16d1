//! What can go wrong with a provider, in the shop's words. The texts are for the operator; `for_customer` says what a customer
//! is told.

use std::time::Duration;

use thiserror::Error;

use crate::domain::checkout::{CheckoutError, Field};

/// Why a call to the provider failed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PaymentError {
    /// No answer: no connection, or none in time. The same call may succeed.
    #[error("the payment provider cannot be reached: {0}; check the network and the provider's status page")]
    Unreachable(String),
    /// The provider answered that it has a fault of its own. The same call may succeed.
    #[error("the payment provider reports a fault of its own: {0}; check its status page")]
    Unavailable(String),
    #[error("the payment provider limits the rate of requests; wait a minute")]
    RateLimited { retry_after: Option<Duration> },
    /// The same object, or the same idempotency key, is at work elsewhere. The same call may succeed.
    #[error("the payment provider is still processing a request for the same object: {0}; wait a minute")]
    Conflict(String),
    /// The idempotency key was used for another request: a defect of this program.
    #[error("the idempotency key was used for a different request before: {0}; this is a defect of this program")]
    KeyReused(String),
    #[error("the payment provider rejects the API key: {0}; set a valid key")]
    Authentication(String),
    #[error("the API key lacks a permission: {0}; grant it in the provider's dashboard")]
    Permission(String),
    /// A parameter or an id in the configuration is wrong: every call like this will fail.
    #[error("the payment provider rejects the request: {0}; compare the configured ids with its dashboard")]
    Configuration(String),
    /// The provider does not take this email address.
    #[error("the payment provider rejects the customer's email address")]
    Email,
    /// The customer's bank, or the provider's own judgement, refused this payment.
    #[error("the payment was declined: {0}")]
    Declined(Decline),
    /// The object is in a state in which this cannot be done: already refunded, already paid, over.
    #[error("the object's current state does not allow it: {0}; look at the object in the provider's dashboard")]
    State(String),
    #[error("the payment provider has no such object; check that the key is of the same account and mode")]
    NotFound,
    /// An answer that does not read.
    #[error("the payment provider's response cannot be parsed: {0}; check for a newer version of this program")]
    Unreadable(String),
}

/// Why a card, or another means of payment, was refused. Never shown to a customer: some codes must not be.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{code}{}", decline_code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
pub struct Decline {
    /// The provider's code, such as `card_declined`.
    pub code: String,
    /// The bank's, such as `insufficient_funds`.
    pub decline_code: Option<String>,
}

impl PaymentError {
    /// Whether the same call, later, may end otherwise.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Unavailable(_) | Self::RateLimited { .. } | Self::Conflict(_))
    }

    /// What a customer is told of it.
    pub fn for_customer(&self) -> CheckoutError {
        match self {
            Self::Unreachable(_) | Self::Unavailable(_) | Self::RateLimited { .. } | Self::Conflict(_) => {
                CheckoutError::Network
            }
            Self::Email => CheckoutError::invalid(
                Field::Email,
                "Our payment partner does not take this address. Check it, please.",
            ),
            Self::Declined(_) => CheckoutError::Payment,
            Self::KeyReused(_)
            | Self::Authentication(_)
            | Self::Permission(_)
            | Self::Configuration(_)
            | Self::State(_)
            | Self::NotFound
            | Self::Unreadable(_) => CheckoutError::Configuration,
        }
    }
}

/// Why a webhook request is not believed. Told to nobody but the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SignatureError {
    #[error("the signature header is missing")]
    Missing,
    #[error("the signature header is malformed")]
    Malformed,
    #[error("the signature's timestamp is too old, or in the future")]
    Stale,
    #[error("no signature matches a configured webhook secret")]
    Mismatch,
}

impl SignatureError {
    pub const ALL: [Self; 4] = [Self::Missing, Self::Malformed, Self::Stale, Self::Mismatch];

    /// A word for a metric's label.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Mismatch => "mismatch",
        }
    }

    /// What is usually behind it, and the mend.
    pub const fn likely_cause(self) -> &'static str {
        match self {
            Self::Missing => {
                "the request is not from the provider, or a proxy removes the signature header; let the proxy pass every header"
            }
            Self::Malformed => {
                "the request is not from the provider, or a proxy changes headers; let the proxy pass them unchanged"
            }
            Self::Stale => {
                "this machine's clock is wrong, or requests wait for minutes in a queue; set the clock by NTP"
            }
            Self::Mismatch => {
                "the webhook secret is another endpoint's or another mode's, or a proxy changes bodies; copy the secret of \
                 exactly this endpoint"
            }
        }
    }
}

/// Why a verified event could not be read. Carries where, never what stood there.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DecodeError {
    /// Not an event at all: no later try will read it.
    #[error("the body is not a valid event: {0}")]
    NotAnEvent(String),
    /// An event of a type that matters here, with an object that does not read.
    #[error("the event's object cannot be parsed: {0}")]
    Object(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_end_otherwise_is_the_network_to_a_customer_and_the_rest_is_what_it_is() {
        let text = || "x".to_owned();
        for error in [
            PaymentError::Unreachable(text()),
            PaymentError::Unavailable(text()),
            PaymentError::RateLimited { retry_after: None },
            PaymentError::Conflict(text()),
        ] {
            assert!(error.retryable() && error.for_customer() == CheckoutError::Network, "{error:?}");
        }
        for error in [
            PaymentError::KeyReused(text()),
            PaymentError::Authentication(text()),
            PaymentError::Permission(text()),
            PaymentError::Configuration(text()),
            PaymentError::State(text()),
            PaymentError::NotFound,
            PaymentError::Unreadable(text()),
        ] {
            assert!(!error.retryable() && error.for_customer() == CheckoutError::Configuration, "{error:?}");
        }
        let declined = PaymentError::Declined(Decline { code: text(), decline_code: None });
        assert!(!declined.retryable() && declined.for_customer() == CheckoutError::Payment);
        assert!(!PaymentError::Email.retryable());
        assert_eq!(PaymentError::Email.for_customer().field(), Some(Field::Email));
    }

    #[test]
    fn a_refused_signature_has_a_word_for_the_metric_and_a_mend_for_the_operator() {
        let words = ["missing", "malformed", "stale", "mismatch"];
        assert_eq!(SignatureError::ALL.map(SignatureError::reason), words);
        for (error, mend) in SignatureError::ALL.into_iter().zip(["every header", "unchanged", "NTP", "exactly this"]) {
            assert!(error.likely_cause().contains(mend), "{error}");
        }
    }
}
