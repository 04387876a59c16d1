//! What is built once and shared: the shop, and the page renderer's options. The two places where configuration chooses an
//! implementation are here.

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
    marketing::klaviyo::Klaviyo,
    orders::invoice_history::StoredOrders,
    outbox::send_throttle::SendThrottle,
    payments::{
        PaymentProvider, PaymentService,
        invoice::{Invoice, InvoiceConfig},
        stripe::Stripe,
    },
    store::{Ids, Store},
    storefront::catalogue::Catalogue,
    telemetry::log_limiter::LogLimiter,
    webhook::signature_stats::SignatureStats,
};

/// How many pages may wait for a pending payment at the same time.
const STREAMS: usize = 256;

/// The shop: its contracts with their implementations, and nothing that belongs to one request.
pub struct Shop {
    pub environment: Environment,
    pub app_url: Url,
    pub payments: PaymentService,
    /// Where and until when transfers go; `None` where the shop takes none.
    pub invoice: Option<InvoiceConfig>,
    pub catalogue: Catalogue,
    pub store: Arc<dyn Store>,
    pub klaviyo: Option<Klaviyo>,
    pub klaviyo_throttle: SendThrottle,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    pub rate_limits: RateLimits,
    pub concurrency: ConcurrencyLimits,
    /// Log lines that anybody can cause.
    pub log_limiter: LogLimiter,
    /// What was seen of webhook signatures lately.
    pub signature_stats: SignatureStats,
    pub shipping_countries: Arc<[String]>,
    /// Places for pages that wait for a pending payment.
    pub event_streams: Arc<Semaphore>,
    /// Told when there may be something for the workers.
    pub work: Notify,
    /// Cancelled when the process ends: long answers end with it.
    pub end: CancellationToken,
}

impl Shop {
    /// Builds the shop of this configuration on `store`.
    pub fn new(config: &Config, store: Arc<dyn Store>, http: reqwest::Client, end: CancellationToken) -> Self {
        let stripe = Arc::new(Stripe::new(&config.stripe, http.clone()));
        let provider = |chosen: &ProviderConfig| -> Arc<dyn PaymentProvider> {
            match chosen {
                ProviderConfig::Stripe => stripe.clone(),
                ProviderConfig::Invoice(invoice) => {
                    let ledger = Arc::new(StoredOrders(store.clone()));
                    Arc::new(Invoice::new(invoice, ledger, config.stripe.secret_key.clone()))
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
            klaviyo: config.klaviyo.as_ref().map(|klaviyo| Klaviyo::new(klaviyo, http)),
            klaviyo_throttle: SendThrottle::default(),
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

    /// An absolute URL of the public site; `path` begins with a slash and is taken as it is.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.app_url.as_str().trim_end_matches('/'))
    }
}

/// What axum's handlers and the pages are given.
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
