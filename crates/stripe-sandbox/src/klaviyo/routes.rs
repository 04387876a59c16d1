//! `POST /api/events`

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use time::OffsetDateTime;

use super::{Recorded, Refusal, invalid, read};
use crate::{fault_injection::Ending, sandbox::Sandbox};

pub(crate) async fn create_event(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    let fate = sandbox.with(|world| world.faults.klaviyo.draw());
    match fate.ending {
        Ending::Hang => {
            // Ends when the client disconnects or the sandbox stops.
            sandbox.shutdown().cancelled().await;
            return injected(503);
        }
        Ending::Error(status) => {
            sandbox.pause(fate.latency).await;
            return injected(status);
        }
        Ending::Normal | Ending::RecordThenError(_) => {}
    }
    // As with Klaviyo, a client that disconnects does not undo what it sent.
    let work = tokio::spawn(async move {
        sandbox.pause(fate.latency).await;
        check_headers(&headers).and_then(|()| record(&sandbox, &body))
    });
    match (work.await, fate.ending) {
        (Ok(Err(refusal)), _) => refusal.into_response(),
        (Ok(Ok(())), Ending::RecordThenError(status)) => injected(status),
        (Ok(Ok(())), _) => StatusCode::ACCEPTED.into_response(),
        (Err(_), _) => injected(500),
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let key = text(header::AUTHORIZATION.as_str()).strip_prefix("Klaviyo-API-Key ").unwrap_or_default().trim();
    if key.is_empty() {
        let detail = "Missing or invalid private key: send `Authorization: Klaviyo-API-Key pk_…`.";
        return Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            code: "not_authenticated",
            title: "Authentication credentials were not provided.",
            detail: detail.to_owned(),
            pointer: None,
        });
    }
    let revision = text("revision");
    let dated = revision.len() >= 10
        && revision
            .bytes()
            .take(10)
            .enumerate()
            .all(|(place, byte)| if matches!(place, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    if !dated {
        let detail = "Every request needs a `revision` header with a date, for example 2025-07-15.";
        return Err(invalid("Invalid revision.", detail, None));
    }
    let essence = text(header::CONTENT_TYPE.as_str()).split(';').next().unwrap_or_default().trim();
    if !matches!(essence, "application/vnd.api+json" | "application/json") {
        return Err(Refusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: "unsupported_media_type",
            title: "Unsupported media type.",
            detail: "The content type must be application/vnd.api+json or application/json.".to_owned(),
            pointer: None,
        });
    }
    Ok(())
}

fn record(sandbox: &Sandbox, body: &Bytes) -> Result<(), Refusal> {
    let bytes = body.clone();
    let body: Value =
        serde_json::from_slice(body).map_err(|_| invalid("Invalid input.", "The body is no JSON.", Some("/data")))?;
    let now =
        OffsetDateTime::from_unix_timestamp(sandbox.with(|world| world.now())).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let event = Recorded { bytes, ..read(body, now)? };
    sandbox.with(|world| world.klaviyo.add(event));
    Ok(())
}

fn injected(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (code, title) = if status == StatusCode::TOO_MANY_REQUESTS {
        ("throttled", "Request was throttled.")
    } else {
        ("error", "An injected fault of the sandbox.")
    };
    let mut response = Refusal { status, code, title, detail: title.to_owned(), pointer: None }.into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}
