//! Customers, and what they pay again and again: subscriptions and the invoices that these produce.

pub mod customer;
pub mod cycle;
pub mod invoice;
pub mod invoices;
pub mod items;
pub mod subscription;
pub mod subscriptions;
