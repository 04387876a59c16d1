//! The static files of the site, and the page for an unknown URL.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use leptos::prelude::LeptosOptions;
use tower::{Service, ServiceExt as _, service_fn};
use tower_http::services::ServeDir;

use crate::{app::shell, server::state::AppState};

/// Serves the site's folder, precompressed where a compressed file exists, and otherwise the 404
/// page.
pub fn files<C>(
    state: &AppState,
    context: C,
) -> impl Service<Request, Response = Response, Error = std::convert::Infallible, Future: Send> + Clone + Send + Sync + use<C>
where
    C: Fn() + Clone + Send + Sync + 'static,
{
    let options = state.leptos.clone();
    let directory = ServeDir::new(&*options.site_root)
        .precompressed_br()
        .precompressed_gzip()
        .append_index_html_on_directories(false);
    let bundle = format!("/{}/", options.site_pkg_dir);
    service_fn(move |request: Request| {
        let (directory, options, context, bundle) =
            (directory.clone(), options.clone(), context.clone(), bundle.clone());
        async move {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                return Ok(StatusCode::NOT_FOUND.into_response());
            }
            let (parts, body) = request.into_parts();
            let path = parts.uri.path().to_owned();
            let file = Request::from_parts(parts.clone(), Body::empty());
            let served = directory.oneshot(file).await.map(IntoResponse::into_response);
            match served {
                Ok(mut response) if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED => {
                    response.headers_mut().insert(header::CACHE_CONTROL, lifetime(&path, &bundle, &options));
                    say_charset(response.headers_mut());
                    Ok(response)
                }
                _ => Ok(missing(options, context, Request::from_parts(parts, body)).await),
            }
        }
    })
}

/// Adds `charset=utf-8` to texts. A browser that guesses the charset can be made to guess wrongly.
fn say_charset(headers: &mut HeaderMap) {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if (text.starts_with("text/") || text == "image/svg+xml")
        && !text.contains("charset")
        && let Ok(value) = HeaderValue::from_str(&format!("{text}; charset=utf-8"))
    {
        headers.insert(header::CONTENT_TYPE, value);
    }
}

/// Returns the `Cache-Control` of a file. A file with a hash in its name never changes; the rest is
/// revalidated.
fn lifetime(path: &str, bundle: &str, options: &LeptosOptions) -> HeaderValue {
    HeaderValue::from_static(match (path.starts_with(bundle), options.hash_files) {
        (true, true) => "public, max-age=31536000, immutable",
        // In development, names stay and contents change.
        (true, false) => "no-cache",
        (false, _) => "public, max-age=3600",
    })
}

async fn missing<C: Fn() + Clone + Send + Sync + 'static>(
    options: LeptosOptions,
    context: C,
    request: Request,
) -> Response {
    let render = leptos_axum::render_app_async_with_context(context, move || shell(options.clone()));
    let mut response = render(request).await.into_response();
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
