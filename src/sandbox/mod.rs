//! Stand-ins for Stripe and Klaviyo on a loopback listener of their own.
//!
//! The shop speaks to them over HTTP exactly as to the real ones, so it needs no test mode. Nothing in here may import
//! `server` or `app`, read the environment, or listen on an address that another machine can reach. State lives in memory.

use std::{fmt, io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::domain::{
    money::Money,
    payment::{PriceId, ProductId},
    product::ProductColor,
};

mod control;
mod faults;
mod hosted;
mod index;
mod klaviyo;
mod router;
mod state;
mod stripe;

#[cfg(test)]
mod tests;

use state::Sandbox;

/// The version of Stripe's API that the sandbox speaks, and the only one.
pub const API_VERSION: &str = "2025-06-30.basil";

/// What the sandbox starts with, and returns to on `POST /sandbox/reset`.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Where events are delivered from the start. `None`: events are only recorded, until an endpoint is created over the API.
    pub webhook_url: Option<String>,
    /// Signs what is delivered to `webhook_url`: `whsec_…`.
    pub webhook_secret: String,
    /// The event types that are delivered to `webhook_url`; empty means all of them, `*`.
    pub events: Vec<String>,
    /// The one product that exists from the start: `prod_…`.
    pub product_id: String,
    /// Its prices.
    pub prices: Vec<SeedPrice>,
    /// How long things take.
    pub timing: Timing,
}

/// A price that exists from the start.
#[derive(Clone, Debug)]
pub struct SeedPrice {
    /// `price_…`
    pub id: String,
    /// The color's name.
    pub nickname: String,
    pub money: Money,
}

/// How long things take. The defaults are Stripe's where those are known; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From a failed delivery to its first retry; doubles from then on.
    pub retry_first: Duration,
    /// The longest wait between two attempts.
    pub retry_cap: Duration,
    /// After this long an event that was never accepted is given up.
    pub retry_for: Duration,
    /// How long one delivery may take to be answered.
    pub delivery_timeout: Duration,
    /// How long the hosted page waits for the shop's answer to the completed-webhook before it redirects.
    pub redirect_hold: Duration,
    /// From a delayed payment to its outcome, unless somebody settles it earlier by hand.
    pub delayed_settle: Duration,
    /// With the fault `shuffle`, deliveries start at random within this span.
    pub shuffle_within: Duration,
    /// How often expiry and delayed outcomes are looked for.
    pub tick: Duration,
}

impl SandboxConfig {
    /// What a shop that listens on `shop` needs its sandbox to start with: one product, a price for each color.
    pub fn for_shop(
        shop: SocketAddr,
        webhook_secret: &str,
        product: &ProductId,
        prices: &[(ProductColor, PriceId, Money)],
    ) -> Self {
        let price = |(color, id, money): &(ProductColor, PriceId, Money)| SeedPrice {
            id: id.as_str().to_owned(),
            nickname: color.as_str().to_owned(),
            money: *money,
        };
        Self {
            webhook_url: Some(format!("http://{shop}/api/webhooks/stripe")),
            webhook_secret: webhook_secret.to_owned(),
            events: Vec::new(),
            product_id: product.as_str().to_owned(),
            prices: prices.iter().map(price).collect(),
            timing: Timing::default(),
        }
    }
}

impl fmt::Debug for SandboxConfig {
    /// Without the secret: configurations end in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SandboxConfig")
            .field("webhook_url", &self.webhook_url)
            .field("events", &self.events)
            .field("product_id", &self.product_id)
            .field("prices", &self.prices)
            .field("timing", &self.timing)
            .finish_non_exhaustive()
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            retry_first: Duration::from_secs(1),
            retry_cap: Duration::from_mins(1),
            retry_for: Duration::from_hours(72),
            delivery_timeout: Duration::from_secs(20),
            redirect_hold: Duration::from_secs(10),
            delayed_settle: Duration::from_secs(5),
            shuffle_within: Duration::from_secs(2),
            tick: Duration::from_millis(200),
        }
    }
}

/// Runs the sandbox until `shutdown`. Refuses a listener that is not on a loopback address: a forgotten setting must not
/// open a free shop.
pub async fn serve(listener: TcpListener, config: SandboxConfig, shutdown: CancellationToken) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().to_canonical().is_loopback() {
        let message = format!("the sandbox listens on loopback addresses only, and {address} is none");
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
