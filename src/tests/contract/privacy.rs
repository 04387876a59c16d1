//! What is personal: taken away for ever, by name and by age, while everything that keeps an order
//! single stays.

use std::time::Duration;

use rolitt::{
    domain::{
        customer::ShippingAddress,
        lifecycle::{self, Change, MerchantAction, OrderState, PaymentUpdate, SessionUpdate},
        mirror::{CustomerCopy, Mirror, Version},
        payment::{CustomerId, Mentions},
        preorder::{AccessHash, PreorderStatus},
    },
    server::store::{
        Applied, Effect, Erased, Erasure, MessageEnd, MessageKind, Source, Step, Store, StoreError, WebhookEvent,
    },
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{STRIPE, apply, delivery, facts, paid, purchase, record_update};
use crate::test_app::TestApp;

const LEASE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// A paid session with everything in it that is personal.
fn personal(name: &str) -> PaymentUpdate {
    PaymentUpdate::Session(Box::new(SessionUpdate {
        shipping: Some(ShippingAddress { name: Some("Jo Buyer".to_owned()), ..ShippingAddress::default() }),
        access: Some(AccessHash::from_digest([7; 32])),
        ..facts(name)
    }))
}

async fn erase(store: &dyn Store, name: &str, force: bool, dry_run: bool) -> Erased {
    let number = purchase(store, name).await.preorder.number;
    let act = MerchantAction::Erase { at: 1_763_900_000, force };
    let decide = |case: &OrderState| lifecycle::act(case, &act).unwrap_or_else(Change::Ignore);
    loop {
        match store.erase(Erasure { number: &number, decide: &decide, dry_run }).await {
            Err(StoreError::Conflict(_)) => {}
            other => return other.unwrap().unwrap(),
        }
    }
}

/// How many events and messages were emptied.
async fn emptied(store: &dyn Store, name: &str, dry_run: bool) -> (u64, u64) {
    match erase(store, name, true, dry_run).await {
        Erased::Done { events, messages, .. } => (events, messages),
        Erased::Refused(reason) => panic!("{reason}"),
    }
}

const LEFT_IN_LOGS: &str = "webhook_logs where raw_body is not null or raw_data is not null or email is not null";

#[tokio::test]
async fn an_erased_order_keeps_its_money_and_loses_its_customer_for_ever() {
    let app = TestApp::start().await;
    record_update(&*app.store, &*app.shop.ids, Some(&delivery("evt_1")), &personal("cs_1")).await;
    record_update(&*app.store, &*app.shop.ids, Some(&delivery("evt_2")), &personal("cs_2")).await;
    app.edit("update preorders set user_id = 'u1', tracking_number = 'JD1'").await;
    let before = purchase(&*app.store, "cs_1").await;
    let Erased::Refused(reason) = erase(&*app.store, "cs_1", false, false).await else { panic!("it is still needed") };
    assert!(reason.contains("address"), "{reason}");
    assert_eq!(emptied(&*app.store, "cs_1", true).await, (1, 1), "in a dry_run");
    assert_eq!(purchase(&*app.store, "cs_1").await, before, "a dry_run changes nothing");
    assert_eq!(emptied(&*app.store, "cs_1", false).await, (1, 1));
    assert_eq!(emptied(&*app.store, "cs_1", false).await, (0, 0), "nothing is left");
    let kept = "session_id, status::text, preorder_number, amount_minor, email, shipping_address, access_hash, tracking_number, \
                user_id, erased_at is not null as erased";
    let number = before.preorder.number.as_str();
    let gone = json!({ "session_id": "cs_1", "status": "paid", "preorder_number": number, "amount_minor": 29_900, "email": "",
        "shipping_address": null, "access_hash": null, "tracking_number": null, "user_id": null, "erased": true });
    let look = format!("select {kept} from preorders where session_id = 'cs_1'");
    assert_eq!(app.row(&look).await, gone);
    // Any later update about the order.
    assert_eq!(
        record_update(&*app.store, &*app.shop.ids, Some(&delivery("evt_1")), &personal("cs_1")).await,
        Applied::Duplicate
    );
    for event in [Some(delivery("evt_3")), None] {
        let again = record_update(&*app.store, &*app.shop.ids, event.as_ref(), &personal("cs_1")).await;
        assert!(matches!(again, Applied::Unchanged(Some(_))), "{again:?}");
    }
    app.store.record_failure(&delivery("evt_4"), "not now", Some(Duration::ZERO)).await.unwrap();
    record_update(&*app.store, &*app.shop.ids, Some(&delivery("evt_4")), &personal("cs_1")).await;
    assert_eq!(app.row(&look).await, gone);
    assert_eq!(app.count("webhook_logs where status = 'done'").await, 4);
    assert_eq!(app.count(LEFT_IN_LOGS).await, 1, "the other order's");
    let message =
        "select status, encode(body, 'escape') as body, dedupe_key from outbox where dedupe_key = 'paid/cs_1'";
    let withdrawn = json!({ "status": "withdrawn", "body": "", "dedupe_key": "paid/cs_1" });
    assert_eq!(app.row(message).await, withdrawn);
    let other = app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().unwrap();
    assert!(app.store.finish_message(&other, MessageEnd::Sent).await.unwrap());
    assert!(app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().is_none());
    let other = purchase(&*app.store, "cs_2").await.preorder.details;
    assert_eq!((other.email.as_str(), other.erased_at), ("Jo@Example.com", None));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_updates_leave_no_personal_data_after_erasure() {
    let app = TestApp::start().await;
    for round in 0..6 {
        let name = format!("cs_{round}");
        record_update(&*app.store, &*app.shop.ids, Some(&delivery(&format!("evt_{round}"))), &personal(&name)).await;
        if round % 2 == 0 {
            let message = app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().unwrap();
            assert!(app.store.finish_message(&message, MessageEnd::Sent).await.unwrap());
        }
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..8 {
            let (store, ids) = (app.store.clone(), app.shop.ids.clone());
            let (event, fact) = (delivery(&format!("evt_{round}_{number}")), personal(&name));
            tasks.spawn(async move { drop(record_update(&*store, &*ids, Some(&event), &fact).await) });
        }
        let (store, name) = (app.store.clone(), name.clone());
        tasks.spawn(async move { assert!(emptied(&*store, &name, false).await.0 > 0) });
        tasks.join_all().await;
    }
    assert_eq!(app.count("webhook_logs where status = 'done'").await, 54);
    assert_eq!(app.count(LEFT_IN_LOGS).await, 0);
    assert_eq!(app.count("preorders where email <> '' or erased_at is null").await, 0);
    assert_eq!(app.count("outbox where body <> '' or status not in ('sent', 'withdrawn')").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn events_are_emptied_by_name_where_they_are_done_with() {
    let app = TestApp::start().await;
    record_update(&*app.store, &*app.shop.ids, Some(&delivery("evt_done")), &paid("cs_1")).await;
    ignored(&app, "evt_ignored", &Mentions::default()).await;
    app.store.record_failure(&delivery("evt_waits"), "not now", Some(Duration::ZERO)).await.unwrap();
    app.store.record_failure(&delivery("evt_parked"), "no", None).await.unwrap();
    let all = ["evt_done", "evt_ignored", "evt_waits", "evt_parked", "evt_unknown"].map(str::to_owned);
    assert_eq!(app.store.erase_events(&all, false).await.unwrap(), 2);
    assert_eq!(app.store.erase_events(&all, false).await.unwrap(), 0);
    assert_eq!(app.store.erase_events(&all, true).await.unwrap(), 1);
    assert_eq!(app.count(LEFT_IN_LOGS).await, 1);
    let leased = app.store.lease_event(LEASE).await.unwrap().unwrap();
    assert!(leased.event == delivery("evt_waits"), "what waits has its body");
    app.leave().await;
}

fn source(delivery: &WebhookEvent) -> Source<'_> {
    Source { provider: STRIPE, event: Some(delivery), at: OffsetDateTime::UNIX_EPOCH, dry_run: false }
}

async fn ignored(app: &TestApp, event: &str, mentions: &Mentions) {
    let effect = Effect::Ignore { reason: "nothing to do", mentions };
    app.store.apply(Step { source: source(&delivery(event)), effect }).await.unwrap();
}

#[tokio::test]
async fn an_ignored_event_retains_its_body_unless_its_customer_was_erased() {
    let app = TestApp::start().await;
    for name in ["cs_1", "cs_2"] {
        record_update(&*app.store, &*app.shop.ids, None, &paid(name)).await;
    }
    mirror(&app, &delivery("evt_customer"), &customer(10)).await;
    emptied(&*app.store, "cs_1", false).await;
    app.store.erase_customers(&["cus_1".to_owned()]).await.unwrap();
    let intent = |name: &str| Mentions { intent: Some(super::intent(name)), customer: None };
    let of_customer = |id: &str| Mentions { intent: None, customer: CustomerId::parse(id) };
    ignored(&app, "evt_a", &intent("pi_cs_1")).await;
    ignored(&app, "evt_b", &of_customer("cus_1")).await;
    ignored(&app, "evt_c", &intent("pi_cs_2")).await;
    ignored(&app, "evt_d", &of_customer("cus_2")).await;
    let left = "select array_agg(stripe_event_id order by stripe_event_id) as ids from webhook_logs
                where status = 'ignored' and raw_body is not null";
    assert_eq!(app.row(left).await["ids"], json!(["evt_c", "evt_d"]));
    app.leave().await;
}

fn customer(reported_at: i64) -> Mirror {
    Mirror::Customer(CustomerCopy {
        id: CustomerId::parse("cus_1").unwrap(),
        version: Version { told_at: reported_at, finality: 0 },
        deleted: false,
        email: Some("jo@example.com".to_owned()),
        name: Some("Jo Buyer".to_owned()),
        livemode: false,
    })
}

async fn mirror(app: &TestApp, delivery: &WebhookEvent, mirror: &Mirror) -> Applied {
    app.store.apply(Step { source: source(delivery), effect: Effect::Mirror(mirror) }).await.unwrap()
}

#[tokio::test]
async fn an_erased_customer_copy_is_never_filled_again() {
    let app = TestApp::start().await;
    let customers = ["cus_1".to_owned(), "cus_unknown".to_owned()];
    mirror(&app, &delivery("evt_1"), &customer(10)).await;
    assert_eq!(app.count("customers where email = 'jo@example.com' and name = 'Jo Buyer'").await, 1);
    assert_eq!(app.store.erase_customers(&customers).await.unwrap(), 1);
    assert_eq!(app.store.erase_customers(&customers).await.unwrap(), 0);
    for (event, reported_at) in [("evt_2", 20), ("evt_3", 5)] {
        mirror(&app, &delivery(event), &customer(reported_at)).await;
        assert_eq!(app.count("customers where email is null and name is null and erased_at is not null").await, 1);
    }
    assert_eq!(app.count("webhook_logs where status = 'done'").await, 3);
    let left = app.row("select stripe_event_id from webhook_logs where raw_body is not null").await;
    assert_eq!(left["stripe_event_id"], "evt_1", "that of before");
    app.finish().await;
}

#[tokio::test]
async fn retention_empties_old_bodies_and_deduplication_still_works() {
    let app = TestApp::start().await;
    let large = WebhookEvent { body: vec![b'x'; 1_000_000].into(), ..delivery("evt_0") };
    record_update(&*app.store, &*app.shop.ids, Some(&large), &paid("cs_0")).await;
    for number in 1..7 {
        record_update(
            &*app.store,
            &*app.shop.ids,
            Some(&delivery(&format!("evt_{number}"))),
            &paid(&format!("cs_{number}")),
        )
        .await;
    }
    for end in [MessageEnd::Sent, MessageEnd::Sent, MessageEnd::Withdrawn, MessageEnd::Parked { error: "no" }] {
        let message = app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().unwrap();
        assert!(app.store.finish_message(&message, end).await.unwrap());
    }
    app.store.record_failure(&delivery("evt_waits"), "not now", Some(Duration::from_hours(1))).await.unwrap();
    app.store.record_failure(&delivery("evt_parked"), "no", None).await.unwrap();
    assert_eq!(app.store.erase_old_events(DAY, 10).await.unwrap(), 0, "nothing is old");
    assert_eq!(app.store.erase_old_messages(DAY, 10).await.unwrap(), 0);
    // All but one event, and all messages, are of the day before yesterday.
    app.edit(
        "update webhook_logs set received_at = now() - interval '2 days', available_at = now() - interval '2 days',
                processed_at = case when stripe_event_id <> 'evt_6' then processed_at - interval '2 days' else processed_at end",
    )
    .await;
    app.edit("update outbox set created_at = now() - interval '2 days', sent_at = sent_at - interval '2 days'").await;
    assert_eq!(app.store.erase_old_events(DAY, 4).await.unwrap(), 4);
    assert_eq!(app.store.erase_old_events(DAY, 4).await.unwrap(), 2);
    assert_eq!(app.store.erase_old_events(DAY, 4).await.unwrap(), 0);
    let left: Value = app.row("select array_agg(stripe_event_id order by stripe_event_id) as ids from webhook_logs where raw_body is not null").await;
    assert_eq!(left["ids"], json!(["evt_6", "evt_parked", "evt_waits"]));
    assert_eq!(app.count(LEFT_IN_LOGS).await, 3);
    assert_eq!(app.store.erase_old_messages(DAY, 10).await.unwrap(), 2, "what was withdrawn is empty already");
    assert_eq!(app.store.erase_old_messages(DAY, 10).await.unwrap(), 0);
    assert_eq!(app.count("outbox where body = ''").await, 3);
    assert_eq!(app.count("outbox where body <> '' and status in ('pending', 'parked')").await, 4);
    for event in [&large, &delivery("evt_1")] {
        assert_eq!(record_update(&*app.store, &*app.shop.ids, Some(event), &paid("cs_1")).await, Applied::Duplicate);
        app.store.record_failure(event, "too late", None).await.unwrap();
    }
    let again = apply(&*app.store, &*app.shop.ids, Some(&delivery("evt_again")), &paid("cs_0"), false).await.unwrap();
    assert!(matches!(again, Applied::Unchanged(_)));
    assert_eq!(app.count("outbox").await, 7, "no message is made twice");
    assert_eq!(app.count(LEFT_IN_LOGS).await, 4);
    app.leave().await;
}

#[tokio::test]
async fn orders_that_are_over_are_listed_by_how_long_they_are() {
    let app = TestApp::start().await;
    for number in 0..6 {
        record_update(&*app.store, &*app.shop.ids, None, &paid(&format!("cs_{number}"))).await;
    }
    app.edit(
        "update preorders set updated_at = now() - interval '9 days' + right(session_id, 1)::int * interval '1 hour'",
    )
    .await;
    app.edit("update preorders set status = 'refunded' where session_id in ('cs_0', 'cs_1', 'cs_4')").await;
    app.edit("update preorders set status = 'delivered', updated_at = now() where session_id = 'cs_5'").await;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = app.store.finished_orders(DAY, after.as_ref(), 2).await.unwrap();
        found.extend(page.iter().map(|over| over.session.as_str().to_owned()));
        after = page.into_iter().next_back();
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["cs_0", "cs_1", "cs_4"]);
    assert!(matches!(erase(&*app.store, "cs_1", false, false).await, Erased::Done { .. }));
    let left = app.store.finished_orders(DAY, None, 9).await.unwrap();
    assert_eq!(left.iter().filter(|over| !over.erased).count(), 2, "erased is touched");
    assert_eq!(purchase(&*app.store, "cs_1").await.preorder.details.status, PreorderStatus::Refunded);
    app.leave().await;
}
