//! Panics that quote what they are about, in a request, in the applying of an event, and in a
//! worker: they are output of by their place. They happen in a process of their own, because what a
//! panic says is the whole process's matter.

use std::{sync::Arc, time::Duration};

use rolitt::{
    domain::payment::SessionId,
    server::{
        store::{Ids, LeaseToken, PreorderNames, StoreError},
        telemetry::{self, LogFormat, LogOutput},
        worker,
    },
};
use tokio::{process::Command, sync::Notify};
use tokio_util::sync::CancellationToken;

use crate::{
    reconcile::buy,
    test_app::{Setup, TestApp, completed},
};

const QUOTED: &str = "canarylocal.buyer@canarymail.example";

/// Panics with a message that quotes an address, as `unwrap` and slicing do.
struct Quoting;

impl Ids for Quoting {
    fn lease_token(&self) -> LeaseToken {
        let read = |text: &str| if text.is_empty() { Ok(String::new()) } else { Err(text.to_owned()) };
        LeaseToken::new(read(QUOTED).unwrap())
    }

    fn preorder_names(&self, _session: &SessionId, _draw: u32) -> PreorderNames {
        panic!("no number for {QUOTED}")
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it panics: the test below runs it in a process of its own"]
async fn panicking() {
    telemetry::start(LogFormat::Text, LogOutput::Stderr, Some("trace"));
    let app = TestApp::start_with(Setup { ids: Some(Arc::new(Quoting)), ..Setup::default() }).await;
    assert_eq!(app.deliver(&completed("evt_1", "cs_test_1")).await, 200);
    app.sandbox_post("/sandbox/faults", serde_json::json!({ "delivery": { "drop_rate": 1 } })).await;
    let session = buy(&app, QUOTED, serde_json::json!({ "card": "4242424242424242" })).await;
    // The answer must end.
    let page = async { app.get(&format!("/checkout/success?session_id={session}")).await.text().await.unwrap() };
    let body = tokio::time::timeout(Duration::from_secs(20), page).await.unwrap();
    assert!(!body.contains("canarylocal"), "{body}");
    let end = CancellationToken::new();
    worker::run("panicking", &Notify::new(), Duration::from_millis(1), end.clone(), || async {
        end.cancel();
        let text = format!("é{QUOTED}");
        // In the middle of a character: the standard library quotes the text.
        Err(StoreError::Unavailable(text[1..].to_owned()))
    })
    .await;
    assert_eq!(
        app.row("select error from webhook_logs where stripe_event_id = 'evt_1'").await["error"],
        "the program panicked"
    );
    app.leave().await;
}

#[tokio::test]
async fn a_panic_is_logged_with_its_location_and_no_payload() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "canary::panics::panicking", "--ignored", "--nocapture"]);
    let output = command.env("RUST_BACKTRACE", "1").output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(said.matches("a panic").count() >= 3, "{said}");
    assert!(said.contains("src/tests/canary/panics.rs:"), "the location is logged: {said}");
    assert!(said.contains("a worker's step panicked"), "{said}");
    assert!(!said.contains("canarylocal"), "{said}");
}
