//! What the pages ask of the server: the only place in `app` that names it, inside bodies that the browser never gets.

use leptos::{
    prelude::*,
    server_fn::{codec::JsonEncoding, error::ServerFnErrorErr},
};
use serde::{Deserialize, Serialize};

use crate::domain::{
    checkout::{Attempt, CheckoutError},
    customer::{Email, Locale},
    money::Money,
    payment::{ProviderId, SessionId},
    preorder::{PreorderNumber, PreorderStatus},
    product::{Offer, ProductColor},
};

/// What the storefront needs to be drawn for one visitor, once. Never cached: attempt and input belong to one response.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Storefront {
    /// The colors in the merchant's order; `None` while no price is known yet.
    pub offers: Option<Vec<Offer>>,
    /// The color in the URL, or of the form that came back.
    pub selected: Option<ProductColor>,
    /// The address of the form that came back; else empty.
    pub email: String,
    /// This page's intention to buy, see [`crate::domain::checkout::Attempt`].
    pub attempt: String,
    /// Why the form came back (a form sent without WebAssembly).
    pub error: Option<CheckoutError>,
    /// The customer comes from the payment page without having paid.
    pub cancelled: bool,
    /// Development builds fold out technical detail; production shows a request id.
    pub development: bool,
    pub request_id: String,
}

/// What a customer sees on the way back from the payment page.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum OrderOutcome {
    /// There is a preorder; its status says whether the money is here.
    Order(OrderSummary),
    /// The checkout was not finished: it can be continued.
    Unfinished { color: Option<ProductColor> },
    /// No checkout of this shop has that id.
    NotFound,
    /// Neither the provider nor our records could be asked. The payment, if there was one, is safe.
    Unreachable,
}

/// A preorder as far as a link may show it: no street, no name, the address masked.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OrderSummary {
    pub number: PreorderNumber,
    pub status: PreorderStatus,
    pub color: Option<ProductColor>,
    pub amount: Option<Money>,
    pub city: Option<String>,
    pub country: Option<String>,
    pub masked_email: String,
    /// The session, for the page's own updates while a payment is pending.
    pub session: SessionId,
}

/// The storefront's data for this request.
#[server(endpoint = "load_storefront")]
pub async fn load_storefront() -> Result<Storefront, ServerFnError> {
    Ok(crate::server::pages::storefront().await)
}

/// What became of the checkout session that the URL names.
#[server(endpoint = "load_order")]
pub async fn load_order(session: String) -> Result<OrderOutcome, ServerFnError> {
    Ok(crate::server::pages::order_outcome(&session).await)
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
    let request = crate::domain::checkout::CheckoutRequest { color, email, locale, attempt, method };
    crate::server::pages::create_checkout(request).await
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
