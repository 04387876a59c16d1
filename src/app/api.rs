//! The server functions of the pages. Only this file of `app` names `server`, inside bodies that
//! the browser's bundle leaves out.

use leptos::{
    prelude::*,
    server_fn::{codec::JsonEncoding, error::ServerFnErrorErr},
};

use crate::{
    domain::{
        checkout::{Attempt, CheckoutError},
        customer::{Email, Locale},
        payment::ProviderId,
        product::ProductColor,
    },
    wire::page::{OrderOutcome, Storefront},
};

/// Returns the storefront's data for this request.
#[server(endpoint = "load_storefront")]
pub async fn load_storefront() -> Result<Storefront, ServerFnError> {
    Ok(crate::server::storefront::page_data::storefront().await)
}

/// Returns the outcome of the checkout session that the URL names.
#[server(endpoint = "load_order")]
pub async fn load_order(session: String) -> Result<OrderOutcome, ServerFnError> {
    Ok(crate::server::storefront::page_data::order_outcome(&session).await)
}

/// Returns the order with this number, if `token` is its token. Sets the status of the response.
#[server(endpoint = "load_order_by_link")]
pub async fn load_order_by_link(number: String, token: String) -> Result<OrderOutcome, ServerFnError> {
    Ok(crate::server::storefront::page_data::order_by_link(&number, &token).await)
}

/// Starts a checkout and returns the URL of the payment page. Equal calls return the same URL.
#[server(endpoint = "create_checkout")]
pub async fn create_checkout(
    color: ProductColor,
    email: Email,
    locale: Locale,
    attempt: Option<Attempt>,
    method: Option<ProviderId>,
) -> Result<String, CheckoutError> {
    let shop = use_context::<std::sync::Arc<crate::server::state::Shop>>().ok_or(CheckoutError::Configuration)?;
    let request = crate::domain::checkout::CheckoutRequest { color, email, locale, attempt, method };
    crate::server::orders::checkout::start(&shop, request).await
}

/// A call that fails on its way is the network's fault, or the fault of a page that is out of date.
impl FromServerFnError for CheckoutError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => Self::Network,
            _ => Self::Configuration,
        }
    }
}
