//! One request from the browser for JSON, with a deadline. Does not retry, and does not interpret
//! the response.

use std::time::Duration;

use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestInit, Response};

use crate::wire::names::REQUEST_ID;

/// Longer than the server's own deadline for Stripe (8 s), so that a late response still arrives.
const DEADLINE: Duration = Duration::from_secs(12);

/// A response of any status.
pub struct Reply {
    pub status: u16,
    /// `undefined` if the body is not JSON.
    pub body: JsValue,
    pub request_id: Option<String>,
}

/// Sends a request to `url`. Returns `None` without a response: offline, rejected, or past the
/// deadline.
pub async fn request(url: &str, init: RequestInit) -> Option<Reply> {
    let abort = AbortController::new().ok()?;
    let headers = Headers::new().ok()?;
    headers.set("Accept", "application/json").ok()?;
    init.set_headers(&headers);
    init.set_signal(Some(&abort.signal()));
    let timer = set_timeout_with_handle(move || abort.abort(), DEADLINE).ok();
    let reply = fetch(url, &init).await;
    if let Some(timer) = timer {
        timer.clear();
    }
    reply
}

async fn fetch(url: &str, init: &RequestInit) -> Option<Reply> {
    let response = JsFuture::from(window().fetch_with_str_and_init(url, init)).await.ok()?;
    let response: Response = response.unchecked_into();
    let body = match response.json() {
        Ok(json) => JsFuture::from(json).await.unwrap_or(JsValue::UNDEFINED),
        Err(_) => JsValue::UNDEFINED,
    };
    Some(Reply { status: response.status(), body, request_id: response.headers().get(REQUEST_ID).ok().flatten() })
}

/// Returns the member `name` of an object, or `undefined` if there is no member or no object.
pub fn member(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
