//! One run of the shop: what development provides, the listeners, the workers, and the order in
//! which they end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::PrometheusBuilder;
use rolitt::{
    ops::{self, OpenStore},
    router,
    server::{
        config::{Config, Environment, MigrateOnStart, SandboxNeed},
        doctor,
        http::{client::client, listener},
        outbox,
        privacy::retention,
        reconcile,
        state::{AppState, Shop},
        webhook::retry,
    },
};
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long `/readyz` reports 503 before connections are refused: load balancers look every few
/// seconds.
const GRACE: Duration = Duration::from_secs(2);

/// The longest time from the signal to the end: a supervisor that allows thirty seconds never has
/// to kill. The grace and the listener's drain take at most twenty; workers, pool and the rest
/// share eight.
const SHUTDOWN: Duration = Duration::from_secs(28);
/// The end of [`SHUTDOWN`] that is reserved for the pool and everything after it: workers are cut
/// then.
const POOL_RESERVE: Duration = Duration::from_secs(5);
/// The end of [`SHUTDOWN`] that is reserved for everything after the pool.
const REST_RESERVE: Duration = Duration::from_secs(3);

/// How many connections the kernel may queue until they are accepted. A client that finds the queue
/// full waits a second before it tries again.
const LISTEN_BACKLOG: u32 = 4096;

/// Serves the shop until a signal ends it, then drains.
///
/// # Errors
/// If an address is in use, or the store refuses the configuration. A store that is only
/// unavailable delays readiness and the workers.
pub async fn serve(config: Config, mut leptos: LeptosOptions) -> anyhow::Result<()> {
    let mut signals = Signals::install()?;
    listener::raise_descriptor_limit();
    leptos.site_addr = config.listeners.public;
    // Addresses first: a port that is in use is reported before a database is started.
    let public = bind(config.listeners.public, "LEPTOS_SITE_ADDR")?;
    let operations = bind(config.listeners.operations, "OPS_ADDR")?;
    let end = CancellationToken::new();
    let sandbox_end = CancellationToken::new();
    let helpers = TaskTracker::new();
    if let Some(need) = &config.sandbox {
        start_sandbox(&config, need, &helpers, sandbox_end.clone())?;
    }
    let open = OpenStore::open(&config, &config.storage.chosen).await?;
    let shop = Shop::new(&config, open.store.clone(), client()?, end.clone());
    failpoints::when_enabled! {
        let shop = rolitt::negative_controls::install(shop, config.failpoints.control.as_deref());
    }
    let shop = Arc::new(shop);
    let metrics = PrometheusBuilder::new().install_recorder().context("cannot install the metrics recorder")?;
    ops::metrics::initialize();
    if shop.klaviyo.is_none() {
        tracing::warn!("KLAVIYO_API_KEY is not set: customers get no messages; set the key to send them");
    }
    let workers = TaskTracker::new();
    Workers { shop: shop.clone(), tasks: workers.clone(), end: end.clone() }.start(&config);
    let closing = CancellationToken::new();
    let listeners = TaskTracker::new();
    let app = router::public(AppState { shop: shop.clone(), leptos });
    listeners.spawn(listener::serve(public, app, closing.clone()));
    let operations_end = CancellationToken::new();
    helpers.spawn(listener::serve(operations, ops::listener::router(shop.clone(), metrics), operations_end.clone()));
    announce(&config);
    signals.next().await;

    tracing::info!("stopping");
    let deadline = Instant::now() + SHUTDOWN;
    tokio::spawn(async move {
        signals.next().await;
        tracing::warn!("a second signal arrived; stopped without draining");
        std::process::exit(1);
    });
    // From here on `/readyz` reports 503, workers take nothing new, and event streams end.
    end.cancel();
    if config.environment == Environment::Production {
        sleep(GRACE).await;
    }
    closing.cancel();
    listeners.close();
    listeners.wait().await;
    workers.close();
    if timeout_at(deadline - POOL_RESERVE, workers.wait()).await.is_err() {
        tracing::warn!(
            "workers cut at the shutdown deadline; their leases expire within a minute, and then other workers continue"
        );
    }
    let _ = timeout_at(deadline - REST_RESERVE, shop.store.close()).await;
    operations_end.cancel();
    sandbox_end.cancel();
    helpers.close();
    let _ = timeout_at(deadline - REST_RESERVE / 3, helpers.wait()).await;
    if timeout_at(deadline, open.close()).await.is_err() {
        tracing::warn!("the embedded PostgreSQL did not stop in time; `rolitt postgres stop` stops it");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Serves only the sandbox until a signal ends it.
pub async fn sandbox_alone(config: &Config) -> anyhow::Result<()> {
    let mut signals = Signals::install()?;
    anyhow::ensure!(
        rolitt::SERVE_SANDBOX.is_some(),
        "this build has no sandbox; build with default features (`cargo build --bin rolitt`) for one"
    );
    let need = config.sandbox.as_ref().context(
        "the sandbox runs in development only, without STRIPE_SECRET_KEY; unset APP_ENV and STRIPE_SECRET_KEY",
    )?;
    let helpers = TaskTracker::new();
    let end = CancellationToken::new();
    start_sandbox(config, need, &helpers, end.clone())?;
    tracing::info!("sandbox on http://{}", config.listeners.sandbox);
    signals.next().await;
    end.cancel();
    helpers.close();
    let _ = timeout(Duration::from_secs(5), helpers.wait()).await;
    Ok(())
}

/// Binds a listener; `variable` names the address's variable in the error.
fn bind(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    let listening = || -> std::io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(LISTEN_BACKLOG)
    };
    listening().with_context(|| format!("cannot listen on {address}; set {variable} to a free address"))
}

fn start_sandbox(
    config: &Config,
    need: &SandboxNeed,
    tasks: &TaskTracker,
    end: CancellationToken,
) -> anyhow::Result<()> {
    anyhow::ensure!(config.environment == Environment::Development, "the sandbox does not run in production");
    let variable = if need.stripe { "STRIPE_SECRET_KEY (a test key)" } else { "KLAVIYO_API_KEY" };
    let serve = rolitt::SERVE_SANDBOX.with_context(|| {
        format!(
            "this build has no sandbox: set {variable}, or build with default features (`cargo build --bin rolitt`)"
        )
    })?;
    let listener = bind(config.listeners.sandbox, "SANDBOX_ADDR")?;
    let serving = serve(config.listeners.public, need, listener, end);
    tasks.spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, "the sandbox stopped; restart to get it back");
        }
    });
    Ok(())
}

/// The tasks that work on the shop until `end` is cancelled.
#[derive(Clone)]
struct Workers {
    shop: Arc<Shop>,
    tasks: TaskTracker,
    end: CancellationToken,
}

impl Workers {
    fn spawn<F>(&self, worker: impl FnOnce(Arc<Shop>, CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tasks.spawn(worker(self.shop.clone(), self.end.clone()));
    }

    /// Starts what needs no database at once, and the rest when the database is ready.
    ///
    /// Until then `/readyz` reports 503. The storefront and the checkout need no database, so one
    /// that is down stops neither.
    fn start(&self, config: &Config) {
        self.spawn(|shop, end| async move { shop.catalogue.run(end).await });
        let (workers, migrate) = (self.clone(), config.migrate);
        let (reconcile_every, retention_times) = (config.reconcile_every, config.retention);
        self.spawn(|shop, end| async move {
            tokio::select! {
                () = end.cancelled() => return,
                () = database_is_ready(&shop, migrate) => {}
            }
            workers.spawn(|shop, end| async move { retry::run(&shop, end).await });
            workers.spawn(|shop, end| async move { doctor::run(&shop, end).await });
            if let Some(every) = reconcile_every {
                workers.spawn(move |shop, end| async move { reconcile::run(&shop, every, end).await });
            }
            workers.spawn(move |shop, end| async move { retention::run(&shop, retention_times, end).await });
            for _ in 0..outbox::SENDERS {
                workers.spawn(|shop, end| async move { outbox::run(&shop, end).await });
            }
        });
    }
}

/// Migrates, or waits until the schema is current. A failure is logged once and retried every
/// second.
async fn database_is_ready(shop: &Shop, migrate: MigrateOnStart) {
    let mut reported = false;
    loop {
        let ready = match migrate {
            MigrateOnStart::Auto => shop.store.migrate().await,
            MigrateOnStart::Off => shop.store.ready().await,
        };
        match ready {
            Ok(()) => break,
            Err(error) if !reported => {
                reported = true;
                tracing::error!(%error, "the database is not ready; retrying every second; `rolitt check` names the cause");
            }
            Err(_) => {}
        }
        sleep(Duration::from_secs(1)).await;
    }
    tracing::info!("the database is ready");
}

fn announce(config: &Config) {
    tracing::info!("the shop is open on {}", config.app_url);
    tracing::info!("operations on http://{}", config.listeners.operations);
    if config.sandbox.is_some() {
        tracing::info!("sandbox for Stripe and Klaviyo on http://{}: no money moves", config.listeners.sandbox);
    }
}

/// The signals that end a run. They are installed before anything starts, so that all of it is
/// stopped.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn install() -> anyhow::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
