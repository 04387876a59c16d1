//! Checkout: sessions, from creation to payment.

pub mod countries;
pub mod create;
pub mod pay;
pub mod session;
pub mod sessions;
pub mod subscribe;
