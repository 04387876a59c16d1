//! Orders: one of each, whatever comes at once, in whatever order, however often it is cut off.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use rolitt::{
    domain::{
        lifecycle::{
            Change, ChargeUpdate, Dispute, DisputeFunds, DisputeStatus, IntentStatus, IntentUpdate, OrderState,
            PaymentUpdate, Refund, RefundStatus, SessionOutcome, decide,
        },
        payment::{DisputeId, RefundId},
        preorder::PreorderStatus,
    },
    server::store::{Applied, Ids, OrderKey, StoreError, WebhookEvent},
};

use super::{apply, at_once, delivery, facts, intent, paid, purchase, record_update, session, usd};
use crate::test_app::{ListedIds, TestApp};

fn refund(id: &str, of: &str, minor: i64, status: RefundStatus) -> PaymentUpdate {
    PaymentUpdate::Refund(Refund {
        id: RefundId::parse(id).unwrap(),
        intent: intent(&format!("pi_{of}")),
        amount: usd(minor),
        status,
        counted: status.counts(),
        succeeded: status == RefundStatus::Succeeded,
        reason: None,
        failure: None,
        livemode: false,
    })
}

fn dispute(of: &str, status: DisputeStatus) -> PaymentUpdate {
    PaymentUpdate::Dispute(Dispute {
        id: DisputeId::parse(&format!("dp_{of}")).unwrap(),
        intent: intent(&format!("pi_{of}")),
        amount: usd(29_900),
        status,
        funds: DisputeFunds::Untouched,
        reason: "fraudulent".to_owned(),
        due_by: Some(1_900_000_000),
        livemode: false,
    })
}

fn intent_is(of: &str, status: IntentStatus, failed: Option<i64>) -> PaymentUpdate {
    PaymentUpdate::Intent(IntentUpdate {
        intent: intent(&format!("pi_{of}")),
        status,
        amount: Some(usd(29_900)),
        ours: true,
        failure: failed.map(|at| (at, "card_declined".to_owned())),
        livemode: false,
    })
}

/// Returns one update of each kind about one order.
fn history(of: &str) -> Vec<PaymentUpdate> {
    let mut pending = facts(of);
    pending.outcome = SessionOutcome::Pending;
    pending.attempt = None;
    let mut without_intent = facts(of);
    without_intent.intent = None;
    vec![
        PaymentUpdate::Session(Box::new(pending)),
        PaymentUpdate::Session(Box::new(without_intent)),
        paid(of),
        intent_is(of, IntentStatus::Waiting, Some(1_763_800_100)),
        intent_is(of, IntentStatus::Succeeded, None),
        refund(&format!("re_a_{of}"), of, 9_900, RefundStatus::Pending),
        refund(&format!("re_a_{of}"), of, 9_900, RefundStatus::Succeeded),
        refund(&format!("re_b_{of}"), of, 100, RefundStatus::Failed),
        PaymentUpdate::Charge(ChargeUpdate {
            intent: intent(&format!("pi_{of}")),
            refunded: usd(9_900),
            livemode: false,
        }),
        dispute(of, DisputeStatus::NeedsResponse),
        dispute(of, DisputeStatus::Won),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_callers_with_one_event_are_one_change() {
    let app = TestApp::start().await;
    let one = || (Some(delivery("evt_1")), paid("cs_1"));
    let all = at_once(&app.store, &app.shop.ids, (0..32).map(|_| one()).collect()).await;
    assert_eq!(all.iter().filter(|applied| matches!(applied, Applied::Changed(_))).count(), 1);
    assert_eq!(all.iter().filter(|applied| matches!(applied, Applied::Duplicate)).count(), 31);
    for table in ["preorders", "payments", "outbox", "webhook_logs where status = 'done' and preorder_id is not null"] {
        assert_eq!(app.count(table).await, 1, "{table}");
    }
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_events_about_one_order_are_one_order_and_one_message() {
    let app = TestApp::start().await;
    let all = (0..32).map(|number| (Some(delivery(&format!("evt_{number}"))), paid("cs_1"))).collect();
    let all = at_once(&app.store, &app.shop.ids, all).await;
    assert_eq!(all.iter().filter(|applied| matches!(applied, Applied::Changed(_))).count(), 1);
    assert_eq!((app.count("preorders").await, app.count("outbox").await), (1, 1));
    assert_eq!(app.count("webhook_logs where status = 'done'").await, 32);
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_two_sessions_of_one_attempt_one_is_the_first() {
    let app = TestApp::start().await;
    let one = |number: u32| {
        let mut facts = facts(&format!("cs_{number}"));
        facts.attempt = super::facts("cs_0").attempt;
        (None, PaymentUpdate::Session(Box::new(facts)))
    };
    at_once(&app.store, &app.shop.ids, (0..32).map(one).collect()).await;
    assert_eq!(app.count("preorders where status = 'paid'").await, 32);
    assert_eq!(app.count("preorders where second_payment and needs_review").await, 31);
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_parts_that_go_back_at_once_are_all_counted() {
    let app = TestApp::start().await;
    let mut all: Vec<_> =
        (0..32).map(|number| (None, refund(&format!("re_{number}"), "cs_1", 100, RefundStatus::Succeeded))).collect();
    all.insert(16, (None, paid("cs_1")));
    at_once(&app.store, &app.shop.ids, all).await;
    let purchase = purchase(&*app.store, "cs_1").await;
    assert_eq!((purchase.state.refunds.len(), purchase.preorder.details.refunded_minor), (32, 3_200));
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_of_facts_ends_as_the_rules_say() {
    let app = TestApp::start().await;
    let seed = rand::rng().random();
    let mut random = StdRng::seed_from_u64(seed);
    for round in 0..6 {
        let name = format!("cs_{round}");
        let expected = history(&name).iter().fold(OrderState::default(), |case, fact| match decide(&case, fact) {
            Change::Put(case) => *case,
            _ => case,
        });
        let mut all: Vec<(Option<WebhookEvent>, PaymentUpdate)> = history(&name)
            .into_iter()
            .enumerate()
            .map(|(place, fact)| (Some(delivery(&format!("evt_{round}_{place}"))), fact))
            .collect();
        all.extend(all.clone());
        all.shuffle(&mut random);
        if round < 3 {
            for (delivery, fact) in &all {
                record_update(&*app.store, &*app.shop.ids, delivery.as_ref(), fact).await;
            }
        } else {
            at_once(&app.store, &app.shop.ids, all).await;
        }
        let found = purchase(&*app.store, &name).await;
        assert_eq!(found.state, expected, "seed {seed}, round {round}");
        let number = OrderKey::Number(&found.preorder.number);
        for key in [number, OrderKey::Id(&found.preorder.id), OrderKey::Intent(&intent(&format!("pi_{name}")))] {
            assert_eq!(app.store.order(key).await.unwrap().as_ref(), Some(&found), "{key:?}");
        }
    }
    assert_eq!(app.count("preorders").await, 6);
    assert_eq!(app.count("webhook_logs where status = 'done'").await, 66);
    assert_eq!(app.count("outbox where consequence = 'paid'").await, 6);
    assert_eq!(app.count("outbox where consequence like 'refunded:%'").await, 6);
    app.leave().await;
}

#[tokio::test]
async fn an_order_without_a_payment_record_still_gets_payment_updates() {
    let app = TestApp::start().await;
    record_update(&*app.store, &*app.shop.ids, None, &paid("cs_1")).await;
    // As orders are that are older than such records.
    app.edit("delete from payments").await;
    record_update(
        &*app.store,
        &*app.shop.ids,
        Some(&delivery("evt_1")),
        &refund("re_1", "cs_1", 29_900, RefundStatus::Succeeded),
    )
    .await;
    let found = purchase(&*app.store, "cs_1").await;
    assert_eq!(found.preorder.details.status, PreorderStatus::Refunded);
    assert_eq!(app.store.order(OrderKey::Intent(&intent("pi_cs_1"))).await.unwrap().unwrap(), found);
    assert_eq!(app.count("outbox where consequence = 'refunded:re_1'").await, 1);
    app.leave().await;
}

#[tokio::test]
async fn a_number_is_had_by_one_order_and_the_next_draws_again() {
    let app = TestApp::start().await;
    let ids = ListedIds(Mutex::new(vec!["ROL-AAAAAAA1", "ROL-AAAAAAA1", "ROL-AAAAAAA1", "ROL-AAAAAAA2"]));
    record_update(&*app.store, &ids, None, &paid("cs_1")).await;
    record_update(&*app.store, &ids, None, &paid("cs_2")).await;
    assert_eq!(purchase(&*app.store, "cs_2").await.preorder.number.as_str(), "ROL-AAAAAAA2");
    let used_up = apply(&*app.store, &ids, Some(&delivery("evt_1")), &paid("cs_3"), false).await;
    assert!(matches!(used_up, Err(StoreError::NumbersExhausted)), "{used_up:?}");
    assert_eq!(app.store.preorder_of_session(&session("cs_3")).await.unwrap(), None);
    assert_eq!((app.count("preorders").await, app.count("webhook_logs").await, app.count("payments").await), (2, 0, 2));
    app.leave().await;
}

#[tokio::test]
async fn a_lost_order_is_rebuilt_with_its_old_id_and_number() {
    let (app, rebuilt) = (TestApp::start().await, TestApp::start().await);
    record_update(&*app.store, &*app.shop.ids, None, &paid("cs_1")).await;
    record_update(&*rebuilt.store, &*rebuilt.shop.ids, None, &paid("cs_0")).await;
    record_update(&*rebuilt.store, &*rebuilt.shop.ids, None, &paid("cs_1")).await;
    let (was, is) = (purchase(&*app.store, "cs_1").await.preorder, purchase(&*rebuilt.store, "cs_1").await.preorder);
    assert_eq!((was.id, was.number), (is.id, is.number));
    app.leave().await;
    rebuilt.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preorder_number_collision_under_concurrency_is_resolved() {
    const NUMBERS: [&str; 8] = [
        "ROL-AAAAAAA1",
        "ROL-AAAAAAA2",
        "ROL-AAAAAAA3",
        "ROL-AAAAAAA4",
        "ROL-AAAAAAA5",
        "ROL-AAAAAAA6",
        "ROL-AAAAAAA7",
        "ROL-AAAAAAA8",
    ];
    let app = TestApp::start().await;
    let list: Vec<&'static str> = NUMBERS.iter().flat_map(|number| [*number; 4]).chain(NUMBERS).collect();
    let ids: Arc<dyn Ids> = Arc::new(ListedIds(Mutex::new(list)));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (store, ids) = (app.store.clone(), ids.clone());
        // A caller that drew only taken numbers draws again: the list goes on.
        tasks.spawn(async move {
            for _ in 0..40 {
                match apply(&*store, &*ids, None, &paid(&format!("cs_{number}")), false).await {
                    Err(StoreError::NumbersExhausted | StoreError::Conflict(_)) => {}
                    other => return drop(other.unwrap()),
                }
            }
        });
    }
    tasks.join_all().await;
    let all = app.store.orders(&rolitt::server::store::PreorderFilter::default(), 100).await.unwrap();
    let given: BTreeSet<&str> = all.iter().map(|purchase| purchase.preorder.number.as_str()).collect();
    assert_eq!(given.len(), all.len(), "no number twice");
    assert!(all.len() >= 5, "and most got one: {}", all.len());
    app.leave().await;
}

#[tokio::test]
async fn a_dry_run_reports_and_writes_nothing() {
    let app = TestApp::start().await;
    let dry = apply(&*app.store, &*app.shop.ids, Some(&delivery("evt_1")), &paid("cs_1"), true).await.unwrap();
    assert!(matches!(dry, Applied::Changed(Some(_))), "{dry:?}");
    for table in ["preorders", "payments", "outbox", "webhook_logs"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_cut_off_anywhere_is_whole_or_not_there() {
    let app = TestApp::start().await;
    let began = std::time::Instant::now();
    record_update(&*app.store, &*app.shop.ids, None, &paid("cs_first")).await;
    let usual = began.elapsed().max(Duration::from_millis(4));
    for round in 0..40_u32 {
        let (name, event) = (format!("cs_{round}"), delivery(&format!("evt_{round}")));
        let cut = usual.mul_f64(f64::from(round) / 20.0);
        let fact = paid(&name);
        let step = apply(&*app.store, &*app.shop.ids, Some(&event), &fact, false);
        let ended = tokio::time::timeout(cut, step).await.is_ok();
        let there = app.store.order(OrderKey::Session(&session(&name))).await.unwrap();
        assert!(!ended || there.is_some(), "what was answered is there");
        if let Some(purchase) = there {
            assert_eq!(purchase.preorder.details.status, PreorderStatus::Paid);
            assert!(purchase.state.payment.is_some(), "with all of it");
        }
        let again = record_update(&*app.store, &*app.shop.ids, Some(&event), &fact).await;
        assert!(matches!(again, Applied::Duplicate | Applied::Changed(_)), "{again:?}");
    }
    for table in ["preorders", "payments", "outbox"] {
        assert_eq!(app.count(table).await, 41, "{table}");
    }
    assert_eq!(app.count("webhook_logs where status = 'done'").await, 40);
    app.leave().await;
}
