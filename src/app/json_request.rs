//! One request from the browser for JSON, with a deadline. No retries, and no opinion about what the answer means.

use std::time::Duration;

use js_sys::Reflect;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestInit, Response};

use crate::wire::names::REQUEST_ID;

/// Longer than the server's own limit for Stripe (8 s), so that its answer, if there is one, arrives.
const DEADLINE: Duration = Duration::from_secs(12);

/// An answer, whatever its status.
pub struct Reply {
    pub status: u16,
    /// `undefined` when the body was not JSON.
    pub body: JsValue,
    pub request_id: Option<String>,
}

/// Asks `url`. `None` when no answer came: offline, refused, or past the deadline.
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

/// The member `name` of an object; `undefined` when there is none, or no object.
pub fn member(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or(JsValue::UNDEFINED)
}
