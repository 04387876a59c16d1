//! Everything the sandbox remembers, behind one lock, and the tasks that act on it by themselves.
//!
//! The lock is never held across an await: a change is made inside [`Sandbox::with`], and what it wants delivered is sent
//! after the lock was let go.

use std::{
    collections::{BTreeSet, VecDeque},
    io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    config::{Config, Timing},
    faults::Faults,
    klaviyo::Journal,
    stripe::{
        billing::{customer::Customer, invoice::Invoice, subscription::Subscription},
        catalog::{price::Price, product::Product},
        checkout::session::Session,
        events::{
            Event,
            delivery::{Attempt, Delivery},
            endpoint::Endpoint,
        },
        payments::{
            attempt::Settlement, charge::Charge, dispute::Dispute, intent::Intent, method::Method, refund::Refund,
        },
        wire::{idempotency::Keys, shelf::Shelf},
    },
};

/// A handle on the running sandbox; cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    config: Config,
    origin: String,
    http: reqwest::Client,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    world: Mutex<World>,
}

/// What is remembered. Lost with the process, and on reset.
pub struct World {
    pub products: Shelf<Product>,
    pub prices: Shelf<Price>,
    pub sessions: Shelf<Session>,
    pub customers: Shelf<Customer>,
    pub methods: Shelf<Method>,
    pub intents: Shelf<Intent>,
    pub charges: Shelf<Charge>,
    pub refunds: Shelf<Refund>,
    pub disputes: Shelf<Dispute>,
    pub subscriptions: Shelf<Subscription>,
    pub invoices: Shelf<Invoice>,
    pub events: Shelf<Event>,
    pub endpoints: Shelf<Endpoint>,
    pub deliveries: VecDeque<Attempt>,
    pub keys: Keys,
    pub faults: Faults,
    pub klaviyo: Journal,
    /// Open sessions by the second at which they expire.
    pub expiring: BTreeSet<(i64, String)>,
    /// Delayed payments whose outcome is still to come.
    pub settlements: Vec<Settlement>,
    /// What the change that is being made wants delivered.
    pub outgoing: Vec<Delivery>,
    /// Where the sandbox is reached: `http://127.0.0.1:12111`.
    pub origin: String,
    pub timing: Timing,
    /// How far `POST /sandbox/clock` moved time forward.
    clock_ahead: Duration,
    /// Cancelled by a reset: deliveries of before must not reach the tests of after.
    pub epoch: CancellationToken,
}

impl Sandbox {
    pub fn new(config: Config, address: SocketAddr, shutdown: CancellationToken) -> io::Result<Self> {
        // reqwest is built without a TLS provider; whoever comes first installs it, and it is the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(config.timing.delivery_timeout)
            .build()
            .map_err(io::Error::other)?;
        let origin = format!("http://{address}");
        let world = World::seeded(&config, &origin, shutdown.child_token());
        let inner = Inner { config, origin, http, shutdown, tasks: TaskTracker::new(), world: Mutex::new(world) };
        Ok(Self(Arc::new(inner)))
    }

    /// Makes one change (or takes one look), then sends what it wants delivered.
    pub fn with<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        let (result, outgoing) = {
            let mut world = self.lock();
            let result = change(&mut world);
            (result, mem::take(&mut world.outgoing))
        };
        for delivery in outgoing {
            self.0.tasks.spawn(delivery.run(self.clone()));
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A panic while the lock was held leaves at worst one half-made object, in a process made for tests.
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// Waits, but not beyond the sandbox's own end.
    pub async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.0.shutdown.cancelled() => {}
        }
    }

    /// Forgets everything and starts over from the configuration; faults and the moved clock too.
    pub fn reset(&self) {
        let fresh = World::seeded(&self.0.config, &self.0.origin, self.0.shutdown.child_token());
        let old = mem::replace(&mut *self.lock(), fresh);
        old.epoch.cancel();
    }

    /// Starts the task that expires sessions and settles delayed payments when their time has come.
    pub fn start_clock(&self) -> JoinHandle<()> {
        let sandbox = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(sandbox.0.config.timing.tick);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                sandbox.with(World::tick);
            }
        })
    }

    /// Waits for the deliveries that are under way; the shutdown has already told them to end.
    pub async fn stop(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

impl World {
    fn seeded(config: &Config, origin: &str, epoch: CancellationToken) -> Self {
        let mut world = Self {
            products: Shelf::default(),
            prices: Shelf::default(),
            sessions: Shelf::default(),
            customers: Shelf::default(),
            methods: Shelf::default(),
            intents: Shelf::default(),
            charges: Shelf::default(),
            refunds: Shelf::default(),
            disputes: Shelf::default(),
            subscriptions: Shelf::default(),
            invoices: Shelf::default(),
            events: Shelf::default(),
            endpoints: Shelf::default(),
            deliveries: VecDeque::new(),
            keys: Keys::default(),
            faults: Faults::default(),
            klaviyo: Journal::default(),
            expiring: BTreeSet::new(),
            settlements: Vec::new(),
            outgoing: Vec::new(),
            origin: origin.to_owned(),
            timing: config.timing,
            clock_ahead: Duration::ZERO,
            epoch,
        };
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

    /// The sandbox's time in seconds: the machine's, plus what the clock was moved ahead.
    pub fn now(&self) -> i64 {
        i64::try_from(self.now_millis() / 1000).unwrap_or(i64::MAX)
    }

    pub fn now_millis(&self) -> u128 {
        (since_epoch() + self.clock_ahead).as_millis()
    }

    /// Moves time forward; what falls due in between happens at once.
    pub fn advance_clock(&mut self, by: Duration) {
        self.clock_ahead = self.clock_ahead.saturating_add(by);
        self.tick();
    }

    fn tick(&mut self) {
        self.expire_due();
        self.settle_due();
        self.renew_due();
        let now = self.now();
        self.keys.prune(now);
    }
}

/// The machine's own time: what signatures carry, because the receiver's clock is not moved.
pub fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
