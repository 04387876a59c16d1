//! Lists, pages and marks.

use std::time::Duration;

use rolitt::{
    domain::{
        lifecycle::{PaymentUpdate, SessionOutcome},
        payment::ProviderId,
        preorder::PreorderStatus,
    },
    server::store::{OpenDifference, PreorderFilter, ReconcileCursor, StoredOrder},
};
use time::OffsetDateTime;

use super::{STRIPE, facts, record_update};
use crate::test_app::TestApp;

/// Every page, one behind the other.
async fn all(app: &TestApp, filter: &PreorderFilter, page: u32) -> Vec<StoredOrder> {
    let mut found: Vec<StoredOrder> = Vec::new();
    loop {
        let after = found.last().map(|purchase| purchase.preorder.number.clone());
        let next = app.store.orders(&PreorderFilter { after, ..filter.clone() }, page).await.unwrap();
        assert!(next.len() <= usize::try_from(page).unwrap());
        if next.is_empty() {
            return found;
        }
        found.extend(next);
    }
}

#[tokio::test]
async fn pages_have_every_order_once_the_newest_first_and_filters_hold_together() {
    let app = TestApp::start().await;
    for number in 0..23 {
        let mut facts = facts(&format!("cs_{number}"));
        facts.email = Some(if number % 3 == 0 { "Al@Example.com" } else { "jo@example.com" }.to_owned());
        if number % 4 == 0 {
            facts.outcome = SessionOutcome::Pending;
        }
        if number % 5 == 0 {
            facts.color = Some("Gold".to_owned());
        }
        record_update(&*app.store, &*app.shop.ids, None, &PaymentUpdate::Session(Box::new(facts))).await;
    }
    let whole = app.store.orders(&PreorderFilter::default(), 200).await.unwrap();
    let order: Vec<&str> = whole.iter().map(|purchase| purchase.preorder.details.session.as_str()).collect();
    let expected: Vec<String> = (0..23).rev().map(|number| format!("cs_{number}")).collect();
    assert_eq!(order, expected);
    for page in [1, 4, 23, 50] {
        assert_eq!(all(&app, &PreorderFilter::default(), page).await, whole, "pages of {page}");
    }
    let statuses = [None, Some(PreorderStatus::Paid), Some(PreorderStatus::AwaitingPayment)];
    let emails = [None, Some("al@example.com".to_owned()), Some("JO@example.com".to_owned())];
    let providers = [None, Some(STRIPE), Some(ProviderId::Invoice)];
    for status in statuses {
        for email in &emails {
            for provider in providers {
                for in_review in [false, true] {
                    let filter =
                        PreorderFilter { status, in_review, provider, email: email.clone(), ..Default::default() };
                    let fits = |purchase: &&StoredOrder| {
                        let details = &purchase.preorder.details;
                        status.is_none_or(|status| details.status == status)
                            && email.as_ref().is_none_or(|email| details.email.eq_ignore_ascii_case(email))
                            && provider.is_none_or(|provider| details.provider == provider)
                            && (!in_review || details.review.is_open())
                    };
                    let expected: Vec<StoredOrder> = whole.iter().filter(fits).cloned().collect();
                    assert_eq!(all(&app, &filter, 4).await, expected, "{filter:?}");
                }
            }
        }
    }
    let since = |at: OffsetDateTime| PreorderFilter { since: Some(at), ..Default::default() };
    let now = OffsetDateTime::now_utc();
    assert_eq!(all(&app, &since(now - Duration::from_hours(1)), 5).await.len(), 23);
    assert_eq!(all(&app, &since(now + Duration::from_hours(1)), 5).await.len(), 0);
    let unknown = PreorderFilter { after: Some("ROL-ZZZZZZZZ".parse().unwrap()), ..Default::default() };
    assert_eq!(app.store.orders(&unknown, 5).await.unwrap(), []);
    app.leave().await;
}

#[tokio::test]
async fn cursors_and_differences_round_trip() {
    let app = TestApp::start().await;
    let at = |seconds: i64| OffsetDateTime::from_unix_timestamp(1_763_800_000 + seconds).unwrap();
    assert_eq!(app.store.reconcile_cursor(STRIPE, "sessions").await.unwrap(), None);
    for interrupted in [None, Some((at(5), None)), Some((at(6), Some("cs_1".to_owned()))), None] {
        let cursor = ReconcileCursor { until: at(1), interrupted };
        app.store.set_reconcile_cursor(STRIPE, "sessions", &cursor).await.unwrap();
        assert_eq!(app.store.reconcile_cursor(STRIPE, "sessions").await.unwrap(), Some(cursor));
    }
    assert_eq!(app.store.reconcile_cursor(STRIPE, "refunds").await.unwrap(), None);
    assert_eq!(app.store.reconcile_cursor(ProviderId::Invoice, "sessions").await.unwrap(), None);
    let open = |id: &str, number: Option<&str>, what: &str| OpenDifference {
        scope: "sessions".to_owned(),
        id: id.to_owned(),
        number: number.map(str::to_owned),
        what: what.to_owned(),
    };
    for noted in
        [open("cs_1", Some("ROL-AAAAAAA1"), "amount"), open("cs_2", None, "missing"), open("cs_1", None, "more")]
    {
        app.store.record_difference(STRIPE, &noted).await.unwrap();
    }
    let found = app.store.open_differences(STRIPE).await.unwrap();
    assert_eq!(found, [open("cs_1", Some("ROL-AAAAAAA1"), "more"), open("cs_2", None, "missing")]);
    assert_eq!(app.store.backlog().await.unwrap().differences_open, 2);
    app.store.remove_difference(STRIPE, "cs_1").await.unwrap();
    app.store.remove_difference(STRIPE, "cs_unknown").await.unwrap();
    assert_eq!(app.store.open_differences(STRIPE).await.unwrap(), [open("cs_2", None, "missing")]);
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_may_migrate_at_once_and_again() {
    let app = TestApp::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = app.store.clone();
        tasks.spawn(async move { store.migrate().await });
    }
    for migrated in tasks.join_all().await {
        migrated.unwrap();
    }
    app.store.ready().await.unwrap();
    app.leave().await;
}
