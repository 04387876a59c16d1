//! What the customer sees: the document, the pages, the islands, and the server functions that they
//! call. Built for server and browser. Nothing in here touches the database, the network or a
//! secret, and only the islands reach the browser.

pub mod api;

mod shell;
pub use shell::{App, shell};

mod frame;
pub use frame::Reference;

mod not_found_page;
mod order_link_page;
mod order_page;
mod policies;
mod questions;
mod storefront_page;
mod story;

mod companion;
mod countries;
mod timeline;
mod transfer_slip;

mod checkout;
mod checkout_state;
mod email_field;
mod offers_feed;
mod payment_button;
mod payment_error_boundary;
mod payment_method;
mod product_selection;
mod submission;

mod await_payment;
mod copy_number;

mod analytics;
mod json_request;
