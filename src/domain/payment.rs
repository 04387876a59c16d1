//! Opaque references into a payment provider's world. What they look like inside is the provider's business.

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
            /// `None` when the text cannot be a reference: empty, above 255 characters, or with anything but ASCII letters,
            /// digits, `_` and `-`.
            pub fn parse(text: &str) -> Option<Self> {
                let fits = (1..=255).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
                fits.then(|| Self(text.to_owned()))
            }

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
    /// A checkout session: what a preorder is keyed on.
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
    /// A refund: one of possibly several of one payment.
    RefundId
);
reference!(
    /// A customer's protest at their bank.
    DisputeId
);
reference!(
    /// A customer as the provider knows one.
    CustomerId
);
reference!(
    /// A subscription at the provider.
    SubscriptionId
);
reference!(
    /// A means of payment that the provider keeps for a customer.
    PaymentMethodId
);

/// A provider's name of an event, or a name made of its body where it has none.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EventId(String);

impl EventId {
    /// `None` when the text is empty, above 255 characters, or has characters that no id has (control characters, NUL).
    pub fn parse(text: &str) -> Option<Self> {
        let id = clean(text, 255);
        (!id.is_empty() && id == text).then_some(Self(id))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom something is about that the shop does nothing about, as far as it says.
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

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Invoice => "invoice",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|id| id.as_str() == name)
    }
}
