//! `Idempotency-Key` over the wire.

use serde_json::json;

use super::*;

impl Running {
    async fn create_under(&self, key: &str, more: &[(&str, &str)]) -> Answer {
        let request = self.form("/v1/checkout/sessions", &[&SESSION[..], more].concat()).header("idempotency-key", key);
        Answer::of(request.send().await.unwrap()).await
    }

    async fn sessions(&self) -> usize {
        self.get("/v1/checkout/sessions?limit=100").await.ok()["data"].as_array().unwrap().len()
    }
}

#[tokio::test]
async fn one_key_makes_one_session_and_says_so() {
    let sandbox = start(config(None)).await;
    let first = sandbox.create_under("k", &[]).await;
    let second = sandbox.create_under("k", &[]).await;
    assert_eq!((first.ok(), first.header("idempotent-replayed")), (second.ok(), ""));
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_ne!(first.header("request-id"), second.header("request-id"));
    let other = sandbox.create_under("k", &[("locale", "fr")]).await.refused(400);
    assert_eq!(other["type"], "idempotency_error");
    assert_eq!(sandbox.sessions().await, 1);
}

#[tokio::test]
async fn a_refused_request_may_be_mended_under_its_key() {
    let sandbox = start(config(None)).await;
    sandbox.create_under("k", &[("locale", "en-US")]).await.refused(400);
    sandbox.create_under("k", &[("locale", "en")]).await.ok();
    assert_eq!(sandbox.create_under(&"k".repeat(256), &[]).await.status, 400);
}

#[tokio::test]
async fn a_key_at_work_is_in_use_and_hanging_up_does_not_stop_the_work() {
    let sandbox = start(config(None)).await;
    sandbox.control("/sandbox/faults", json!({"stripe": {"latency_ms": 300}})).await.ok();
    let request = sandbox.form("/v1/checkout/sessions", &SESSION).header("idempotency-key", "k");
    let hung_up = request.timeout(Duration::from_millis(100)).send().await;
    assert!(hung_up.unwrap_err().is_timeout());
    let conflict = sandbox.create_under("k", &[]).await.refused(409);
    assert_eq!(conflict["code"], "idempotency_key_in_use");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let replayed = sandbox.create_under("k", &[]).await;
    assert_eq!((replayed.status, replayed.header("idempotent-replayed")), (200, "true"));
    assert_eq!(sandbox.sessions().await, 1);
}

#[tokio::test]
async fn an_error_after_the_work_is_replayed_and_one_before_it_is_not() {
    let sandbox = start(config(None)).await;
    sandbox.control("/sandbox/faults", json!({"stripe": {"record_then_error_rate": 1, "status": 502}})).await.ok();
    assert_eq!(sandbox.create_under("done", &[]).await.refused(502)["type"], "api_error");
    sandbox.control("/sandbox/faults", json!({"stripe": {"error_rate": 1}})).await.ok();
    sandbox.create_under("undone", &[]).await.refused(500);
    Answer::of(sandbox.request(Method::DELETE, "/sandbox/faults").send().await.unwrap()).await.ok();
    assert_eq!(sandbox.sessions().await, 1);
    let replayed = sandbox.create_under("done", &[]).await;
    assert_eq!((replayed.status, replayed.header("idempotent-replayed")), (502, "true"));
    let fresh = sandbox.create_under("undone", &[]).await;
    assert_eq!((fresh.status, fresh.header("idempotent-replayed")), (200, ""));
    assert_eq!(sandbox.sessions().await, 2);
}
