//! The merchant's commands, run as the real program next to a running shop.

use serde_json::{Value, json};

use super::{
    reconcile::{buy, dashboard},
    test_app::{TestApp, completed, event, paid_session},
};

async fn endpoint(app: &TestApp) -> String {
    let list = app.sandbox_get("/v1/webhook_endpoints").await;
    list["data"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_doctor_finds_a_healthy_endpoint_healthy() {
    let app = TestApp::start().await;
    app.deliver(&completed("evt_1", "cs_test_1")).await;
    let (status, output, complaint) = app.rolitt(&["doctor"]).await;
    assert_eq!(status, 0, "{output}{complaint}");
    for what in ["endpoint", "enabled", "events", "version", "mode", "signatures"] {
        assert!(output.contains(&format!("ok     {what}:")), "{what}: {output}");
    }
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn the_doctor_names_each_fault_with_its_mend_and_fails() {
    let app = TestApp::start().await;
    let id = endpoint(&app).await;
    let path = format!("/v1/webhook_endpoints/{id}");
    dashboard(&app, &path, &[("enabled_events[]", "checkout.session.completed")]).await;
    let (status, output, _) = app.rolitt(&["doctor"]).await;
    assert_eq!(status, 1);
    assert!(
        output.contains("FAULT  events:") && output.contains("charge.refunded") && output.contains("reconcile"),
        "{output}"
    );
    dashboard(&app, &path, &[("enabled_events[]", "*"), ("disabled", "true")]).await;
    let (status, output, _) = app.rolitt(&["doctor", "--json"]).await;
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((status, &output["ok"]), (1, &json!(false)));
    let faults: Vec<_> =
        output["findings"].as_array().unwrap().iter().filter(|one| one["verdict"] == "fault").collect();
    assert_eq!((faults.len(), &faults[0]["what"]), (1, &json!("enabled")));
    let (status, output, _) = app.rolitt_with(&["doctor"], &[("APP_URL", "https://elsewhere.example")]).await;
    assert_eq!(status, 1);
    assert!(output.contains("FAULT  endpoint:") && output.contains(&id), "{output}");
    app.finish().await;
}

#[tokio::test]
async fn webhooks_that_are_rejected_in_silence_are_said_aloud_with_the_likely_cause() {
    let app = TestApp::start().await;
    app.post_webhook(b"{}".to_vec(), Some(&super::test_app::sign(super::test_app::SECRET, 1, b"{}"))).await;
    let (status, output, _) = app.rolitt(&["doctor"]).await;
    assert_eq!(status, 1);
    assert!(output.contains("FAULT  signatures:") && output.contains("clock"), "{output}");
    let now = app.shop.clock.now().unix_timestamp();
    app.post_webhook(b"{}".to_vec(), Some(&super::test_app::sign("whsec_old", now, b"{}"))).await;
    let (_, output, _) = app.rolitt(&["doctor"]).await;
    assert!(output.contains("the webhook secret is another endpoint's"), "{output}");
    app.deliver(&event("evt_1", "invoice.finalized", json!({ "id": "in_1" }))).await;
    let (status, output, _) = app.rolitt_with(&["doctor"], &[("OPS_ADDR", "127.0.0.1:1")]).await;
    assert_eq!(status, 0, "a server that cannot be asked is no fault of the endpoint: {output}");
    assert!(output.contains("?      signatures"), "{output}");
    app.finish().await;
}

#[tokio::test]
async fn reconcile_reports_differences_and_fails_on_unexplained_ones() {
    let app = TestApp::start().await;
    app.sandbox_post("/sandbox/faults", json!({ "delivery": { "drop_rate": 1 } })).await;
    buy(&app, "jo@example.com", json!({ "card": "4242424242424242" })).await;
    let (status, output, _) = app.rolitt(&["reconcile", "--since", "1h", "--dry-run", "--json"]).await;
    let output: Value = serde_json::from_str(&output).unwrap();
    assert_eq!((status, &output["differences"][0]["end"]), (0, &json!("found")));
    assert_eq!(app.count("preorders").await, 0);
    let (status, output, complaint) = app.rolitt(&["reconcile"]).await;
    assert_eq!(status, 0, "{output}{complaint}");
    assert!(output.contains("repaired  ROL-") && output.contains("unexplained differences: 0"), "{output}");
    assert_eq!(app.count("preorders where status = 'paid'").await, 1);
    app.deliver(&completed("evt_1", "cs_test_elsewhere")).await;
    let (status, output, complaint) = app.rolitt(&["reconcile"]).await;
    assert_eq!(status, 1, "{output}");
    assert!(
        output.contains("UNEXPLAINED") && complaint.contains("1 difference(s) need a person"),
        "{output}{complaint}"
    );
    assert_eq!(app.rolitt(&["reconcile", "--since", "soon"]).await.0, 2);
    app.deliver_all().await;
    app.finish().await;
}

#[tokio::test]
async fn orders_are_listed_shown_and_acted_upon() {
    let app = TestApp::start().await;
    let mut odd = paid_session("cs_test_1");
    odd["amount_total"] = json!(1);
    app.deliver(&event("evt_1", "checkout.session.completed", odd)).await;
    app.deliver(&completed("evt_2", "cs_test_2")).await;
    let (status, listed, _) = app.rolitt(&["preorders", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((status, listed.as_array().unwrap().len()), (0, 2));
    assert!(!listed.to_string().contains("jo@example.com"), "a list shows no address whole");
    let (_, held, _) = app.rolitt(&["preorders", "list", "--review"]).await;
    assert!(held.contains("REVIEW: paid 0.01 usd, expected 299.00 usd") && held.contains("1 order(s)"), "{held}");
    let held = held.split_whitespace().next().unwrap().to_owned();
    let (status, _, complaint) = app.rolitt(&["preorders", "ship", &held]).await;
    assert_eq!(status, 1);
    assert!(complaint.contains("held for review"), "{complaint}");
    assert_eq!(app.rolitt(&["preorders", "approve", &held]).await.0, 0);
    assert_eq!(app.rolitt(&["preorders", "ship", &held, "--tracking", "JD1"]).await.0, 0);
    let (_, shown, _) = app.rolitt(&["preorders", "show", &held]).await;
    assert!(shown.contains("shipped") && shown.contains("JD1") && shown.contains("jo@example.com"), "{shown}");
    assert_eq!(app.rolitt(&["preorders", "show", "ROL-00000000"]).await.0, 1);
    assert_eq!(app.rolitt(&["preorders", "show", "nonsense"]).await.0, 2);
    let (_, older, _) = app.rolitt(&["preorders", "list", "--limit", "1", "--json"]).await;
    let newest: Value = serde_json::from_str(&older).unwrap();
    let (_, rest, _) =
        app.rolitt(&["preorders", "list", "--after", newest[0]["number"].as_str().unwrap(), "--json"]).await;
    assert_eq!(serde_json::from_str::<Value>(&rest).unwrap().as_array().unwrap().len(), 1);
    app.deliver_all().await;
    app.finish().await;
}
