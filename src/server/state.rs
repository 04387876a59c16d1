//! What is built once and shared: the shop, and the page renderer's options. Here the configuration
//! chooses the payment providers and Klaviyo; `ops::context` chooses the store.

use std::sync::Arc;

use axum::extract::FromRef;
use leptos::config::LeptosOptions;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    clock::{Clock, SystemClock},
    config::{Config, Environment, ProviderConfig},
    http::limits::{ConcurrencyLimits, RateLimits},
    ids::FreshIds,
    marketing::{EventSender, klaviyo::Klaviyo},
    orders::{
        invoice_history::StoredOrders,
        messages::{KlaviyoMessages, MessageSource, NoMessages},
    },
    outbox::send_throttle::SendThrottle,
    payments::{
        PaymentProvider, PaymentService,
        invoice::{Invoice, InvoiceConfig},
        stripe::Stripe,
    },
    store::{Ids, Store},
    storefront::catalogue::Catalogue,
    telemetry::log_limiter::LogLimiter,
    timing::Timing,
    webhook::signature_stats::SignatureStats,
};

/// How many return pages may hold an event stream at the same time, each waiting for a pending
/// payment.
const STREAMS: usize = 256;

/// The shop: implementations of its contracts and state shared by all requests, nothing of a single
/// one.
pub struct Shop {
    pub(crate) environment: Environment,
    pub app_url: Url,
    pub payments: PaymentService,
    /// The bank account and the payment period for transfers; `None` if bank transfer is not
    /// offered.
    pub(crate) invoice: Option<InvoiceConfig>,
    pub catalogue: Catalogue,
    pub store: Arc<dyn Store>,
    /// `None`: marketing is off, and no messages are written.
    pub klaviyo: Option<Arc<dyn EventSender>>,
    /// Makes the outbox's messages.
    pub(crate) messages: Arc<dyn MessageSource>,
    /// Bounds and pauses what is sent to Klaviyo.
    pub(crate) klaviyo_throttle: SendThrottle,
    /// Leases and retry delays of the workers.
    pub(crate) timing: Timing,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub(crate) rate_limits: RateLimits,
    pub concurrency: ConcurrencyLimits,
    /// Bounds the log lines that clients can trigger at will.
    pub(crate) log_limiter: LogLimiter,
    /// Good and bad webhook signatures since the start, for `rolitt doctor`.
    pub(crate) signature_stats: SignatureStats,
    pub shipping_countries: Arc<[String]>,
    /// Permits for return pages that wait for a pending payment.
    pub(crate) event_streams: Arc<Semaphore>,
    /// Notified when a worker may have something to do.
    pub(crate) work: Notify,
    /// Cancelled when the process ends, so that event streams and workers end.
    pub end: CancellationToken,
}

impl Shop {
    /// Builds the configured shop on `store`. `end` ends its event streams and workers.
    pub fn new(config: &Config, store: Arc<dyn Store>, http: reqwest::Client, end: CancellationToken) -> Self {
        let stripe = Arc::new(Stripe::new(&config.stripe, http.clone()));
        let provider = |chosen: &ProviderConfig| -> Arc<dyn PaymentProvider> {
            match chosen {
                ProviderConfig::Stripe => stripe.clone(),
                ProviderConfig::Invoice(invoice) => {
                    let history = Arc::new(StoredOrders(store.clone()));
                    Arc::new(Invoice::new(invoice, history, config.stripe.secret_key.clone()))
                }
            }
        };
        let providers = &config.providers;
        let payments =
            PaymentService::new(provider(&providers.default), providers.others.iter().map(provider).collect());
        Self {
            environment: config.environment,
            app_url: config.app_url.clone(),
            catalogue: Catalogue::new(stripe.clone(), config.catalogue.clone()),
            payments,
            invoice: providers.invoice().cloned(),
            store,
            messages: if config.klaviyo.is_some() { Arc::new(KlaviyoMessages) } else { Arc::new(NoMessages) },
            klaviyo: config
                .klaviyo
                .as_ref()
                .map(|klaviyo| Arc::new(Klaviyo::new(klaviyo, http)) as Arc<dyn EventSender>),
            klaviyo_throttle: SendThrottle::default(),
            timing: Timing::new(&config.failpoints),
            clock: Arc::new(SystemClock),
            ids: Arc::new(FreshIds),
            rate_limits: RateLimits::new(&config.rate_limits),
            concurrency: ConcurrencyLimits::default(),
            log_limiter: LogLimiter::default(),
            signature_stats: SignatureStats::default(),
            shipping_countries: config.shipping_countries.clone(),
            event_streams: Arc::new(Semaphore::new(STREAMS)),
            work: Notify::new(),
            end,
        }
    }

    /// Returns the absolute URL of `path` on the public site. `path` begins with a slash and is
    /// encoded already.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app_url.as_str().trim_end_matches('/'))
    }
}

/// The state of axum's handlers and of the pages.
#[derive(Clone)]
pub struct AppState {
    pub shop: Arc<Shop>,
    pub leptos: LeptosOptions,
}

impl FromRef<AppState> for Arc<Shop> {
    fn from_ref(state: &AppState) -> Self {
        state.shop.clone()
    }
}

impl FromRef<AppState> for LeptosOptions {
    fn from_ref(state: &AppState) -> Self {
        state.leptos.clone()
    }
}
