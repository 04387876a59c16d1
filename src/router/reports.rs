//! Browsers' reports of violations of our content security policy (CSP). Anyone can post here, so a
//! report is counted and only sometimes logged: with its directive and its site, never with a full
//! URL.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use url::Url;

use super::{body::read, negotiate::content_type_is};
use crate::server::state::Shop;

/// The longest report that is read, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// The content types of the two kinds of report, and the one that some browsers send instead.
const CONTENT_TYPES: [&str; 3] = ["application/csp-report", "application/reports+json", "application/json"];

/// The directives that the metric names; any other is `other`.
const DIRECTIVES: [&str; 14] = [
    "default-src",
    "script-src",
    "script-src-elem",
    "script-src-attr",
    "style-src",
    "style-src-elem",
    "style-src-attr",
    "img-src",
    "font-src",
    "connect-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "base-uri",
];

/// One report, as `report-uri` sends it
/// (<https://www.w3.org/TR/CSP3/#deprecated-serialize-violation>), or several, as `report-to` does
/// (<https://www.w3.org/TR/reporting-1/#media-type>).
#[derive(Deserialize)]
#[serde(untagged)]
enum Posted {
    One {
        #[serde(rename = "csp-report")]
        report: Violation,
    },
    Several(Vec<Report>),
}

#[derive(Deserialize)]
struct Report {
    body: Violation,
}

#[derive(Deserialize)]
struct Violation {
    #[serde(alias = "effective-directive", alias = "effectiveDirective", default)]
    effective: String,
    /// Older browsers send only this, newer ones both.
    #[serde(alias = "violated-directive", default)]
    violated: String,
    #[serde(alias = "blocked-uri", alias = "blockedURL", default)]
    blocked: String,
}

/// `POST /csp-report`.
pub async fn receive(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Body) -> StatusCode {
    if content_type_is(&headers, &CONTENT_TYPES) != Some(true) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let body = match read(&headers, body, MAX_BYTES).await {
        Ok(body) => body,
        Err(status) => return status,
    };
    let violations = match serde_json::from_slice(&body) {
        Ok(Posted::One { report }) => vec![report],
        Ok(Posted::Several(reports)) => reports.into_iter().map(|report| report.body).collect(),
        Err(_) => return StatusCode::BAD_REQUEST,
    };
    for violation in violations {
        let directive = label(if violation.effective.is_empty() { &violation.violated } else { &violation.effective });
        metrics::counter!("csp_violations_total", "directive" => directive).increment(1);
        if let Some(suppressed) = shop.log_limiter.allow(directive) {
            let blocked = site(&violation.blocked);
            tracing::warn!(
                directive,
                blocked,
                suppressed,
                "a browser reports a violation of the content security policy"
            );
        }
    }
    StatusCode::NO_CONTENT
}

/// Returns the directive's name, or `other` for an unknown one.
fn label(directive: &str) -> &'static str {
    let name = directive.split(' ').next().unwrap_or_default();
    DIRECTIVES.into_iter().find(|known| *known == name).unwrap_or("other")
}

/// Returns the site of a blocked URL. Its path and query may be secret.
fn site(blocked: &str) -> String {
    match blocked {
        "inline" | "eval" | "wasm-eval" | "self" | "data" | "blob" => blocked.to_owned(),
        _ => Url::parse(blocked)
            .ok()
            .map(|url| url.origin())
            .filter(url::Origin::is_tuple)
            .map(|origin| origin.ascii_serialization())
            .filter(|origin| origin.len() <= 100)
            .unwrap_or_else(|| "other".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csp_report_names_a_directive_and_a_site_and_nothing_more() {
        assert_eq!(label("script-src-elem"), "script-src-elem");
        assert_eq!(label("script-src 'self' https://x"), "script-src");
        assert_eq!((label("made-up"), label("")), ("other", "other"));
        assert_eq!(site("https://evil.example/x?token=secret#y"), "https://evil.example");
        assert_eq!(site("inline"), "inline");
        for odd in ["", "token=secret", "data:text/plain,secret", &format!("https://{}.example", "x".repeat(200))] {
            assert_eq!(site(odd), "other", "{odd}");
        }
    }
}
