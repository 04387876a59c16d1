//! A whole shop crosses from PostgreSQL to Firestore and back, by the real command, and goes on
//! where it arrived.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::StatusCode;
use rolitt::{
    domain::preorder::PreorderStatus,
    server::store::{Applied, MessageKind, OrderKey, Store, Table},
};
use serde_json::{Value, json};

use super::{borrowed, contents, variables_for};
use crate::{
    contract::{delivery, paid, record_update, session},
    copying::{Target, rich_shop},
    emulated::Emulated,
    test_app::{Home, ListedIds, Setup, TestApp, completed, event, paid_session},
};

const THERE: [&str; 6] = ["store", "copy", "--from", "postgres", "--to", "firestore"];
const BACK: [&str; 6] = ["store", "copy", "--from", "firestore", "--to", "postgres"];

async fn nothing_is_in(store: &dyn Store) {
    for table in Table::ALL {
        assert_eq!(store.count(table).await.unwrap(), 0, "{table:?}");
        assert_eq!(store.copy_cursor("postgres", table).await.unwrap(), None, "{table:?}");
    }
}

fn sum(report: &str, figure: &str) -> u64 {
    let report: Value = serde_json::from_str(report).unwrap();
    report["tables"].as_array().unwrap().iter().map(|table| table[figure].as_u64().unwrap()).sum()
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn every_row_round_trips_between_the_stores() {
    let (app, project, target) = (rich_shop().await, Emulated::project(), Target::new().await);
    let (there, variables) = (project.store(), variables_for(&project));
    let variables = borrowed(&variables);
    let before = contents(&*app.store).await;
    let (status, said, complaint) = app.rolitt_with(&THERE, &variables).await;
    assert_eq!((status, said.trim_end().ends_with("everything agrees")), (0, true), "{said}{complaint}");
    assert_eq!(contents(&there).await, before);
    let (status, said, _) = app.rolitt_with(&[&THERE[..], &["--json"]].concat(), &variables).await;
    assert_eq!((status, sum(&said, "written"), sum(&said, "same")), (0, 0, before.len() as u64), "{said}");
    let elsewhere = [&variables[..], &[("DATABASE_URL", target.url.as_str())]].concat();
    let (status, said, complaint) = app.rolitt_with(&BACK, &elsewhere).await;
    assert_eq!((status, said.trim_end().ends_with("everything agrees")), (0, true), "{said}{complaint}");
    assert_eq!(contents(&target.store).await, before);
    assert_eq!(contents(&*app.store).await, before, "and nothing was taken from where it came from");
    target.leave(app).await;
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn a_dry_run_writes_nothing_into_an_empty_project() {
    let (app, project) = (rich_shop().await, Emulated::project());
    let (there, variables) = (project.store(), variables_for(&project));
    let dry_run = [&THERE[..], &["--dry-run"]].concat();
    let (status, _, complaint) = app.rolitt_with(&dry_run, &borrowed(&variables)).await;
    assert_eq!((status, complaint.contains("run `rolitt migrate`")), (1, true), "{complaint}");
    nothing_is_in(&there).await;
    assert!(there.ready().await.is_err());
    let on_firestore = project.variables();
    assert_eq!(app.rolitt_with(&["migrate"], &borrowed(&on_firestore)).await.0, 0);
    let rows = contents(&*app.store).await.len();
    let (status, said, _) = app.rolitt_with(&dry_run, &borrowed(&variables)).await;
    assert_eq!((status, said.contains(&format!("{rows} row(s) would be written"))), (0, true), "{said}");
    nothing_is_in(&there).await;
    app.leave().await;
}

/// The rich shop, and the same one opened on Firestore after it crossed.
async fn crossed(ids: Option<Arc<ListedIds>>) -> (TestApp, TestApp) {
    let (app, project) = (rich_shop().await, Emulated::project());
    let (status, said, complaint) = app.rolitt_with(&THERE, &borrowed(&variables_for(&project))).await;
    assert_eq!(status, 0, "{said}{complaint}");
    let ids = ids.map(|ids| -> Arc<dyn rolitt::server::store::Ids> { ids });
    let moved = TestApp::start_with(Setup { ids, home: Home::Firestore(project), ..Setup::default() }).await;
    (app, moved)
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn orders_that_crossed_are_known_and_are_not_made_again() {
    let (app, moved) = crossed(None).await;
    for number in 1..=6 {
        let session = session(&format!("cs_test_{number}"));
        let here = app.store.order(OrderKey::Session(&session)).await.unwrap().unwrap();
        assert_eq!(moved.store.order(OrderKey::Session(&session)).await.unwrap().unwrap(), here);
        let by_number = OrderKey::Number(&here.preorder.number);
        assert_eq!(moved.store.order(by_number).await.unwrap().unwrap(), here);
    }
    let before = contents(&*moved.store).await;
    assert_eq!(moved.deliver(&completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    let again = record_update(&*moved.store, &*moved.shop.ids, Some(&delivery("evt_1")), &paid("cs_test_1")).await;
    assert_eq!(again, Applied::Duplicate);
    assert_eq!(contents(&*moved.store).await, before, "an event of before changes nothing");
    assert_eq!(moved.deliver(&completed("evt_again", "cs_test_1")).await, StatusCode::OK);
    let mut after = contents(&*moved.store).await;
    assert!(after.remove(&("webhook_logs", "evt_again".to_owned())).is_some());
    assert_eq!(after, before, "nor does the same session, reported again");
    moved.leave().await;
    app.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Firestore emulator"]
async fn messages_and_events_that_wait_are_each_taken_once() {
    let (app, moved) = crossed(None).await;
    let waiting = usize::try_from(app.count("outbox where status = 'pending'").await).unwrap();
    let mut takers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = moved.store.clone();
        takers.spawn(async move {
            let mut taken = Vec::new();
            let lease = Duration::from_mins(5);
            while let Some(message) = store.lease_message(MessageKind::KlaviyoEvent, lease).await.unwrap() {
                taken.push(message.body);
            }
            taken
        });
    }
    let taken: Vec<Vec<u8>> = takers.join_all().await.concat();
    let distinct: BTreeSet<&[u8]> = taken.iter().map(Vec::as_slice).collect();
    assert!(waiting > 1, "the shop had messages to send");
    assert_eq!((taken.len(), distinct.len()), (waiting, waiting));
    moved.let_time_pass().await;
    moved.deliver_all().await;
    assert_eq!(moved.count("outbox where status = 'pending'").await, 0);
    let events = moved.sandbox_get("/sandbox/klaviyo/events").await["events"].as_array().unwrap().clone();
    assert!(events.iter().all(|event| event["posts"] == 1), "{events:?}");
    moved.retry_all().await;
    let failed = "webhook_logs where stripe_event_id in ('evt_failed', 'evt_refused') and attempts = 2";
    assert_eq!(moved.count(failed).await, 2);
    moved.leave().await;
    app.leave().await;
}

#[tokio::test]
#[ignore = "needs the Firestore emulator"]
async fn the_moved_shop_sells_on_with_numbers_of_its_own() {
    let ids = Arc::new(ListedIds(Mutex::new(vec!["ROL-AAAAAAA2"])));
    let (app, moved) = crossed(Some(ids.clone())).await;
    let copied = app.row("select preorder_number from preorders where session_id = 'cs_test_1'").await;
    let copied: &'static str = Box::leak(copied["preorder_number"].as_str().unwrap().to_owned().into_boxed_str());
    *ids.0.lock().unwrap() = vec![copied, copied, "ROL-AAAAAAA2"];
    assert_eq!(moved.deliver(&completed("evt_new", "cs_test_new")).await, StatusCode::OK);
    let new = moved.store.preorder_of_session(&session("cs_test_new")).await.unwrap().unwrap();
    assert_eq!((new.number.as_str(), new.details.status), ("ROL-AAAAAAA2", PreorderStatus::Paid));
    assert!(!new.details.second_payment && !new.details.review.is_open());
    *ids.0.lock().unwrap() = vec!["ROL-AAAAAAA3"];
    let mut second = paid_session("cs_test_second");
    second["metadata"]["attempt"] = json!("a-cs_test_1");
    assert_eq!(moved.deliver(&event("evt_second", "checkout.session.completed", second)).await, StatusCode::OK);
    let flagged = "preorders where second_payment and needs_review and session_id = 'cs_test_second'";
    assert_eq!((moved.count(flagged).await, moved.count("preorders where second_payment").await), (1, 1));
    moved.leave().await;
    app.leave().await;
}
