//! Deliveries: one event for one endpoint, and the record of each attempt.

use std::time::Duration;

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;

use super::Endpoint;
use crate::{
    config::Timing,
    fault_injection::{DeliveryFaults, happens},
};

/// One event for one endpoint.
#[derive(Clone)]
pub(crate) struct Delivery {
    pub(crate) event: String,
    pub(crate) kind: String,
    pub(crate) endpoint: String,
    pub(crate) fate: DeliveryFate,
    pub(crate) timing: Timing,
    pub(crate) epoch: CancellationToken,
}

/// What the injected faults do to a delivery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DeliveryFate {
    /// The event is never sent, as if the sender had lost it.
    Dropped,
    Sent {
        after: Duration,
        twice: bool,
    },
}

/// One attempt, as `GET /sandbox/stripe/deliveries` shows it.
pub(crate) struct DeliveryAttempt {
    pub(crate) event: String,
    pub(crate) kind: String,
    pub(crate) endpoint: String,
    pub(crate) url: String,
    pub(crate) number: u32,
    pub(crate) duplicate: bool,
    pub(crate) at: OffsetDateTime,
    pub(crate) took: Duration,
    pub(crate) outcome: DeliveryOutcome,
}

pub(crate) enum DeliveryOutcome {
    Responded {
        status: u16,
        body: String,
    },
    /// There was no response: refused, timed out, or never sent.
    Failed(String),
}

impl DeliveryAttempt {
    pub(crate) fn render(&self) -> Value {
        let (status, body, error) = match &self.outcome {
            DeliveryOutcome::Responded { status, body } => (Some(status), Some(body), None),
            DeliveryOutcome::Failed(error) => (None, None, Some(error)),
        };
        json!({
            "event_id": self.event, "type": self.kind, "status": status, "time": self.at.format(&Rfc3339).ok(),
            "attempt": self.number, "duplicate": self.duplicate, "endpoint": self.endpoint, "url": self.url,
            "body": body, "error": error, "duration_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

impl Delivery {
    /// Makes a delivery, and decides by the current faults what happens to it.
    pub(crate) fn new(
        event: &str,
        kind: &str,
        endpoint: &Endpoint,
        faults: &DeliveryFaults,
        timing: Timing,
        epoch: CancellationToken,
    ) -> Self {
        let fate = if happens(faults.drop_rate) {
            DeliveryFate::Dropped
        } else {
            let mut after = Duration::from_millis(faults.delay_ms);
            if faults.shuffle {
                after += timing.shuffle_within.mul_f64(rand::random::<f64>());
            }
            DeliveryFate::Sent { after, twice: happens(faults.duplicate_rate) }
        };
        Self { event: event.to_owned(), kind: kind.to_owned(), endpoint: endpoint.id.clone(), fate, timing, epoch }
    }

    /// Returns whether the first attempt starts at once.
    pub(crate) fn is_prompt(&self) -> bool {
        matches!(self.fate, DeliveryFate::Sent { after, .. } if after.is_zero())
    }
}
