//! The sandbox's own controls under `/sandbox`, with which tests and people inspect the state and
//! cause events.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::{
    fault_injection::Faults,
    hosted::details,
    sandbox::Sandbox,
    stripe::{
        actions::{
            checkout_payment::{self, PayError, PayOutcome},
            clock, payments, trigger,
        },
        objects::{Cause, DelayedOutcome, DeliveryAttempt, Intent, IntentStatus, Owner, Session, TestMethod},
        resources::Resource,
        wire::ApiError,
    },
};

/// Why a control was rejected.
#[derive(Debug)]
pub(crate) struct Refused {
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

impl From<PayError> for Refused {
    fn from(reason: PayError) -> Self {
        match reason {
            PayError::NoSuchSession => Self::new(StatusCode::NOT_FOUND, "There is no such session."),
            PayError::NotOpen(status) => {
                Self::new(StatusCode::CONFLICT, format!("The session is {}, not open.", status.as_str()))
            }
            PayError::MethodNotOffered => Self::bad("The session's payment_method_types have no delayed method."),
            PayError::NothingToAuthenticate => Self::new(StatusCode::CONFLICT, "No authentication is under way."),
        }
    }
}

pub(crate) async fn klaviyo_events(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(sandbox.with(|world| json!({ "events": world.klaviyo.render() })))
}

pub(crate) async fn deliveries(State(sandbox): State<Sandbox>) -> Json<Value> {
    let attempts: Vec<Value> = sandbox.with(|world| world.deliveries.iter().map(DeliveryAttempt::render).collect());
    Json(json!({ "deliveries": attempts }))
}

pub(crate) async fn show_faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(sandbox.with(|world| world.faults.to_json()))
}

pub(crate) async fn set_faults(State(sandbox): State<Sandbox>, body: Bytes) -> Controlled {
    let asked = Value::Object(object(&body)?);
    sandbox.with(|world| {
        world.faults = world.faults.with(&asked).map_err(Refused::bad)?;
        Ok(Json(world.faults.to_json()))
    })
}

pub(crate) async fn clear_faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.with(|world| {
        world.faults = Faults::default();
        Json(world.faults.to_json())
    })
}

/// Pays a session without the page. A card that asks for authentication gets it, unless
/// `authentication` is `fail`.
pub(crate) async fn pay(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Controlled {
    let asked = object(&body)?;
    only(&asked, &["card", "method", "outcome", "authentication"])?;
    let means = means(&asked)?;
    let approved = match asked.get("authentication").and_then(Value::as_str) {
        None | Some("approve") => true,
        Some("fail") => false,
        Some(_) => return Err(Refused::bad("authentication: must be approve or fail")),
    };
    sandbox.with(|world| {
        let session = world.sessions.get(&id).ok_or(PayError::NoSuchSession)?;
        let buyer = details::believable(session);
        let test_method = match means {
            Means::Card(test_method) => test_method,
            Means::Delayed(settled) => {
                TestMethod::delayed(session.delayed_method().ok_or(PayError::MethodNotOffered)?, settled)
            }
        };
        let mut paid = checkout_payment::pay_session(world, &id, test_method, buyer)?;
        if paid == PayOutcome::NeedsAuthentication {
            paid = checkout_payment::authenticate_session(world, &id, approved)?;
        }
        match paid {
            PayOutcome::Declined(decline) => {
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

/// The means with which a session is to be paid.
enum Means {
    Card(TestMethod),
    Delayed(DelayedOutcome),
}

fn means(asked: &Map<String, Value>) -> Result<Means, Refused> {
    let text = |name: &str| asked.get(name).and_then(Value::as_str);
    match (text("card"), text("method"), text("outcome")) {
        (Some(card), None | Some("card"), None) => Ok(Means::Card(TestMethod::of_number(card))),
        (None, Some("delayed"), Some(outcome)) => settled(outcome).map(Means::Delayed),
        _ => Err(Refused::bad(
            "give either {\"card\": \"4242424242424242\"} or {\"method\": \"delayed\", \"outcome\": \"succeed\" or \"fail\"}",
        )),
    }
}

fn settled(outcome: &str) -> Result<DelayedOutcome, Refused> {
    match outcome {
        "succeed" => Ok(DelayedOutcome::Succeeds),
        "fail" => Ok(DelayedOutcome::Fails),
        _ => Err(Refused::bad("outcome: must be succeed or fail")),
    }
}

/// Decides in place of the customer's bank whether a payment that waits for it, or for
/// authentication, succeeds.
pub(crate) async fn settle(State(sandbox): State<Sandbox>, Path(id): Path<String>, body: Bytes) -> Controlled {
    let asked = object(&body)?;
    only(&asked, &["outcome"])?;
    let settled = settled(asked.get("outcome").and_then(Value::as_str).unwrap_or_default())?;
    let approved = settled == DelayedOutcome::Succeeds;
    sandbox.with(|world| {
        let intent = Intent::find(world, &id)?;
        match (intent.status, intent.owner.clone()) {
            (IntentStatus::Processing, _) => {
                payments::settle_payment(world, &id, settled, &Cause::default())?;
            }
            (IntentStatus::RequiresAction, Owner::Session(session)) => {
                checkout_payment::authenticate_session(world, &session, approved)?;
            }
            (IntentStatus::RequiresAction, _) => {
                payments::answer_authentication(world, &id, approved, &Cause::default())?;
            }
            (status, _) => {
                let message = format!("The payment intent is {}: it waits for no bank.", status.as_str());
                return Err(Refused::new(StatusCode::CONFLICT, message));
            }
        }
        Ok(Json(world.rendered::<Intent>(&id)))
    })
}

/// Triggers an event of any type, about the object that the request names or about a plausible one.
pub(crate) async fn trigger(State(sandbox): State<Sandbox>, body: Bytes) -> Controlled {
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
        let id = trigger::trigger_event(world, &kind, given)?;
        let event = world.events.get(&id).map(|event| event.body.clone()).unwrap_or_default();
        serde_json::from_str(&event).map(Json).map_err(|_| Refused::bad("object: cannot be put into an event"))
    })
}

/// Moves the sandbox's clock forward: sessions expire and delayed payments settle at once.
pub(crate) async fn advance_clock(State(sandbox): State<Sandbox>, body: Bytes) -> Controlled {
    let asked = object(&body)?;
    only(&asked, &["advance_seconds"])?;
    let seconds = asked.get("advance_seconds").and_then(Value::as_u64).filter(|seconds| *seconds <= 366 * 86_400);
    let seconds =
        seconds.ok_or_else(|| Refused::bad("advance_seconds: must be a whole number of seconds up to a year"))?;
    sandbox.with(|world| {
        clock::advance_clock(world, Duration::from_secs(seconds));
        Ok(Json(json!({"now": world.now()})))
    })
}

pub(crate) async fn reset(State(sandbox): State<Sandbox>) -> Json<Value> {
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
