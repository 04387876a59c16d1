//! What can go wrong with a provider, in the shop's words. The texts are for the operator; `for_customer` says what a customer
//! is told.

use std::time::Duration;

use thiserror::Error;

use crate::domain::checkout::{CheckoutError, Field};

/// Why a call to the provider failed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PaymentError {
    /// No answer: no connection, or none in time. The same call may succeed.
    #[error("the provider could not be reached: {0}")]
    Unreachable(String),
    /// The provider answered that it has a fault of its own. The same call may succeed.
    #[error("the provider has a fault: {0}")]
    Unavailable(String),
    #[error("the provider asks for fewer calls")]
    RateLimited { retry_after: Option<Duration> },
    /// The same object, or the same idempotency key, is at work elsewhere. The same call may succeed.
    #[error("the provider is busy with the same object: {0}")]
    Conflict(String),
    /// The idempotency key was used for another request: a defect of this program.
    #[error("the idempotency key was used for another request: {0}")]
    KeyReused(String),
    #[error("the provider does not accept the key: {0}; set another one")]
    Authentication(String),
    #[error("the key lacks a permission: {0}; give it to the key at the provider")]
    Permission(String),
    /// A parameter or an id in the configuration is wrong: every call like this will fail.
    #[error("the provider refused the request: {0}")]
    Configuration(String),
    /// The provider does not take this email address.
    #[error("the provider refused the email address")]
    Email,
    /// The customer's bank, or the provider's own judgement, refused this payment.
    #[error("the payment was declined: {0}")]
    Declined(Decline),
    /// The object is in a state in which this cannot be done: already refunded, already paid, over.
    #[error("the object's state does not allow it: {0}")]
    State(String),
    #[error("the provider knows no such object")]
    NotFound,
    /// An answer that does not read.
    #[error("the provider's answer does not read: {0}")]
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
    #[error("no signature header")]
    Missing,
    #[error("the signature header does not read")]
    Malformed,
    #[error("the signature is too old or from the future")]
    Stale,
    #[error("no signature matches")]
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
                "somebody else is knocking, or a proxy takes the signature header away; let the proxy pass every header"
            }
            Self::Malformed => {
                "somebody else is knocking, or a proxy changes headers; let the proxy pass them unchanged"
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
    #[error("the body is not an event: {0}")]
    NotAnEvent(String),
    /// An event of a type that matters here, with an object that does not read.
    #[error("the event's object does not read: {0}")]
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
