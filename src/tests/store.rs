//! The store's contract, where the use cases do not show it.

use std::time::Duration;

use rolitt::server::store::{MessageEnd, MessageKind};

use super::test_app::{TestApp, completed};

#[tokio::test]
async fn a_leased_message_is_out_of_sight_and_only_its_holder_ends_it() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    let lease = Duration::from_mins(1);
    let first = app.store.lease_message(MessageKind::KlaviyoEvent, lease).await.unwrap().unwrap();
    assert!(app.store.lease_message(MessageKind::KlaviyoEvent, lease).await.unwrap().is_none());
    app.let_time_pass().await;
    let second = app.store.lease_message(MessageKind::KlaviyoEvent, lease).await.unwrap().unwrap();
    assert_eq!((&first.id, second.attempts), (&second.id, 2));
    assert!(!app.store.finish_message(&first, MessageEnd::Sent).await.unwrap(), "a lost lease changes nothing");
    assert!(!app.store.finish_message(&first, MessageEnd::Parked { error: "x" }).await.unwrap());
    assert!(app.store.finish_message(&second, MessageEnd::Sent).await.unwrap());
    assert!(!app.store.finish_message(&second, MessageEnd::Sent).await.unwrap(), "sent is sent");
    app.finish().await;
}
