//! The checkout form as data, and the errors that a customer can read.

use serde::{Deserialize, Serialize};

use super::{
    customer::{Email, EmailFault, Locale},
    payment::ProviderId,
    product::ProductColor,
};

/// Everything that a customer may decide. It holds no amount and no price.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckoutRequest {
    pub color: ProductColor,
    pub email: Email,
    pub locale: Locale,
    /// `None` when a program posts the form without having read a page.
    pub attempt: Option<Attempt>,
    /// The payment method, where there is a choice; `None` selects the shop's default.
    pub method: Option<ProviderId>,
}

/// One customer's intention to buy, created with the page. Repeats lead to the same checkout
/// session.
///
/// Pages write `{unix seconds}-{43 random letters and digits}`. Any other text of the right
/// alphabet is accepted too and has no time of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Attempt(String);

impl Attempt {
    /// Returns the attempt, or `None` unless `text` is 1 to 64 characters of `A-Z a-z 0-9 _ . -`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The number of random letters and digits in a page's attempt: 43 of 62 symbols are 256 bits.
    pub const RANDOM: usize = 43;

    /// Returns the attempt of a page rendered at `issued_at` (unix seconds). Characters of `random`
    /// outside of the attempt's alphabet are dropped.
    pub fn issued(issued_at: i64, random: &str) -> Self {
        let random: String = random.chars().filter(char::is_ascii_alphanumeric).take(Self::RANDOM).collect();
        Self(format!("{issued_at}-{random}"))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns when the page created it, in unix seconds, if the attempt contains that time.
    pub fn issued_at(&self) -> Option<i64> {
        let (seconds, random) = self.0.split_once('-')?;
        (seconds.len() == 10 && !random.is_empty()).then(|| seconds.parse().ok()).flatten()
    }

    /// Returns whether the attempt has the shape, and so the randomness, of one that a page of this
    /// shop created. A client can send 43 equal letters, which exposes only its own order.
    pub fn is_unguessable(&self) -> bool {
        let random = self.0.split_once('-').map_or("", |(_, random)| random);
        self.issued_at().is_some()
            && random.len() == Self::RANDOM
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }
}

impl TryFrom<String> for Attempt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not an attempt")
    }
}

impl From<Attempt> for String {
    fn from(attempt: Attempt) -> Self {
        attempt.0
    }
}

/// The part of the form that an error is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Color,
    Email,
    Locale,
    Attempt,
    Method,
    /// The form as a whole: a field that it does not have, or one given twice.
    Form,
}

/// Why a checkout did not start, as far as it helps the customer. It holds no causes and no ids.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CheckoutError {
    /// The customer can correct it.
    InvalidInput { field: Field, message: String },
    /// The shop is misconfigured; only the merchant can correct it.
    Configuration,
    /// The payment provider is unreachable or busy. A retry may succeed.
    Network,
    /// The provider refused the payment.
    Payment,
}

impl CheckoutError {
    pub fn invalid(field: Field, message: impl Into<String>) -> Self {
        Self::InvalidInput { field, message: message.into() }
    }

    /// Returns the kind's name in the HTTP contract.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::InvalidInput { .. } => "invalid_input",
            Self::Configuration => "configuration",
            Self::Network => "network",
            Self::Payment => "payment",
        }
    }

    /// Returns the form field that the error is about, if any.
    pub const fn field(&self) -> Option<Field> {
        match self {
            Self::InvalidInput { field, .. } => Some(*field),
            _ => None,
        }
    }

    /// Returns the sentence for the customer: what happened, whether money moved, what to do next.
    pub fn message(&self) -> &str {
        match self {
            Self::InvalidInput { message, .. } => message,
            Self::Configuration => {
                "We cannot take this order right now, because something is wrong on our side. Nothing was charged. Write to us \
                 and we will tell you when it works."
            }
            Self::Network => {
                "We could not reach our payment partner. Nothing was charged, and what you entered is still here. Try again in a \
                 moment."
            }
            Self::Payment => {
                "The payment was refused, so nothing was charged. Try again with another card or another way to pay."
            }
        }
    }
}

/// Shown when the form names a payment method that this shop does not offer.
pub const METHOD_NOT_OFFERED: &str = "That way to pay is not offered here. Choose one of those shown.";

impl CheckoutRequest {
    /// Reads the form's fields in any order.
    ///
    /// # Errors
    /// [`CheckoutError::InvalidInput`] for an unknown or repeated field, and for a value that does
    /// not parse.
    pub fn from_fields<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, CheckoutError> {
        let (mut color, mut email, mut locale, mut attempt, mut method) = (None, None, None, None, None);
        for (name, value) in fields {
            let (slot, field) = match name {
                "color" => (&mut color, Field::Color),
                "email" => (&mut email, Field::Email),
                "locale" => (&mut locale, Field::Locale),
                "attempt" => (&mut attempt, Field::Attempt),
                "method" => (&mut method, Field::Method),
                _ => {
                    return Err(CheckoutError::invalid(
                        Field::Form,
                        "The form was sent with a field that it does not have. Reload the page and try again.",
                    ));
                }
            };
            if slot.replace(value).is_some() {
                return Err(CheckoutError::invalid(field, "This was sent twice. Reload the page and try again."));
            }
        }
        let color = match color {
            None | Some("") => return Err(CheckoutError::invalid(Field::Color, "Choose a color.")),
            Some(text) => text.parse().map_err(|_| {
                CheckoutError::invalid(Field::Color, "Rolitt is not made in that color. Choose one of those shown.")
            })?,
        };
        let email = Email::parse(email.unwrap_or_default())
            .map_err(|fault: EmailFault| CheckoutError::invalid(Field::Email, fault.message()))?;
        let locale = match locale {
            None | Some("") => Locale::default(),
            Some(text) => Locale::parse(text).ok_or_else(|| {
                CheckoutError::invalid(Field::Locale, "That is not a language tag such as en or pt-BR.")
            })?,
        };
        let attempt = match attempt {
            None | Some("") => None,
            Some(text) => Some(Attempt::parse(text).ok_or_else(|| {
                CheckoutError::invalid(Field::Attempt, "This page is no longer good. Reload it and try again.")
            })?),
        };
        let method = match method {
            None | Some("") => None,
            Some(name) => Some(
                ProviderId::from_name(name).ok_or_else(|| CheckoutError::invalid(Field::Method, METHOD_NOT_OFFERED))?,
            ),
        };
        Ok(Self { color, email, locale, attempt, method })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: [(&str, &str); 3] = [("color", "Red"), ("email", "jo@example.com"), ("locale", "en")];

    fn field_of(fields: &[(&str, &str)]) -> Option<Field> {
        CheckoutRequest::from_fields(fields.iter().copied()).unwrap_err().field()
    }

    #[test]
    fn a_complete_form_is_parsed() {
        let request = CheckoutRequest::from_fields(GOOD.into_iter().chain([("attempt", "1750000000-abc")])).unwrap();
        assert_eq!(request.color, ProductColor::Red);
        assert_eq!(request.attempt.unwrap().issued_at(), Some(1_750_000_000));
    }

    #[test]
    fn each_invalid_value_names_its_field() {
        assert_eq!(field_of(&[("email", "jo@example.com")]), Some(Field::Color));
        assert_eq!(field_of(&[("color", "Blue"), ("email", "jo@example.com")]), Some(Field::Color));
        assert_eq!(field_of(&[("color", "Red"), ("email", "jo")]), Some(Field::Email));
        assert_eq!(field_of(&[("color", "Red"), ("email", "jo@example.com"), ("locale", "x/y")]), Some(Field::Locale));
        assert_eq!(
            field_of(&[("color", "Red"), ("email", "jo@example.com"), ("attempt", "a b")]),
            Some(Field::Attempt)
        );
        assert_eq!(field_of(&[("color", "Red"), ("email", "jo@example.com"), ("method", "cash")]), Some(Field::Method));
    }

    #[test]
    fn a_price_from_the_client_and_repeated_fields_are_rejected() {
        for name in ["amount", "price", "currency", "quantity", "Color", ""] {
            let fields: Vec<_> = GOOD.into_iter().chain([(name, "1")]).collect();
            assert_eq!(field_of(&fields), Some(Field::Form), "{name}");
        }
        let doubled: Vec<_> = GOOD.into_iter().chain([("color", "Red")]).collect();
        assert_eq!(field_of(&doubled), Some(Field::Color));
    }

    #[test]
    fn an_attempt_without_a_timestamp_is_valid() {
        for text in ["abc", "-", "1750000000", "1750000000-", "17500000000-a", "x-y"] {
            assert_eq!(Attempt::parse(text).unwrap().issued_at(), None, "{text}");
        }
        assert!(Attempt::parse(&"a".repeat(65)).is_none());
    }

    #[test]
    fn only_an_attempt_of_our_page_counts_as_unguessable() {
        let random = "a1B".repeat(15);
        assert!(Attempt::issued(1_750_000_000, &random).is_unguessable());
        for weak in [
            "1",
            "1750000000-abc",
            &random[..43],
            &format!("1750000000-{}", &random[..42]),
            &format!("175-{}", &random[..43]),
        ] {
            assert!(!Attempt::parse(weak).unwrap().is_unguessable(), "{weak}");
        }
    }

    proptest! {
        #[test]
        fn no_form_panics(fields in proptest::collection::vec((".{0,12}", ".{0,40}"), 0..6)) {
            let _ = CheckoutRequest::from_fields(fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        }
    }
}
