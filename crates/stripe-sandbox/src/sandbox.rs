//! A handle on the running sandbox: its state behind one lock, and the tasks that change it on
//! their own.
//!
//! The lock is never held across an await. A change is made inside [`Sandbox::with`], and what it
//! wants delivered is sent after the lock was released.

use std::{
    io, mem,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{config::Config, stripe::actions::clock, world::World};

/// A handle on the running sandbox; cheap to clone.
#[derive(Clone)]
pub(crate) struct Sandbox(Arc<Inner>);

struct Inner {
    config: Config,
    origin: String,
    http: reqwest::Client,
    shutdown: CancellationToken,
    tasks: TaskTracker,
    world: Mutex<World>,
}

impl Sandbox {
    pub(crate) fn new(config: Config, address: SocketAddr, shutdown: CancellationToken) -> io::Result<Self> {
        // reqwest is built without a TLS provider. The first caller in the process installs it, and
        // all install the same one.
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

    /// Makes one change (or only reads), then starts the deliveries that the change asked for.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
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
        // A panic while the lock was held leaves at worst one incomplete object, in a process made
        // for tests.
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// Waits for `duration`, or until the sandbox stops.
    pub(crate) async fn pause(&self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.0.shutdown.cancelled() => {}
        }
    }

    /// Discards all state and starts again from the configuration. Faults and the moved clock are
    /// reset, too.
    pub(crate) fn reset(&self) {
        let fresh = World::seeded(&self.0.config, &self.0.origin, self.0.shutdown.child_token());
        let old = mem::replace(&mut *self.lock(), fresh);
        old.epoch.cancel();
    }

    /// Starts the task that expires sessions, settles delayed payments and renews subscriptions
    /// when they are due.
    pub(crate) fn start_clock(&self) -> JoinHandle<()> {
        let sandbox = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(sandbox.0.config.timing.tick);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                sandbox.with(clock::tick);
            }
        })
    }

    /// Waits for the deliveries in progress, which the shutdown has already cancelled.
    pub(crate) async fn stop(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}
