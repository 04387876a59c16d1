//! The sandbox's own controls under `/sandbox`: what tests and people use to look inside and to make things happen.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{
    hosted::details,
    state::Sandbox,
    stripe::{
        checkout::{
            pay::{Paid, Unpayable},
            session::Session,
        },
        events::{Cause, delivery::Attempt},
        payments::{
            intent::{Intent, IntentStatus, Owner},
            tender::{Settled, Tender},
        },
        wire::{error::ApiError, resource::Resource},
    },
};

/// Why a control did nothing.
#[derive(Debug)]
pub struct Refused {
    status: StatusCode,
    body: Value,
}

type Controlled = Result<Json<Value>, Refused>;

impl Refused {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, body: json!({"error": {"message": message.into()}}) }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::new(error.status, error.message)
    }
}

impl From<Unpayable> for Refused {
    fn from(reason: Unpayable) -> Self {
        match reason {
            Unpayable::NoSuchSession => Self::new(StatusCode::NOT_FOUND, "There is no such session."),
            Unpayable::NotOpen(status) => {
                Self::new(StatusCode::CONFLICT, format!("The session is {}, not open.", status.as_str()))
            }
            Unpayable::MethodNotOffered => Self::bad("The session's payment_method_types have no delayed method."),
            Unpayable::NothingToAuthenticate => Self::new(StatusCode::CONFLICT, "No authentication is under way."),
        }
    }
}

pub async fn klaviyo_events(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(sandbox.with(|world| world.klaviyo_events()))
}

pub async fn deliveries(State(sandbox): State<Sandbox>) -> Json<Value> {
    let attempts: Vec<Value> = sandbox.with(|world| world.deliveries.iter().map(Attempt::render).collect());
    Json(json!({ "deliveries": attempts }))
}

pub async fn show_faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(sandbox.with(|world| world.faults.to_json()))
}

pub async fn set_faults(State(sandbox): State<Sandbox>, body: Bytes) -> Controlled {
    let asked = Value::Object(object(&body)?);
    sandbox.with(|world| {
        world.faults = world.faults.with(&asked).map_err(Refused::bad)?;
        Ok(Json(world.faults.to_json()))
    })
}

pub async fn clear_faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.with(|world| {
        world.faults = super::faults::Faults::default();
        Json(world.faults.to_json())
    })
}

/// Pays a session without the page. A card that asks for authentication gets it, unless `authentication` is `fail`.
pub async fn pay(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Controlled {
    let asked = object(&body)?;
    only(&asked, &["card", "method", "outcome", "authentication"])?;
    let means = means(&asked)?;
    let approved = match asked.get("authentication").and_then(Value::as_str) {
        None | Some("approve") => true,
        Some("fail") => false,
        Some(_) => return Err(Refused::bad("authentication: must be approve or fail")),
    };
    sandbox.with(|world| {
        let session = world.sessions.get(&id).ok_or(Unpayable::NoSuchSession)?;
        let buyer = details::believable(session);
        let tender = match means {
            Means::Card(tender) => tender,
            Means::Delayed(settled) => {
                Tender::delayed(session.delayed_method().ok_or(Unpayable::MethodNotOffered)?, settled)
            }
        };
        let mut paid = world.pay(&id, tender, buyer)?;
        if paid == Paid::NeedsAuthentication {
            paid = world.authenticate(&id, approved)?;
        }
        match paid {
            Paid::Declined(decline) => {
                let error = json!({
                    "type": "card_error", "code": decline.code, "decline_code": decline.reason,
                    "message": decline.message,
                });
                Err(Refused { status: StatusCode::PAYMENT_REQUIRED, body: json!({ "error": error }) })
            }
            _ => Ok(Json(world.rendered::<Session>(&id))),
        }
    })
}

/// What a session is to be paid with.
enum Means {
    Card(Tender),
    Delayed(Settled),
}

fn means(asked: &Map<String, Value>) -> Result<Means, Refused> {
    let text = |name: &str| asked.get(name).and_then(Value::as_str);
    match (text("card"), text("method"), text("outcome")) {
        (Some(card), None | Some("card"), None) => Ok(Means::Card(Tender::of_number(card))),
        (None, Some("delayed"), Some(outcome)) => settled(outcome).map(Means::Delayed),
        _ => Err(Refused::bad(
            "give either {\"card\": \"4242424242424242\"} or {\"method\": \"delayed\", \"outcome\": \"succeed\" or \"fail\"}",
        )),
    }
}

fn settled(outcome: &str) -> Result<Settled, Refused> {
    match outcome {
        "succeed" => Ok(Settled::Succeeds),
        "fail" => Ok(Settled::Fails),
        _ => Err(Refused::bad("outcome: must be succeed or fail")),
    }
}

/// Answers for the customer's bank: whether a payment that waits for it, or for authentication, goes through.
pub async fn settle(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Controlled {
    let asked = object(&body)?;
    only(&asked, &["outcome"])?;
    let settled = settled(asked.get("outcome").and_then(Value::as_str).unwrap_or_default())?;
    let approved = settled == Settled::Succeeds;
    sandbox.with(|world| {
        let intent = Intent::find(world, &id)?;
        match (intent.status, intent.owner.clone()) {
            (IntentStatus::Processing, _) => {
                world.settle(&id, settled, &Cause::default())?;
            }
            (IntentStatus::RequiresAction, Owner::Session(session)) => {
                world.authenticate(&session, approved)?;
            }
            (IntentStatus::RequiresAction, _) => {
                world.answer_bank(&id, approved, &Cause::default())?;
            }
            (status, _) => {
                let message = format!("The payment intent is {}: it waits for no bank.", status.as_str());
                return Err(Refused::new(StatusCode::CONFLICT, message));
            }
        }
        Ok(Json(world.rendered::<Intent>(&id)))
    })
}

/// Makes an event of any type happen: to what the given object names, or about a plausible one.
pub async fn trigger(State(sandbox): State<Sandbox>, body: Bytes) -> Controlled {
    let mut asked = object(&body)?;
    only(&asked, &["type", "object"])?;
    let kind = asked.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty());
    let kind = kind.ok_or_else(|| Refused::bad("type: must be an event's type, for example charge.dispute.created"))?;
    let kind = kind.to_owned();
    let given = match asked.remove("object") {
        None | Some(Value::Null) => None,
        Some(Value::Object(given)) => Some(given),
        Some(_) => return Err(Refused::bad("object: must be an object")),
    };
    sandbox.with(|world| {
        let id = world.trigger(&kind, given)?;
        let event = world.events.get(&id).map(|event| event.body.clone()).unwrap_or_default();
        serde_json::from_str(&event).map(Json).map_err(|_| Refused::bad("object: cannot be put into an event"))
    })
}

/// Moves the sandbox's clock forward: sessions expire and delayed payments settle at once.
pub async fn advance_clock(State(sandbox): State<Sandbox>, body: Bytes) -> Controlled {
    let asked = object(&body)?;
    only(&asked, &["advance_seconds"])?;
    let seconds = asked.get("advance_seconds").and_then(Value::as_u64).filter(|seconds| *seconds <= 366 * 86_400);
    let seconds =
        seconds.ok_or_else(|| Refused::bad("advance_seconds: must be a whole number of seconds up to a year"))?;
    sandbox.with(|world| {
        world.advance_clock(Duration::from_secs(seconds));
        Ok(Json(json!({"now": world.now()})))
    })
}

pub async fn reset(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.reset();
    Json(json!({"reset": true}))
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Refused> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refused::bad("the body must be a JSON object")),
    }
}

fn only(asked: &Map<String, Value>, known: &[&str]) -> Result<(), Refused> {
    match asked.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(Refused::bad(format!("{name}: no such field; there are {}", known.join(", ")))),
    }
}
