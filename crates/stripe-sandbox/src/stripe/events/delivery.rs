//! An event's way to one endpoint: signed, posted, tried again until it is accepted. And what goes wrong on it on purpose.

use std::time::{Duration, Instant};

use axum::http::header;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;

use super::{endpoint::Endpoint, signature};
use crate::{
    config::Timing,
    faults::{DeliveryFaults, happens},
    state::{Sandbox, World, since_epoch},
};

/// How many attempts are remembered.
const REMEMBERED: usize = 20_000;
/// How many characters of an answer's body are.
const EXCERPT: usize = 500;

/// One event for one endpoint.
#[derive(Clone)]
pub struct Delivery {
    event: String,
    kind: String,
    endpoint: String,
    fate: DeliveryFate,
    timing: Timing,
    epoch: CancellationToken,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DeliveryFate {
    /// Lost for good, as if the sender had forgotten it.
    Dropped,
    Sent {
        after: Duration,
        twice: bool,
    },
}

/// One attempt, as `GET /sandbox/stripe/deliveries` shows it.
pub struct Attempt {
    event: String,
    kind: String,
    endpoint: String,
    url: String,
    number: u32,
    duplicate: bool,
    at: OffsetDateTime,
    took: Duration,
    outcome: Outcome,
}

enum Outcome {
    Answered {
        status: u16,
        body: String,
    },
    /// Nobody answered: refused, timed out, or never sent.
    Failed(String),
}

impl Delivery {
    /// Decides the delivery's fate by the faults that are set now.
    pub fn new(event: &str, kind: &str, endpoint: &Endpoint, faults: &DeliveryFaults, world: &World) -> Self {
        let fate = if happens(faults.drop_rate) {
            DeliveryFate::Dropped
        } else {
            let mut after = Duration::from_millis(faults.delay_ms);
            if faults.shuffle {
                after += world.timing.shuffle_within.mul_f64(rand::random::<f64>());
            }
            DeliveryFate::Sent { after, twice: happens(faults.duplicate_rate) }
        };
        Self {
            event: event.to_owned(),
            kind: kind.to_owned(),
            endpoint: endpoint.id.clone(),
            fate,
            timing: world.timing,
            epoch: world.epoch.clone(),
        }
    }

    /// Whether its first attempt leaves at once.
    pub fn is_prompt(&self) -> bool {
        matches!(self.fate, DeliveryFate::Sent { after, .. } if after.is_zero())
    }

    pub async fn run(self, sandbox: Sandbox) {
        let epoch = self.epoch.clone();
        tokio::select! {
            () = epoch.cancelled() => {}
            () = self.deliver(&sandbox) => {}
        }
    }

    async fn deliver(&self, sandbox: &Sandbox) {
        let DeliveryFate::Sent { after, twice } = self.fate else {
            self.record_drop(sandbox);
            return;
        };
        tokio::time::sleep(after).await;
        if twice {
            // Both copies are under way at once: the receiver gets no chance to be done with the first.
            tokio::join!(self.until_accepted(sandbox, false), self.until_accepted(sandbox, true));
        } else {
            self.until_accepted(sandbox, false).await;
        }
    }

    async fn until_accepted(&self, sandbox: &Sandbox, duplicate: bool) {
        let started = Instant::now();
        let mut wait = self.timing.retry_first;
        for number in 1.. {
            if self.attempt(sandbox, number, duplicate).await {
                return;
            }
            if started.elapsed() + wait > self.timing.retry_for {
                tracing::warn!(event = self.event, kind = self.kind, attempts = number, "sandbox: webhook given up");
                return;
            }
            tracing::info!(
                event = self.event,
                kind = self.kind,
                ?wait,
                "sandbox: webhook not accepted, will be tried again"
            );
            tokio::time::sleep(wait).await;
            wait = wait.saturating_mul(2).min(self.timing.retry_cap);
        }
    }

    /// Posts the event once. True when there is nothing more to do: accepted, or the endpoint is gone.
    async fn attempt(&self, sandbox: &Sandbox, number: u32, duplicate: bool) -> bool {
        // The endpoint's address and secret of now: both may have been changed since the last attempt.
        let found = sandbox.with(|world| {
            let endpoint = world.endpoints.get(&self.endpoint).filter(|endpoint| endpoint.enabled)?;
            let event = world.events.get(&self.event)?;
            Some((endpoint.url.clone(), endpoint.secret.clone(), event.body.clone()))
        });
        let Some((url, secret, body)) = found else {
            // An endpoint that is gone or switched off has nothing to accept any more.
            sandbox.with(|world| world.accepted(&self.event, &self.endpoint));
            return true;
        };
        let at = OffsetDateTime::now_utc();
        let started = Instant::now();
        let outcome = post(sandbox, &url, &secret, body).await;
        let accepted = matches!(outcome, Outcome::Answered { status: 200..=299, .. });
        let (event, kind, endpoint) = (self.event.clone(), self.kind.clone(), self.endpoint.clone());
        let attempt = Attempt { event, kind, endpoint, url, number, duplicate, at, took: started.elapsed(), outcome };
        sandbox.with(|world| {
            // After a reset this world is another one, without the event.
            let Some(event) = world.events.get_mut(&self.event) else { return };
            event.answered.send_replace(true);
            if accepted {
                world.accepted(&self.event, &self.endpoint);
            }
            world.note(attempt);
        });
        accepted
    }

    fn record_drop(&self, sandbox: &Sandbox) {
        let (event, kind, endpoint) = (self.event.clone(), self.kind.clone(), self.endpoint.clone());
        sandbox.with(|world| {
            let url = world.endpoints.get(&endpoint).map(|endpoint| endpoint.url.clone()).unwrap_or_default();
            let outcome = Outcome::Failed("dropped by the fault drop_rate, never sent".to_owned());
            let at = OffsetDateTime::now_utc();
            let took = Duration::ZERO;
            world.note(Attempt { event, kind, endpoint, url, number: 0, duplicate: false, at, took, outcome });
        });
    }
}

async fn post(sandbox: &Sandbox, url: &str, secret: &str, body: String) -> Outcome {
    // A fresh time and signature for every attempt, or the receiver would take a late one for a replayed one.
    let signature = signature::header(secret, since_epoch().as_secs(), body.as_bytes());
    let request = sandbox
        .http()
        .post(url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (stripe-sandbox; not Stripe)")
        .header("stripe-signature", signature)
        .body(body);
    match request.send().await {
        Err(error) => Outcome::Failed(failure(&error)),
        Ok(response) => {
            let status = response.status().as_u16();
            let body = response.text().await.unwrap_or_default();
            Outcome::Answered { status, body: body.chars().take(EXCERPT).collect() }
        }
    }
}

fn failure(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "timed out"
    } else if error.is_connect() {
        "could not connect"
    } else {
        "no answer"
    };
    what.to_owned()
}

impl World {
    fn accepted(&mut self, event: &str, endpoint: &str) {
        if let Some(event) = self.events.get_mut(event) {
            event.pending.retain(|pending| pending != endpoint);
        }
    }

    fn note(&mut self, attempt: Attempt) {
        if self.deliveries.len() == REMEMBERED {
            self.deliveries.pop_front();
        }
        self.deliveries.push_back(attempt);
    }
}

impl Attempt {
    pub fn render(&self) -> Value {
        let (status, body, error) = match &self.outcome {
            Outcome::Answered { status, body } => (Some(status), Some(body), None),
            Outcome::Failed(error) => (None, None, Some(error)),
        };
        json!({
            "event_id": self.event, "type": self.kind, "status": status, "time": self.at.format(&Rfc3339).ok(),
            "attempt": self.number, "duplicate": self.duplicate, "endpoint": self.endpoint, "url": self.url,
            "body": body, "error": error, "duration_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
