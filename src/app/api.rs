//! What the pages ask of the server: the only place in `app` that names it, inside bodies that the browser never gets.

use crate::{
    domain::{
        checkout::{Attempt, CheckoutError},
        customer::{Email, Locale},
        payment::ProviderId,
        product::ProductColor,
    },
    wire::page::{OrderOutcome, Storefront},
};
use leptos::{
    prelude::*,
    server_fn::{codec::JsonEncoding, error::ServerFnErrorErr},
};

/// The storefront's data for this request.
#[server(endpoint = "load_storefront")]
pub async fn load_storefront() -> Result<Storefront, ServerFnError> {
    Ok(crate::server::storefront::page_data::storefront().await)
}

/// What became of the checkout session that the URL names.
#[server(endpoint = "load_order")]
pub async fn load_order(session: String) -> Result<OrderOutcome, ServerFnError> {
    Ok(crate::server::storefront::page_data::order_outcome(&session).await)
}

/// The order of this number, for who has its token. Sets the answer's status.
#[server(endpoint = "load_order_by_link")]
pub async fn load_order_by_link(number: String, token: String) -> Result<OrderOutcome, ServerFnError> {
    Ok(crate::server::storefront::page_data::order_by_link(&number, &token).await)
}

/// Starts a checkout: the URL of the payment page. Equal calls give the same one.
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

/// Whatever goes wrong between a browser and the function is the network to a customer, or a page that is out of date.
impl FromServerFnError for CheckoutError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => Self::Network,
            _ => Self::Configuration,
        }
    }
}
