//! Events: what happened, frozen as it was then, and what is still to be delivered of it.

use axum::{
    Extension, Json,
    extract::{Path, State},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    catalog::Answered,
    delivery::Delivery,
    error::ApiError,
    gate::Call,
    ids,
    list::{Created, Page},
    params::Reader,
};
use crate::sandbox::{
    API_VERSION,
    state::{Sandbox, World},
};

/// The API reaches this far back.
const KEPT: i64 = 30 * 24 * 60 * 60;

pub struct Event {
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

impl Event {
    fn render(&self) -> Value {
        // The body was made by `emit`, so it reads.
        let mut event: Value = serde_json::from_str(&self.body).unwrap_or_default();
        event["pending_webhooks"] = json!(self.pending.len());
        event
    }
}

impl World {
    /// Records an event about an object as it is now, and has it delivered to every endpoint that wants its type. Answers the
    /// event's id.
    pub fn emit(&mut self, kind: &str, object: &Value, cause: Cause) -> String {
        let id = ids::new("evt_1");
        let created = self.now();
        let wanting: Vec<_> = self.endpoints.iter().filter(|endpoint| endpoint.wants(kind)).collect();
        let pending: Vec<String> = wanting.iter().map(|endpoint| endpoint.id.clone()).collect();
        let deliveries: Vec<Delivery> =
            wanting.iter().map(|endpoint| Delivery::new(&id, kind, endpoint, &self.faults.delivery, self)).collect();
        // Waiting for an answer makes sense only where one is on its way.
        let (answered, _) = watch::channel(!deliveries.iter().any(Delivery::is_prompt));
        let event = json!({
            "id": id, "object": "event", "api_version": API_VERSION, "created": created, "data": {"object": object},
            "livemode": false, "pending_webhooks": pending.len(),
            "request": {"id": cause.request_id, "idempotency_key": cause.idempotency_key}, "type": kind,
        });
        self.outgoing.extend(deliveries);
        let event = Event { kind: kind.to_owned(), created, body: event.to_string(), pending, answered };
        self.events.put(id.clone(), event);
        id
    }
}

pub async fn list(State(sandbox): State<Sandbox>, Extension(call): Extension<Call>) -> Answered {
    let mut reader = Reader::new(&call.params);
    let page = Page::read(&mut reader)?;
    let created = Created::read(&mut reader)?;
    let kind = reader.text("type")?;
    let kinds = reader.texts("types")?;
    let delivered = reader.boolean("delivery_success")?;
    reader.finish_but(&["expand"])?;
    if kind.is_some() && kinds.is_some() {
        return Err(ApiError::invalid("You may only specify one of these parameters: type, types.").at("types"));
    }
    if kinds.as_ref().is_some_and(|kinds| kinds.len() > 20) {
        return Err(ApiError::invalid("You can filter by at most 20 types.").at("types"));
    }
    sandbox.with(|world| {
        let oldest = world.now() - KEPT;
        let wanted = |event: &Event| {
            event.created >= oldest
                && created.holds(event.created)
                && kind.is_none_or(|kind| matches(kind, &event.kind))
                && kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|(_, kind)| matches(kind, &event.kind)))
                && delivered.is_none_or(|delivered| event.pending.is_empty() == delivered)
        };
        page.of(&world.events, ("event", "/v1/events"), wanted, Event::render).map(Json)
    })
}

/// `charge.*` stands for every type that starts with `charge.`; `*` for all.
pub fn matches(pattern: &str, kind: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == kind, |start| kind.starts_with(start))
}

pub async fn retrieve(
    State(sandbox): State<Sandbox>,
    Extension(call): Extension<Call>,
    Path(id): Path<String>,
) -> Answered {
    Reader::new(&call.params).finish_but(&["expand"])?;
    sandbox.with(|world| {
        let oldest = world.now() - KEPT;
        let event = world.events.get(&id).filter(|event| event.created >= oldest);
        event.map(|event| Json(event.render())).ok_or_else(|| ApiError::not_found("event", &id, "id"))
    })
}
