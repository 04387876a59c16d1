//! The data that the checkout island starts from. The server writes it into attributes of the page,
//! and the browser reads it back. Islands' own properties would do the same through serde, at the
//! price of a fifth of the bundle.

use serde::{Deserialize, Serialize};

use super::error::ErrorParts;
use crate::domain::{
    checkout::CheckoutError,
    money::Money,
    payment::ProviderId,
    product::{Offer, ProductColor},
};

/// One visitor's checkout as it starts. The browser leaves the fields empty that it finds in the
/// form.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct CheckoutSeed {
    /// The colors in the merchant's order; `None` while no price is known yet.
    pub offers: Option<Vec<Offer>>,
    /// The color in the URL, or of the form that came back.
    pub selected: Option<ProductColor>,
    /// Why the form came back, where it was sent without WebAssembly.
    pub problem: Option<Problem>,
    /// Whether the page shows technical detail. Production shows a request id only.
    pub development: bool,
    pub request_id: String,
    /// The ways to pay, where there is a choice.
    pub choice: Option<MethodChoice>,
    /// The address of the form that came back; else empty. Not read in the browser.
    pub email: String,
    /// This page's [`Attempt`](crate::domain::checkout::Attempt). Not read in the browser.
    pub attempt: String,
    /// The [`Locale`](crate::domain::customer::Locale) of the order. Not read in the browser.
    pub locale: String,
}

/// Several ways to pay, in the merchant's order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MethodChoice {
    pub methods: Vec<ProviderId>,
    /// The default, or the one of the form that came back.
    pub chosen: ProviderId,
    /// How many days a bank transfer may take. Not read in the browser.
    pub transfer_days: u16,
}

/// A checkout that did not start, and how to find it in the logs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Problem {
    pub error: CheckoutError,
    /// For developers. Shown in development only.
    pub detail: String,
    pub request_id: String,
}

impl CheckoutSeed {
    /// Reads the attributes of the page. `attribute` returns one by its name.
    pub fn from_attributes(attribute: impl Fn(&str) -> Option<String>) -> Self {
        let request_id = attribute("data-request-id").unwrap_or_default();
        let problem = attribute("data-kind").map(|kind| Problem {
            error: ErrorParts {
                kind: &kind,
                field: Some(&attribute("data-field").unwrap_or_default()),
                message: &attribute("data-message").unwrap_or_default(),
            }
            .to_error(),
            detail: kind,
            request_id: request_id.clone(),
        });
        Self {
            offers: attribute("data-offers").map(|text| text.split(';').filter_map(read_offer).collect()),
            selected: attribute("data-selected").and_then(|slug| ProductColor::from_slug(&slug)),
            problem,
            development: attribute("data-development").is_some(),
            request_id,
            choice: attribute("data-methods").and_then(|text| read_methods(&text)),
            ..Self::default()
        }
    }

    /// Returns `data-offers`: `Red|29900|usd;Sakura Pink`.
    pub fn offers_text(&self) -> Option<String> {
        let text = |offer: &Offer| match offer.price {
            Some(price) => {
                [offer.color.as_str(), "|", &price.minor().to_string(), "|", price.currency().code()].concat()
            }
            None => offer.color.as_str().to_owned(),
        };
        Some(self.offers.as_ref()?.iter().map(text).collect::<Vec<_>>().join(";"))
    }

    /// Returns `data-methods`: `stripe,invoice`.
    pub fn methods_text(&self) -> Option<String> {
        let names = self.choice.as_ref()?.methods.iter().map(|method| method.as_str());
        Some(names.collect::<Vec<_>>().join(","))
    }

    /// Returns `data-kind`, `data-field` and `data-message`.
    pub fn error_parts(&self) -> Option<ErrorParts<'_>> {
        self.problem.as_ref().map(|problem| ErrorParts::of(&problem.error))
    }

    /// Reports whether a bank transfer is one of the ways to pay.
    pub fn takes_transfers(&self) -> bool {
        self.choice.as_ref().is_some_and(|choice| choice.methods.contains(&ProviderId::Invoice))
    }
}

fn read_offer(text: &str) -> Option<Offer> {
    let mut parts = text.split('|');
    let color = parts.next()?.parse().ok()?;
    Some(Offer { color, price: read_price(parts.next(), parts.next()) })
}

fn read_methods(text: &str) -> Option<MethodChoice> {
    let methods: Vec<ProviderId> = text.split(',').filter_map(ProviderId::from_name).collect();
    Some(MethodChoice { chosen: *methods.first()?, methods, transfer_days: 0 })
}

/// Reads a price from the text of its minor units and of its currency.
pub fn read_price(minor: Option<&str>, currency: Option<&str>) -> Option<Money> {
    Money::new(minor?.parse().ok()?, currency?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::checkout::Field;

    /// The attributes as `app::storefront_page` writes them.
    fn written(seed: &CheckoutSeed) -> CheckoutSeed {
        let parts = seed.error_parts();
        CheckoutSeed::from_attributes(|name| match name {
            "data-offers" => seed.offers_text(),
            "data-methods" => seed.methods_text(),
            "data-selected" => seed.selected.map(|color| color.slug().to_owned()),
            "data-kind" => parts.map(|parts| parts.kind.to_owned()),
            "data-field" => parts?.field.map(str::to_owned),
            "data-message" => parts.map(|parts| parts.message.to_owned()),
            "data-development" => seed.development.then(String::new),
            "data-request-id" => Some(seed.request_id.clone()),
            _ => None,
        })
    }

    #[test]
    fn the_attributes_of_the_page_read_back_as_they_were_written() {
        let price = read_price(Some("29900"), Some("usd"));
        assert!(price.is_some());
        let offers =
            vec![Offer { color: ProductColor::Red, price }, Offer { color: ProductColor::SakuraPink, price: None }];
        let methods = vec![ProviderId::Stripe, ProviderId::Invoice];
        let seed = CheckoutSeed {
            offers: Some(offers),
            selected: Some(ProductColor::Red),
            problem: Some(Problem {
                error: CheckoutError::invalid(Field::Email, "Mend it."),
                detail: "invalid_input".to_owned(),
                request_id: "req_1".to_owned(),
            }),
            development: true,
            request_id: "req_1".to_owned(),
            choice: Some(MethodChoice { methods, chosen: ProviderId::Stripe, transfer_days: 0 }),
            ..CheckoutSeed::default()
        };
        assert_eq!(seed.offers_text().unwrap(), "Red|29900|usd;Sakura Pink");
        assert_eq!(written(&seed), seed);
        assert_eq!(written(&CheckoutSeed::default()), CheckoutSeed::default());
    }

    #[test]
    fn a_price_that_is_none_does_not_read() {
        assert_eq!(read_price(Some("-1"), Some("usd")), None);
        assert_eq!(read_price(Some("1"), None), None);
    }
}
