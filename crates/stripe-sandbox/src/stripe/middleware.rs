//! The middleware of `/v1`: key, faults, parameters, idempotency. And the headers that each
//! response carries: `Request-Id`, `Stripe-Version`.

use std::future::pending;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::wire::{
    ApiError, Call, Params,
    idempotency::{Answer, Claim, Fingerprint, fingerprint},
    ids,
};
use crate::{
    config::API_VERSION,
    fault_injection::{Ending, Fate},
    sandbox::Sandbox,
};

/// The largest request body that any address accepts, in bytes.
pub(crate) const BODY_LIMIT: usize = 1 << 20;

pub(crate) async fn pass(State(sandbox): State<Sandbox>, request: Request, next: Next) -> Response {
    let request_id = ids::with_length("req_", 14);
    let key = request.headers().get("idempotency-key").filter(|_| request.method() == Method::POST).cloned();
    let mut response = answer(&sandbox, request, next, &request_id).await.unwrap_or_else(IntoResponse::into_response);
    if let Some(key) = key {
        response.headers_mut().insert("idempotency-key", key);
    }
    stamped(response, &request_id)
}

/// Adds the middleware's headers to a response that did not pass through it.
pub(crate) fn sealed(response: Response) -> Response {
    stamped(response, &ids::with_length("req_", 14))
}

fn stamped(mut response: Response, request_id: &str) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("request-id", id);
    }
    headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
    response
}

async fn answer(sandbox: &Sandbox, request: Request, next: Next, request_id: &str) -> Result<Response, ApiError> {
    authorize(request.headers())?;
    let key = idempotency_key(&request)?;
    let (mut request, params) = read(request).await?;
    let fingerprint = fingerprint(request.method().as_str(), request.uri().path(), &params);
    let call = Call { params, request_id: request_id.to_owned(), idempotency_key: key.clone() };
    request.extensions_mut().insert(call);

    let fate = sandbox.with(|world| world.faults.stripe.draw());
    match fate.ending {
        Ending::Hang => {
            // Ends when the client disconnects (the future is dropped) or the sandbox stops.
            tokio::select! {
                () = pending() => {}
                () = sandbox.shutdown().cancelled() => {}
            }
            return Err(ApiError::injected(503));
        }
        Ending::Error(status) => {
            sandbox.pause(fate.latency).await;
            return Err(ApiError::injected(status));
        }
        Ending::Normal | Ending::RecordThenError(_) => {}
    }

    let held = match key {
        Some(key) => match claim(sandbox, key, fingerprint)? {
            Held::Claimed(claimed) => Some(claimed),
            Held::Replay(answer) => {
                sandbox.pause(fate.latency).await;
                return Ok(replay(answer));
            }
        },
        None => None,
    };
    // The work continues when the client disconnects, as with Stripe: its response is stored under
    // the idempotency key.
    let work = tokio::spawn(work(sandbox.clone(), request, next, fate, held));
    work.await.unwrap_or_else(|_| Err(ApiError::injected(500)))
}

async fn work(
    sandbox: Sandbox,
    request: Request,
    next: Next,
    fate: Fate,
    held: Option<Claimed>,
) -> Result<Response, ApiError> {
    sandbox.pause(fate.latency).await;
    let request_id = request.extensions().get::<Call>().map(|call| call.request_id.clone()).unwrap_or_default();
    let mut response = next.run(request).await;
    if let Ending::RecordThenError(status) = fate.ending
        && response.status().is_success()
    {
        response = ApiError::injected(status).into_response();
    }
    let Some(held) = held else { return Ok(response) };
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    if worth_remembering(parts.status) {
        held.finish(Answer { status: parts.status.as_u16(), body: body.clone(), request_id });
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// A request that was rejected before anything was done may be corrected and sent again under its
/// key.
fn worth_remembering(status: StatusCode) -> bool {
    status.is_success() || status.is_server_error() || status == StatusCode::PAYMENT_REQUIRED
}

enum Held {
    Claimed(Claimed),
    Replay(Answer),
}

/// The idempotency key that this request holds. Dropped without a response, it becomes free again.
struct Claimed {
    sandbox: Sandbox,
    key: String,
    answer: Option<Answer>,
}

impl Claimed {
    fn finish(mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        let answer = self.answer.take();
        self.sandbox.with(|world| world.keys.finish(&self.key, answer));
    }
}

fn claim(sandbox: &Sandbox, key: String, fingerprint: Fingerprint) -> Result<Held, ApiError> {
    let claim = sandbox.with(|world| {
        let now = world.now();
        world.keys.claim(&key, fingerprint, now)
    });
    match claim {
        Claim::New => Ok(Held::Claimed(Claimed { sandbox: sandbox.clone(), key, answer: None })),
        Claim::Replay(answer) => Ok(Held::Replay(answer)),
        Claim::Reused => Err(ApiError::key_reused(&key)),
        Claim::InUse => Err(ApiError::key_in_use(&key)),
    }
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/json"),
        ("idempotent-replayed", "true"),
        ("original-request", &answer.request_id),
    ];
    (status, headers, answer.body).into_response()
}

/// Accepts `Bearer KEY`, or the key as the user name of basic authentication.
fn authorize(headers: &HeaderMap) -> Result<(), ApiError> {
    let given =
        headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(ApiError::no_key)?;
    let (scheme, credentials) = given.split_once(' ').ok_or_else(ApiError::no_key)?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        credentials.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let decoded = BASE64_STANDARD.decode(credentials.trim()).map_err(|_| ApiError::no_key())?;
        let text = String::from_utf8(decoded).map_err(|_| ApiError::no_key())?;
        text.split(':').next().unwrap_or_default().to_owned()
    } else {
        return Err(ApiError::no_key());
    };
    if key.is_empty() {
        return Err(ApiError::no_key());
    }
    let is_test = ["sk_test_", "rk_test_"].iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix));
    if is_test {
        return Ok(());
    }
    Err(ApiError::wrong_key(key.starts_with("sk_live_") || key.starts_with("rk_live_")))
}

/// Returns the idempotency key. Keys count for POST only: the other methods are idempotent by
/// nature.
fn idempotency_key(request: &Request) -> Result<Option<String>, ApiError> {
    if request.method() != Method::POST {
        return Ok(None);
    }
    let Some(key) = request.headers().get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
    let message = "Invalid `Idempotency-Key`: it must have 1 to 255 printable ASCII characters.";
    key.map(|key| Some(key.to_owned())).ok_or_else(|| ApiError::invalid(message))
}

/// Reads the parameters from the query and from the body.
async fn read(request: Request) -> Result<(Request, Params), ApiError> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.map_err(|_| ApiError::invalid("The request body is too large."))?;
    let mut params = Params::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
    if !body.is_empty() {
        params.extend(read_body(&parts.headers, &body)?);
    }
    Ok((Request::from_parts(parts, Body::empty()), params))
}

fn read_body(headers: &HeaderMap, body: &Bytes) -> Result<Params, ApiError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.is_empty() && !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let message = "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you \
                       have questions, we can help at https://support.stripe.com/.";
        return Err(ApiError::invalid(message));
    }
    Params::parse(body)
}
