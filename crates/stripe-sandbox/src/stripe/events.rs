//! Recording events about changes, and choosing their receivers.

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use crate::{
    config::API_VERSION,
    fault_injection::happens,
    stripe::{
        objects::{Cause, Delivery, Event},
        resources::Resource,
        wire::{ApiError, ids},
    },
    world::World,
};

impl World {
    /// Records an event about an object as it is now, and starts its delivery to every endpoint
    /// that wants its type. Returns the event's id. When the fault `twin_rate` says so, a second
    /// event object reports the same, as sometimes with Stripe.
    pub(crate) fn emit(&mut self, kind: &str, object: &Value, cause: Cause) -> String {
        self.tell(kind, object, None, cause)
    }

    /// Does the same as [`Self::emit`] and includes what the change replaced. Records nothing if
    /// nothing changed.
    pub(crate) fn emit_update(&mut self, kind: &str, before: &Value, after: &Value, cause: Cause) {
        if let Some(previous) = replaced(before, after) {
            self.tell(kind, after, Some(previous), cause);
        }
    }

    /// Changes an object, and records an event of type `kind` if it now renders differently.
    /// Returns the rendered object.
    pub(crate) fn change<R: Resource>(
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
        let deliveries: Vec<Delivery> = wanting
            .iter()
            .map(|endpoint| Delivery::new(&id, kind, endpoint, &self.faults.delivery, self.timing, self.epoch.clone()))
            .collect();
        // Waiting for a response makes sense only where one will come soon.
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

/// Returns the previous value of everything that changed; of nested objects, only what changed in
/// them.
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
    use crate::stripe::objects::matches;

    #[test]
    fn previous_attributes_hold_what_was_replaced_and_nothing_else() {
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
