//! The network between the shop and its database: deaf, cut, and losing the answer to what was
//! done.

use std::sync::Arc;

use fault_harness::proxy::{Proxy, Toxics};
use futures::future::join_all;
use reqwest::StatusCode;

use super::test_app::{Home, Setup, TestApp, completed};

/// A shop whose database is behind a proxy. On Firestore there is no such database.
async fn shop() -> (TestApp, Arc<Proxy>) {
    let proxy = Arc::new(Proxy::start(String::new(), 1).await.unwrap());
    let setup = Setup { through: Some(proxy.clone()), home: Home::Postgres, ..Setup::default() };
    (TestApp::start_with(setup).await, proxy)
}

fn paid(number: usize) -> serde_json::Value {
    completed(&format!("evt_{number}"), &format!("cs_test_{number}"))
}

#[tokio::test]
async fn a_network_that_was_deaf_for_a_while_leaves_no_connection_hanging() {
    let (app, proxy) = shop().await;
    assert_eq!(app.deliver(&paid(0)).await, StatusCode::OK);
    proxy.set(Toxics { black_hole: true, ..Toxics::default() });
    // More than there are connections.
    let events: Vec<_> = (1..40).map(paid).collect();
    let answers = join_all(events.iter().map(|event| app.deliver(event))).await;
    assert!(answers.iter().all(|status| *status == StatusCode::SERVICE_UNAVAILABLE), "{answers:?}");
    proxy.set(Toxics::default());
    let answers = join_all(events.iter().map(|event| app.deliver(event))).await;
    assert!(answers.iter().all(|status| *status == StatusCode::OK), "{answers:?}");
    assert_eq!(app.count("preorders").await, 40);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_done_once() {
    let (app, proxy) = shop().await;
    proxy.set(Toxics { lost_commit_rate: 1.0, ..Toxics::default() });
    let event = paid(1);
    assert_eq!(app.deliver(&event).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(proxy.counts().0, 1, "the answer was lost");
    assert_eq!(app.count("preorders").await, 1, "and the commit was not");
    proxy.set(Toxics::default());
    assert_eq!(app.deliver(&event).await, StatusCode::OK);
    assert_eq!((app.count("preorders").await, app.count("outbox").await), (1, 1));
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn connections_that_are_cut_are_replaced() {
    let (app, proxy) = shop().await;
    assert_eq!(app.deliver(&paid(1)).await, StatusCode::OK);
    proxy.set(Toxics { reset_rate: 1.0, ..Toxics::default() });
    let event = paid(2);
    assert_eq!(app.deliver(&event).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(proxy.counts().1 > 0);
    proxy.set(Toxics::default());
    assert_eq!(app.deliver(&event).await, StatusCode::OK);
    app.deliver_all().await;
    app.finish().await;
}
