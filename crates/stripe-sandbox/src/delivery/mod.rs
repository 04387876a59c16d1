//! Delivering an event to one endpoint: signed, posted, retried until it is accepted.

use std::time::{Duration, Instant};

use axum::http::header;
use time::OffsetDateTime;

use crate::{
    sandbox::Sandbox,
    stripe::objects::{Delivery, DeliveryAttempt, DeliveryFate, DeliveryOutcome},
    world::{World, since_epoch},
};

mod signature;

/// How many attempts are stored. The oldest are dropped first.
const REMEMBERED: usize = 20_000;

/// How many characters of a response's body are stored.
const EXCERPT: usize = 500;

impl Delivery {
    pub(crate) async fn run(self, sandbox: Sandbox) {
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
            // Both copies are sent at once, so that the receiver cannot finish the first one
            // before.
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

    /// Posts the event once. Returns true when nothing is left to do: the event was accepted, or
    /// the endpoint is gone.
    async fn attempt(&self, sandbox: &Sandbox, number: u32, duplicate: bool) -> bool {
        // The endpoint's current address and secret: both may have changed since the last attempt.
        let found = sandbox.with(|world| {
            let endpoint = world.endpoints.get(&self.endpoint).filter(|endpoint| endpoint.enabled)?;
            let event = world.events.get(&self.event)?;
            Some((endpoint.url.clone(), endpoint.secret.clone(), event.body.clone()))
        });
        let Some((url, secret, body)) = found else {
            // An endpoint that was deleted or disabled accepts nothing any more.
            sandbox.with(|world| mark_accepted(world, &self.event, &self.endpoint));
            return true;
        };
        let at = OffsetDateTime::now_utc();
        let started = Instant::now();
        let outcome = post(sandbox, &url, &secret, body).await;
        let accepted = matches!(outcome, DeliveryOutcome::Responded { status: 200..=299, .. });
        let (event, kind, endpoint) = (self.event.clone(), self.kind.clone(), self.endpoint.clone());
        let attempt =
            DeliveryAttempt { event, kind, endpoint, url, number, duplicate, at, took: started.elapsed(), outcome };
        sandbox.with(|world| {
            // After a reset the state is a new one, without the event.
            let Some(event) = world.events.get_mut(&self.event) else { return };
            event.answered.send_replace(true);
            if accepted {
                mark_accepted(world, &self.event, &self.endpoint);
            }
            note(world, attempt);
        });
        accepted
    }

    fn record_drop(&self, sandbox: &Sandbox) {
        let (event, kind, endpoint) = (self.event.clone(), self.kind.clone(), self.endpoint.clone());
        sandbox.with(|world| {
            let url = world.endpoints.get(&endpoint).map(|endpoint| endpoint.url.clone()).unwrap_or_default();
            let outcome = DeliveryOutcome::Failed("dropped by the fault drop_rate, never sent".to_owned());
            let at = OffsetDateTime::now_utc();
            let took = Duration::ZERO;
            note(world, DeliveryAttempt { event, kind, endpoint, url, number: 0, duplicate: false, at, took, outcome });
        });
    }
}

async fn post(sandbox: &Sandbox, url: &str, secret: &str, body: String) -> DeliveryOutcome {
    // Each attempt has a new time and signature, or the receiver would take a late one for a
    // replay.
    let signature = signature::header(secret, since_epoch().as_secs(), body.as_bytes());
    let request = sandbox
        .http()
        .post(url)
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::USER_AGENT, "Stripe/1.0 (stripe-sandbox; not Stripe)")
        .header("stripe-signature", signature)
        .body(body);
    match request.send().await {
        Err(error) => DeliveryOutcome::Failed(failure(&error)),
        Ok(response) => {
            let status = response.status().as_u16();
            let body = response.text().await.unwrap_or_default();
            DeliveryOutcome::Responded { status, body: body.chars().take(EXCERPT).collect() }
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

fn mark_accepted(world: &mut World, event: &str, endpoint: &str) {
    if let Some(event) = world.events.get_mut(event) {
        event.pending.retain(|pending| pending != endpoint);
    }
}

fn note(world: &mut World, attempt: DeliveryAttempt) {
    if world.deliveries.len() == REMEMBERED {
        world.deliveries.pop_front();
    }
    world.deliveries.push_back(attempt);
}
