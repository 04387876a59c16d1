//! The data that pages show: live prices, the form, and the customer's order.

pub(crate) mod catalogue;
pub mod email_cookie;
pub(crate) mod page_data;
