//! Every query of this store. A test compares the indexes that they need with those that are
//! deployed.

use gcloud_sdk::google::firestore::v1::{
    Cursor, StructuredQuery, Value as WireValue,
    structured_query::{
        CollectionSelector, CompositeFilter, Direction, FieldFilter, FieldReference, Filter as WireFilter, Order,
        UnaryFilter, composite_filter, field_filter, filter::FilterType, unary_filter,
    },
    value::ValueType,
};
use time::OffsetDateTime;

use super::{
    super::{EventStatus, MessageKind, MessageStatus, PreorderFilter, Table, Value, status},
    value::to_wire,
};
use crate::domain::{
    lifecycle::{DisputeStatus, IntentStatus, RefundStatus},
    payment::{IntentId, ProviderId},
    preorder::{AccessHash, PreorderStatus},
};

/// The field that every document has: its name.
const NAME: &str = "__name__";

/// A condition on one field.
#[derive(Clone, Debug)]
pub enum Condition {
    Equal(&'static str, Value),
    In(&'static str, Vec<Value>),
    Null(&'static str),
    Before(&'static str, Value),
    Since(&'static str, Value),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SortOrder {
    Ascending,
    Descending,
}

/// A query over one collection.
#[derive(Clone, Debug)]
pub struct Query {
    pub collection: &'static str,
    conditions: Vec<Condition>,
    order: Option<(&'static str, SortOrder)>,
    limit: Option<u32>,
    /// Only what comes after the document at this path, which has this value in the field of the
    /// order.
    after: Option<(Option<Value>, String)>,
}

impl Query {
    fn over(table: Table) -> Self {
        Self { collection: table.as_str(), conditions: Vec::new(), order: None, limit: None, after: None }
    }

    fn equal(mut self, field: &'static str, value: impl Into<Value>) -> Self {
        self.conditions.push(Condition::Equal(field, value.into()));
        self
    }

    fn among<T: Into<Value>>(mut self, field: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        self.conditions.push(Condition::In(field, values.into_iter().map(Into::into).collect()));
        self
    }

    fn order(mut self, field: &'static str, sort: SortOrder) -> Self {
        self.order = Some((field, sort));
        self
    }

    fn limit(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    fn before(mut self, field: &'static str, until: Option<OffsetDateTime>) -> Self {
        self.conditions.extend(until.map(|until| Condition::Before(field, until.into())));
        self
    }

    /// Returns the wire form. `documents` is the path of the database's documents.
    pub fn to_wire(&self, documents: &str) -> StructuredQuery {
        let mut order_by: Vec<Order> = Vec::new();
        if let Some((field, sort)) = self.order {
            order_by.push(order(field, sort));
            // Explicit, so that a cursor can name the document.
            order_by.push(order(NAME, sort));
        } else if self.after.is_some() || self.conditions.is_empty() {
            order_by.push(order(NAME, SortOrder::Ascending));
        }
        let start_at = self.after.as_ref().map(|(value, path)| {
            let name = ValueType::ReferenceValue(format!("{documents}/{path}"));
            let values = value.iter().map(to_wire).chain([WireValue { value_type: Some(name) }]).collect();
            Cursor { values, before: false }
        });
        StructuredQuery {
            from: vec![CollectionSelector { collection_id: self.collection.to_owned(), all_descendants: false }],
            r#where: self.filter(),
            order_by,
            start_at,
            limit: self.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX)),
            ..StructuredQuery::default()
        }
    }

    fn filter(&self) -> Option<WireFilter> {
        let mut filters: Vec<WireFilter> = self.conditions.iter().map(Condition::to_wire).collect();
        match filters.len() {
            0 | 1 => filters.pop(),
            _ => Some(WireFilter {
                filter_type: Some(FilterType::CompositeFilter(CompositeFilter {
                    op: composite_filter::Operator::And.into(),
                    filters,
                })),
            }),
        }
    }
}

impl Condition {
    fn to_wire(&self) -> WireFilter {
        let filter = match self {
            Self::Equal(field, value) => compare(field, field_filter::Operator::Equal, to_wire(value)),
            Self::In(field, values) => {
                compare(field, field_filter::Operator::In, to_wire(&Value::List(values.clone())))
            }
            Self::Before(field, value) => compare(field, field_filter::Operator::LessThan, to_wire(value)),
            Self::Since(field, value) => compare(field, field_filter::Operator::GreaterThanOrEqual, to_wire(value)),
            Self::Null(field) => FilterType::UnaryFilter(UnaryFilter {
                op: unary_filter::Operator::IsNull.into(),
                operand_type: Some(unary_filter::OperandType::Field(reference(field))),
            }),
        };
        WireFilter { filter_type: Some(filter) }
    }
}

fn compare(field: &str, op: field_filter::Operator, value: WireValue) -> FilterType {
    FilterType::FieldFilter(FieldFilter { field: Some(reference(field)), op: op.into(), value: Some(value) })
}

fn reference(field: &str) -> FieldReference {
    FieldReference { field_path: field.to_owned() }
}

fn order(field: &str, sort: SortOrder) -> Order {
    let direction = match sort {
        SortOrder::Ascending => Direction::Ascending,
        SortOrder::Descending => Direction::Descending,
    };
    Order { field: Some(reference(field)), direction: direction.into() }
}

/// Waiting events in the order in which they are due. Those due after `until` are not read, and not
/// billed.
pub fn due_events(until: Option<OffsetDateTime>, limit: u32) -> Query {
    let query = Query::over(Table::WebhookLogs)
        .among("status", EventStatus::WAITING)
        .order("available_at", SortOrder::Ascending);
    query.limit(limit).before("available_at", until)
}

/// Pending messages in the order in which they are due. Those due after `until` are not read, and
/// not billed.
pub fn due_messages(kind: MessageKind, until: Option<OffsetDateTime>, limit: u32) -> Query {
    let query = Query::over(Table::Outbox).equal("kind", kind.as_str()).equal("status", MessageStatus::Pending);
    query.order("available_at", SortOrder::Ascending).limit(limit).before("available_at", until)
}

/// The logs of a preorder that do not say yet that a message was sent.
pub fn logs_without_sent(preorder: &str) -> Query {
    Query::over(Table::WebhookLogs).equal("preorder_id", preorder).equal("klaviyo_event_sent", false)
}

/// Returns the query that finds a preorder by its `id` field.
pub fn preorder_of_id(id: &str) -> Query {
    Query::over(Table::Preorders).equal("id", id).limit(1)
}

/// The preorder that a link opens.
pub fn preorder_of_link(access: &AccessHash) -> Query {
    Query::over(Table::Preorders).equal("access_hash", access.as_str()).limit(1)
}

/// The preorders that were paid by this intent.
pub fn preorders_of_intent(intent: &IntentId) -> Query {
    Query::over(Table::Preorders).equal("payment_intent_id", intent.as_str())
}

/// The refunds or the disputes of this payment.
pub fn of_intent(table: Table, intent: &IntentId) -> Query {
    Query::over(table).equal("payment_intent_id", intent.as_str())
}

/// One query for each index that must be deployed, to check that all are.
pub fn that_need_indexes() -> Vec<Query> {
    let provider = ProviderId::Stripe;
    let now = OffsetDateTime::UNIX_EPOCH;
    let filters = [
        PreorderFilter { status: Some(PreorderStatus::Paid), ..PreorderFilter::default() },
        PreorderFilter { in_review: true, ..PreorderFilter::default() },
        PreorderFilter { provider: Some(provider), ..PreorderFilter::default() },
        PreorderFilter { email: Some(String::new()), ..PreorderFilter::default() },
    ];
    let mut all: Vec<Query> = filters.iter().map(|filter| preorders(filter, None, 1)).collect();
    all.extend([
        due_events(Some(now), 1),
        due_messages(MessageKind::KlaviyoEvent, Some(now), 1),
        oldest_event_waiting(),
        oldest_message_pending(),
        waiting_refunds(provider, 1),
        disputes_due(),
        payments_without_preorder(now).limit(1),
        open_differences(provider).limit(1),
        aged(Aged::Events, None, now, 1),
        aged(Aged::Sent, None, now, 1),
        finished_orders(now, None, 1),
    ]);
    all
}

/// Preorders, the newest first. `after` is the last one of the page before: when it was created,
/// and its path.
pub fn preorders(filter: &PreorderFilter, after: Option<(OffsetDateTime, String)>, limit: u32) -> Query {
    let mut query = Query::over(Table::Preorders).order("created_at", SortOrder::Descending).limit(limit);
    if let Some(status) = filter.status {
        query = query.equal("status", status.as_str());
    }
    if filter.in_review {
        query = query.equal("needs_review", true);
    }
    if let Some(provider) = filter.provider {
        query = query.equal("provider", provider.as_str());
    }
    if let Some(email) = &filter.email {
        query = query.equal("_email_lower", email.to_lowercase());
    }
    if let Some(since) = filter.since {
        query.conditions.push(Condition::Since("created_at", since.into()));
    }
    query.after = after.map(|(created, path)| (Some(created.into()), path));
    query
}

/// Preorders with an open review reason.
pub fn preorders_in_review() -> Query {
    Query::over(Table::Preorders).equal("needs_review", true)
}

/// Refunds that have neither succeeded nor failed, the oldest first.
pub fn waiting_refunds(provider: ProviderId, limit: u32) -> Query {
    Query::over(Table::Refunds)
        .equal("provider", provider.as_str())
        .among("status", status::waiting_refunds().map(RefundStatus::as_str))
        .order("updated_at", SortOrder::Ascending)
        .limit(limit)
}

/// Open disputes of a provider, in no order: Firestore would sort those without a date first.
pub fn open_disputes(provider: ProviderId) -> Query {
    Query::over(Table::Disputes)
        .equal("provider", provider.as_str())
        .among("status", status::open_disputes().map(DisputeStatus::as_str))
}

/// Open disputes of all providers.
pub fn all_open_disputes() -> Query {
    Query::over(Table::Disputes).among("status", status::open_disputes().map(DisputeStatus::as_str))
}

/// Disputes that wait for evidence, the most urgent first.
pub fn disputes_due() -> Query {
    let mut query = Query::over(Table::Disputes)
        .among("status", status::NEEDS_RESPONSE.map(DisputeStatus::as_str))
        .order("due_by", SortOrder::Ascending)
        .limit(1);
    // A dispute without a date is left out, because null sorts before every time.
    query.conditions.push(Condition::Since("due_by", OffsetDateTime::UNIX_EPOCH.into()));
    query
}

/// Payments of this shop that succeeded, have no preorder and were not updated since `before`.
pub fn payments_without_preorder(before: OffsetDateTime) -> Query {
    let mut query = Query::over(Table::Payments).equal("ours", true).equal("status", IntentStatus::Succeeded.as_str());
    query.conditions.push(Condition::Null("session_id"));
    query.conditions.push(Condition::Before("updated_at", before.into()));
    query
}

/// Events that wait for a worker.
pub fn events_waiting() -> Query {
    Query::over(Table::WebhookLogs).among("status", EventStatus::WAITING)
}

/// The event that has waited the longest.
pub fn oldest_event_waiting() -> Query {
    events_waiting().order("received_at", SortOrder::Ascending).limit(1)
}

/// Messages to be sent.
pub fn messages_pending() -> Query {
    Query::over(Table::Outbox).equal("status", MessageStatus::Pending)
}

/// The message that has waited the longest.
pub fn oldest_message_pending() -> Query {
    messages_pending().order("created_at", SortOrder::Ascending).limit(1)
}

/// Events that need a person.
pub fn events_parked() -> Query {
    Query::over(Table::WebhookLogs).equal("status", EventStatus::Parked)
}

/// Messages that need a person.
pub fn messages_parked() -> Query {
    Query::over(Table::Outbox).equal("status", MessageStatus::Parked)
}

/// Open differences of a provider, the oldest first.
pub fn open_differences(provider: ProviderId) -> Query {
    Query::over(Table::ReconcileDifferences)
        .equal("provider", provider.as_str())
        .order("found_at", SortOrder::Ascending)
        .limit(1_000)
}

/// The logs or the messages of a preorder.
pub fn of_preorder(table: Table, preorder: &str) -> Query {
    Query::over(table).equal("preorder_id", preorder)
}

/// What retention empties, each by a time of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aged {
    Events,
    Sent,
    /// Those that were withdrawn before withdrawal emptied bodies, or that were copied.
    Withdrawn,
}

impl Aged {
    /// Returns the field with the time that its age counts from.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Events => "processed_at",
            Self::Sent => "sent_at",
            Self::Withdrawn => "created_at",
        }
    }
}

/// What became old at `since` or later, and before `until`; the oldest first.
pub fn aged(what: Aged, since: Option<OffsetDateTime>, until: OffsetDateTime, limit: u32) -> Query {
    let mut query = match what {
        Aged::Events => Query::over(Table::WebhookLogs).among("status", EventStatus::CLOSED),
        Aged::Sent => Query::over(Table::Outbox).equal("status", MessageStatus::Sent),
        Aged::Withdrawn => Query::over(Table::Outbox).equal("status", MessageStatus::Withdrawn),
    };
    query.conditions.extend(since.map(|since| Condition::Since(what.field(), since.into())));
    query.before(what.field(), Some(until)).order(what.field(), SortOrder::Ascending).limit(limit)
}

/// Orders that are over, the longest untouched first.
pub fn finished_orders(until: OffsetDateTime, after: Option<(OffsetDateTime, String)>, limit: u32) -> Query {
    let mut query = Query::over(Table::Preorders)
        .among("status", status::OVER.map(PreorderStatus::as_str))
        .before("updated_at", Some(until));
    query = query.order("updated_at", SortOrder::Ascending).limit(limit);
    query.after = after.map(|(touched, path)| (Some(touched.into()), path));
    query
}

/// Every document of a collection, by name.
pub fn everything(table: Table) -> Query {
    Query::over(table)
}

/// A page of a collection, by name; `after` is the path of the last document of the page before.
pub fn page(table: Table, after: Option<String>, limit: u32) -> Query {
    let mut query = Query::over(table).limit(limit);
    query.after = after.map(|path| (None, path));
    query
}

#[cfg(test)]
mod tests;
