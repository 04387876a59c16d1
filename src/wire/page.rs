//! The data of each page, as the server hands it to the page's view.

use serde::{Deserialize, Serialize};

use super::checkout_seed::CheckoutSeed;
use crate::domain::{
    money::Money,
    preorder::{PreorderNumber, PreorderStatus},
    product::ProductColor,
};

/// The storefront for one visitor. Never cached: the attempt and the input belong to one response.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct Storefront {
    pub seed: CheckoutSeed,
    /// Whether the customer comes from the payment page without having paid.
    pub cancelled: bool,
}

/// What a customer sees on the return page and on the order page.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum OrderOutcome {
    /// There is a preorder; its status says whether the money is here.
    Order(Box<OrderSummary>),
    /// The checkout was not finished and can be continued.
    Unfinished { color: Option<ProductColor> },
    /// No checkout of this shop has that id.
    NotFound,
    /// Neither the provider nor our records could be read. The payment, if there was one, is safe.
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
    /// Empty once the order was erased.
    pub masked_email: String,
    /// For an order that is paid by bank transfer.
    pub transfer: Option<Transfer>,
}

/// How an order is paid by bank transfer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Transfer {
    /// `None` where the shop takes no more transfers: the customer must ask the merchant.
    pub account: Option<TransferAccount>,
    /// The last day, as a customer reads it.
    pub until: Option<String>,
    /// Whether that day is over.
    pub overdue: bool,
}

/// The merchant's account, as it is copied into a bank's form.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TransferAccount {
    pub holder: String,
    /// In groups of four characters.
    pub iban: String,
    pub bic: Option<String>,
}
