//! The process.

use axum::Router;
use leptos::prelude::*;
use leptos_axum::{LeptosRoutes, generate_route_list};
use rolitt::app::{App, shell};

#[tokio::main]
async fn main() {
    let options = get_configuration(Some("Leptos.toml")).unwrap().leptos_options;
    let addr = options.site_addr;
    let app = Router::new()
        .leptos_routes(&options, generate_route_list(App), { let o = options.clone(); move || shell(o.clone()) })
        .fallback(leptos_axum::file_and_error_handler(shell))
        .with_state(options);
    axum::serve(tokio::net::TcpListener::bind(addr).await.unwrap(), app).await.unwrap();
}
