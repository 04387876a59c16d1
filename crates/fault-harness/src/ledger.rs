//! What the outside knows: the sandbox's own records, read over HTTP.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use anyhow::Context as _;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// The records of the sandbox at `origin`.
pub struct Ledger {
    pub origin: String,
    http: reqwest::Client,
}

/// A checkout session, as the provider records it.
pub struct Session {
    pub paid: bool,
    pub completed: bool,
    pub amount_minor: i64,
}

/// An event, as Klaviyo recorded it.
pub struct KlaviyoEvent {
    pub unique_id: String,
    /// The preorder's number.
    pub number: String,
    /// How often the event was sent.
    pub posts: u64,
    /// How often it was sent with other bytes than the first time.
    pub differing: u64,
}

impl Ledger {
    pub fn new(origin: String, http: reqwest::Client) -> Self {
        Self { origin, http }
    }

    /// Returns every checkout session by its id.
    pub async fn sessions(&self) -> anyhow::Result<HashMap<String, Session>> {
        let mut sessions = HashMap::new();
        for session in self.list("/v1/checkout/sessions?").await? {
            let id = session["id"].as_str().context("a session without an id")?.to_owned();
            sessions.insert(
                id,
                Session {
                    paid: session["payment_status"] == "paid",
                    completed: session["status"] == "complete",
                    amount_minor: session["amount_total"].as_i64().unwrap_or_default(),
                },
            );
        }
        Ok(sessions)
    }

    /// Returns the ids of the events that every endpoint acknowledged with 2xx, or of the other
    /// ones.
    pub async fn events(&self, delivered: bool) -> anyhow::Result<Vec<String>> {
        let events = self.list(&format!("/v1/events?delivery_success={delivered}&")).await?;
        Ok(events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect())
    }

    /// Returns whether every event was delivered.
    pub async fn all_delivered(&self) -> anyhow::Result<bool> {
        let page = self.get("/v1/events?delivery_success=false&limit=1").await?;
        Ok(page["data"].as_array().is_some_and(Vec::is_empty))
    }

    /// Returns what Klaviyo recorded of one metric, by checkout session.
    pub async fn klaviyo_events(&self, metric: &str) -> anyhow::Result<BTreeMap<String, Vec<KlaviyoEvent>>> {
        let response = self.get("/sandbox/klaviyo/events").await?;
        let mut recorded: BTreeMap<String, Vec<KlaviyoEvent>> = BTreeMap::new();
        for event in response["events"].as_array().context("no events")? {
            if event["metric"] != metric {
                continue;
            }
            let session = event["properties"]["session_id"].as_str().unwrap_or_default();
            recorded.entry(session.to_owned()).or_default().push(KlaviyoEvent {
                unique_id: event["unique_id"].as_str().unwrap_or_default().to_owned(),
                number: event["properties"]["preorder_number"].as_str().unwrap_or_default().to_owned(),
                posts: event["posts"].as_u64().unwrap_or_default(),
                differing: event["differing"].as_u64().unwrap_or_default(),
            });
        }
        Ok(recorded)
    }

    /// Returns how many of the newest 20,000 deliveries there are, and how many of those were not
    /// accepted.
    pub async fn deliveries(&self) -> anyhow::Result<(u64, u64)> {
        let response = self.get("/sandbox/stripe/deliveries").await?;
        let attempts = response["deliveries"].as_array().context("no deliveries")?;
        let failed = attempts.iter().filter(|attempt| attempt["status"] != 200).count();
        Ok((attempts.len() as u64, failed as u64))
    }

    /// Returns how long the response to each delivery since then took; of the newest 20,000.
    pub async fn delivery_durations(&self, since: OffsetDateTime) -> anyhow::Result<Vec<Duration>> {
        let response = self.get("/sandbox/stripe/deliveries").await?;
        let mut durations = Vec::new();
        for attempt in response["deliveries"].as_array().context("no deliveries")? {
            if OffsetDateTime::parse(attempt["time"].as_str().unwrap_or_default(), &Rfc3339)? >= since {
                durations.push(Duration::from_millis(attempt["duration_ms"].as_u64().unwrap_or(u64::MAX)));
            }
        }
        Ok(durations)
    }

    /// Sets what goes wrong in the sandbox, as `POST /sandbox/faults` takes it.
    pub async fn set_faults(&self, faults: &Value) -> anyhow::Result<()> {
        self.post("/sandbox/faults", faults).await.map(drop)
    }

    /// Ends all faults in the sandbox.
    pub async fn clear_faults(&self) -> anyhow::Result<()> {
        self.http.delete(format!("{}/sandbox/faults", self.origin)).send().await?.error_for_status()?;
        Ok(())
    }

    /// Pays a session, as its customer does.
    pub async fn pay(&self, session: &str, means: &Value) -> anyhow::Result<()> {
        self.post(&format!("/sandbox/stripe/sessions/{session}/pay"), means).await.map(drop)
    }

    /// Returns the test card that pays.
    pub fn card() -> Value {
        json!({ "card": "4242424242424242" })
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.origin)).header("content-type", "application/json");
        let response = request.body(body.to_string()).send().await?;
        let status = response.status();
        let text = response.text().await?;
        anyhow::ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let request = self.http.get(format!("{}{path}", self.origin)).bearer_auth("sk_test_faults");
        Ok(serde_json::from_slice(&request.send().await?.error_for_status()?.bytes().await?)?)
    }

    /// Returns all pages of a list; `path` ends where further parameters follow.
    async fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}limit=100{after}")).await?;
            let rows = page["data"].as_array().context("no list")?;
            all.extend(rows.iter().cloned());
            let Some(last) = rows.last().filter(|_| page["has_more"] == true) else { return Ok(all) };
            after = format!("&starting_after={}", last["id"].as_str().context("no id")?);
        }
    }
}
