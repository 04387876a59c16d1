//! Converts a Stripe checkout session into a session update, for webhooks and API responses alike.

use std::collections::HashMap;

use serde::Deserialize;

use super::decode::{Reference, money, text};
use crate::domain::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    lifecycle::{ExpectedAmount, SessionOutcome, SessionUpdate},
    money::Money,
    payment::{CustomerId, IntentId, ProviderId, SessionId},
    sanitize::clean,
};

/// The fields of a checkout session that the adapter reads. All but the id may be missing.
#[derive(Deserialize)]
pub struct Session {
    pub id: SessionId,
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub status: Option<String>,
    #[serde(default)]
    payment_status: Option<String>,
    #[serde(default)]
    amount_total: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    payment_intent: Option<Reference>,
    #[serde(default)]
    customer: Option<Reference>,
    #[serde(default)]
    customer_email: Option<String>,
    #[serde(default)]
    customer_details: Option<CustomerDetails>,
    #[serde(default)]
    collected_information: Option<CollectedInformation>,
    #[serde(default)]
    metadata: Option<HashMap<String, String>>,
    #[serde(default)]
    livemode: Option<bool>,
}

/// The event that contained a session. The session is as it was at that time.
pub struct EventContext<'a> {
    pub event_type: &'a str,
    /// Unix seconds.
    pub at: i64,
}

#[derive(Deserialize)]
struct CustomerDetails {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    address: Option<ShippingAddress>,
}

#[derive(Deserialize)]
struct CollectedInformation {
    #[serde(default)]
    shipping_details: Option<ShippingDetails>,
}

#[derive(Deserialize)]
struct ShippingDetails {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    address: Option<ShippingAddress>,
}

impl Session {
    /// Returns whether a checkout of this shop created the session: those name their color.
    pub(crate) fn is_ours(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.contains_key("color"))
    }

    /// Returns the update. `livemode` is the mode of a session that does not state its own.
    pub(crate) fn into_update(self, livemode: bool, event: Option<EventContext<'_>>) -> Result<SessionUpdate, String> {
        let outcome = self.outcome(event.as_ref().map(|event| event.event_type))?;
        let metadata = self.metadata.unwrap_or_default();
        let amount = match (self.amount_total, &self.currency) {
            (Some(minor), Some(currency)) => Some(money("amount_total", Some(minor), Some(currency))?),
            _ => None,
        };
        let expected = asked(metadata.get("expected_amount_minor"), metadata.get("expected_currency"));
        let details = self.customer_details;
        let phone = details.as_ref().and_then(|details| details.phone.clone());
        let email = text(details.as_ref().and_then(|details| details.email.clone()).or(self.customer_email), 320);
        let shipping = self
            .collected_information
            .and_then(|collected| collected.shipping_details)
            .map(|shipping| ShippingAddress {
                name: shipping.name,
                phone: phone.clone(),
                ..shipping.address.unwrap_or_default()
            })
            .or_else(|| {
                let details = details?;
                Some(ShippingAddress { name: details.name, phone, ..details.address? })
            })
            .map(ShippingAddress::cleaned);
        Ok(SessionUpdate {
            provider: ProviderId::Stripe,
            session: self.id,
            outcome,
            intent: self.payment_intent.and_then(|intent| IntentId::parse(&intent.id)),
            customer: self.customer.and_then(|customer| CustomerId::parse(&customer.id)),
            attempt: metadata.get("attempt").and_then(|attempt| Attempt::parse(attempt)),
            email,
            color: metadata.get("color").map(|color| clean(color, 100)),
            amount,
            expected,
            locale: metadata.get("locale").and_then(|locale| Locale::parse(locale)),
            shipping,
            livemode: self.livemode.unwrap_or(livemode),
            completed_at: event.filter(|event| event.event_type == "checkout.session.completed").map(|event| event.at),
            access: None,
        })
    }

    fn outcome(&self, event_type: Option<&str>) -> Result<SessionOutcome, String> {
        match event_type {
            Some("checkout.session.async_payment_failed") => return Ok(SessionOutcome::Failed),
            Some("checkout.session.expired") => return Ok(SessionOutcome::Expired),
            _ => {}
        }
        let completed = event_type.is_some() || self.status.as_deref() == Some("complete");
        match (self.payment_status.as_deref(), self.status.as_deref()) {
            (Some("paid" | "no_payment_required"), _) => Ok(SessionOutcome::Paid),
            (Some("unpaid"), _) if completed && self.money_will_not_come() => Ok(SessionOutcome::Failed),
            (Some("unpaid"), _) if completed => Ok(SessionOutcome::Pending),
            (_, Some("expired")) => Ok(SessionOutcome::Expired),
            (_, Some("open")) if !completed => Ok(SessionOutcome::Open),
            _ => Err("payment_status: unknown value".to_owned()),
        }
    }

    /// Returns whether the expanded payment has failed. The session in an event is not expanded.
    fn money_will_not_come(&self) -> bool {
        let status = self.payment_intent.as_ref().and_then(|intent| intent.status.as_deref());
        matches!(status, Some("requires_payment_method" | "canceled"))
    }
}

/// Returns the expected amount of the metadata. A half or malformed one is not the same as none.
fn asked(minor: Option<&String>, currency: Option<&String>) -> ExpectedAmount {
    match (minor, currency) {
        (None, None) => ExpectedAmount::NotStated,
        (Some(minor), Some(currency)) => minor
            .parse()
            .ok()
            .and_then(|minor| Money::new(minor, currency.parse().ok()?).ok())
            .map_or(ExpectedAmount::Unreadable, ExpectedAmount::Amount),
        _ => ExpectedAmount::Unreadable,
    }
}
