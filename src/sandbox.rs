//! The sandbox of this shop: what the shop's configuration asks `stripe-sandbox` to contain.
//!
//! Only a build with the feature `sandbox` has this module. The rest of the program reaches it
//! through [`crate::SERVE_SANDBOX`].

use std::{io, net::SocketAddr};

use futures::future::BoxFuture;
use secrecy::ExposeSecret as _;
use stripe_sandbox::{Config, SeedEndpoint, SeedPrice, SeedProduct, Timing};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::server::config::SandboxNeed;

/// Serves the sandbox on `listener` until `shutdown` is cancelled. It delivers webhooks to the shop
/// that listens on `shop`.
///
/// # Errors
///
/// As [`stripe_sandbox::serve`].
pub fn serve(
    shop: SocketAddr,
    need: &SandboxNeed,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> BoxFuture<'static, io::Result<()>> {
    Box::pin(stripe_sandbox::serve(listener, config(shop, need), shutdown))
}

/// One product with a price for each color, and the shop's webhook endpoint.
fn config(shop: SocketAddr, need: &SandboxNeed) -> Config {
    let prices = need.prices.iter().map(|(color, id, money)| SeedPrice {
        id: id.as_str().to_owned(),
        nickname: color.as_str().to_owned(),
        money: *money,
    });
    let product = SeedProduct {
        id: need.product.as_str().to_owned(),
        name: "Rolitt".to_owned(),
        description: Some("A small companion for your desk, on pre-order".to_owned()),
        shippable: true,
        prices: prices.collect(),
    };
    let endpoint = SeedEndpoint {
        url: format!("http://{shop}/api/webhooks/stripe"),
        secret: need.webhook_secret.expose_secret().to_owned(),
        events: Vec::new(),
    };
    Config { products: vec![product], endpoint: Some(endpoint), timing: Timing::default() }
}
