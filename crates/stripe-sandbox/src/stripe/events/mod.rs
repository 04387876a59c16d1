//! Events: what happened, frozen as it was then, and what is still to be delivered of it.

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::wire::{
    error::ApiError,
    gate::Call,
    ids,
    params::Reader,
    resource::{Resource, Wanted},
    shelf::Shelf,
};
use crate::{config::API_VERSION, faults::happens, state::World};

pub mod delivery;
pub mod endpoint;
pub mod signature;

use delivery::Delivery;

/// The API reaches this far back.
const KEPT: i64 = 30 * 24 * 60 * 60;

pub struct Event {
    pub id: String,
    pub kind: String,
    pub created: i64,
    /// The body as it is delivered; every attempt sends these bytes.
    pub body: String,
    /// The endpoints that have not accepted it yet.
    pub pending: Vec<String>,
    /// Turns true when the shop has answered the first attempt, or when no answer is to be waited for.
    pub answered: watch::Sender<bool>,
}

/// What caused an event: a request over the API, or (empty) a customer, the clock, a control.
#[derive(Clone, Default)]
pub struct Cause {
    request_id: Option<String>,
    idempotency_key: Option<String>,
}

impl From<&Call> for Cause {
    fn from(call: &Call) -> Self {
        Self { request_id: Some(call.request_id.clone()), idempotency_key: call.idempotency_key.clone() }
    }
}

impl Resource for Event {
    const KIND: &'static str = "event";
    const URL: &'static str = "/v1/events";
    const PARAM: &'static str = "id";

    fn shelf(world: &World) -> &Shelf<Self> {
        &world.events
    }

    fn shelf_mut(world: &mut World) -> &mut Shelf<Self> {
        &mut world.events
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

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
        // The body was made by `record`, so it reads.
        let mut event: Value = serde_json::from_str(&self.body).unwrap_or_default();
        event["pending_webhooks"] = json!(self.pending.len());
        event
    }
}

impl World {
    /// Records an event about an object as it is now, and has it delivered to every endpoint that wants its type. Answers the
    /// event's id. Another event object tells of the same when the fault `twin_rate` says so, as sometimes at Stripe.
    pub fn emit(&mut self, kind: &str, object: &Value, cause: Cause) -> String {
        self.tell(kind, object, None, cause)
    }

    /// As [`Self::emit`], with what the change replaced.
    pub fn emit_update(&mut self, kind: &str, before: &Value, after: &Value, cause: Cause) {
        if let Some(previous) = replaced(before, after) {
            self.tell(kind, after, Some(previous), cause);
        }
    }

    /// Changes an object, and tells of it as `kind` if it is another one now. Answers how it then looks.
    pub fn change<R: Resource>(
        &mut self,
        id: &str,
        kind: &str,
        cause: Cause,
        change: impl FnOnce(&mut R),
    ) -> Result<Value, ApiError> {
        let object = self.find_mut::<R>(id)?;
        let before = object.render();
        change(object);
        let after = object.render();
        self.emit_update(kind, &before, &after, cause);
        Ok(after)
    }

    fn tell(&mut self, kind: &str, object: &Value, previous: Option<Value>, cause: Cause) -> String {
        let mut data = json!({ "object": object });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        if happens(self.faults.delivery.twin_rate) {
            self.record(kind, data.clone(), cause.clone());
        }
        self.record(kind, data, cause)
    }

    fn record(&mut self, kind: &str, data: Value, cause: Cause) -> String {
        let id = ids::new("evt_1");
        let created = self.now();
        let wanting: Vec<_> = self.endpoints.iter().filter(|endpoint| endpoint.wants(kind)).collect();
        let pending: Vec<String> = wanting.iter().map(|endpoint| endpoint.id.clone()).collect();
        let deliveries: Vec<Delivery> =
            wanting.iter().map(|endpoint| Delivery::new(&id, kind, endpoint, &self.faults.delivery, self)).collect();
        // Waiting for an answer makes sense only where one is on its way.
        let (answered, _) = watch::channel(!deliveries.iter().any(Delivery::is_prompt));
        let event = json!({
            "id": id, "object": "event", "api_version": API_VERSION, "created": created, "data": data,
            "livemode": false, "pending_webhooks": pending.len(),
            "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key}, "type": kind,
        });
        self.outgoing.extend(deliveries);
        self.put(Event { id: id.clone(), kind: kind.to_owned(), created, body: event.to_string(), pending, answered });
        id
    }
}

/// `charge.*` stands for every type that starts with `charge.`; `*` for all.
pub fn matches(pattern: &str, kind: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start))
}

/// What was there before, for everything that changed; of groups only what changed in them.
fn replaced(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let mut changed = Map::new();
            for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
                let (was, is) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
                if let Some(previous) = replaced(was, is) {
                    changed.insert(name.clone(), previous);
                }
            }
            (!changed.is_empty()).then_some(Value::Object(changed))
        }
        _ => (before != after).then(|| before.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_replaced_is_told_and_nothing_else() {
        let before = json!({"a": 1, "b": {"x": 1, "y": 2}, "c": [1], "gone": true, "was": null});
        let after = json!({"a": 1, "b": {"x": 1, "y": 3}, "c": [1, 2], "new": 7, "was": {"z": 1}});
        let expected = json!({"b": {"y": 2}, "c": [1], "gone": true, "new": null, "was": null});
        assert_eq!(replaced(&before, &after), Some(expected));
        assert_eq!(replaced(&before, &before), None);
    }

    #[test]
    fn a_star_stands_for_what_follows() {
        assert!(matches("*", "charge.refunded") && matches("charge.*", "charge.refunded"));
        assert!(!matches("charge.*", "refund.created") && !matches("charge", "charge.refunded"));
    }
}
