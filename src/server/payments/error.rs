//! The errors of a payment provider, in the shop's terms. The texts are for operators;
//! `for_customer` maps them to what a customer sees.

use std::time::Duration;

use thiserror::Error;

use crate::domain::checkout::{CheckoutError, Field};

/// Why a call to the provider failed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum PaymentError {
    /// No response: no connection, or none in time. The same call may succeed later.
    #[error("the payment provider cannot be reached: {0}; check the network and the provider's status page")]
    Unreachable(String),
    /// The provider reports a failure of its own. The same call may succeed later.
    #[error("the payment provider reports a fault of its own: {0}; check its status page")]
    Unavailable(String),
    #[error("the payment provider limits the rate of requests; wait a minute")]
    RateLimited { retry_after: Option<Duration> },
    /// Another call uses the same object or the same idempotency key. The same call may succeed
    /// later.
    #[error("the payment provider is still processing a request for the same object: {0}; wait a minute")]
    Conflict(String),
    /// The idempotency key was used for another request: a bug of this program.
    #[error("the idempotency key was used for a different request before: {0}; this is a defect of this program")]
    KeyReused(String),
    #[error("the payment provider rejects the API key: {0}; set a valid key")]
    Authentication(String),
    #[error("the API key lacks a permission: {0}; grant it in the provider's dashboard")]
    Permission(String),
    /// A parameter or an id in the configuration is wrong: every such call will fail.
    #[error("the payment provider rejects the request: {0}; compare the configured ids with its dashboard")]
    Configuration(String),
    /// The provider does not accept this email address.
    #[error("the payment provider rejects the customer's email address")]
    Email,
    /// The customer's bank or the provider refused this payment.
    #[error("the payment was declined: {0}")]
    Declined(Decline),
    /// The object's state does not allow the call: it is refunded, paid or finished already.
    #[error("the object's current state does not allow it: {0}; look at the object in the provider's dashboard")]
    State(String),
    #[error("the payment provider has no such object; check that the key is of the same account and mode")]
    NotFound,
    /// The response could not be parsed.
    #[error("the payment provider's response cannot be parsed: {0}; check for a newer version of this program")]
    Unreadable(String),
}

/// Why a card or another payment method was refused. Never shown to a customer: Stripe forbids it
/// for some codes (<https://docs.stripe.com/declines/codes>).
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{code}{}", decline_code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default())]
pub struct Decline {
    /// The provider's code, such as `card_declined`.
    pub code: String,
    /// The bank's code, such as `insufficient_funds`.
    pub decline_code: Option<String>,
}

impl PaymentError {
    /// Returns whether the same call may succeed later.
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Unavailable(_) | Self::RateLimited { .. } | Self::Conflict(_))
    }

    /// Returns what the customer sees.
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

/// Why a webhook's signature is invalid. Only the log shows it.
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

    /// Returns the value of a metric's label.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Stale => "stale",
            Self::Mismatch => "mismatch",
        }
    }

    /// Returns the usual cause and its fix.
    pub(crate) const fn likely_cause(self) -> &'static str {
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

/// Why a verified event could not be decoded. Names the field, never its content.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum DecodeError {
    /// The body is no event: no retry will decode it.
    #[error("the body is not a valid event: {0}")]
    NotAnEvent(String),
    /// The event's type is handled, but its object could not be parsed.
    #[error("the event's object cannot be parsed: {0}")]
    Object(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retryable_errors_are_network_errors_for_the_customer() {
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
    fn an_invalid_signature_has_a_metric_label_and_a_fix_for_the_operator() {
        let words = ["missing", "malformed", "stale", "mismatch"];
        assert_eq!(SignatureError::ALL.map(SignatureError::reason), words);
        for (error, mend) in SignatureError::ALL.into_iter().zip(["every header", "unchanged", "NTP", "exactly this"]) {
            assert!(error.likely_cause().contains(mend), "{error}");
        }
    }
}
