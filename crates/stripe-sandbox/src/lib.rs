//! A stateful stand-in for Stripe and for Klaviyo's events, over HTTP on a loopback listener.
//!
//! A program under test speaks to it exactly as to the real services, so it needs no test mode.
//! State lives in memory. The crate reads no environment and knows nothing of the program that uses
//! it.
//!
//! ```no_run
//! use stripe_sandbox::{Config, serve};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn run() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:12111").await?;
//! serve(listener, Config::default(), CancellationToken::new()).await
//! # }
//! ```

#![recursion_limit = "256"] // for the long objects in `json!`
#![warn(missing_docs, unreachable_pub)]

use std::io;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

mod config;
mod controls;
mod delivery;
mod fault_injection;
mod hosted;
mod index;
mod klaviyo;
mod router;
mod sandbox;
mod stripe;
mod table;
mod world;

#[cfg(test)]
mod tests;

pub use config::{API_VERSION, Config, SeedEndpoint, SeedPrice, SeedProduct, Timing};

use sandbox::Sandbox;

/// Runs the sandbox until `shutdown` is cancelled.
///
/// # Errors
///
/// - `PermissionDenied` when the listener is not on a loopback address: a forgotten setting must
///   not open a shop in which everything is free.
/// - Whatever the listener or the HTTP client fails with.
pub async fn serve(listener: TcpListener, config: Config, shutdown: CancellationToken) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().to_canonical().is_loopback() {
        let message = format!("the sandbox listens on loopback addresses only, and {address} is not one");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let sandbox = Sandbox::new(config, address, shutdown.clone())?;
    let ticking = sandbox.start_clock();
    tracing::info!(%address, "sandbox for Stripe and Klaviyo listening, no money moves");
    let served =
        axum::serve(listener, router::router(sandbox.clone())).with_graceful_shutdown(shutdown.cancelled_owned()).await;
    ticking.abort();
    sandbox.stop().await;
    served
}
