//! Subscriptions, and the results of their invoices. This API version has the period on the items,
//! and an invoice's subscription under its parent.

use async_trait::async_trait;
use serde::{Deserialize, de::IgnoredAny};
use stripe_billing::subscription::{
    CancelSubscription, CreateSubscription, CreateSubscriptionItems, RetrieveSubscription, UpdateSubscription,
    UpdateSubscriptionItems, UpdateSubscriptionPauseCollection, UpdateSubscriptionPauseCollectionBehavior,
};
use stripe_client_core::{RequestBuilder, StripeRequest};
use time::OffsetDateTime;

use super::{
    super::{
        PaymentError, Subscriptions,
        capability::{CancelWhen, IdempotencyKey, Subscription, SubscriptionChange, SubscriptionDraft},
    },
    Stripe,
    client::deadline,
    decode::{Reference, decode_response, parse_enum, reference, text},
};
use crate::domain::{
    mirror::{InvoiceCopy, SubscriptionCopy, SubscriptionStatus, Version},
    payment::{CustomerId, PriceId, SubscriptionId},
};

/// The fields of a subscription that the adapter reads.
#[derive(Deserialize)]
pub struct SubscriptionObject {
    id: SubscriptionId,
    #[serde(default)]
    customer: Option<Reference>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    items: Option<Items>,
    #[serde(default)]
    pause_collection: Option<IgnoredAny>,
    #[serde(default)]
    cancel_at_period_end: bool,
    /// The field's place before this API version: an event has the version of its endpoint at the
    /// time when it was created.
    #[serde(default)]
    current_period_end: Option<i64>,
    #[serde(default)]
    livemode: Option<bool>,
}

#[derive(Deserialize)]
struct Items {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    price: Option<Reference>,
    #[serde(default)]
    quantity: Option<i64>,
    #[serde(default)]
    current_period_end: Option<i64>,
}

impl SubscriptionObject {
    /// Returns the item: the shop's subscriptions have one.
    fn item(&self) -> Option<&Item> {
        self.items.as_ref()?.data.first()
    }

    /// Returns the shop's copy, as an event reported it at `reported_at`, in Unix seconds.
    pub(crate) fn into_copy(self, livemode: bool, reported_at: i64) -> Result<SubscriptionCopy, String> {
        let status = parse_enum("status", self.status.as_deref(), SubscriptionStatus::from_name)?;
        let item = self.item();
        let price = reference("price", item.and_then(|item| item.price.as_ref()), PriceId::parse)?;
        let quantity = item.and_then(|item| item.quantity);
        let current_period_end = item.and_then(|item| item.current_period_end).or(self.current_period_end);
        Ok(SubscriptionCopy {
            version: Version { told_at: reported_at, finality: status.finality() },
            customer: reference("customer", self.customer.as_ref(), CustomerId::parse)?,
            status,
            price,
            quantity,
            paused: self.pause_collection.is_some(),
            cancel_at_period_end: self.cancel_at_period_end,
            current_period_end,
            livemode: self.livemode.unwrap_or(livemode),
            id: self.id,
        })
    }

    fn into_subscription(self, livemode: bool) -> Result<Subscription, String> {
        let copy = self.into_copy(livemode, 0)?;
        let end = copy.current_period_end.map(OffsetDateTime::from_unix_timestamp).transpose();
        Ok(Subscription {
            id: copy.id,
            customer: copy.customer.ok_or("customer: missing")?,
            status: copy.status,
            price: copy.price,
            quantity: copy.quantity,
            paused: copy.paused,
            cancel_at_period_end: copy.cancel_at_period_end,
            current_period_end: end.map_err(|_| "current_period_end: not a time")?,
            livemode: copy.livemode,
        })
    }
}

/// The fields of an invoice that the adapter reads.
#[derive(Deserialize)]
pub struct InvoiceObject {
    id: String,
    #[serde(default)]
    parent: Option<InvoiceParent>,
    /// The field's place before this API version.
    #[serde(default)]
    subscription: Option<Reference>,
    #[serde(default)]
    livemode: Option<bool>,
}

#[derive(Deserialize)]
struct InvoiceParent {
    #[serde(default)]
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    #[serde(default)]
    subscription: Option<Reference>,
}

impl InvoiceObject {
    /// Returns the shop's copy, as an event reported it at `reported_at`, in Unix seconds; `None`
    /// for an invoice without a subscription.
    pub(crate) fn into_copy(self, livemode: bool, paid: bool, reported_at: i64) -> Result<Option<InvoiceCopy>, String> {
        let details = self.parent.and_then(|parent| parent.subscription_details);
        let found = details.and_then(|details| details.subscription).or(self.subscription);
        let Some(subscription) = reference("subscription", found.as_ref(), SubscriptionId::parse)? else {
            return Ok(None);
        };
        Ok(Some(InvoiceCopy {
            subscription,
            version: Version { told_at: reported_at, finality: i16::from(paid) },
            invoice: text(Some(self.id), 255).ok_or("id: missing")?,
            paid,
            livemode: self.livemode.unwrap_or(livemode),
        }))
    }
}

/// An update that resumes the collection of invoices. The builder cannot clear the pause.
struct Update {
    change: UpdateSubscription,
    resume: bool,
}

impl StripeRequest for Update {
    type Output = <UpdateSubscription as StripeRequest>::Output;

    fn build(&self) -> RequestBuilder {
        let mut request = self.change.build();
        if self.resume {
            let body = request.body.get_or_insert_default();
            if !body.is_empty() {
                body.push('&');
            }
            body.push_str("pause_collection=");
        }
        request
    }
}

impl Stripe {
    fn subscription(&self, object: SubscriptionObject) -> Result<Subscription, PaymentError> {
        object.into_subscription(self.livemode).map_err(PaymentError::Unreadable)
    }

    async fn subscription_object(&self, id: &SubscriptionId) -> Result<SubscriptionObject, PaymentError> {
        self.client.call(&RetrieveSubscription::new(id.as_str()), None).await
    }

    /// Returns the item to change. Stripe sets the quantity to 1 if a new price comes without one.
    async fn changed_item(
        &self,
        id: &SubscriptionId,
        change: &SubscriptionChange,
    ) -> Result<UpdateSubscriptionItems, PaymentError> {
        let now = self.subscription_object(id).await?;
        let item = now.item().ok_or_else(|| PaymentError::State("the subscription has no item".to_owned()))?;
        let mut items = UpdateSubscriptionItems::new();
        items.id.clone_from(&item.id);
        items.price = change.price.as_ref().map(|price| price.as_str().to_owned());
        items.quantity = change.quantity.map(u64::from).or_else(|| item.quantity.and_then(|now| now.try_into().ok()));
        Ok(items)
    }
}

#[async_trait]
impl Subscriptions for Stripe {
    async fn create(&self, draft: &SubscriptionDraft, key: &IdempotencyKey) -> Result<Subscription, PaymentError> {
        let mut item = CreateSubscriptionItems::new();
        item.price = Some(draft.price.as_str().to_owned());
        item.quantity = Some(draft.quantity.into());
        let mut request = CreateSubscription::new(draft.customer.as_str()).items([item]);
        if let Some(method) = &draft.method {
            request = request.default_payment_method(method.as_str());
        }
        self.subscription(self.client.call(&request, Some(key)).await?)
    }

    async fn update(
        &self,
        id: &SubscriptionId,
        change: &SubscriptionChange,
        key: &IdempotencyKey,
    ) -> Result<Subscription, PaymentError> {
        if *change == SubscriptionChange::default() {
            return Subscriptions::retrieve(self, id).await;
        }
        let mut request = UpdateSubscription::new(id.as_str());
        if change.price.is_some() || change.quantity.is_some() {
            request = request.items([self.changed_item(id, change).await?]);
        }
        if change.pause == Some(true) {
            // The invoices of a pause are voided: nothing that was not sent is paid later.
            let void = UpdateSubscriptionPauseCollectionBehavior::Void;
            request = request.pause_collection(UpdateSubscriptionPauseCollection::new(void));
        }
        let update = Update { change: request, resume: change.pause == Some(false) };
        self.subscription(self.client.call(&update, Some(key)).await?)
    }

    async fn cancel(
        &self,
        id: &SubscriptionId,
        when: CancelWhen,
        key: &IdempotencyKey,
    ) -> Result<Subscription, PaymentError> {
        if when == CancelWhen::AtPeriodEnd {
            let request = UpdateSubscription::new(id.as_str()).cancel_at_period_end(true);
            return self.subscription(self.client.call(&request, Some(key)).await?);
        }
        let request = CancelSubscription::new(id.as_str());
        match self.client.send(&request, Some(key.as_str()), deadline()).await {
            Ok(sent) => self.subscription(decode_response(&sent.body)?),
            Err(failure) => match failure.response.about_state() {
                // Stripe stores no idempotency key of a deletion. It responds to a repeat that
                // there is no such subscription to cancel.
                error @ (PaymentError::NotFound | PaymentError::State(_)) => {
                    let now = Subscriptions::retrieve(self, id).await?;
                    let cancelled = now.status == SubscriptionStatus::Canceled;
                    if cancelled { Ok(now) } else { Err(error) }
                }
                error => Err(error),
            },
        }
    }

    async fn retrieve(&self, id: &SubscriptionId) -> Result<Subscription, PaymentError> {
        self.subscription(self.subscription_object(id).await?)
    }
}
