//! What a sandbox starts with, the API version that it speaks, and how long things take in it.

use std::{fmt, time::Duration};

use minor_money::Money;

/// The version of Stripe's API that the sandbox speaks, and the only one.
pub const API_VERSION: &str = "2025-06-30.basil";

/// What the sandbox contains at the start, and again after `POST /sandbox/reset`.
///
/// The default is an empty sandbox with Stripe's timing.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The products that exist from the start.
    pub products: Vec<SeedProduct>,
    /// The webhook endpoint that exists from the start. Without one, events are only recorded until
    /// an endpoint is created over the API.
    pub endpoint: Option<SeedEndpoint>,
    /// How long things take.
    pub timing: Timing,
}

/// A product that exists from the start.
#[derive(Clone, Debug)]
pub struct SeedProduct {
    /// `prod_…`
    pub id: String,
    /// The name, as the hosted payment page and receipts show it.
    pub name: String,
    /// The description, if it has one.
    pub description: Option<String>,
    /// Whether it is a physical good. Otherwise it is a service.
    pub shippable: bool,
    /// Its prices, each paid once.
    pub prices: Vec<SeedPrice>,
}

/// A price that exists from the start.
#[derive(Clone, Debug)]
pub struct SeedPrice {
    /// `price_…`
    pub id: String,
    /// Stripe's `nickname`: what distinguishes this price from the product's other prices, such as
    /// a color.
    pub nickname: String,
    /// The amount.
    pub money: Money,
}

/// A webhook endpoint that exists from the start.
#[derive(Clone)]
pub struct SeedEndpoint {
    /// Where events are delivered.
    pub url: String,
    /// The secret that signs deliveries: `whsec_…`.
    pub secret: String,
    /// The event types that are delivered, with `charge.*` for all that begin so. Empty means all
    /// types.
    pub events: Vec<String>,
}

/// How long things take. The defaults are Stripe's where those are known; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From a failed delivery to its first retry. The wait doubles with each further retry.
    pub retry_first: Duration,
    /// The longest wait between two delivery attempts.
    pub retry_cap: Duration,
    /// How long an event is retried before the sandbox gives up.
    pub retry_for: Duration,
    /// How long the receiver may take to respond to one delivery.
    pub delivery_timeout: Duration,
    /// How long the hosted page waits for the response to `checkout.session.completed` before it
    /// redirects the customer.
    pub redirect_hold: Duration,
    /// From a delayed payment to its outcome, unless a request settles it earlier.
    pub delayed_settle: Duration,
    /// With the fault `shuffle`, deliveries start at random within this span.
    pub shuffle_within: Duration,
    /// How often the sandbox looks for expired sessions, due outcomes and due renewals.
    pub tick: Duration,
}

impl fmt::Debug for SeedEndpoint {
    /// Omits the secret: configurations end in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeedEndpoint").field("url", &self.url).field("events", &self.events).finish_non_exhaustive()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_of_a_configuration_omits_the_webhook_secret() {
        let endpoint =
            SeedEndpoint { url: "http://127.0.0.1/hook".to_owned(), secret: "whsec_x".to_owned(), events: vec![] };
        let shown = format!("{:?}", Config { endpoint: Some(endpoint), ..Config::default() });
        assert!(shown.contains("127.0.0.1") && !shown.contains("whsec"), "{shown}");
    }
}
