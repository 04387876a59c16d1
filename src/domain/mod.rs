//! Facts and rules of the shop: money, products, people, checkouts and preorders.
//!
//! No I/O, clock, randomness, framework or database in here. Built for the server and for the browser.

pub use minor_money as money;

pub mod text;

pub mod customer;
pub mod product;
pub mod promise;

pub mod checkout;
pub mod life;
pub mod mirror;
pub mod payment;
pub mod preorder;
