//! Sends the form from the browser and reads the response. Shows nothing.

use web_sys::{FormData, HtmlFormElement, RequestInit, UrlSearchParams};

use super::json_request::{Reply, member, request};
use crate::{
    domain::checkout::CheckoutError,
    wire::{
        checkout_seed::Problem,
        error::{ErrorParts, RATE_LIMITED},
        names::CREATE_CHECKOUT,
    },
};

/// Sends the form's own fields. Returns the URL of the payment page, or the problem.
pub async fn send(form: &HtmlFormElement, page_request_id: String) -> Result<String, Problem> {
    let Some(reply) = post(form).await else {
        return Err(Problem {
            error: CheckoutError::Network,
            detail: "no response within 12 s, or no connection".to_owned(),
            request_id: page_request_id,
        });
    };
    if let Some(url) = member(&reply.body, "url").as_string() {
        return Ok(url);
    }
    let body = member(&reply.body, "error");
    let word = |name| member(&body, name).as_string().unwrap_or_default();
    let (kind, field, message) = (word("kind"), word("field"), word("message"));
    // Without a body of ours, a proxy responded.
    let parts = match (kind.as_str(), reply.status) {
        ("", 429) => ErrorParts::of_form(RATE_LIMITED),
        ("", 403) => ErrorParts::of_form(
            "The form was not sent from this page. Nothing was charged. Reload the page and try again.",
        ),
        ("", 502..=504) => ErrorParts { kind: CheckoutError::Network.kind(), field: None, message: "" },
        _ => ErrorParts { kind: &kind, field: Some(&field), message: &message },
    };
    Err(Problem {
        error: parts.to_error(),
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
    request(CREATE_CHECKOUT, init).await
}
