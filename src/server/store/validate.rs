//! Whether a row reads: every column that must be there is, of its kind, and means something to this program. Both stores ask it
//! before a row goes on a journey.

use super::{
    EventStatus, MessageStatus, StoreError,
    record::{Row, Table},
};
use crate::domain::{
    customer::ShippingAddress,
    lifecycle::{DisputeFunds, DisputeStatus, IntentStatus, Notification, RefundStatus},
    mirror::SubscriptionStatus,
    money::{Currency, Money},
    payment::{CustomerId, DisputeId, EventId, IntentId, ProviderId, RefundId, SessionId, SubscriptionId},
    preorder::{PreorderNumber, PreorderStatus},
    product::ProductColor,
};

/// Names the first column that does not read.
pub fn check(row: &Row) -> Result<(), StoreError> {
    if row.table != Table::Outbox {
        row.parsed("provider", ProviderId::from_name)?;
    }
    match row.table {
        Table::Preorders => preorder(row),
        Table::Payments => payment(row),
        Table::Refunds => refund(row),
        Table::Disputes => dispute(row),
        Table::WebhookLogs => event(row),
        Table::Outbox => message(row),
        Table::Customers => customer(row),
        Table::Subscriptions => subscription(row),
        Table::ReconcileMarks => mark(row),
        Table::ReconcileDifferences => difference(row),
    }
}

fn preorder(row: &Row) -> Result<(), StoreError> {
    row.parsed("session_id", SessionId::parse)?;
    row.text("id")?;
    row.parsed("preorder_number", |text| text.parse::<PreorderNumber>().ok())?;
    row.parsed("status", |text| text.parse::<PreorderStatus>().ok())?;
    row.parsed_opt("color", |text| text.parse::<ProductColor>().ok())?;
    row.text("email")?;
    money(row)?;
    row.int("refunded_minor")?;
    if let Some(address) = row.json_opt("shipping_address") {
        serde_json::from_value::<ShippingAddress>(address).map_err(|_| row.unreadable("shipping_address"))?;
    }
    texts(
        row,
        &[
            "user_id",
            "payment_intent_id",
            "attempt",
            "locale",
            "tracking_number",
            "access_hash",
            "review_reason",
            "review_settled",
        ],
    )?;
    truths(row, &["livemode", "second_payment", "needs_review", "klaviyo_event_sent"])?;
    row.time_opt("completed_at")?;
    row.time_opt("erased_at")?;
    written(row)
}

fn payment(row: &Row) -> Result<(), StoreError> {
    row.parsed("payment_intent_id", IntentId::parse)?;
    row.parsed("status", IntentStatus::from_name)?;
    money(row)?;
    row.int("refunded_minor")?;
    truths(row, &["ours", "livemode"])?;
    row.time_opt("failed_at")?;
    texts(row, &["failure_code", "session_id"])?;
    row.texts("refund_ids")?;
    row.texts("dispute_ids")?;
    written(row)
}

fn refund(row: &Row) -> Result<(), StoreError> {
    row.parsed("id", RefundId::parse)?;
    row.parsed("payment_intent_id", IntentId::parse)?;
    row.parsed("status", RefundStatus::from_name)?;
    row.int("amount_minor")?;
    row.text("currency")?;
    money(row)?;
    truths(row, &["counted", "succeeded", "livemode"])?;
    texts(row, &["reason", "failure"])?;
    written(row)
}

fn dispute(row: &Row) -> Result<(), StoreError> {
    row.parsed("id", DisputeId::parse)?;
    row.parsed("payment_intent_id", IntentId::parse)?;
    row.parsed("status", DisputeStatus::from_name)?;
    row.parsed("funds", DisputeFunds::from_name)?;
    row.int("amount_minor")?;
    row.text("currency")?;
    money(row)?;
    row.text("reason")?;
    row.time_opt("due_by")?;
    truths(row, &["livemode"])?;
    written(row)
}

fn event(row: &Row) -> Result<(), StoreError> {
    row.parsed("stripe_event_id", EventId::parse)?;
    row.text("event")?;
    row.parsed("status", EventStatus::from_name)?;
    texts(row, &["preorder_id", "email", "error"])?;
    truths(row, &["klaviyo_event_sent"])?;
    row.bytes_opt("raw_body")?;
    row.int("attempts")?;
    row.time("available_at")?;
    row.time("received_at")?;
    row.time_opt("processed_at").map(drop)
}

fn message(row: &Row) -> Result<(), StoreError> {
    row.text("dedupe_key")?;
    row.text("kind")?;
    row.parsed("status", MessageStatus::from_name)?;
    row.parsed_opt("consequence", |text| text.parse::<Notification>().ok())?;
    row.bytes("body")?;
    row.int("attempts")?;
    texts(row, &["lease_token", "last_error", "preorder_id"])?;
    row.time("available_at")?;
    row.time("created_at")?;
    row.time_opt("sent_at").map(drop)
}

fn customer(row: &Row) -> Result<(), StoreError> {
    row.parsed("id", CustomerId::parse)?;
    texts(row, &["email", "name"])?;
    truths(row, &["deleted", "livemode"])?;
    row.time_opt("erased_at")?;
    told(row)
}

fn subscription(row: &Row) -> Result<(), StoreError> {
    row.parsed("id", SubscriptionId::parse)?;
    row.parsed("status", SubscriptionStatus::from_name)?;
    texts(row, &["customer_id", "price_id", "latest_invoice_id"])?;
    row.int_opt("quantity")?;
    truths(row, &["paused", "cancel_at_period_end", "livemode"])?;
    row.time_opt("current_period_end")?;
    row.bool_opt("latest_invoice_paid")?;
    row.time_opt("latest_invoice_told_at")?;
    told(row)
}

fn mark(row: &Row) -> Result<(), StoreError> {
    row.text("scope")?;
    row.time("mark")?;
    row.time_opt("passing")?;
    texts(row, &["cursor"])
}

fn difference(row: &Row) -> Result<(), StoreError> {
    row.text("id")?;
    row.text("scope")?;
    row.text("what")?;
    texts(row, &["number"])?;
    row.time("found_at").map(drop)
}

/// An amount is there when both of its columns are.
fn money(row: &Row) -> Result<(), StoreError> {
    if let (Some(minor), Some(currency)) = (row.int_opt("amount_minor")?, row.text_opt("currency")?) {
        let currency: Currency = currency.parse().map_err(|_| row.unreadable("currency"))?;
        Money::new(minor, currency).map_err(|_| row.unreadable("amount_minor"))?;
    }
    Ok(())
}

fn texts(row: &Row, columns: &[&str]) -> Result<(), StoreError> {
    columns.iter().try_for_each(|column| row.text_opt(column).map(drop))
}

fn truths(row: &Row, columns: &[&str]) -> Result<(), StoreError> {
    columns.iter().try_for_each(|column| row.bool(column).map(drop))
}

/// Columns that a copy of something at the provider has.
fn told(row: &Row) -> Result<(), StoreError> {
    row.time("told_at")?;
    row.int("finality")?;
    row.time("updated_at").map(drop)
}

fn written(row: &Row) -> Result<(), StoreError> {
    row.time("created_at")?;
    row.time("updated_at").map(drop)
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_row_that_means_nothing_is_named_by_its_key_and_column() {
        let mark = |provider: &str| {
            Row::new(Table::ReconcileMarks)
                .with("provider", provider)
                .with("scope", "events")
                .with("mark", OffsetDateTime::UNIX_EPOCH)
        };
        assert!(check(&mark("stripe")).is_ok());
        let told = check(&mark("paypal")).unwrap_err().to_string();
        assert_eq!(told, "unreadable row: reconcile_marks.provider of paypal/events");
        let told = check(&mark("stripe").with("cursor", 1_i64)).unwrap_err().to_string();
        assert_eq!(told, "unreadable row: reconcile_marks.cursor of stripe/events");
    }
}
