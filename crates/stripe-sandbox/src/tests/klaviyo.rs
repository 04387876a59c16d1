//! Klaviyo's end, over the wire.

use serde_json::json;

use super::*;

fn event(unique_id: &str) -> Value {
    json!({"data": {"type": "event", "attributes": {
        "properties": {"color": "Red"}, "value": 299.0, "value_currency": "USD", "unique_id": unique_id,
        "metric": {"data": {"type": "metric", "attributes": {"name": "Preorder Success"}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
    }}})
}

impl Running {
    async fn tell(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .request(Method::POST, path)
            .header("authorization", "Klaviyo-API-Key pk_1")
            .header("revision", "2025-07-15")
            .header("content-type", "application/vnd.api+json")
            .body(body.to_string());
        Answer::of(request.send().await.unwrap()).await
    }

    async fn recorded(&self) -> Vec<Value> {
        self.get("/sandbox/klaviyo/events").await.ok()["events"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn an_event_is_accepted_as_often_as_it_comes_and_recorded_once() {
    let sandbox = start(config(None)).await;
    for path in ["/api/events", "/api/events/", "/api/events"] {
        let answer = sandbox.tell(path, &event("once")).await;
        assert_eq!((answer.status, answer.text.as_str()), (202, ""));
    }
    sandbox.tell("/api/events", &event("twice")).await;
    let recorded = sandbox.recorded().await;
    assert_eq!(recorded.len(), 2);
    for (key, value) in [
        ("metric", json!("Preorder Success")),
        ("unique_id", json!("once")),
        ("email", json!("ada@example.com")),
        ("properties", json!({"color": "Red"})),
        ("value", json!(299.0)),
        ("value_currency", json!("USD")),
        ("posts", json!(3)),
        ("body", event("once")),
    ] {
        assert_eq!(recorded[0][key], value, "{key}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_json_api_way() {
    let sandbox = start(config(None)).await;
    let mut nameless = event("1");
    nameless["data"]["attributes"]["profile"]["data"]["attributes"] = json!({});
    let answer = sandbox.tell("/api/events", &nameless).await;
    assert_eq!((answer.status, answer.header("content-type")), (400, "application/vnd.api+json"));
    let error = &answer.json()["errors"][0];
    assert_eq!(error["source"]["pointer"], "/data/attributes/profile/data/attributes");

    let post = |headers: &[(&'static str, &'static str)]| {
        let mut request = sandbox.request(Method::POST, "/api/events").body(event("1").to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async move { Answer::of(request.send().await.unwrap()).await.status }
    };
    let (key, revision) = (("authorization", "Klaviyo-API-Key pk_1"), ("revision", "2025-07-15"));
    let json = ("content-type", "application/json");
    assert_eq!(post(&[revision, json]).await, 401);
    assert_eq!(post(&[("authorization", "Bearer pk_1"), revision, json]).await, 401);
    assert_eq!(post(&[key, json]).await, 400);
    assert_eq!(post(&[key, revision, ("content-type", "text/plain")]).await, 415);
    assert_eq!(post(&[key, revision, json]).await, 202);
    assert_eq!(sandbox.recorded().await.len(), 1);
}

#[tokio::test]
async fn faults_throttle_or_lose_the_answer() {
    let sandbox = start(config(None)).await;
    sandbox.control("/sandbox/faults", json!({"klaviyo": {"error_rate": 1, "status": 429}})).await.ok();
    let throttled = sandbox.tell("/api/events", &event("1")).await;
    assert_eq!((throttled.status, throttled.header("retry-after")), (429, "1"));
    assert_eq!(sandbox.recorded().await.len(), 0);
    sandbox.control("/sandbox/faults", json!({"klaviyo": {"record_then_error_rate": 1}})).await.ok();
    assert_eq!(sandbox.tell("/api/events", &event("1")).await.status, 500);
    sandbox.control("/sandbox/faults", json!({"klaviyo": {}})).await.ok();
    assert_eq!(sandbox.tell("/api/events", &event("1")).await.status, 202);
    assert_eq!(sandbox.recorded().await[0]["posts"], 2);
}
