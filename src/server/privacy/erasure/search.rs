//! Finds rows that name no order but belong to a customer, by email address, session id and payment
//! id. Rows are read page by page and searched here: neither store can search bodies.

use std::collections::HashSet;

use serde_json::Value;

use super::{ErasureOptions, ErasureReport};
use crate::{
    domain::{payment::IntentId, preorder::Preorder},
    server::{
        state::Shop,
        store::{Entry, EventStatus, Row, StoreError, Table},
    },
};

/// Rows of a page. A row of the log may hold a megabyte.
const EVENTS_PAGE: u32 = 25;
const CUSTOMERS_PAGE: u32 = 200;

#[derive(Default)]
/// The identifiers of a customer, and the search for them.
pub struct Identifiers {
    /// All identifiers, in lower case.
    needles: Vec<String>,
    /// The email addresses among them, in lower case.
    addresses: HashSet<String>,
    /// The ids of the erased orders: rows that name one were erased with it.
    orders: HashSet<String>,
    /// Whether rows that name another order are left alone.
    pub only_this_order: bool,
}

impl Identifiers {
    /// Adds the session id and the payment id of an order.
    pub(crate) fn add_order(&mut self, preorder: &Preorder) {
        let details = &preorder.details;
        self.needles.push(details.session.as_str().to_lowercase());
        self.needles.extend(details.intent.as_ref().map(IntentId::as_str).map(str::to_lowercase));
        self.orders.insert(preorder.id.as_str().to_owned());
    }

    /// Adds an email address.
    pub(crate) fn add_address(&mut self, address: &str) {
        let address = address.trim().to_lowercase();
        if address.is_empty() || !self.addresses.insert(address.clone()) {
            return;
        }
        // As it is written in a URL, too.
        self.needles.extend([address.replace('@', "%40"), address]);
    }

    /// Erases events that hold one of the identifiers, and counts them in `report`.
    pub async fn erase_events(
        &self,
        shop: &Shop,
        options: ErasureOptions,
        report: &mut ErasureReport,
    ) -> Result<(), StoreError> {
        let mut after = None::<String>;
        loop {
            let page = shop.store.export(Table::WebhookLogs, after.as_deref(), EVENTS_PAGE).await?;
            after = page.next();
            let mut erasing = Vec::new();
            for entry in &page.entries {
                let row = match entry {
                    Entry::Row(row) => row,
                    Entry::Unreadable(_) => {
                        report.unreadable += 1;
                        continue;
                    }
                };
                if !self.matches_log(row) {
                    continue;
                }
                match EventStatus::of(row) {
                    Some(status) if status.is_closed() => erasing.push(row.key()),
                    Some(EventStatus::Parked) if options.force => erasing.push(row.key()),
                    _ => report.waiting += 1,
                }
            }
            report.events += if options.dry_run || erasing.is_empty() {
                erasing.len() as u64
            } else {
                shop.store.erase_events(&erasing, options.force).await?
            };
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Returns whether a row of the log holds one of the identifiers and was not erased with its
    /// order.
    fn matches_log(&self, log: &Row) -> bool {
        let text = |column| log.text_opt(column).ok().flatten();
        match text("preorder_id") {
            Some(order) if self.orders.contains(order) => return false,
            Some(_) if self.only_this_order => return false,
            _ => {}
        }
        text("email").is_some_and(|email| self.addresses.contains(&email.to_lowercase()))
            || log.bytes_opt("raw_body").ok().flatten().is_some_and(|body| self.matches_body(&body))
    }

    fn matches_body(&self, body: &[u8]) -> bool {
        // As it is written, and as it reads after JSON's escapes (`\u0040`).
        self.matches_text(&String::from_utf8_lossy(body))
            || serde_json::from_slice(body).is_ok_and(|body: Value| self.matches_json(&body))
    }

    fn matches_json(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.matches_text(text),
            Value::Array(items) => items.iter().any(|item| self.matches_json(item)),
            Value::Object(fields) => {
                fields.iter().any(|(name, value)| self.matches_text(name) || self.matches_json(value))
            }
            _ => false,
        }
    }

    fn matches_text(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.needles.iter().any(|needle| contains_word(&text, needle))
    }

    /// Erases copies of customers that have one of the email addresses.
    pub async fn erase_customers(
        &self,
        shop: &Shop,
        options: ErasureOptions,
        report: &mut ErasureReport,
    ) -> Result<(), StoreError> {
        if self.addresses.is_empty() {
            return Ok(());
        }
        let mut after = None::<String>;
        loop {
            let page = shop.store.export(Table::Customers, after.as_deref(), CUSTOMERS_PAGE).await?;
            after = page.next();
            let mut erasing = Vec::new();
            for entry in &page.entries {
                match entry {
                    Entry::Row(row) if self.matches_customer(row) => erasing.push(row.key()),
                    Entry::Row(_) => {}
                    Entry::Unreadable(_) => report.unreadable += 1,
                }
            }
            report.customers += if options.dry_run || erasing.is_empty() {
                erasing.len() as u64
            } else {
                shop.store.erase_customers(&erasing).await?
            };
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn matches_customer(&self, customer: &Row) -> bool {
        let email = customer.text_opt("email").ok().flatten();
        email.is_some_and(|email| self.addresses.contains(&email.to_lowercase()))
    }
}

/// Returns whether `needle` is in `text` as a whole word: `jo@example.com` is neither in
/// `bigjo@example.com` nor in `jo@example.com.au`.
fn contains_word(text: &str, needle: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || "_-+%".contains(c);
    text.match_indices(needle).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + needle.len()..].chars();
        let next = after.next();
        let continues =
            next.is_some_and(is_part) || (next == Some('.') && after.next().is_some_and(char::is_alphanumeric));
        !continues && !before.is_some_and(|c| is_part(c) || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_address_is_found_in_any_spelling_and_never_inside_another_address() {
        let mut identifiers = Identifiers::default();
        identifiers.add_address(" Jo@Example.com ");
        for body in [
            r#"{"email":"jo@example.com"}"#,
            r#"{"a":[{"b":"JO@EXAMPLE.COM"}]}"#,
            r#"{"email":"jo\u0040example.com"}"#,
            r#"{"to":"Jo <jo@example.com>."}"#,
            r#"{"url":"https://x.example/?prefilled_email=jo%40example.com&x=1"}"#,
            r#"{"note":"line\njo@example.com"}"#,
            "not json: jo@example.com",
        ] {
            assert!(identifiers.matches_body(body.as_bytes()), "{body}");
        }
        for body in [
            r#"{"email":"bigjo@example.com"}"#,
            r#"{"email":"big.jo@example.com"}"#,
            r#"{"email":"jo@example.com.au"}"#,
            r#"{"email":"jo@example.community"}"#,
            r#"{"email":"jo@other.example.com"}"#,
            "",
        ] {
            assert!(!identifiers.matches_body(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn rows_of_another_order_are_left_alone_when_one_order_is_erased() {
        let log = |order: Option<&str>| {
            Row::new(Table::WebhookLogs)
                .with("preorder_id", order.map(str::to_owned))
                .with("raw_body", bytes::Bytes::from_static(b"jo@example.com"))
        };
        let mut identifiers = Identifiers::default();
        identifiers.add_address("jo@example.com");
        identifiers.orders.insert("mine".to_owned());
        assert!(identifiers.matches_log(&log(None)) && identifiers.matches_log(&log(Some("other"))));
        assert!(!identifiers.matches_log(&log(Some("mine"))), "it was erased with its order");
        identifiers.only_this_order = true;
        assert!(identifiers.matches_log(&log(None)) && !identifiers.matches_log(&log(Some("other"))));
    }
}
