//! Each query has the indexes that it needs among those that are deployed, and nothing else is
//! deployed.
//!
//! The emulator needs none, so this follows Firestore's rules
//! (<https://firebase.google.com/docs/firestore/query-data/index-overview>): one field alone is
//! indexed by itself; conditions of equality are merged from those indexes; an order or a range
//! together with them needs an index of each of them with it, or one index of them all.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::*;

const DEPLOYED: &str = include_str!("../../../../../deploy/firestore/firestore.indexes.json");
const RULES: &str = include_str!("../../../../../deploy/firestore/firestore.rules");

/// Collection, and fields with their direction.
type Index = (String, Vec<(String, &'static str)>);

/// Every query, with every filter.
fn all() -> Vec<Query> {
    let stripe = ProviderId::Stripe;
    let now = OffsetDateTime::UNIX_EPOCH;
    let filter = PreorderFilter {
        status: Some(PreorderStatus::Paid),
        in_review: true,
        provider: Some(stripe),
        email: Some("jo@example.com".to_owned()),
        since: Some(now),
        after: None,
    };
    let mut all = vec![
        due_events(None, 1),
        due_events(Some(now), 1),
        due_messages(MessageKind::KlaviyoEvent, None, 1),
        due_messages(MessageKind::KlaviyoEvent, Some(now), 1),
        preorders_of_intent(&IntentId::parse("pi_1").unwrap()),
        of_intent(Table::Refunds, &IntentId::parse("pi_1").unwrap()),
        logs_without_sent("id"),
        preorder_of_id("id"),
        preorder_of_link(&AccessHash::from_digest([0; 32])),
        preorders(&filter, Some((now, "preorders/cs_1".to_owned())), 1),
        preorders(&PreorderFilter::default(), None, 1),
        preorders_in_review(),
        waiting_refunds(stripe, 1),
        open_disputes(stripe),
        all_open_disputes(),
        disputes_due(),
        payments_without_preorder(now),
        events_waiting(),
        oldest_event_waiting(),
        messages_pending(),
        oldest_message_pending(),
        events_parked(),
        messages_parked(),
        open_differences(stripe),
        aged(Aged::Events, Some(now), now, 1),
        aged(Aged::Sent, Some(now), now, 1),
        aged(Aged::Withdrawn, Some(now), now, 1),
        of_preorder(Table::WebhookLogs, "id"),
        of_preorder(Table::Outbox, "id"),
        finished_orders(now, Some((now, "preorders/cs_1".to_owned())), 1),
    ];
    all.extend(Table::ALL.map(everything));
    all.extend(Table::ALL.map(|table| page(table, Some("a/b".to_owned()), 1)));
    all
}

/// The composite indexes that a query needs, one for each merge; none where single fields do.
fn needs(query: &Query) -> Vec<Index> {
    let equal: Vec<&str> = query
        .conditions
        .iter()
        .filter_map(|condition| match condition {
            Condition::Equal(field, _) | Condition::In(field, _) | Condition::Null(field) => Some(*field),
            Condition::Before(..) | Condition::Since(..) => None,
        })
        .collect();
    let ranged = query.conditions.iter().find_map(|condition| match condition {
        Condition::Before(field, _) | Condition::Since(field, _) => Some((*field, SortOrder::Ascending)),
        _ => None,
    });
    let Some((field, sort)) = query.order.or(ranged) else { return Vec::new() };
    assert!(ranged.is_none_or(|(ranged, _)| ranged == field), "a range is over what is ordered by");
    let direction = if sort == SortOrder::Ascending { "ASCENDING" } else { "DESCENDING" };
    let last = (field.to_owned(), direction);
    if query.collection == "preorders" {
        let merged = |field: &&str| ("preorders".to_owned(), vec![((*field).to_owned(), "ASCENDING"), last.clone()]);
        return equal.iter().map(merged).collect();
    }
    if equal.is_empty() {
        return Vec::new();
    }
    let fields = equal.iter().map(|field| ((*field).to_owned(), "ASCENDING")).chain([last]).collect();
    vec![(query.collection.to_owned(), fields)]
}

#[test]
fn the_deployed_indexes_are_those_that_the_queries_need() {
    let deployed: Json = serde_json::from_str(DEPLOYED).unwrap();
    let field = |field: &Json| {
        let direction = if field["order"] == "DESCENDING" { "DESCENDING" } else { "ASCENDING" };
        (field["fieldPath"].as_str().unwrap().to_owned(), direction)
    };
    let index = |index: &Json| {
        assert_eq!(index["queryScope"], "COLLECTION");
        let fields = index["fields"].as_array().unwrap().iter().map(field).collect();
        (index["collectionGroup"].as_str().unwrap().to_owned(), fields)
    };
    let there: BTreeSet<Index> = deployed["indexes"].as_array().unwrap().iter().map(index).collect();
    let needed: BTreeSet<Index> = all().iter().flat_map(needs).collect();
    assert_eq!(there, needed);
    assert_eq!(deployed["indexes"].as_array().unwrap().len(), there.len(), "none twice");
}

#[test]
fn each_index_is_queried_once_at_the_start() {
    let asked: Vec<Index> = that_need_indexes().iter().flat_map(needs).collect();
    let needed: BTreeSet<Index> = all().iter().flat_map(needs).collect();
    assert_eq!(asked.len(), needed.len());
    assert_eq!(asked.into_iter().collect::<BTreeSet<_>>(), needed);
}

#[test]
fn large_or_personal_fields_that_no_query_names_are_exempt_from_indexes() {
    let deployed: Json = serde_json::from_str(DEPLOYED).unwrap();
    let exempt: BTreeSet<(&str, &str)> = deployed["fieldOverrides"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            assert_eq!(field["indexes"], serde_json::json!([]));
            (field["collectionGroup"].as_str().unwrap(), field["fieldPath"].as_str().unwrap())
        })
        .collect();
    for field in [
        ("webhook_logs", "raw_body"),
        ("pieces", "bytes"),
        ("outbox", "body"),
        ("preorders", "shipping_address"),
        ("webhook_logs", "error"),
        ("outbox", "last_error"),
    ] {
        assert!(exempt.contains(&field), "{field:?}");
    }
    for query in all() {
        let conditions = query.conditions.iter().map(|condition| match condition {
            Condition::Equal(field, _)
            | Condition::In(field, _)
            | Condition::Null(field)
            | Condition::Before(field, _)
            | Condition::Since(field, _) => *field,
        });
        for field in conditions.chain(query.order.map(|(field, _)| field)) {
            assert!(!exempt.contains(&(query.collection, field)), "{field} is searched");
        }
    }
}

#[test]
fn security_rules_let_no_client_read_or_write() {
    let rules: Vec<&str> = RULES.lines().map(str::trim).filter(|line| line.starts_with("allow")).collect();
    assert_eq!(rules, ["allow read, write: if false;"]);
    assert!(RULES.contains("match /{document=**}"));
}
