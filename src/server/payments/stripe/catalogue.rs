//! Prices at Stripe. The shop knows which color has which price; this file does not.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;
use stripe_product::price::ListPrice;

use super::{
    super::{PaymentError, Prices},
    PAGE, Stripe,
    client::{Failure, deadline},
    decode::decode_response,
};
use crate::domain::{money::Money, payment::ProductId};

#[derive(Deserialize)]
struct PriceList {
    data: Vec<Price>,
    #[serde(default)]
    has_more: bool,
}

#[derive(Deserialize)]
struct Price {
    id: String,
    #[serde(default)]
    active: bool,
    #[serde(default)]
    unit_amount: Option<i64>,
    currency: String,
    #[serde(default)]
    recurring: Option<serde::de::IgnoredAny>,
}

impl Price {
    fn amount(&self) -> Option<Money> {
        let sellable = self.active && self.recurring.is_none();
        let currency = self.currency.parse().ok()?;
        self.unit_amount.filter(|_| sellable).and_then(|minor| Money::new(minor, currency).ok())
    }
}

#[async_trait]
impl Prices for Stripe {
    /// Returns the product's active prices by price id: the first thousand, in ten pages.
    async fn prices(&self, product: &ProductId) -> Result<BTreeMap<String, Money>, PaymentError> {
        const PAGES: usize = 10;
        let deadline = deadline();
        let mut found = BTreeMap::new();
        let mut last: Option<String> = None;
        for _ in 0..PAGES {
            let mut request = ListPrice::new().product(product.as_str()).active(true).limit(PAGE);
            if let Some(last) = last.take() {
                request = request.starting_after(last);
            }
            let sent = self.client.send(&request, None, deadline).await.map_err(Failure::error)?;
            let page: PriceList = decode_response(&sent.body)?;
            last = page.data.last().map(|price| price.id.clone()).filter(|_| page.has_more);
            found.extend(page.data.into_iter().filter_map(|price| Some((price.id.clone(), price.amount()?))));
            if last.is_none() {
                break;
            }
        }
        Ok(found)
    }
}
