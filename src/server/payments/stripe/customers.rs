//! Customers at Stripe.

use async_trait::async_trait;
use serde::Deserialize;
use stripe_core::customer::{CreateCustomer, DeleteCustomer, ListCustomer, RetrieveCustomer, UpdateCustomer};

use super::{
    super::{
        Customers, PaymentError,
        capability::{Customer, CustomerChange, CustomerDraft, IdempotencyKey},
    },
    PAGE, Stripe,
    client::{Failure, deadline},
    decode::{page, text},
};
use crate::domain::{
    customer::Email,
    mirror::{CustomerCopy, Version},
    payment::CustomerId,
};

/// The fields of a customer that the adapter reads. A deleted customer has only an id.
#[derive(Deserialize)]
pub struct CustomerObject {
    id: CustomerId,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    livemode: Option<bool>,
}

impl CustomerObject {
    fn into_customer(self, livemode: bool) -> Result<Customer, PaymentError> {
        if self.deleted {
            return Err(PaymentError::NotFound);
        }
        Ok(Customer {
            id: self.id,
            email: text(self.email, Email::MAX),
            name: text(self.name, 500),
            livemode: self.livemode.unwrap_or(livemode),
        })
    }

    /// Returns the shop's copy, as an event of `event_type` reported it at `reported_at`, in Unix
    /// seconds. Within one second a customer may be created, updated and deleted, in this order.
    pub(crate) fn into_copy(self, livemode: bool, event_type: &str, reported_at: i64) -> CustomerCopy {
        let deleted = self.deleted || event_type == "customer.deleted";
        let finality = match event_type {
            _ if deleted => 2,
            "customer.created" => 0,
            _ => 1,
        };
        CustomerCopy {
            id: self.id,
            version: Version { told_at: reported_at, finality },
            deleted,
            email: text(self.email, Email::MAX).filter(|_| !deleted),
            name: text(self.name, 500).filter(|_| !deleted),
            livemode: self.livemode.unwrap_or(livemode),
        }
    }
}

#[async_trait]
impl Customers for Stripe {
    async fn create(&self, draft: &CustomerDraft, key: &IdempotencyKey) -> Result<Customer, PaymentError> {
        let mut request = CreateCustomer::new().email(draft.email.as_str());
        if let Some(name) = &draft.name {
            request = request.name(name.as_str());
        }
        if let Some(locale) = &draft.locale {
            request = request.preferred_locales([locale.as_str().to_owned()]);
        }
        self.client.call::<CustomerObject, _>(&request, Some(key)).await?.into_customer(self.livemode)
    }

    async fn update(
        &self,
        id: &CustomerId,
        change: &CustomerChange,
        key: &IdempotencyKey,
    ) -> Result<Customer, PaymentError> {
        let mut request = UpdateCustomer::new(id.as_str());
        if let Some(email) = &change.email {
            request = request.email(email.as_str());
        }
        if let Some(name) = &change.name {
            request = request.name(name.as_str());
        }
        if let Some(locale) = &change.locale {
            request = request.preferred_locales([locale.as_str().to_owned()]);
        }
        self.client.call::<CustomerObject, _>(&request, Some(key)).await?.into_customer(self.livemode)
    }

    async fn delete(&self, id: &CustomerId) -> Result<(), PaymentError> {
        match self.client.send(&DeleteCustomer::new(id.as_str()), None, deadline()).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.repeated() && failure.response.error == PaymentError::NotFound => Ok(()),
            Err(failure) => Err(failure.error()),
        }
    }

    async fn retrieve(&self, id: &CustomerId) -> Result<Customer, PaymentError> {
        let request = RetrieveCustomer::new(id.as_str());
        self.client.call::<CustomerObject, _>(&request, None).await?.into_customer(self.livemode)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Vec<Customer>, PaymentError> {
        let deadline = deadline();
        let mut found = Vec::new();
        let mut from = None;
        loop {
            let mut request = ListCustomer::new().email(email.as_str()).limit(PAGE);
            if let Some(from) = from.take() {
                request = request.starting_after(from);
            }
            let success = self.client.send(&request, None, deadline).await.map_err(Failure::error)?;
            let page = page(&success.body, |customer: CustomerObject| Ok(customer.into_customer(self.livemode).ok()))?;
            // Stripe's filter is case-sensitive, as the local part of an address is.
            found.extend(page.items.into_iter().filter(|customer| customer.email.as_deref() == Some(email.as_str())));
            match page.next {
                Some(next) => from = Some(next.as_str().to_owned()),
                None => return Ok(found),
            }
        }
    }
}
