//! Opaque ids of a payment provider's objects. Only the provider knows their inner form.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sanitize::clean;

macro_rules! reference {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the id, or `None` unless `text` is 1 to 255 ASCII letters, digits, `_` and
            /// `-`.
            pub fn parse(text: &str) -> Option<Self> {
                let fits = (1..=255).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                fits.then(|| Self(text.to_owned()))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text).ok_or("not a provider's reference")
            }
        }

        impl From<$name> for String {
            fn from(reference: $name) -> Self {
                reference.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

reference!(
    /// A checkout session, which is the key of a preorder.
    SessionId
);
reference!(
    /// The payment intent behind a session.
    IntentId
);
reference!(
    /// A price at the provider.
    PriceId
);
reference!(
    /// A product at the provider.
    ProductId
);
reference!(
    /// A refund. One payment may have several.
    RefundId
);
reference!(
    /// A dispute that a customer opened at their bank.
    DisputeId
);
reference!(
    /// A customer object of the provider.
    CustomerId
);
reference!(
    /// A subscription at the provider.
    SubscriptionId
);
reference!(
    /// A payment method that the provider stores for a customer.
    PaymentMethodId
);

/// A provider's event id, or a hash of the body for an event without one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventId(String);

impl EventId {
    /// Returns the id, or `None` when `text` is empty, longer than 255 characters, or contains
    /// control characters.
    pub fn parse(text: &str) -> Option<Self> {
        let id = clean(text, 255);
        (!id.is_empty() && id == text).then_some(Self(id))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The payment and customer that an ignored event names, if any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mentions {
    pub intent: Option<IntentId>,
    pub customer: Option<CustomerId>,
}

/// A payment provider, as in `/api/webhooks/{provider}` and in the form's `method`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProviderId {
    Stripe,
    /// Bank transfer against an invoice.
    Invoice,
}

impl ProviderId {
    pub const ALL: [Self; 2] = [Self::Stripe, Self::Invoice];

    /// Returns the name as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Invoice => "invoice",
        }
    }

    /// Returns the value of a stored name, or `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.as_str() == name)
    }
}
