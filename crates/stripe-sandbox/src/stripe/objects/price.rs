//! Prices: paid once, or for each period.

use minor_money::Money;
use serde_json::{Value, json};

use super::Object;
use crate::{
    config::SeedPrice,
    stripe::wire::{ApiError, Metadata, Reader, Wanted},
};

pub(crate) struct Price {
    pub(crate) id: String,
    pub(crate) product: String,
    pub(crate) nickname: Option<String>,
    pub(crate) lookup_key: Option<String>,
    pub(crate) money: Money,
    /// `None` means that it is paid once.
    pub(crate) recurring: Option<Recurring>,
    pub(crate) active: bool,
    pub(crate) metadata: Metadata,
    pub(crate) created: i64,
}

/// How often a price is paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Recurring {
    pub(crate) interval: Interval,
    pub(crate) count: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Interval {
    Day,
    Week,
    Month,
    Year,
}

impl Interval {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

impl Recurring {
    pub(crate) fn render(self) -> Value {
        json!({
            "interval": self.interval.as_str(), "interval_count": self.count, "meter": null, "trial_period_days": null,
            "usage_type": "licensed",
        })
    }
}

impl Price {
    pub(crate) fn seed(seed: &SeedPrice, product: &str, now: i64) -> Self {
        Self {
            id: seed.id.clone(),
            product: product.to_owned(),
            nickname: Some(seed.nickname.clone()),
            lookup_key: None,
            money: seed.money,
            recurring: None,
            active: true,
            metadata: Metadata::new(),
            created: now,
        }
    }
}

impl Object for Price {
    const UNSUPPORTED: &'static [&'static str] = &["recurring"];

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let active = reader.boolean("active")?;
        let product = reader.text("product")?;
        let currency = reader.text("currency")?;
        let kind = reader.one_of("type", &["one_time", "recurring"])?;
        let keys = reader.texts("lookup_keys")?;
        Ok(Box::new(move |price| {
            active.is_none_or(|active| price.active == active)
                && product.is_none_or(|product| price.product == product)
                && currency.is_none_or(|currency| price.money.currency().code().eq_ignore_ascii_case(currency))
                && kind.is_none_or(|kind| (kind == "recurring") == price.recurring.is_some())
                && keys
                    .as_ref()
                    .is_none_or(|keys| keys.iter().any(|(_, key)| price.lookup_key.as_deref() == Some(*key)))
        }))
    }

    fn render(&self) -> Value {
        json!({
            "id": self.id, "object": "price", "active": self.active, "billing_scheme": "per_unit",
            "created": self.created, "currency": self.money.currency(), "custom_unit_amount": null, "livemode": false,
            "lookup_key": self.lookup_key, "metadata": self.metadata, "nickname": self.nickname,
            "product": self.product, "recurring": self.recurring.map(Recurring::render),
            "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null,
            "type": if self.recurring.is_some() { "recurring" } else { "one_time" },
            "unit_amount": self.money.minor(), "unit_amount_decimal": self.money.minor().to_string(),
        })
    }
}
