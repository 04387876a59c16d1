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
    /// The ways to pay, where there is a choice.
    pub choice: Option<MethodChoice>,
    /// The customer comes from the payment page without having paid.
    pub cancelled: bool,
    /// Development builds fold out technical detail; production shows a request id.
    pub development: bool,
    pub request_id: String,
}

/// Several ways to pay, in the merchant's order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MethodChoice {
    pub methods: Vec<ProviderId>,
    /// The default, or the one of the form that came back.
    pub chosen: ProviderId,
    /// How many days a bank transfer may take.
    pub transfer_days: u16,
}

/// What a customer sees on the way back from the payment page, and on the page of an order.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum OrderOutcome {
    /// There is a preorder; its status says whether the money is here.
    Order(Box<OrderSummary>),
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
    /// For an order that is paid by bank transfer.
    pub transfer: Option<Transfer>,
}

/// How an order is paid by bank transfer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// `None` where the shop takes no more transfers: the merchant must be asked.
    pub account: Option<TransferAccount>,
    /// The last day, as a customer reads it.
    pub until: Option<String>,
    /// That day is over.
    pub overdue: bool,
}

/// The merchant's account, as it is copied into a bank's form.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TransferAccount {
    pub holder: String,
    /// In groups of four.
    pub iban: String,
    pub bic: Option<String>,
}

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
    let request = crate::domain::checkout::CheckoutRequest { color, email, locale, attempt, method };
    crate::server::storefront::page_data::create_checkout(request).await
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
