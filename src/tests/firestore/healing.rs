//! What another hand did to documents: a person in the console, a copy that was not finished.

use std::time::Duration;

use rolitt::{
    domain::{
        lifecycle::{PaymentUpdate, Refund, RefundStatus},
        payment::RefundId,
    },
    server::{
        ids::FreshIds,
        store::{Applied, Inbox, Listings, OrderKey, Orders, Store, StoreError, firestore::FirestoreStore},
    },
};
use serde_json::json;

use super::documents::spoil;
use crate::{
    contract::{apply, delivery, intent, paid, purchase, record_update, usd},
    emulated::Emulated,
};

fn refund(id: &str, status: RefundStatus) -> PaymentUpdate {
    PaymentUpdate::Refund(Refund {
        id: RefundId::parse(id).unwrap(),
        intent: intent("pi_cs_1"),
        amount: usd(100),
        status,
        counted: true,
        succeeded: status == RefundStatus::Succeeded,
        reason: None,
        failure: None,
        livemode: false,
    })
}

async fn shop() -> (Emulated, FirestoreStore) {
    let project = Emulated::project();
    let store = project.store();
    store.migrate().await.unwrap();
    record_update(&store, &FreshIds, None, &paid("cs_1")).await;
    (project, store)
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_refund_that_its_payment_does_not_list_is_found_and_listed_again() {
    let (project, store) = shop().await;
    record_update(&store, &FreshIds, None, &refund("re_1", RefundStatus::Pending)).await;
    spoil(&project, "payments/pi_cs_1", |fields| fields["refund_ids"] = json!({ "arrayValue": {} })).await;
    let applied =
        record_update(&store, &FreshIds, Some(&delivery("evt_1")), &refund("re_1", RefundStatus::Succeeded)).await;
    assert!(matches!(applied, Applied::Changed(Some(_))), "{applied:?}");
    let found = purchase(&store, "cs_1").await;
    assert_eq!((found.state.refunds.len(), found.preorder.details.refunded_minor), (1, 100));
    assert_eq!(found.state.refunds[0].status, RefundStatus::Succeeded);
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_refund_that_is_listed_and_not_there_is_an_error_and_not_forgotten() {
    let (project, store) = shop().await;
    record_update(&store, &FreshIds, None, &refund("re_1", RefundStatus::Succeeded)).await;
    project.remove("refunds/re_1").await;
    let step = apply(&store, &FreshIds, None, &refund("re_2", RefundStatus::Succeeded), false).await;
    assert!(matches!(&step, Err(StoreError::Unreadable(what)) if what.contains("re_1")), "{step:?}");
    assert!(store.order(OrderKey::Intent(&intent("pi_cs_1"))).await.is_err());
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn an_event_whose_body_is_gone_is_parked_and_the_next_one_taken() {
    let (project, store) = shop().await;
    let mut large = delivery("evt_1");
    large.body = vec![b'x'; 1_000_000].into();
    store.record_failure(&large, "not now", Some(Duration::ZERO)).await.unwrap();
    store.record_failure(&delivery("evt_2"), "not now", Some(Duration::ZERO)).await.unwrap();
    project.remove("webhook_logs/evt_1/pieces/1").await;
    let leased = store.lease_event(Duration::from_mins(1)).await.unwrap().unwrap();
    assert_eq!(leased.event.event_id.as_str(), "evt_2");
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.events_parked, backlog.events_waiting), (1, 1));
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_manually_added_field_survives_every_step() {
    let (project, store) = shop().await;
    spoil(&project, "preorders/cs_1", |fields| fields["note"] = json!({ "doubleValue": 0.5 })).await;
    record_update(&store, &FreshIds, Some(&delivery("evt_1")), &paid("cs_1")).await;
    record_update(&store, &FreshIds, Some(&delivery("evt_2")), &refund("re_1", RefundStatus::Succeeded)).await;
    assert_eq!(project.document("preorders/cs_1").await["fields"]["note"], json!({ "doubleValue": 0.5 }));
    assert_eq!(purchase(&store, "cs_1").await.preorder.details.refunded_minor, 100);
}
