//! Use case: erases one customer's personal data. Each order is one atomic step. Then follow events
//! that name no order, and the copies of customers. Stripe and Klaviyo have their own copies; the
//! report says so.

mod search;

use serde::Serialize;
use thiserror::Error;

use self::search::Identifiers;
use crate::domain::{
    lifecycle::{self, Change, MerchantAction, OrderState},
    preorder::{Preorder, PreorderNumber},
};
use crate::server::{
    retry,
    state::Shop,
    store::{Erased, Erasure, OrderKey, PreorderFilter, StoreError},
};

/// Orders of a page.
const PAGE: u32 = 100;

/// Whose data is erased.
#[derive(Clone, Debug)]
pub enum Subject {
    /// One order, and what belongs to it. Other orders of the same customer stay.
    Order(PreorderNumber),
    /// Every order of this email address, and every row that holds the address.
    Address(String),
}

/// How to erase.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErasureOptions {
    /// Report what would be erased, and change nothing.
    pub dry_run: bool,
    /// Also erase data that orders still need, and parked events.
    pub force: bool,
}

/// What was erased, or would be.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErasureReport {
    pub dry_run: bool,
    pub orders: Vec<OrderResult>,
    /// Logged events whose bodies and addresses were removed.
    pub events: u64,
    /// Messages whose bodies were removed. Unsent ones are withdrawn.
    pub messages: u64,
    /// Copies of the provider's customers.
    pub customers: u64,
    /// Events that hold personal data and are not applied yet: they need their bodies.
    pub waiting: u64,
    /// Rows that could not be parsed. They may hold personal data.
    pub unreadable: u64,
}

/// The result of one order.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct OrderResult {
    pub number: String,
    pub status: &'static str,
    /// Why the order was not erased; `None` if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl ErasureReport {
    /// Returns whether the shop holds nothing of the customer any more.
    pub(crate) fn is_complete(&self) -> bool {
        self.waiting == 0 && self.unreadable == 0 && self.orders.iter().all(|order| order.refused.is_none())
    }
}

/// Why an erasure ended early. It is safe to repeat.
#[derive(Debug, Error)]
pub enum EraseError {
    #[error("there is no preorder {0}")]
    Unknown(PreorderNumber),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Erases a customer's personal data. Safe to repeat, and safe while the shop runs.
///
/// If one of the orders is refused, events that name no order and the copies of customers stay:
/// the customer is still a customer.
pub async fn erase(shop: &Shop, subject: &Subject, options: ErasureOptions) -> Result<ErasureReport, EraseError> {
    let orders = find_orders(shop, subject).await?;
    let identifiers = identifiers(shop, subject, &orders).await?;
    let mut report = ErasureReport { dry_run: options.dry_run, ..ErasureReport::default() };
    for preorder in &orders {
        let refused = match erase_order(shop, &preorder.number, options).await? {
            Some(Erased::Done { events, messages, .. }) => {
                report.events += events;
                report.messages += messages;
                None
            }
            Some(Erased::Refused(reason)) => Some(reason),
            None => continue,
        };
        let status = preorder.details.status.as_str();
        report.orders.push(OrderResult { number: preorder.number.to_string(), status, refused });
    }
    if report.orders.iter().all(|order| order.refused.is_none()) {
        identifiers.erase_events(shop, options, &mut report).await?;
        identifiers.erase_customers(shop, options, &mut report).await?;
    }
    Ok(report)
}

/// Returns the identifiers to search for in rows that name no order.
async fn identifiers(shop: &Shop, subject: &Subject, orders: &[Preorder]) -> Result<Identifiers, StoreError> {
    let mut identifiers = Identifiers::default();
    for preorder in orders {
        identifiers.add_order(preorder);
    }
    match subject {
        Subject::Address(address) => identifiers.add_address(address),
        Subject::Order(number) => {
            identifiers.only_this_order = true;
            for preorder in orders.iter().filter(|preorder| !preorder.details.email.is_empty()) {
                // A row with only the address may belong to the customer's other orders.
                let others = orders_of_address(shop, &preorder.details.email).await?;
                if others.iter().all(|other| other.number == *number) {
                    identifiers.add_address(&preorder.details.email);
                }
            }
        }
    }
    Ok(identifiers)
}

/// Erases one order, and repeats the step while the database reports a lost race. Returns `None` if
/// there is no such order.
pub(crate) async fn erase_order(
    shop: &Shop,
    number: &PreorderNumber,
    options: ErasureOptions,
) -> Result<Option<Erased>, StoreError> {
    let action = MerchantAction::Erase { at: shop.clock.now().unix_timestamp(), force: options.force };
    let decide = |order: &OrderState| lifecycle::act(order, &action).unwrap_or_else(Change::Ignore);
    retry::on_conflict(|| shop.store.erase(Erasure { number, decide: &decide, dry_run: options.dry_run })).await
}

async fn find_orders(shop: &Shop, subject: &Subject) -> Result<Vec<Preorder>, EraseError> {
    match subject {
        Subject::Order(number) => {
            let found = shop.store.order(OrderKey::Number(number)).await?;
            Ok(vec![found.ok_or_else(|| EraseError::Unknown(number.clone()))?.preorder])
        }
        Subject::Address(address) => Ok(orders_of_address(shop, address).await?),
    }
}

async fn orders_of_address(shop: &Shop, address: &str) -> Result<Vec<Preorder>, StoreError> {
    let mut filter = PreorderFilter { email: Some(address.to_owned()), ..PreorderFilter::default() };
    let mut found: Vec<Preorder> = Vec::new();
    loop {
        let page = shop.store.orders(&filter, PAGE).await?;
        let more = u32::try_from(page.len()).is_ok_and(|len| len == PAGE);
        found.extend(page.into_iter().map(|purchase| purchase.preorder));
        filter.after = found.last().map(|last| last.number.clone());
        if !more {
            return Ok(found);
        }
    }
}
