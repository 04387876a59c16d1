//! The data that pages show: live prices, the form, and the customer's order.

pub mod catalogue;
pub mod email_cookie;
pub mod page_data;
