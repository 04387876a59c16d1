//! Events: what happened, frozen as it was then, and the endpoints that have not accepted it yet.

use serde_json::{Value, json};
use tokio::sync::watch;

use super::Object;
use crate::stripe::wire::{ApiError, Call, Reader, Wanted};

/// How far back the API lists events, in seconds.
const KEPT: i64 = 30 * 24 * 60 * 60;

pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) created: i64,
    /// The body as it is delivered. Every attempt sends these bytes.
    pub(crate) body: String,
    /// The endpoints that have not accepted it yet.
    pub(crate) pending: Vec<String>,
    /// Becomes true when the receiver has responded to the first attempt, or when no response is to
    /// be waited for.
    pub(crate) answered: watch::Sender<bool>,
}

/// The cause of an event: a request over the API or, when empty, a customer, the clock or a
/// control.
#[derive(Clone, Default)]
pub(crate) struct Cause {
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

impl From<&Call> for Cause {
    fn from(call: &Call) -> Self {
        Self { request_id: Some(call.request_id.clone()), idempotency_key: call.idempotency_key.clone() }
    }
}

impl Object for Event {
    fn is_visible(&self, now: i64) -> bool {
        self.created >= now - KEPT
    }

    fn filter<'a>(reader: &mut Reader<'a>) -> Result<Wanted<'a, Self>, ApiError> {
        let kind = reader.text("type")?;
        let kinds = reader.texts("types")?;
        let delivered = reader.boolean("delivery_success")?;
        if kind.is_some() && kinds.is_some() {
            let message = "You may only specify one of these parameters: type, types.";
            return Err(ApiError::invalid(message).at("types"));
        }
        if kinds.as_ref().is_some_and(|kinds| kinds.len() > 20) {
            return Err(ApiError::invalid("You can filter by at most 20 types.").at("types"));
        }
        Ok(Box::new(move |event| {
            kind.is_none_or(|kind| matches(kind, &event.kind))
                && kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|(_, kind)| matches(kind, &event.kind)))
                && delivered.is_none_or(|delivered| event.pending.is_empty() == delivered)
        }))
    }

    fn render(&self) -> Value {
        // `record` made the body, so it is valid JSON.
        let mut event: Value = serde_json::from_str(&self.body).unwrap_or_default();
        event["pending_webhooks"] = json!(self.pending.len());
        event
    }
}

/// Returns whether a type matches a pattern: `charge.*` stands for every type that starts with
/// `charge.`, and `*` for all.
pub(crate) fn matches(pattern: &str, kind: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start))
}
