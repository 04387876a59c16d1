//! Faults, reset, and the index page.

use serde_json::json;

use super::*;

#[tokio::test]
async fn a_fault_is_set_shown_and_cleared_and_a_wrong_one_is_named() {
    let sandbox = start(config(None)).await;
    let set = sandbox.control("/sandbox/faults", json!({"stripe": {"error_rate": 1, "status": 429}})).await.ok();
    assert_eq!(set["stripe"]["status"], 429);
    assert_eq!(sandbox.get("/v1/prices").await.refused(429)["code"], "rate_limit");
    let wrong = sandbox.control("/sandbox/faults", json!({"stripe": {"error_rate": 0, "tea": 1}})).await.refused(400);
    assert!(wrong["message"].as_str().unwrap().contains("stripe.tea"));
    assert_eq!(sandbox.get("/v1/prices").await.status, 429);
    Answer::of(sandbox.request(Method::DELETE, "/sandbox/faults").send().await.unwrap()).await.ok();
    sandbox.get("/v1/prices").await.ok();
}

#[tokio::test]
async fn a_hanging_call_is_never_answered_and_does_not_hold_up_the_end() {
    let sandbox = start(config(None)).await;
    sandbox.control("/sandbox/faults", json!({"stripe": {"hang_rate": 1}})).await.ok();
    let request = sandbox.request(Method::GET, "/v1/prices").bearer_auth("sk_test_1");
    let hung = tokio::time::timeout(Duration::from_millis(200), request.send()).await;
    assert!(hung.is_err());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, config(None), shutdown.clone()));
    let other = Running { origin, http: client(), shutdown: shutdown.clone() };
    other.control("/sandbox/faults", json!({"klaviyo": {"hang_rate": 1}})).await.ok();
    let hanging = tokio::spawn(other.request(Method::POST, "/api/events").send());
    tokio::time::sleep(Duration::from_millis(50)).await;
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(2), serving).await.unwrap().unwrap().unwrap();
    hanging.abort();
}

#[tokio::test]
async fn reset_forgets_everything_and_stops_what_is_on_its_way() {
    let (receiver, url) = Receiver::start(&[500; 50]).await;
    let sandbox = start(config(Some(url))).await;
    let id = sandbox.session(&[]).await;
    sandbox.control("/sandbox/faults", json!({"klaviyo": {"error_rate": 1}})).await.ok();
    sandbox.control(&format!("/sandbox/stripe/sessions/{id}/pay"), json!({"card": "4242424242424242"})).await.ok();
    receiver.wait_for(2).await;
    sandbox.control("/sandbox/reset", json!({})).await.ok();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = receiver.types().len();
    tokio::time::sleep(TIMING.retry_cap * 3).await;
    assert_eq!(receiver.types().len(), before);
    assert_eq!(sandbox.get(&format!("/v1/checkout/sessions/{id}")).await.status, 404);
    assert_eq!(sandbox.get("/v1/events").await.ok()["data"], json!([]));
    assert_eq!(sandbox.get("/v1/webhook_endpoints").await.ok()["data"].as_array().unwrap().len(), 1);
    assert_eq!(sandbox.get("/sandbox/faults").await.ok()["klaviyo"]["error_rate"], 0.0);
    assert_eq!(sandbox.deliveries().await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_index_says_what_it_is() {
    let sandbox = start(config(None)).await;
    let page = sandbox.get("/sandbox").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("SANDBOX – no money moves") && page.text.contains("/sandbox/stripe/trigger"));
}
