//! The columns of each table: one list behind validation and behind the archive of PostgreSQL. A
//! test of the store copy compares it with the database's own catalog.

use std::str::FromStr;

use super::{
    record::{Table, Value},
    status::{EventStatus, MessageStatus},
};
use crate::domain::{
    customer::ShippingAddress,
    lifecycle::{DisputeFunds, DisputeStatus, IntentStatus, Notification, RefundStatus},
    mirror::SubscriptionStatus,
    payment::{CustomerId, DisputeId, EventId, IntentId, ProviderId, RefundId, SessionId, SubscriptionId},
    preorder::{PreorderNumber, PreorderStatus},
    product::ProductColor,
};

/// The kind of a column's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    Int,
    Bool,
    Time,
    Bytes,
    Json,
    /// A list of texts.
    Texts,
}

impl Kind {
    /// Whether a value that is not null is of this kind.
    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text, Value::Text(_))
            | (Self::Int, Value::Int(_))
            | (Self::Bool, Value::Bool(_))
            | (Self::Time, Value::Time(_))
            | (Self::Bytes, Value::Bytes(_))
            | (Self::Json, _) => true,
            (Self::Texts, Value::List(items)) => items.iter().all(|item| matches!(item, Value::Text(_))),
            _ => false,
        }
    }
}

/// One column.
#[derive(Clone, Copy)]
pub(super) struct Column {
    pub name: &'static str,
    pub kind: Kind,
    nullable: bool,
    /// Whether PostgreSQL computes it from other tables. Firestore stores it in the document.
    pub derived: bool,
    /// Whether a value means something to this program.
    accepts: fn(&Value) -> bool,
}

impl Column {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, nullable: false, derived: false, accepts: |_| true }
    }

    /// The column may be null, or missing.
    const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }

    const fn derived(self) -> Self {
        Self { derived: true, ..self }
    }

    const fn accepting(self, accepts: fn(&Value) -> bool) -> Self {
        Self { accepts, ..self }
    }

    /// Whether a row may have this value in the column; `None` where it has no value.
    pub fn takes(&self, value: Option<&Value>) -> bool {
        match value {
            None | Some(Value::Null) => self.nullable,
            Some(value) => self.kind.holds(value) && (self.accepts)(value),
        }
    }
}

/// Whether a text parses by this function.
fn is<T>(value: &Value, parse: impl Fn(&str) -> Option<T>) -> bool {
    matches!(value, Value::Text(text) if parse(text).is_some())
}

/// Whether a text parses as this type.
fn parses<T: FromStr>(value: &Value) -> bool {
    is(value, |text| text.parse::<T>().ok())
}

fn is_address(value: &Value) -> bool {
    serde_json::from_value::<ShippingAddress>(value.to_json()).is_ok()
}

const fn text(name: &'static str) -> Column {
    Column::new(name, Kind::Text)
}

const fn int(name: &'static str) -> Column {
    Column::new(name, Kind::Int)
}

const fn bool(name: &'static str) -> Column {
    Column::new(name, Kind::Bool)
}

const fn time(name: &'static str) -> Column {
    Column::new(name, Kind::Time)
}

const PROVIDER: Column = text("provider").accepting(|value| is(value, ProviderId::from_name));
const INTENT: Column = text("payment_intent_id").accepting(|value| is(value, IntentId::parse));

const PREORDERS: &[Column] = &[
    PROVIDER,
    text("session_id").accepting(|value| is(value, SessionId::parse)),
    text("id"),
    text("preorder_number").accepting(parses::<PreorderNumber>),
    text("status").accepting(parses::<PreorderStatus>),
    text("color").or_null().accepting(parses::<ProductColor>),
    text("email"),
    int("amount_minor").or_null(),
    text("currency").or_null(),
    int("refunded_minor"),
    Column::new("shipping_address", Kind::Json).or_null().accepting(is_address),
    text("user_id").or_null(),
    text("payment_intent_id").or_null(),
    text("attempt").or_null(),
    text("locale").or_null(),
    text("tracking_number").or_null(),
    text("access_hash").or_null(),
    text("review_reason").or_null(),
    text("review_settled").or_null(),
    bool("livemode"),
    bool("second_payment"),
    bool("needs_review"),
    bool("klaviyo_event_sent").derived(),
    time("completed_at").or_null(),
    time("erased_at").or_null(),
    time("created_at"),
    time("updated_at"),
];

const PAYMENTS: &[Column] = &[
    PROVIDER,
    INTENT,
    text("status").accepting(|value| is(value, IntentStatus::from_name)),
    int("amount_minor").or_null(),
    text("currency").or_null(),
    int("refunded_minor"),
    bool("ours"),
    bool("livemode"),
    time("failed_at").or_null(),
    text("failure_code").or_null(),
    text("session_id").or_null().derived(),
    Column::new("refund_ids", Kind::Texts).or_null().derived(),
    Column::new("dispute_ids", Kind::Texts).or_null().derived(),
    time("created_at"),
    time("updated_at"),
];

const REFUNDS: &[Column] = &[
    PROVIDER,
    text("id").accepting(|value| is(value, RefundId::parse)),
    INTENT,
    text("status").accepting(|value| is(value, RefundStatus::from_name)),
    int("amount_minor"),
    text("currency"),
    bool("counted"),
    bool("succeeded"),
    bool("livemode"),
    text("reason").or_null(),
    text("failure").or_null(),
    time("created_at"),
    time("updated_at"),
];

const DISPUTES: &[Column] = &[
    PROVIDER,
    text("id").accepting(|value| is(value, DisputeId::parse)),
    INTENT,
    text("status").accepting(|value| is(value, DisputeStatus::from_name)),
    text("funds").accepting(|value| is(value, DisputeFunds::from_name)),
    int("amount_minor"),
    text("currency"),
    text("reason"),
    time("due_by").or_null(),
    bool("livemode"),
    time("created_at"),
    time("updated_at"),
];

const WEBHOOK_LOGS: &[Column] = &[
    PROVIDER,
    text("stripe_event_id").accepting(|value| is(value, EventId::parse)),
    text("event"),
    text("status").accepting(|value| is(value, EventStatus::from_name)),
    text("preorder_id").or_null(),
    text("email").or_null(),
    text("error").or_null(),
    bool("klaviyo_event_sent"),
    Column::new("raw_body", Kind::Bytes).or_null(),
    int("attempts"),
    time("available_at"),
    time("received_at"),
    time("processed_at").or_null(),
];

const OUTBOX: &[Column] = &[
    text("dedupe_key"),
    text("kind"),
    text("status").accepting(|value| is(value, MessageStatus::from_name)),
    text("consequence").or_null().accepting(parses::<Notification>),
    Column::new("body", Kind::Bytes),
    int("attempts"),
    text("lease_token").or_null(),
    text("last_error").or_null(),
    text("preorder_id").or_null(),
    time("available_at"),
    time("created_at"),
    time("sent_at").or_null(),
];

const CUSTOMERS: &[Column] = &[
    PROVIDER,
    text("id").accepting(|value| is(value, CustomerId::parse)),
    text("email").or_null(),
    text("name").or_null(),
    bool("deleted"),
    bool("livemode"),
    time("erased_at").or_null(),
    time("told_at"),
    int("finality"),
    time("updated_at"),
];

const SUBSCRIPTIONS: &[Column] = &[
    PROVIDER,
    text("id").accepting(|value| is(value, SubscriptionId::parse)),
    text("status").accepting(|value| is(value, SubscriptionStatus::from_name)),
    text("customer_id").or_null(),
    text("price_id").or_null(),
    text("latest_invoice_id").or_null(),
    int("quantity").or_null(),
    bool("paused"),
    bool("cancel_at_period_end"),
    bool("livemode"),
    time("current_period_end").or_null(),
    bool("latest_invoice_paid").or_null(),
    time("latest_invoice_told_at").or_null(),
    time("told_at"),
    int("finality"),
    time("updated_at"),
];

const RECONCILE_MARKS: &[Column] =
    &[PROVIDER, text("scope"), time("mark"), time("passing").or_null(), text("cursor").or_null()];

const RECONCILE_DIFFERENCES: &[Column] =
    &[PROVIDER, text("id"), text("scope"), text("what"), text("number").or_null(), time("found_at")];

/// The columns of a table, in the order in which they are checked. Those of PostgreSQL without the
/// surrogate ids of `webhook_logs` and `outbox` and without `raw_data`, which follows from
/// `raw_body`.
pub(super) const fn columns(table: Table) -> &'static [Column] {
    match table {
        Table::Preorders => PREORDERS,
        Table::Payments => PAYMENTS,
        Table::Refunds => REFUNDS,
        Table::Disputes => DISPUTES,
        Table::WebhookLogs => WEBHOOK_LOGS,
        Table::Outbox => OUTBOX,
        Table::Customers => CUSTOMERS,
        Table::Subscriptions => SUBSCRIPTIONS,
        Table::ReconcileMarks => RECONCILE_MARKS,
        Table::ReconcileDifferences => RECONCILE_DIFFERENCES,
    }
}
