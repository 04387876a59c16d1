//! Files of the site, and the page for what is not there.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use leptos::prelude::LeptosOptions;
use tower::{Service, ServiceExt as _, service_fn};
use tower_http::services::ServeDir;

use crate::{app::shell, server::state::AppState};

/// Serves the site's folder, precompressed where it is, and else the page that says what is missing.
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
            let (parts, body) = request.into_parts();
            let path = parts.uri.path().to_owned();
            let file = Request::from_parts(parts.clone(), Body::empty());
            let served = directory.oneshot(file).await.map(IntoResponse::into_response);
            match served {
                Ok(mut response) if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED => {
                    response.headers_mut().insert(header::CACHE_CONTROL, lifetime(&path, &bundle, &options));
                    Ok(response)
                }
                _ => Ok(missing(options, context, Request::from_parts(parts, body)).await),
            }
        }
    })
}

/// What is hashed never changes under its name; the rest is asked for again.
fn lifetime(path: &str, bundle: &str, options: &LeptosOptions) -> HeaderValue {
    HeaderValue::from_static(match (path.starts_with(bundle), options.hash_files) {
        (true, true) => "public, max-age=31536000, immutable",
        // While developing, names stay and contents change.
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
