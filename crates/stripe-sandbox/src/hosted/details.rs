//! The customer's details: plausible test data at first, and checked as far as Stripe's page
//! checks them.

use std::collections::HashMap;

use crate::stripe::objects::{Address, Buyer, Session, country_name};

/// What the customer typed into the payment page's form.
#[derive(Clone, Default)]
pub(crate) struct Fields {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) phone: String,
    pub(crate) line1: String,
    pub(crate) line2: String,
    pub(crate) city: String,
    pub(crate) state: String,
    pub(crate) postal_code: String,
    pub(crate) country: String,
    pub(crate) card_number: String,
}

/// A field that must be corrected, and how.
pub(crate) type Problem = (&'static str, &'static str);

/// Country, line, city, state, postal code, phone.
type Place = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const PLACES: [Place; 8] = [
    ("US", "510 Townsend St", "San Francisco", "CA", "94103", "+1 201 555 0123"),
    ("DE", "Torstraße 100", "Berlin", "", "10119", "+49 30 5550123"),
    ("GB", "1 Long Lane", "London", "", "SE1 4PG", "+44 20 7946 0123"),
    ("FR", "10 Rue de Rivoli", "Paris", "", "75004", "+33 1 99 00 01 23"),
    ("JP", "1-1 Marunouchi", "Chiyoda-ku", "Tokyo", "100-0005", "+81 3 5550 0123"),
    ("CA", "100 Queen St W", "Toronto", "ON", "M5H 2N2", "+1 416 555 0123"),
    ("AU", "1 George St", "Sydney", "NSW", "2000", "+61 2 5550 0123"),
    ("CN", "No. 1 Nanjing East Road", "Shanghai", "Shanghai", "200001", "+86 21 5550 0123"),
];
const ANYWHERE: Place = ("US", "1 Test Street", "Testville", "", "10000", "+1 201 555 0123");

impl Fields {
    /// Returns an invented person in a country that the session ships to, with the session's own
    /// email address.
    pub(crate) fn prefilled(session: &Session) -> Self {
        let allowed = session.asked.countries.as_deref().unwrap_or_default();
        let permitted = |code: &str| allowed.is_empty() || allowed.iter().any(|allowed| allowed == code);
        let place = PLACES.iter().find(|(code, ..)| permitted(code));
        let (code, line1, city, state, postal_code, phone) = *place.unwrap_or(&ANYWHERE);
        let country = if permitted(code) { code.to_owned() } else { allowed.first().cloned().unwrap_or_default() };
        Self {
            email: session.known_email.clone().unwrap_or_else(|| "jenny.rosen@example.com".to_owned()),
            name: "Jenny Rosen".to_owned(),
            phone: phone.to_owned(),
            line1: line1.to_owned(),
            line2: String::new(),
            city: city.to_owned(),
            state: state.to_owned(),
            postal_code: postal_code.to_owned(),
            country,
            card_number: "4242 4242 4242 4242".to_owned(),
        }
    }

    /// Reads a submitted form. An email address that the shop gave cannot be changed here, as with
    /// Stripe.
    pub(crate) fn typed(form: &HashMap<String, String>, session: &Session) -> Self {
        let get = |name: &str| form.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
        Self {
            email: session.known_email.clone().unwrap_or_else(|| get("email")),
            name: get("name"),
            phone: get("phone"),
            line1: get("line1"),
            line2: get("line2"),
            city: get("city"),
            state: get("state"),
            postal_code: get("postal_code"),
            country: get("country"),
            card_number: get("card_number"),
        }
    }

    pub(crate) fn check(&self, session: &Session) -> Result<Buyer, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut hold = |right: bool, field, message| {
            if !right {
                problems.push((field, message));
            }
        };
        hold(self.email.contains('@') && !self.email.contains(' '), "email", "Enter an email address.");
        hold(!self.name.is_empty(), "name", "Enter a name.");
        if let Some(allowed) = &session.asked.countries {
            hold(allowed.contains(&self.country), "country", "Choose a country that the shop ships to.");
            hold(!self.line1.is_empty(), "line1", "Enter a street and number.");
            hold(!self.city.is_empty(), "city", "Enter a city.");
            hold(!self.postal_code.is_empty(), "postal_code", "Enter a postal code.");
        }
        let phone = dialled(&self.phone);
        if session.asked.phone {
            hold(phone.is_some(), "phone", "Enter a phone number with its country code, like +1 201 555 0123.");
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Ok(Buyer {
            email: self.email.clone(),
            name: self.name.clone(),
            phone: phone.filter(|_| session.asked.phone),
            address: Address {
                line1: self.line1.clone(),
                line2: some(&self.line2),
                city: self.city.clone(),
                state: some(&self.state),
                postal_code: self.postal_code.clone(),
                country: self.country.clone(),
            },
        })
    }
}

/// Returns a plausible buyer for a payment through the controls, which fill in no form.
pub(crate) fn believable(session: &Session) -> Buyer {
    Fields::prefilled(session).check(session).unwrap_or_default()
}

/// Returns the countries to choose from, with their names, sorted by name.
pub(crate) fn choices(session: &Session) -> Vec<(&str, &str)> {
    let allowed = session.asked.countries.as_deref().unwrap_or_default();
    let mut choices: Vec<_> = allowed.iter().map(|code| (code.as_str(), country_name(code).unwrap_or(code))).collect();
    choices.sort_by_key(|(_, name)| *name);
    choices
}

/// Returns `+12015550123` for `+1 201 555 0123`, which is how Stripe stores a phone number.
fn dialled(text: &str) -> Option<String> {
    let digits: String =
        text.strip_prefix('+')?.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let fits = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_kept_as_they_are_dialled() {
        assert_eq!(dialled("+1 (201) 555-0123").as_deref(), Some("+12015550123"));
        for text in ["", "2015550123", "+1", "+1 201 555 CALL", "+1234567890123456"] {
            assert_eq!(dialled(text), None, "{text}");
        }
    }

    #[test]
    fn every_place_to_begin_with_is_one_that_stripe_ships_to() {
        for (code, _, _, _, _, phone) in PLACES {
            assert!(country_name(code).is_some(), "{code}");
            assert!(dialled(phone).is_some(), "{phone}");
        }
    }
}
