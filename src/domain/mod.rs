//! The shop's data and rules: money, products, customers, checkouts and preorders.
//!
//! No I/O, clock, randomness, framework or database in here. It is built for the server and for the
//! browser.

pub use minor_money as money;

pub mod sanitize;

pub mod batch;
pub mod customer;
pub mod product;

pub mod checkout;
pub mod lifecycle;
pub mod mirror;
pub mod payment;
pub mod preorder;
