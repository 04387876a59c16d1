//! A subscription: its state, and how the API renders it. Its periods are on its items, as since
//! basil.

use minor_money::Currency;
use serde_json::{Value, json};

use super::{Object, Recurring};
use crate::stripe::wire::{ApiError, Metadata, Reader, Wanted, ids};

pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) customer: String,
    pub(crate) currency: Currency,
    pub(crate) items: Vec<SubscriptionItem>,
    pub(crate) status: SubscriptionStatus,
    pub(crate) default_method: Option<String>,
    /// Whether the method that pays an invoice becomes the default.
    pub(crate) saves_method: bool,
    pub(crate) description: Option<String>,
    pub(crate) metadata: Metadata,
    pub(crate) anchor: i64,
    pub(crate) cancel_at_period_end: bool,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) ended_at: Option<i64>,
    pub(crate) cancellation: Cancellation,
    pub(crate) latest_invoice: Option<String>,
    pub(crate) paused: Option<Pause>,
}

#[derive(Clone)]
pub(crate) struct SubscriptionItem {
    pub(crate) id: String,
    pub(crate) created: i64,
    /// The price as it was when it was chosen.
    pub(crate) price: Value,
    pub(crate) unit_amount: i64,
    pub(crate) recurring: Recurring,
    pub(crate) quantity: i64,
    pub(crate) metadata: Metadata,
    pub(crate) period: (i64, i64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SubscriptionStatus {
    Incomplete,
    IncompleteExpired,
    Active,
    PastDue,
    Unpaid,
    Paused,
    Canceled,
}

#[derive(Clone, Default)]
pub(crate) struct Cancellation {
    pub(crate) comment: Option<String>,
    pub(crate) feedback: Option<&'static str>,
    pub(crate) reason: Option<&'static str>,
}

/// A pause of collection: invoices are still created, and not collected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pause {
    pub(crate) behavior: &'static str,
    pub(crate) resumes_at: Option<i64>,
}

pub(crate) const SUBSCRIPTION_STATUSES: [SubscriptionStatus; 7] = [
    SubscriptionStatus::Incomplete,
    SubscriptionStatus::IncompleteExpired,
    SubscriptionStatus::Active,
    SubscriptionStatus::PastDue,
    SubscriptionStatus::Unpaid,
    SubscriptionStatus::Paused,
    SubscriptionStatus::Canceled,
];

impl SubscriptionStatus {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::Active => "active",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Canceled => "canceled",
        }
    }

    pub(crate) fn of(text: &str) -> Option<Self> {
        SUBSCRIPTION_STATUSES.into_iter().find(|status| status.as_str() == text)
    }

    /// Returns whether a payment would make it active.
    pub(crate) const fn is_waiting(self) -> bool {
        matches!(self, Self::Incomplete | Self::PastDue | Self::Unpaid)
    }

    pub(crate) const fn has_ended(self) -> bool {
        matches!(self, Self::Canceled | Self::IncompleteExpired)
    }
}

impl SubscriptionItem {
    pub(crate) fn price_id(&self) -> &str {
        self.price["id"].as_str().unwrap_or_default()
    }

    pub(crate) fn product(&self) -> &str {
        self.price["product"].as_str().unwrap_or_default()
    }

    fn render(&self, subscription: &str) -> Value {
        json!({
            "id": self.id, "object": "subscription_item", "billing_thresholds": null, "created": self.created,
            "current_period_end": self.period.1, "current_period_start": self.period.0, "discounts": [],
            "metadata": self.metadata, "plan": self.plan(), "price": self.price, "quantity": self.quantity,
            "subscription": subscription, "tax_rates": [],
        })
    }

    /// Renders the price as a plan, which is what Stripe had before prices. Clients still read it.
    fn plan(&self) -> Value {
        let price = &self.price;
        json!({
            "id": price["id"], "object": "plan", "active": price["active"], "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"], "billing_scheme": price["billing_scheme"],
            "created": price["created"], "currency": price["currency"], "interval": self.recurring.interval.as_str(),
            "interval_count": self.recurring.count, "livemode": false, "metadata": price["metadata"], "meter": null,
            "nickname": price["nickname"], "product": price["product"], "tiers_mode": null, "transform_usage": null,
            "trial_period_days": null, "usage_type": "licensed",
        })
    }
}

impl Subscription {
    /// Makes a subscription that waits for its first payment and for its items.
    pub(crate) fn new(customer: &str, currency: Currency, now: i64) -> Self {
        Self {
            id: ids::new("sub_1"),
            created: now,
            customer: customer.to_owned(),
            currency,
            items: Vec::new(),
            status: SubscriptionStatus::Incomplete,
            default_method: None,
            saves_method: false,
            description: None,
            metadata: Metadata::new(),
            anchor: now,
            cancel_at_period_end: false,
            canceled_at: None,
            ended_at: None,
            cancellation: Cancellation::default(),
            latest_invoice: None,
            paused: None,
        }
    }

    /// Returns the end of the current period, in Unix seconds.
    pub(crate) fn period_end(&self) -> i64 {
        self.items.iter().map(|item| item.period.1).min().unwrap_or(i64::MAX)
    }
}

impl Object for Subscription {
    const UNSUPPORTED: &'static [&'static str] =
        &["automatic_tax", "current_period_end", "current_period_start", "plan", "test_clock"];

    /// Without a status, canceled subscriptions are left out.
    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let customer = reader.text("customer")?;
        let price = reader.text("price")?;
        let method = reader.one_of("collection_method", &["charge_automatically", "send_invoice"])?;
        let statuses = [
            "active",
            "all",
            "canceled",
            "ended",
            "incomplete",
            "incomplete_expired",
            "past_due",
            "paused",
            "trialing",
            "unpaid",
        ];
        let status = reader.one_of("status", &statuses)?;
        Ok(Box::new(move |subscription| {
            customer.is_none_or(|customer| subscription.customer == customer)
                && price.is_none_or(|price| subscription.items.iter().any(|item| item.price_id() == price))
                && method.is_none_or(|method| method == "charge_automatically")
                && match status {
                    None => subscription.status != SubscriptionStatus::Canceled,
                    Some("all") => true,
                    Some("ended") => subscription.status.has_ended(),
                    Some(status) => subscription.status.as_str() == status,
                }
        }))
    }

    fn render(&self) -> Value {
        let items: Vec<Value> = self.items.iter().map(|item| item.render(&self.id)).collect();
        let pause = self.paused.map(|pause| json!({"behavior": pause.behavior, "resumes_at": pause.resumes_at}));
        let cancel_at = (self.cancel_at_period_end && !self.status.has_ended()).then(|| self.period_end());
        json!({
            "id": self.id, "object": "subscription", "application": null, "application_fee_percent": null,
            "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null},
            "billing_cycle_anchor": self.anchor, "billing_cycle_anchor_config": null,
            "billing_mode": {"type": "classic"}, "billing_thresholds": null, "cancel_at": cancel_at,
            "cancel_at_period_end": self.cancel_at_period_end, "canceled_at": self.canceled_at,
            "cancellation_details": {
                "comment": self.cancellation.comment, "feedback": self.cancellation.feedback,
                "reason": self.cancellation.reason,
            },
            "collection_method": "charge_automatically", "created": self.created, "currency": self.currency,
            "customer": self.customer, "days_until_due": null, "default_payment_method": self.default_method,
            "default_source": null, "default_tax_rates": [], "description": self.description, "discounts": [],
            "ended_at": self.ended_at, "invoice_settings": {"account_tax_ids": null, "issuer": {"type": "self"}},
            "items": {
                "object": "list", "data": items, "has_more": false,
                "url": format!("/v1/subscription_items?subscription={}", self.id),
            },
            "latest_invoice": self.latest_invoice, "livemode": false, "metadata": self.metadata,
            "next_pending_invoice_item_invoice": null, "on_behalf_of": null, "pause_collection": pause,
            "payment_settings": {
                "payment_method_options": null, "payment_method_types": null,
                "save_default_payment_method": if self.saves_method { "on_subscription" } else { "off" },
            },
            "pending_invoice_item_interval": null, "pending_setup_intent": null, "pending_update": null,
            "schedule": null, "start_date": self.created, "status": self.status.as_str(), "test_clock": null,
            "transfer_data": null, "trial_end": null,
            "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}}, "trial_start": null,
        })
    }
}
