//! The order history of the provider `invoice`: it has no records of its own, so it reads the
//! shop's orders back as session updates.

use std::sync::Arc;

use async_trait::async_trait;
use time::OffsetDateTime;

use crate::domain::{
    lifecycle::{ExpectedAmount, SessionOutcome, SessionUpdate},
    payment::{ProviderId, SessionId},
    preorder::{PreorderDetails, PreorderStatus},
    product::ProductColor,
};
use crate::server::{
    payments::{Cursor, Page, PaymentError, invoice::OrderHistory},
    store::{PreorderFilter, Store, StoreError, StoredOrder},
};

/// Orders of a page.
const PAGE: u32 = 100;

/// Reads orders paid by bank transfer from the store.
pub struct StoredOrders(pub Arc<dyn Store>);

#[async_trait]
impl OrderHistory for StoredOrders {
    async fn session(&self, id: &SessionId) -> Result<Option<SessionUpdate>, PaymentError> {
        let known = self.0.preorder_of_session(id).await.map_err(payment_error)?;
        let invoice = known.filter(|preorder| preorder.details.provider == ProviderId::Invoice);
        Ok(invoice.map(|preorder| session_update(&preorder.details)))
    }

    async fn since(&self, since: OffsetDateTime, from: Option<&Cursor>) -> Result<Page<SessionUpdate>, PaymentError> {
        let after = from.map(|cursor| cursor.as_str().parse()).transpose();
        let filter = PreorderFilter {
            provider: Some(ProviderId::Invoice),
            since: Some(since),
            after: after.map_err(|_| PaymentError::Unreadable("the cursor of the list of invoices".to_owned()))?,
            ..PreorderFilter::default()
        };
        let found = self.0.orders(&filter, PAGE).await.map_err(payment_error)?;
        let full = u32::try_from(found.len()).is_ok_and(|count| count == PAGE);
        let last =
            found.last().filter(|_| full).map(|StoredOrder { preorder, .. }| preorder.number.as_str().to_owned());
        Ok(Page {
            items: found.iter().map(|purchase| session_update(&purchase.preorder.details)).collect(),
            unreadable: Vec::new(),
            next: last.map(Cursor::new),
        })
    }
}

/// Converts a stored order into the session update that its provider would report.
pub(crate) fn session_update(details: &PreorderDetails) -> SessionUpdate {
    SessionUpdate {
        provider: details.provider,
        session: details.session.clone(),
        outcome: match details.status {
            PreorderStatus::AwaitingPayment => SessionOutcome::Pending,
            PreorderStatus::PaymentFailed => SessionOutcome::Failed,
            PreorderStatus::Cancelled => SessionOutcome::Cancelled,
            PreorderStatus::Paid | PreorderStatus::Shipped | PreorderStatus::Delivered | PreorderStatus::Refunded => {
                SessionOutcome::Paid
            }
        },
        intent: details.intent.clone(),
        customer: None,
        attempt: details.attempt.clone(),
        email: Some(details.email.clone()).filter(|email| !email.is_empty()),
        color: details.color.map(|color| ProductColor::as_str(color).to_owned()),
        amount: details.amount,
        expected: details.amount.map_or(ExpectedAmount::NotStated, ExpectedAmount::Amount),
        locale: Some(details.locale.clone()),
        shipping: details.shipping.clone(),
        livemode: details.livemode,
        completed_at: details.completed_at,
        access: details.access.clone(),
    }
}

fn payment_error(error: StoreError) -> PaymentError {
    if error.retryable() {
        PaymentError::Unavailable(error.to_string())
    } else {
        PaymentError::Unreadable(error.to_string())
    }
}
