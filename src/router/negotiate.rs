//! Media types: the type of a request's body, and the form in which a client wants the response.

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::wire::error::{ErrorBody, ErrorParts};

/// Reports whether the request's `Content-Type` is one of `expected`, whatever its parameters.
/// Returns `None` where the request has none.
pub fn content_type_is(headers: &HeaderMap, expected: &[&str]) -> Option<bool> {
    let value = headers.get(header::CONTENT_TYPE)?;
    Some(is_one_of(value.to_str().unwrap_or_default(), expected))
}

/// Reports whether `Accept` names JSON. `*/*`, which browsers and tools send, asks for the response
/// to a form.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| is_one_of(range, &["application/json"]))
}

/// Responds with `error` as JSON, or with its message as text.
pub fn refuse(status: StatusCode, error: ErrorParts<'_>, json: bool) -> Response {
    if json {
        (status, Json(ErrorBody { error })).into_response()
    } else {
        (status, error.message.to_owned()).into_response()
    }
}

/// Compares a media type without its parameters. Case does not matter (RFC 9110, 8.3.1).
fn is_one_of(value: &str, expected: &[&str]) -> bool {
    let media_type = value.split(';').next().unwrap_or_default().trim();
    expected.iter().any(|expected| media_type.eq_ignore_ascii_case(expected))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_content_type_counts_without_its_parameters_and_case() {
        let is =
            |values: &[&'static str]| content_type_is(&headers(header::CONTENT_TYPE, values), &["text/a", "text/b"]);
        assert_eq!(is(&[]), None);
        for good in ["text/b", "Text/A; charset=utf-8", " text/a ;x"] {
            assert_eq!(is(&[good]), Some(true), "{good}");
        }
        for bad in ["", "text/ab", "text", "x; text/a", "text/a, text/b"] {
            assert_eq!(is(&[bad]), Some(false), "{bad}");
        }
    }

    #[test]
    fn accept_asks_for_json_by_its_name_only() {
        let wants = |values: &[&'static str]| wants_json(&headers(header::ACCEPT, values));
        assert!(wants(&["text/plain, Application/JSON;q=0.5"]) && wants(&["text/html", "application/json"]));
        assert!(!wants(&[]) && !wants(&["*/*", "application/*", "application/jsonx"]));
    }
}
