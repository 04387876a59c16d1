//! How a run ends: nothing that was begun is broken off, and nothing that was held stays held.

use std::{process::Stdio, time::Duration};

use reqwest::StatusCode;
use rolitt::server::{
    outbox,
    reconcile::{ReconcileError, ReconcileOptions, reconcile},
    store::LeaseToken,
    worker::Progress,
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, process::Child};

use super::{
    migrations::{BEFORE_AN_INDEX, MIGRATIONS},
    program::{closed, empty_folder, program},
    test_app::{Home, SECRET, Setup, TestApp, completed, event, paid_session, sign},
};

/// The real program on the test's database and sandbox.
struct Process {
    child: Child,
    public: String,
    operations: String,
}

impl Process {
    async fn start(app: &TestApp) -> Self {
        let process = Self::spawn(app, Stdio::inherit());
        app.until("ready", async || process.readiness(app).await == Some(StatusCode::OK)).await;
        process
    }

    fn spawn(app: &TestApp, log: Stdio) -> Self {
        let (public, operations) = (closed(), closed());
        let mut variables = app.variables.clone();
        variables.extend([
            ("LEPTOS_SITE_ADDR", public.clone()),
            ("OPS_ADDR", operations.clone()),
            // Another developer's cluster, already running.
            ("STRIPE_API_BASE", app.sandbox.clone()),
            ("KLAVIYO_API_BASE", app.sandbox.clone()),
            ("STRIPE_PRODUCT_ID", "prod_shutdown".to_owned()),
            ("COLOR_PRICE_MAP_JSON", r#"{"Red":"price_shutdown"}"#.to_owned()),
            ("RECONCILE_EVERY", "off".to_owned()),
            ("LEPTOS_OUTPUT_NAME", "rolitt".to_owned()),
            ("LEPTOS_HASH_FILES", "false".to_owned()),
        ]);
        let child = program(&["serve"], variables).current_dir(empty_folder()).stdout(log).spawn().unwrap();
        Self { child, public, operations }
    }

    async fn readiness(&self, app: &TestApp) -> Option<StatusCode> {
        app.http.get(format!("http://{}/readyz", self.operations)).send().await.ok().map(|answer| answer.status())
    }

    /// Asks it to end, as a service manager does.
    fn terminate(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    }

    async fn deliver(&self, app: &TestApp, event: &Value) -> StatusCode {
        let body = event.to_string().into_bytes();
        let signature = sign(SECRET, app.shop.clock.now().unix_timestamp(), &body);
        let url = format!("http://{}/api/webhooks/stripe", self.public);
        let request = app.http.post(url).header("content-type", "application/json");
        request.header("stripe-signature", signature).body(body).send().await.unwrap().status()
    }
}

async fn posts(app: &TestApp) -> Vec<u64> {
    let output = app.sandbox_get("/sandbox/klaviyo/events").await;
    output["events"].as_array().unwrap().iter().map(|event| event["posts"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_work_in_progress_and_releases_every_lease() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    let mut process = Process::start(&app).await;
    app.sandbox_post("/sandbox/faults", json!({ "klaviyo": { "latency_ms": 2500 } })).await;
    assert_eq!(process.deliver(&app, &completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    app.until("a message on its way", async || app.count("outbox where lease_token is not null").await == 1).await;

    // Another transaction holds the row that the next event changes.
    let mut holder = app.pool().begin().await.unwrap();
    sqlx::query("select 1 from preorders for update").execute(&mut *holder).await.unwrap();
    let again = event("evt_2", "checkout.session.async_payment_succeeded", paid_session("cs_test_1"));
    let (waiting, ()) = tokio::join!(process.deliver(&app, &again), async {
        let waits = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        app.until("the event waits for the row", async || app.count(waits).await > 0).await;
        process.terminate();
        let red = async || process.readiness(&app).await == Some(StatusCode::SERVICE_UNAVAILABLE);
        app.until("readiness is red", red).await;
        app.until("no further connection is accepted", async || TcpStream::connect(&process.public).await.is_err())
            .await;
        assert!(red().await, "readiness is reported until the end of the drain");
        holder.rollback().await.unwrap();
    });
    assert_eq!(waiting, StatusCode::OK, "what had begun is answered");
    let ended = tokio::time::timeout(Duration::from_secs(30), process.child.wait()).await.unwrap().unwrap();
    assert!(ended.success(), "{ended}");
    assert_eq!(app.count("outbox where lease_token is not null").await, 0);

    app.http.delete(format!("{}/sandbox/faults", app.sandbox)).send().await.unwrap();
    let mut next = Process::start(&app).await;
    app.until("all is sent", async || app.count("outbox where status = 'pending'").await == 0).await;
    next.terminate();
    assert!(next.child.wait().await.unwrap().success());
    assert_eq!(posts(&app).await, [1], "sent once");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_a_process_that_waits_to_migrate() {
    let app = TestApp::start_with(Setup { home: Home::Postgres, ..Setup::default() }).await;
    MIGRATIONS.undo(app.pool(), BEFORE_AN_INDEX).await.unwrap();
    let mut holder = app.pool().begin().await.unwrap();
    sqlx::query("lock table preorders in row exclusive mode").execute(&mut *holder).await.unwrap();
    let process = Process::spawn(&app, Stdio::piped());
    let waits = "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    app.until("the migration waits for the table", async || app.count(waits).await > 0).await;
    process.terminate();
    let ended = process.child.wait_with_output().await.unwrap();
    let output = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success() && output.contains("stopped") && !output.contains("workers cut"), "{output}");
    holder.rollback().await.unwrap();
    app.leave().await;
}

#[tokio::test]
async fn a_throttled_message_releases_its_lease_at_shutdown() {
    let app = TestApp::start().await;
    assert_eq!(app.deliver(&completed("evt_1", "cs_test_1")).await, StatusCode::OK);
    app.shop.end.cancel();
    assert_eq!(outbox::deliver_next(&app.shop).await.unwrap(), Progress::Worked);
    let row = app.row("select status, lease_token, attempts, available_at <= now() as due from outbox").await;
    assert_eq!(row, json!({ "status": "pending", "lease_token": null, "attempts": 0, "due": true }));
    app.leave().await;
}

#[tokio::test]
async fn a_comparison_ends_with_the_process_and_the_next_process_need_not_wait_for_its_lease() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "stripe": { "latency_ms": 20_000 } })).await;
    let (ended, ()) = tokio::join!(reconcile(&app.shop, ReconcileOptions::default()), async {
        let free = async || {
            app.store.acquire_lease("reconcile:stripe", &LeaseToken::new("other"), Duration::ZERO).await.unwrap()
        };
        app.until("it holds its lease", async || !free().await).await;
        app.shop.end.cancel();
    });
    assert!(matches!(ended, Err(ReconcileError::Ended)), "{ended:?}");
    assert!(
        app.store.acquire_lease("reconcile:stripe", &LeaseToken::new("other"), Duration::from_secs(1)).await.unwrap()
    );
    app.leave().await;
}
