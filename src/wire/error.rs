//! The one codec of a checkout error: as the JSON body of a response, as attributes of the page,
//! and as the query of the storefront's URL.
//!
//! JSON and attributes carry a kind, a field and a message. The URL carries no message, so no text
//! from outside can reach the page.

use serde::Serialize;

use crate::domain::{
    checkout::{CheckoutError, Field, METHOD_NOT_OFFERED},
    customer::Email,
};

/// What a customer reads after too many tries.
pub const RATE_LIMITED: &str =
    "That was a lot of tries in a short time. Nothing was charged. Wait a minute, then try again.";

/// The JSON body of a rejected request: `{"error": {"kind": …, "field": …, "message": …}}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ErrorBody<'a> {
    pub error: ErrorParts<'a>,
}

/// An error in the contract's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct ErrorParts<'a> {
    pub kind: &'a str,
    pub field: Option<&'a str>,
    pub message: &'a str,
}

impl<'a> ErrorParts<'a> {
    /// A rate limit in the URL. It has a kind of its own there, because no message goes with it.
    pub const RATE_LIMITED: ErrorParts<'static> =
        ErrorParts { kind: "rate_limited", field: None, message: RATE_LIMITED };

    /// Returns the parts of an error that concerns the form as a whole.
    pub const fn of_form(message: &'a str) -> Self {
        Self { kind: "invalid_input", field: Some("form"), message }
    }

    /// Returns the parts of `error`.
    pub fn of(error: &'a CheckoutError) -> Self {
        Self { kind: error.kind(), field: error.field().map(field_name), message: error.message() }
    }

    /// Returns the error that has these parts. An unknown kind is the shop's fault, not the
    /// customer's; an unknown field is the form as a whole.
    pub fn to_error(&self) -> CheckoutError {
        match self.kind {
            "invalid_input" => CheckoutError::invalid(field_named(self.field.unwrap_or_default()), self.message),
            "network" => CheckoutError::Network,
            "payment" => CheckoutError::Payment,
            _ => CheckoutError::Configuration,
        }
    }

    /// Returns the query parameters that [`from_query`] reads.
    pub fn query(&self) -> [(&'static str, Option<&'a str>); 2] {
        [("error", Some(self.kind)), ("field", self.field)]
    }
}

/// Reads the error of a form that came back from the query parameters `error` and `field`. The
/// message is ours: for an address, it says what is wrong with `email`. Returns `None` for an
/// unknown kind.
pub fn from_query(kind: &str, field: Option<&str>, email: &str) -> Option<CheckoutError> {
    let message = match (kind, field) {
        ("rate_limited", _) => return Some(ErrorParts::of_form(RATE_LIMITED).to_error()),
        ("configuration" | "network" | "payment", _) => "",
        ("invalid_input", Some("email")) => {
            Email::parse(email).err().map_or("Check the email address, please.", |fault| fault.message())
        }
        ("invalid_input", Some("color")) => "That color cannot be ordered right now. Choose one of those shown.",
        ("invalid_input", Some("method")) => METHOD_NOT_OFFERED,
        ("invalid_input", _) => "The form could not be read. Try again from this page.",
        _ => return None,
    };
    Some(ErrorParts { kind, field, message }.to_error())
}

const fn field_name(field: Field) -> &'static str {
    match field {
        Field::Color => "color",
        Field::Email => "email",
        Field::Locale => "locale",
        Field::Attempt => "attempt",
        Field::Method => "method",
        Field::Form => "form",
    }
}

fn field_named(name: &str) -> Field {
    match name {
        "color" => Field::Color,
        "email" => Field::Email,
        "locale" => Field::Locale,
        "attempt" => Field::Attempt,
        "method" => Field::Method,
        _ => Field::Form,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [Field; 6] = [Field::Color, Field::Email, Field::Locale, Field::Attempt, Field::Method, Field::Form];

    fn every_error() -> Vec<CheckoutError> {
        let invalid = FIELDS.map(|field| CheckoutError::invalid(field, "Mend it."));
        invalid
            .into_iter()
            .chain([CheckoutError::Configuration, CheckoutError::Network, CheckoutError::Payment])
            .collect()
    }

    #[test]
    fn every_checkout_error_survives_the_codec() {
        for error in every_error() {
            assert_eq!(ErrorParts::of(&error).to_error(), error);
        }
    }

    #[test]
    fn a_json_body_has_the_contracts_shape() {
        let error = CheckoutError::invalid(Field::Email, "Mend it.");
        let json = serde_json::to_value(ErrorBody { error: ErrorParts::of(&error) }).unwrap();
        let expected =
            serde_json::json!({ "error": { "kind": "invalid_input", "field": "email", "message": "Mend it." } });
        assert_eq!(json, expected);
        let json = serde_json::to_value(ErrorParts::of(&CheckoutError::Network)).unwrap();
        assert_eq!((&json["kind"], &json["field"]), (&"network".into(), &serde_json::Value::Null));
    }

    #[test]
    fn a_fields_name_is_the_one_that_serde_writes() {
        for field in FIELDS {
            assert_eq!(serde_json::to_value(field).unwrap(), field_name(field));
        }
    }

    #[test]
    fn a_query_carries_kind_and_field_and_its_message_is_ours() {
        for error in every_error() {
            let parts = ErrorParts::of(&error);
            let [(error_name, kind), (field_name, field)] = parts.query();
            assert_eq!((error_name, field_name), ("error", "field"));
            let read = from_query(kind.unwrap(), field, "jo@example.com").unwrap();
            assert_eq!((read.kind(), read.field()), (error.kind(), error.field()));
            assert!(!read.message().is_empty() && read.message() != "Mend it.");
        }
        let [(_, kind), (_, field)] = ErrorParts::RATE_LIMITED.query();
        assert_eq!(from_query(kind.unwrap(), field, ""), Some(CheckoutError::invalid(Field::Form, RATE_LIMITED)));
        assert_eq!(from_query("<script>", Some("x"), ""), None);
        let read = from_query("invalid_input", Some("<b>"), "").unwrap();
        assert_eq!(read.field(), Some(Field::Form));
        assert!(!read.message().contains('<'));
    }
}
