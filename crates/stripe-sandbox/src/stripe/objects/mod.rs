//! The objects of Stripe's API: their state, and how they are rendered. An object does not see the
//! tables.

use serde_json::Value;

use super::wire::{ApiError, Reader, Wanted};

mod billing_period;
mod charge;
mod checkout_session;
mod countries;
mod customer;
mod delivery;
mod dispute;
mod event;
mod invoice;
mod payment_intent;
mod payment_method;
mod pending_settlement;
mod price;
mod product;
mod refund;
mod subscription;
mod test_cards;
mod webhook_endpoint;

pub(crate) use billing_period::period_end;
pub(crate) use charge::{Charge, ChargeStatus};
pub(crate) use checkout_session::{
    Address, Buyer, LineItem, Mode, PaymentStatus, Session, SessionParams, SessionStatus,
};
pub(crate) use countries::{COUNTRIES, country_name};
pub(crate) use customer::Customer;
pub(crate) use delivery::{Delivery, DeliveryAttempt, DeliveryFate, DeliveryOutcome};
pub(crate) use dispute::{DISPUTE_STATUSES, Dispute};
pub(crate) use event::{Cause, Event, matches};
pub(crate) use invoice::{Invoice, InvoiceLine, InvoiceStatus};
pub(crate) use payment_intent::{Intent, IntentStatus, LastError, Owner, Redirects};
pub(crate) use payment_method::{Billing, METHODS, PaymentMethod};
pub(crate) use pending_settlement::PendingSettlement;
pub(crate) use price::{Interval, Price, Recurring};
pub(crate) use product::Product;
pub(crate) use refund::{REFUND_REASONS, Refund, RefundStatus};
pub(crate) use subscription::{Pause, Subscription, SubscriptionItem, SubscriptionStatus};
pub(crate) use test_cards::{Behavior, DEBIT_FAILED, DelayedOutcome, Means, NOT_AUTHENTICATED, TestMethod};
pub(crate) use webhook_endpoint::Endpoint;

/// What each kind of object defines about itself.
pub(crate) trait Object: Sized + 'static {
    /// Parameters of the list that Stripe has and the sandbox has not.
    const UNSUPPORTED: &'static [&'static str] = &[];

    /// Renders the object as the API shows it.
    fn render(&self) -> Value;

    /// Reads the filters that the list has in addition to `created`.
    fn filter<'a>(_reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        Ok(Box::new(|_| true))
    }

    /// Returns whether the object can be retrieved and listed at this time.
    fn is_visible(&self, _now: i64) -> bool {
        true
    }

    /// Returns whether lists show the object.
    fn is_listed(&self) -> bool {
        true
    }

    /// Rejects an id that cannot name such an object.
    fn check_id(_id: &str) -> Result<(), ApiError> {
        Ok(())
    }
}
