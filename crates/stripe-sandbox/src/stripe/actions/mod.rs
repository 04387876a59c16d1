//! The only functions that change several objects at once, and the events that follow from each
//! change.
//!
//! They call each other, because payments, sessions, invoices and subscriptions do. Nothing here
//! reads a request or knows of HTTP.

pub(crate) mod checkout_payment;
pub(crate) mod checkout_sessions;
pub(crate) mod checkout_subscription;
pub(crate) mod clock;
pub(crate) mod confirm;
pub(crate) mod customers;
pub(crate) mod disputes;
pub(crate) mod invoices;
pub(crate) mod payment_intents;
pub(crate) mod payment_methods;
pub(crate) mod payments;
pub(crate) mod prices;
pub(crate) mod products;
pub(crate) mod refunds;
pub(crate) mod renewals;
pub(crate) mod subscription_items;
pub(crate) mod subscriptions;
pub(crate) mod trigger;
