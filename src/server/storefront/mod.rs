//! The data that pages show: live prices, the form, and the customer's order.

pub mod catalogue;
pub mod page_data;
