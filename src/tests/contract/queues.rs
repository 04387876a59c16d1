//! Leases are exclusive and limited in time, and an expired one cannot finish its row.

use std::{collections::HashSet, time::Duration};

use rolitt::server::store::{Applied, LeaseToken, MessageEnd, MessageKind};

use super::{apply, delivery, paid, record_update};
use crate::test_app::TestApp;

const LEASE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_workers_get_each_message_once() {
    let app = TestApp::start().await;
    for number in 0..20 {
        record_update(&*app.store, &*app.shop.ids, None, &paid(&format!("cs_{number}"))).await;
    }
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let store = app.store.clone();
        workers.spawn(async move {
            let mut had = Vec::new();
            while let Some(message) = store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap() {
                assert_eq!(message.attempts, 1);
                assert!(store.finish_message(&message, MessageEnd::Sent).await.unwrap());
                had.push(message.id);
            }
            had
        });
    }
    let had: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!((had.len(), had.iter().collect::<HashSet<_>>().len()), (20, 20));
    app.finish().await;
}

#[tokio::test]
async fn a_lease_that_ran_out_is_anothers_and_the_first_comes_too_late() {
    let app = TestApp::start().await;
    record_update(&*app.store, &*app.shop.ids, None, &paid("cs_1")).await;
    let first = app.store.lease_message(MessageKind::KlaviyoEvent, Duration::from_millis(1)).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    let second = app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().unwrap();
    assert_eq!((&first.id, second.attempts), (&second.id, 2));
    for late in [MessageEnd::Sent, MessageEnd::Withdrawn, MessageEnd::Parked { error: "late" }] {
        assert!(!app.store.finish_message(&first, late).await.unwrap());
    }
    let again = MessageEnd::Retry { error: "slow down", after: Duration::ZERO, counts: false };
    assert!(app.store.finish_message(&second, again).await.unwrap());
    let third = app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().unwrap();
    assert_eq!(third.attempts, 2, "an attempt that does not count was not one");
    assert!(!app.store.finish_message(&second, MessageEnd::Sent).await.unwrap());
    assert!(app.store.finish_message(&third, MessageEnd::Parked { error: "no" }).await.unwrap());
    assert!(app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().is_none());
    assert_eq!(app.store.backlog().await.unwrap().messages_parked, 1);
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_event_has_one_lease_and_is_leased_again_after_it_ends() {
    let app = TestApp::start().await;
    let kept = delivery("evt_1");
    app.store.record_failure(&kept, "not now", Some(Duration::from_mins(5))).await.unwrap();
    assert!(app.store.lease_event(LEASE).await.unwrap().is_none(), "not before its time");
    app.store.record_failure(&kept, "not now", Some(Duration::ZERO)).await.unwrap();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let store = app.store.clone();
        workers.spawn(async move { store.lease_event(LEASE).await.unwrap() });
    }
    let taken: Vec<_> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1);
    assert!(taken[0].event == kept && taken[0].attempts == 2);
    app.let_time_pass().await;
    let again = app.store.lease_event(LEASE).await.unwrap().unwrap();
    assert_eq!(again.attempts, 3);
    assert!(matches!(
        record_update(&*app.store, &*app.shop.ids, Some(&kept), &paid("cs_1")).await,
        Applied::Changed(_)
    ));
    app.store.record_failure(&kept, "too late", None).await.unwrap();
    assert_eq!(app.row("select status::text from webhook_logs").await["status"], "done", "what was applied stays so");
    assert!(app.store.lease_event(LEASE).await.unwrap().is_none());
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn klaviyo_event_sent_is_exact_under_races() {
    let app = TestApp::start().await;
    for round in 0..8 {
        let name = format!("cs_{round}");
        record_update(&*app.store, &*app.shop.ids, Some(&delivery(&format!("evt_{round}"))), &paid(&name)).await;
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..6 {
            let (store, ids) = (app.store.clone(), app.shop.ids.clone());
            let (event, fact) = (delivery(&format!("evt_{round}_{number}")), paid(&name));
            tasks.spawn(async move { drop(record_update(&*store, &*ids, Some(&event), &fact).await) });
        }
        let message = app.store.lease_message(MessageKind::KlaviyoEvent, LEASE).await.unwrap().unwrap();
        assert!(app.store.finish_message(&message, MessageEnd::Sent).await.unwrap());
        tasks.join_all().await;
    }
    assert_eq!(app.count("webhook_logs where status = 'done' and klaviyo_event_sent").await, 56);
    app.leave().await;
}

#[tokio::test]
async fn a_parked_event_waits_for_a_person_and_may_still_be_applied() {
    let app = TestApp::start().await;
    app.store.record_failure(&delivery("evt_1"), "no", None).await.unwrap();
    assert!(app.store.lease_event(LEASE).await.unwrap().is_none());
    let backlog = app.store.backlog().await.unwrap();
    assert_eq!((backlog.events_parked, backlog.events_waiting), (1, 0));
    let applied = apply(&*app.store, &*app.shop.ids, Some(&delivery("evt_1")), &paid("cs_1"), false).await.unwrap();
    assert!(matches!(applied, Applied::Changed(_)));
    assert_eq!(app.store.backlog().await.unwrap().events_parked, 0);
    app.leave().await;
}

#[tokio::test]
async fn a_body_of_any_size_comes_back_byte_by_byte() {
    let app = TestApp::start().await;
    for (number, size) in [0, 1, 786_431, 786_432, 786_433, 1_048_576].into_iter().enumerate() {
        let mut large = delivery(&format!("evt/{number}"));
        large.body = (0..size).map(|place| u8::try_from(place % 251).unwrap()).collect::<Vec<u8>>().into();
        app.store.record_failure(&large, "not now", Some(Duration::ZERO)).await.unwrap();
        let leased = app.store.lease_event(LEASE).await.unwrap().unwrap();
        assert!(leased.event == large, "{size}");
    }
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_for_one_is_had_by_one() {
    let app = TestApp::start().await;
    let mut workers = tokio::task::JoinSet::new();
    for number in 0..32 {
        let store = app.store.clone();
        let token = LeaseToken::new(format!("token-{number}"));
        workers.spawn(async move { store.acquire_lease("books", &token, LEASE).await.unwrap().then_some(token) });
    }
    let had: Vec<LeaseToken> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(had.len(), 1);
    let holder = &had[0];
    let (other, next) = (&LeaseToken::new("other"), &LeaseToken::new("next"));
    assert!(app.store.acquire_lease("books", holder, LEASE).await.unwrap(), "its holder goes on with it");
    app.store.release_lease("books", other).await.unwrap();
    assert!(!app.store.acquire_lease("books", other, LEASE).await.unwrap());
    assert!(app.store.acquire_lease("others", other, LEASE).await.unwrap(), "each name for itself");
    app.store.release_lease("books", holder).await.unwrap();
    assert!(app.store.acquire_lease("books", other, Duration::from_millis(1)).await.unwrap());
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(app.store.acquire_lease("books", next, LEASE).await.unwrap(), "it ran out");
    app.leave().await;
}
