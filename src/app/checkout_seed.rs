//! What the checkout island starts from. The server draws it from the page's context and leaves it as attributes on the page; the
//! browser reads it back from there. Islands' own properties would do the same through serde, at a fifth of the bundle.

use leptos::prelude::*;

use crate::domain::{
    checkout::CheckoutError,
    money::Money,
    payment::ProviderId,
    product::{Offer, ProductColor},
};

use super::{
    api::MethodChoice,
    payment_error_boundary::{Problem, error_from_parts},
};

/// The element that carries the attributes.
pub const ID: &str = "checkout";

/// One visitor's start.
#[derive(Clone, Default)]
pub struct CheckoutSeed {
    pub offers: Option<Vec<Offer>>,
    pub selected: Option<ProductColor>,
    pub problem: Option<Problem>,
    pub development: bool,
    pub request_id: String,
    /// The ways to pay, where there is a choice. The browser reads which there are; the rest it finds in the form.
    pub choice: Option<MethodChoice>,
    /// What only the drawing of the form needs; the browser finds it in the form.
    pub email: String,
    pub attempt: String,
    pub locale: String,
}

impl CheckoutSeed {
    /// The page's own: from the context that the server's page provides, or from the page in the browser.
    pub fn here() -> Self {
        if cfg!(target_arch = "wasm32") { Self::from_page() } else { use_context().unwrap_or_default() }
    }

    fn from_page() -> Self {
        let Some(page) = document().get_element_by_id(ID) else { return Self::default() };
        let word = |name| page.get_attribute(name);
        let request_id = word("data-request-id").unwrap_or_default();
        let problem = word("data-kind").map(|kind| Problem {
            error: error_from_parts(
                &kind,
                &word("data-field").unwrap_or_default(),
                &word("data-message").unwrap_or_default(),
            ),
            detail: kind,
            request_id: request_id.clone(),
        });
        Self {
            offers: word("data-offers").map(|text| text.split(';').filter_map(read_offer).collect()),
            selected: word("data-selected").and_then(|slug| ProductColor::from_slug(&slug)),
            problem,
            development: word("data-development").is_some(),
            request_id,
            choice: word("data-methods").and_then(|text| read_methods(&text)),
            ..Self::default()
        }
    }

    /// `data-offers`: `Red|29900|usd;Sakura Pink||`.
    pub fn offers_text(&self) -> Option<String> {
        let text = |offer: &Offer| match offer.price {
            Some(price) => {
                [offer.color.as_str(), "|", &price.minor().to_string(), "|", price.currency().code()].concat()
            }
            None => offer.color.as_str().to_owned(),
        };
        Some(self.offers.as_ref()?.iter().map(text).collect::<Vec<_>>().join(";"))
    }

    /// Whether a bank transfer is one of the ways to pay.
    pub fn takes_transfers(&self) -> bool {
        self.choice.as_ref().is_some_and(|choice| choice.methods.contains(&ProviderId::Invoice))
    }

    /// `data-methods`: `stripe,invoice`.
    pub fn methods_text(&self) -> Option<String> {
        let names = self.choice.as_ref()?.methods.iter().map(|method| method.as_str());
        Some(names.collect::<Vec<_>>().join(","))
    }

    /// `data-kind`, `data-field`, `data-message`.
    pub fn error(&self) -> Option<&CheckoutError> {
        self.problem.as_ref().map(|problem| &problem.error)
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

/// A price of its parts as text: minor units and a currency.
pub fn read_price(minor: Option<&str>, currency: Option<&str>) -> Option<Money> {
    Money::new(minor?.parse().ok()?, currency?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_carries_reads_back() {
        let price = read_price(Some("29900"), Some("usd"));
        assert!(price.is_some());
        let offers =
            vec![Offer { color: ProductColor::Red, price }, Offer { color: ProductColor::SakuraPink, price: None }];
        let seed = CheckoutSeed { offers: Some(offers.clone()), ..CheckoutSeed::default() };
        let text = seed.offers_text().unwrap();
        assert_eq!(text, "Red|29900|usd;Sakura Pink");
        assert_eq!(text.split(';').filter_map(read_offer).collect::<Vec<_>>(), offers);
        let methods = vec![ProviderId::Stripe, ProviderId::Invoice];
        let choice = MethodChoice { methods: methods.clone(), chosen: ProviderId::Invoice, transfer_days: 14 };
        let seed = CheckoutSeed { choice: Some(choice), ..CheckoutSeed::default() };
        assert_eq!(read_methods(&seed.methods_text().unwrap()).unwrap().methods, methods);
        assert_eq!(read_price(Some("-1"), Some("usd")), None);
        assert_eq!(read_price(Some("1"), None), None);
    }
}
