//! The state of the sandbox. It is lost with the process, and on reset.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, Timing},
    fault_injection::Faults,
    klaviyo::Journal,
    stripe::{
        objects::{
            Charge, Customer, Delivery, DeliveryAttempt, Dispute, Endpoint, Event, Intent, Invoice, PaymentMethod,
            PendingSettlement, Price, Product, Refund, Session, Subscription,
        },
        wire::idempotency::Keys,
    },
    table::Table,
};

/// The state of the sandbox. `stripe/resources.rs` says which table holds which kind of object.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) products: Table<Product>,
    pub(crate) prices: Table<Price>,
    pub(crate) sessions: Table<Session>,
    pub(crate) customers: Table<Customer>,
    pub(crate) methods: Table<PaymentMethod>,
    pub(crate) intents: Table<Intent>,
    pub(crate) charges: Table<Charge>,
    pub(crate) refunds: Table<Refund>,
    pub(crate) disputes: Table<Dispute>,
    pub(crate) subscriptions: Table<Subscription>,
    pub(crate) invoices: Table<Invoice>,
    pub(crate) events: Table<Event>,
    pub(crate) endpoints: Table<Endpoint>,
    pub(crate) deliveries: VecDeque<DeliveryAttempt>,
    pub(crate) keys: Keys,
    pub(crate) faults: Faults,
    pub(crate) klaviyo: Journal,
    /// Open sessions by the second at which they expire.
    pub(crate) expiring: BTreeSet<(i64, String)>,
    /// Delayed payments that have not settled yet.
    pub(crate) settlements: Vec<PendingSettlement>,
    /// The deliveries that the current change asks for.
    pub(crate) outgoing: Vec<Delivery>,
    /// Where the sandbox is reached: `http://127.0.0.1:12111`.
    pub(crate) origin: String,
    pub(crate) timing: Timing,
    /// How far `POST /sandbox/clock` moved time forward.
    pub(crate) clock_ahead: Duration,
    /// Cancelled by a reset: earlier deliveries must not reach later tests.
    pub(crate) epoch: CancellationToken,
}

impl World {
    /// Makes the state that a configuration describes.
    pub(crate) fn seeded(config: &Config, origin: &str, epoch: CancellationToken) -> Self {
        let mut world = Self { origin: origin.to_owned(), timing: config.timing, epoch, ..Self::default() };
        let now = world.now();
        for product in &config.products {
            world.put(Product::seed(product, now));
            for price in &product.prices {
                world.put(Price::seed(price, &product.id, now));
            }
        }
        if let Some(endpoint) = &config.endpoint {
            world.put(Endpoint::seed(endpoint, now));
        }
        world
    }

    /// Returns the sandbox's time in Unix seconds: the machine's, plus what the clock was moved
    /// ahead.
    pub(crate) fn now(&self) -> i64 {
        i64::try_from(self.now_millis() / 1000).unwrap_or(i64::MAX)
    }

    /// Returns the sandbox's time in Unix milliseconds.
    pub(crate) fn now_millis(&self) -> u128 {
        (since_epoch() + self.clock_ahead).as_millis()
    }
}

/// Returns the machine's own time: what signatures carry, because the receiver's clock is not
/// moved.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
