//! Sending the form from the browser, and reading where to go or what went wrong. Shows nothing itself.

use web_sys::{FormData, HtmlFormElement, RequestInit, UrlSearchParams};

use super::{
    json_request::{Reply, member, request},
    payment_error_boundary::{Problem, error_from_parts},
};
use crate::domain::checkout::{CheckoutError, Field};

/// Where the form goes, with and without WebAssembly.
pub const ACTION: &str = "/api/create_checkout";

/// Sends the form's own fields; the address of the payment page, or why there is none.
pub async fn send(form: &HtmlFormElement, page_request_id: String) -> Result<String, Problem> {
    let Some(reply) = post(form).await else {
        return Err(Problem {
            error: CheckoutError::Network,
            detail: "no answer within 12 s, or no connection".to_owned(),
            request_id: page_request_id,
        });
    };
    if let Some(url) = member(&reply.body, "url").as_string() {
        return Ok(url);
    }
    let told = member(&reply.body, "error");
    let word = |name| member(&told, name).as_string().unwrap_or_default();
    let (kind, field, message) = (word("kind"), word("field"), word("message"));
    let error = match (kind.as_str(), reply.status) {
        ("", 429) => CheckoutError::invalid(
            Field::Form,
            "This was tried many times in a short while. Nothing was charged. Wait a minute, then try again.",
        ),
        ("", 403) => CheckoutError::invalid(
            Field::Form,
            "The form was not sent from this page. Nothing was charged. Reload the page and try again.",
        ),
        ("", 502..=504) => CheckoutError::Network,
        _ => error_from_parts(&kind, &field, &message),
    };
    Err(Problem {
        error,
        detail: ["status ", &reply.status.to_string(), "\nkind ", &kind, "\nfield ", &field, "\n", &message].concat(),
        request_id: reply.request_id.unwrap_or(page_request_id),
    })
}

async fn post(form: &HtmlFormElement) -> Option<Reply> {
    let fields = FormData::new_with_form(form).ok()?;
    let body = UrlSearchParams::new_with_str_sequence_sequence(&fields).ok()?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_body(&body);
    request(ACTION, init).await
}
