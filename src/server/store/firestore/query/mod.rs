//! Every query that this store asks, and the index that each of them needs: the indexes that are deployed are compared with these.

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

/// The field that every document has: its own name.
const NAME: &str = "__name__";

#[derive(Clone, Debug)]
pub enum Condition {
    Equal(&'static str, Value),
    In(&'static str, Vec<Value>),
    Null(&'static str),
    Before(&'static str, Value),
    Since(&'static str, Value),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Towards {
    Later,
    Earlier,
}

/// A query over one collection.
#[derive(Clone, Debug)]
pub struct Query {
    pub collection: &'static str,
    conditions: Vec<Condition>,
    order: Option<(&'static str, Towards)>,
    limit: Option<u32>,
    /// Only what comes after the document at this path, which has this value to be ordered by.
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

    fn order(mut self, field: &'static str, towards: Towards) -> Self {
        self.order = Some((field, towards));
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

    /// As it is sent. `documents` is where the database's documents are.
    pub fn to_wire(&self, documents: &str) -> StructuredQuery {
        let mut order_by: Vec<Order> = Vec::new();
        if let Some((field, towards)) = self.order {
            order_by.push(order(field, towards));
            // Said outright, so that a cursor can name the document.
            order_by.push(order(NAME, towards));
        } else if self.after.is_some() || self.conditions.is_empty() {
            order_by.push(order(NAME, Towards::Later));
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

fn order(field: &str, towards: Towards) -> Order {
    let direction = match towards {
        Towards::Later => Direction::Ascending,
        Towards::Earlier => Direction::Descending,
    };
    Order { field: Some(reference(field)), direction: direction.into() }
}

/// Kept events in the order in which they are due. What is due after `until` is not read, and not billed.
pub fn due_events(until: Option<OffsetDateTime>, limit: u32) -> Query {
    let query =
        Query::over(Table::WebhookLogs).among("status", EventStatus::WAITING).order("available_at", Towards::Later);
    query.limit(limit).before("available_at", until)
}

/// Pending messages in the order in which they are due. What is due after `until` is not read, and not billed.
pub fn due_messages(kind: MessageKind, until: Option<OffsetDateTime>, limit: u32) -> Query {
    let query = Query::over(Table::Outbox).equal("kind", kind.as_str()).equal("status", MessageStatus::Pending);
    query.order("available_at", Towards::Later).limit(limit).before("available_at", until)
}

/// The log of a preorder that does not say yet that something was told.
pub fn untold_logs(preorder: &str) -> Query {
    Query::over(Table::WebhookLogs).equal("preorder_id", preorder).equal("klaviyo_event_sent", false)
}

pub fn preorder_of_id(id: &str) -> Query {
    Query::over(Table::Preorders).equal("id", id).limit(1)
}

pub fn preorder_of_link(access: &AccessHash) -> Query {
    Query::over(Table::Preorders).equal("access_hash", access.as_str()).limit(1)
}

/// Preorders that were paid by this intent.
pub fn preorders_of_intent(intent: &IntentId) -> Query {
    Query::over(Table::Preorders).equal("payment_intent_id", intent.as_str())
}

/// What is known of this payment, its refunds or its disputes.
pub fn of_intent(table: Table, intent: &IntentId) -> Query {
    Query::over(table).equal("payment_intent_id", intent.as_str())
}

/// One query for each index that is not there by itself, to see whether all are.
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
        orders_over(now, None, 1),
    ]);
    all
}

/// Preorders, the newest first. `after` is the last one of the page before: when it was made, and where it is.
pub fn preorders(filter: &PreorderFilter, after: Option<(OffsetDateTime, String)>, limit: u32) -> Query {
    let mut query = Query::over(Table::Preorders).order("created_at", Towards::Earlier).limit(limit);
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

pub fn preorders_in_review() -> Query {
    Query::over(Table::Preorders).equal("needs_review", true)
}

pub fn waiting_refunds(provider: ProviderId, limit: u32) -> Query {
    Query::over(Table::Refunds)
        .equal("provider", provider.as_str())
        .among("status", status::waiting_refunds().map(RefundStatus::as_str))
        .order("updated_at", Towards::Later)
        .limit(limit)
}

/// Those without a date come first here: null is before everything.
pub fn open_disputes(provider: ProviderId) -> Query {
    Query::over(Table::Disputes)
        .equal("provider", provider.as_str())
        .among("status", status::open_disputes().map(DisputeStatus::as_str))
}

pub fn all_open_disputes() -> Query {
    Query::over(Table::Disputes).among("status", status::open_disputes().map(DisputeStatus::as_str))
}

/// Disputes that wait for evidence, the most urgent first.
pub fn disputes_due() -> Query {
    let mut query = Query::over(Table::Disputes)
        .among("status", status::NEEDS_RESPONSE.map(DisputeStatus::as_str))
        .order("due_by", Towards::Later)
        .limit(1);
    // What has no date is left out: a date is after the first of all.
    query.conditions.push(Condition::Since("due_by", OffsetDateTime::UNIX_EPOCH.into()));
    query
}

/// Payments of this shop that came before `before` and have no preorder.
pub fn payments_without_preorder(before: OffsetDateTime) -> Query {
    let mut query = Query::over(Table::Payments).equal("ours", true).equal("status", IntentStatus::Succeeded.as_str());
    query.conditions.push(Condition::Null("session_id"));
    query.conditions.push(Condition::Before("updated_at", before.into()));
    query
}

pub fn events_waiting() -> Query {
    Query::over(Table::WebhookLogs).among("status", EventStatus::WAITING)
}

pub fn oldest_event_waiting() -> Query {
    events_waiting().order("received_at", Towards::Later).limit(1)
}

pub fn messages_pending() -> Query {
    Query::over(Table::Outbox).equal("status", MessageStatus::Pending)
}

pub fn oldest_message_pending() -> Query {
    messages_pending().order("created_at", Towards::Later).limit(1)
}

/// Events that need a person.
pub fn events_parked() -> Query {
    Query::over(Table::WebhookLogs).equal("status", EventStatus::Parked)
}

/// Messages that need a person.
pub fn messages_parked() -> Query {
    Query::over(Table::Outbox).equal("status", MessageStatus::Parked)
}

pub fn open_differences(provider: ProviderId) -> Query {
    Query::over(Table::ReconcileDifferences)
        .equal("provider", provider.as_str())
        .order("found_at", Towards::Later)
        .limit(1_000)
}

/// Logs or messages of a preorder.
pub fn of_preorder(table: Table, preorder: &str) -> Query {
    Query::over(table).equal("preorder_id", preorder)
}

/// What is emptied when it is old, each by a time of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aged {
    Events,
    Sent,
    /// Those of before bodies were emptied on withdrawal, or copied.
    Withdrawn,
}

impl Aged {
    pub const fn field(self) -> &'static str {
        match self {
            Self::Events => "processed_at",
            Self::Sent => "sent_at",
            Self::Withdrawn => "created_at",
        }
    }
}

/// What became old from `since` on, the oldest first.
pub fn aged(what: Aged, since: Option<OffsetDateTime>, until: OffsetDateTime, limit: u32) -> Query {
    let mut query = match what {
        Aged::Events => Query::over(Table::WebhookLogs).among("status", EventStatus::CLOSED),
        Aged::Sent => Query::over(Table::Outbox).equal("status", MessageStatus::Sent),
        Aged::Withdrawn => Query::over(Table::Outbox).equal("status", MessageStatus::Withdrawn),
    };
    query.conditions.extend(since.map(|since| Condition::Since(what.field(), since.into())));
    query.before(what.field(), Some(until)).order(what.field(), Towards::Later).limit(limit)
}

/// Orders that are over, the longest untouched first.
pub fn orders_over(until: OffsetDateTime, after: Option<(OffsetDateTime, String)>, limit: u32) -> Query {
    let mut query = Query::over(Table::Preorders)
        .among("status", status::OVER.map(PreorderStatus::as_str))
        .before("updated_at", Some(until));
    query = query.order("updated_at", Towards::Later).limit(limit);
    query.after = after.map(|(touched, path)| (Some(touched.into()), path));
    query
}

/// Everything in a collection, by name.
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
