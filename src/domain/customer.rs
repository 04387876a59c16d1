//! The customer: an email address, a language and a shipping address.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sanitize::clean;

/// A syntactically valid email address. Its `Debug` and `masked` forms never show it in full.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// Why a text is no email address. `message` explains it to the person who typed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EmailFault {
    Missing,
    TooLong,
    NoAt,
    NoDomain,
    BadCharacter,
}

impl Email {
    /// The longest address that a mail server must accept (RFC 5321, 4.5.3.1.3, without the angle
    /// brackets).
    pub const MAX: usize = 254;

    /// Parses an address by the rule of HTML's `<input type="email">`, and requires a dot in the
    /// domain. Source: <https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address>.
    pub fn parse(text: &str) -> Result<Self, EmailFault> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EmailFault::Missing);
        }
        if text.len() > Self::MAX {
            return Err(EmailFault::TooLong);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailFault::NoAt)?;
        if local.is_empty() || local.contains('@') {
            return Err(EmailFault::NoAt);
        }
        let local_char = |c: char| c.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(c);
        if !local.chars().all(local_char) {
            return Err(EmailFault::BadCharacter);
        }
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !l.starts_with('-')
                && !l.ends_with('-')
        };
        if !domain.contains('.') || !domain.split('.').all(label) {
            return Err(EmailFault::NoDomain);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the address in the form that a linked page may show: `j•••@example.com`.
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// Returns an address's first letter and domain, with the rest masked.
pub fn mask(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}•••@{domain}", local.chars().next().unwrap_or('•')),
        None => "•••".to_owned(),
    }
}

impl EmailFault {
    pub const fn message(self) -> &'static str {
        match self {
            Self::Missing => "Enter the email address we should write to.",
            Self::TooLong => "That address is longer than an email address can be. Check it, please.",
            Self::NoAt => "An email address has one @, like name@example.com.",
            Self::NoDomain => "The part after the @ is not complete, like example.com.",
            Self::BadCharacter => "There is a character in front of the @ that an address cannot have, maybe a space.",
        }
    }
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(EmailFault::message)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(•••)")
    }
}

/// A language tag such as `en` or `pt-BR`: at most 35 characters of BCP 47's alphabet.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locale(String);

impl Locale {
    pub fn parse(text: &str) -> Option<Self> {
        let part = |p: &str| (1..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric());
        let primary = text.split('-').next().unwrap_or_default();
        let fits = text.len() <= 35
            && (2..=8).contains(&primary.len())
            && primary.bytes().all(|b| b.is_ascii_alphabetic())
            && text.split('-').all(part);
        fits.then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Locale {
    fn default() -> Self {
        Self("en".to_owned())
    }
}

impl TryFrom<String> for Locale {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not a language tag")
    }
}

impl From<Locale> for String {
    fn from(locale: Locale) -> Self {
        locale.0
    }
}

/// The shipping address that the provider collected. Every part may be missing; each is sanitized
/// and bounded in length.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ShippingAddress {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub line1: Option<String>,
    #[serde(default)]
    pub line2: Option<String>,
    #[serde(default)]
    pub city: Option<String>,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub postal_code: Option<String>,
    #[serde(default)]
    pub country: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
}

impl ShippingAddress {
    /// Returns the address with every part sanitized and empty parts removed.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let part = |value: Option<String>| value.map(|v| clean(&v, 500)).filter(|v| !v.is_empty());
        Self {
            name: part(self.name),
            line1: part(self.line1),
            line2: part(self.line2),
            city: part(self.city),
            state: part(self.state),
            postal_code: part(self.postal_code),
            country: part(self.country),
            phone: part(self.phone),
        }
    }
}

impl fmt::Debug for ShippingAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShippingAddress(•••)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn email_addresses_are_parsed_as_browsers_parse_them() {
        for good in ["a@b.co", " jo.buyer+x@mail.example.com ", "o'neil@example.ie"] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        for (bad, fault) in [
            ("", EmailFault::Missing),
            ("jo", EmailFault::NoAt),
            ("@b.co", EmailFault::NoAt),
            ("a@@b.co", EmailFault::NoAt),
            ("a b@c.de", EmailFault::BadCharacter),
            ("a@b", EmailFault::NoDomain),
            ("a@b..co", EmailFault::NoDomain),
            ("a@-b.co", EmailFault::NoDomain),
        ] {
            assert_eq!(Email::parse(bad), Err(fault), "{bad}");
        }
        assert_eq!(Email::parse(&format!("{}@b.co", "a".repeat(250))), Err(EmailFault::TooLong));
    }

    #[test]
    fn debug_and_mask_redact_the_address() {
        let email = Email::parse("jo.buyer@example.com").unwrap();
        assert!(!format!("{email:?}").contains("buyer"));
        assert_eq!(email.masked(), "j•••@example.com");
    }

    #[test]
    fn locales_are_bcp_47_language_tags() {
        for good in ["en", "pt-BR", "zh-Hant-TW", "es-419"] {
            assert!(Locale::parse(good).is_some(), "{good}");
        }
        for bad in ["", "e", "en_US", "en-", "../etc", "en\n", "1a"] {
            assert!(Locale::parse(bad).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_a_parsed_address_is_printable(text in any::<String>()) {
            if let Ok(email) = Email::parse(&text) {
                prop_assert!(email.as_str().bytes().all(|b| b.is_ascii_graphic()));
            }
            let _ = Locale::parse(&text);
            let _ = mask(&text);
        }
    }
}
