//! The domain's types as rows, and back, for Firestore. The columns are those of the tables in
//! PostgreSQL, whose own queries do the same by their checked types.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::{Row, StoreError, Value};
use crate::domain::{
    checkout::Attempt,
    customer::{Locale, ShippingAddress},
    lifecycle::{Dispute, DisputeFunds, DisputeStatus, IntentStatus, PaymentRecord, Refund, RefundStatus},
    mirror::{CustomerCopy, InvoiceCopy, SubscriptionCopy},
    money::Money,
    payment::{CustomerId, DisputeId, IntentId, PriceId, ProviderId, RefundId, SessionId},
    preorder::{AccessHash, Preorder, PreorderDetails, PreorderId, Review},
    product::ProductColor,
};

/// Columns by name.
pub type Fields = BTreeMap<String, Value>;

/// Sets many fields at once.
macro_rules! set {
    ($fields:expr, { $($name:expr => $value:expr),+ $(,)? }) => {{
        $( $fields.insert($name.to_owned(), $crate::server::store::Value::from($value)); )+
    }};
}
pub(super) use set;

/// Returns the time of unix seconds; `None` beyond the years that a timestamp has.
pub fn moment(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// Parses a row of `preorders`.
pub fn preorder_of(row: &Row) -> Result<Preorder, StoreError> {
    let shipping = row.json_opt("shipping_address").map(serde_json::from_value::<ShippingAddress>);
    Ok(Preorder {
        id: PreorderId::new(row.text("id")?),
        number: row.parsed("preorder_number", |text| text.parse().ok())?,
        details: PreorderDetails {
            provider: row.parsed("provider", ProviderId::from_name)?,
            session: row.parsed("session_id", SessionId::parse)?,
            intent: row.text_opt("payment_intent_id")?.and_then(IntentId::parse),
            attempt: row.text_opt("attempt")?.and_then(Attempt::parse),
            status: row.parsed("status", |text| text.parse().ok())?,
            email: row.text("email")?.to_owned(),
            color: row.parsed_opt("color", |text| text.parse::<ProductColor>().ok())?,
            amount: money(row)?,
            refunded_minor: row.int("refunded_minor")?,
            locale: row.text_opt("locale")?.and_then(Locale::parse).unwrap_or_default(),
            shipping: shipping.transpose().map_err(|_| row.unreadable("shipping_address"))?,
            livemode: row.bool("livemode")?,
            completed_at: row.time_opt("completed_at")?.map(OffsetDateTime::unix_timestamp),
            access: row.text_opt("access_hash")?.and_then(AccessHash::parse),
            tracking: row.text_opt("tracking_number")?.map(str::to_owned),
            second_payment: row.bool("second_payment")?,
            review: Review::from_codes(row.text_opt("review_reason")?, row.text_opt("review_settled")?),
            erased_at: row.time_opt("erased_at")?.map(OffsetDateTime::unix_timestamp),
        },
    })
}

/// Returns the amount of a row, where it has one.
fn money(row: &Row) -> Result<Option<Money>, StoreError> {
    let (Some(minor), Some(currency)) = (row.int_opt("amount_minor")?, row.text_opt("currency")?) else {
        return Ok(None);
    };
    let read = currency.parse().and_then(|currency| Money::new(minor, currency));
    read.map(Some).map_err(|_| row.unreadable("amount_minor"))
}

fn needed_money(row: &Row) -> Result<Money, StoreError> {
    money(row)?.ok_or_else(|| row.unreadable("amount_minor"))
}

/// Sets the fields of a preorder, and leaves the others.
pub fn put_preorder(fields: &mut Fields, preorder: &Preorder) {
    let details = &preorder.details;
    let text = |text: String| (!text.is_empty()).then_some(text);
    let shipping = details.shipping.as_ref().and_then(|address| serde_json::to_value(address).ok());
    set!(fields, {
        "id" => preorder.id.as_str(),
        "preorder_number" => preorder.number.as_str(),
        "provider" => details.provider.as_str(),
        "session_id" => details.session.as_str(),
        "payment_intent_id" => details.intent.as_ref().map(IntentId::as_str),
        "attempt" => details.attempt.as_ref().map(Attempt::as_str),
        "status" => details.status.as_str(),
        "email" => details.email.as_str(),
        "color" => details.color.map(ProductColor::as_str),
        "amount_minor" => details.amount.map(Money::minor),
        "currency" => details.amount.map(|amount| amount.currency().to_string()),
        "refunded_minor" => details.refunded_minor,
        "locale" => details.locale.as_str(),
        "shipping_address" => shipping.map(Value::from_json),
        "livemode" => details.livemode,
        "completed_at" => details.completed_at.and_then(moment),
        "access_hash" => details.access.as_ref().map(AccessHash::as_str),
        "tracking_number" => details.tracking.clone(),
        "second_payment" => details.second_payment,
        "needs_review" => details.review.is_open(),
        "review_reason" => text(details.review.open_codes()),
        "review_settled" => text(details.review.resolved_codes()),
        "erased_at" => details.erased_at.and_then(moment),
    });
    if details.erased_at.is_some() {
        set!(fields, { "user_id" => Value::Null });
    }
}

/// Parses a row of `payments`.
pub fn payment_of(row: &Row) -> Result<PaymentRecord, StoreError> {
    let failed = row.time_opt("failed_at")?.map(OffsetDateTime::unix_timestamp);
    let code = row.text_opt("failure_code")?.unwrap_or_default().to_owned();
    Ok(PaymentRecord {
        intent: row.parsed("payment_intent_id", IntentId::parse)?,
        status: row.parsed("status", IntentStatus::from_name)?,
        amount: money(row)?,
        ours: row.bool("ours")?,
        failure: failed.map(|at| (at, code)),
        refunded_minor: row.int("refunded_minor")?,
        livemode: row.bool("livemode")?,
    })
}

/// Sets the fields of a payment, and leaves the others.
pub fn put_payment(fields: &mut Fields, provider: ProviderId, payment: &PaymentRecord) {
    set!(fields, {
        "payment_intent_id" => payment.intent.as_str(),
        "provider" => provider.as_str(),
        "status" => payment.status.as_str(),
        "amount_minor" => payment.amount.map(Money::minor),
        "currency" => payment.amount.map(|amount| amount.currency().to_string()),
        "ours" => payment.ours,
        "failed_at" => payment.failure.as_ref().and_then(|(at, _)| moment(*at)),
        "failure_code" => payment.failure.as_ref().map(|(_, code)| code.as_str()),
        "refunded_minor" => payment.refunded_minor,
        "livemode" => payment.livemode,
    });
}

/// Parses a row of `refunds`.
pub fn refund_of(row: &Row) -> Result<Refund, StoreError> {
    Ok(Refund {
        id: row.parsed("id", RefundId::parse)?,
        intent: row.parsed("payment_intent_id", IntentId::parse)?,
        amount: needed_money(row)?,
        status: row.parsed("status", RefundStatus::from_name)?,
        counted: row.bool("counted")?,
        succeeded: row.bool("succeeded")?,
        reason: row.text_opt("reason")?.map(str::to_owned),
        failure: row.text_opt("failure")?.map(str::to_owned),
        livemode: row.bool("livemode")?,
    })
}

/// Sets the fields of a refund.
pub fn put_refund(fields: &mut Fields, provider: ProviderId, refund: &Refund) {
    set!(fields, {
        "id" => refund.id.as_str(),
        "provider" => provider.as_str(),
        "payment_intent_id" => refund.intent.as_str(),
        "amount_minor" => refund.amount.minor(),
        "currency" => refund.amount.currency().to_string(),
        "status" => refund.status.as_str(),
        "counted" => refund.counted,
        "succeeded" => refund.succeeded,
        "reason" => refund.reason.clone(),
        "failure" => refund.failure.clone(),
        "livemode" => refund.livemode,
    });
}

/// Parses a row of `disputes`.
pub fn dispute_of(row: &Row) -> Result<Dispute, StoreError> {
    Ok(Dispute {
        id: row.parsed("id", DisputeId::parse)?,
        intent: row.parsed("payment_intent_id", IntentId::parse)?,
        amount: needed_money(row)?,
        status: row.parsed("status", DisputeStatus::from_name)?,
        funds: row.parsed("funds", DisputeFunds::from_name)?,
        reason: row.text("reason")?.to_owned(),
        due_by: row.time_opt("due_by")?.map(OffsetDateTime::unix_timestamp),
        livemode: row.bool("livemode")?,
    })
}

/// Sets the fields of a dispute.
pub fn put_dispute(fields: &mut Fields, provider: ProviderId, dispute: &Dispute) {
    set!(fields, {
        "id" => dispute.id.as_str(),
        "provider" => provider.as_str(),
        "payment_intent_id" => dispute.intent.as_str(),
        "amount_minor" => dispute.amount.minor(),
        "currency" => dispute.amount.currency().to_string(),
        "status" => dispute.status.as_str(),
        "funds" => dispute.funds.as_str(),
        "reason" => dispute.reason.as_str(),
        "due_by" => dispute.due_by.and_then(moment),
        "livemode" => dispute.livemode,
    });
}

/// Sets the fields of the copy of a customer, and leaves `erased_at`.
pub fn put_customer(fields: &mut Fields, provider: ProviderId, copy: &CustomerCopy) {
    set!(fields, {
        "id" => copy.id.as_str(),
        "provider" => provider.as_str(),
        "email" => copy.email.clone(),
        "name" => copy.name.clone(),
        "deleted" => copy.deleted,
        "livemode" => copy.livemode,
        "told_at" => moment(copy.version.told_at),
        "finality" => i64::from(copy.version.finality),
    });
}

/// Sets the fields of the copy of a subscription, and leaves those of its latest invoice.
pub fn put_subscription(fields: &mut Fields, provider: ProviderId, copy: &SubscriptionCopy) {
    set!(fields, {
        "id" => copy.id.as_str(),
        "provider" => provider.as_str(),
        "customer_id" => copy.customer.as_ref().map(CustomerId::as_str),
        "status" => copy.status.as_str(),
        "price_id" => copy.price.as_ref().map(PriceId::as_str),
        "quantity" => copy.quantity,
        "paused" => copy.paused,
        "cancel_at_period_end" => copy.cancel_at_period_end,
        "current_period_end" => copy.current_period_end.and_then(moment),
        "livemode" => copy.livemode,
        "told_at" => moment(copy.version.told_at),
        "finality" => i64::from(copy.version.finality),
    });
}

/// Sets the fields of a subscription that only an invoice has reported so far: any version replaces
/// it.
pub fn begin_subscription(fields: &mut Fields, provider: ProviderId, copy: &InvoiceCopy) {
    set!(fields, {
        "id" => copy.subscription.as_str(),
        "provider" => provider.as_str(),
        "status" => "incomplete",
        "paused" => false,
        "cancel_at_period_end" => false,
        "livemode" => copy.livemode,
        "told_at" => OffsetDateTime::UNIX_EPOCH,
        "finality" => -1_i64,
    });
}

/// Sets the fields of a subscription's latest invoice, and leaves the others.
pub fn put_invoice(fields: &mut Fields, copy: &InvoiceCopy) {
    set!(fields, {
        "latest_invoice_id" => copy.invoice.as_str(),
        "latest_invoice_paid" => copy.paid,
        "latest_invoice_told_at" => moment(copy.version.told_at),
    });
}
