//! The configuration: every environment variable, its shape and its default, read once at start.
//! Each part that is configured has a struct of its own.
//!
//! All faults are collected and reported together. The caller reads the environment itself and
//! passes it as a function.

mod capabilities;
mod colors;
mod failpoints;
mod payments;
mod rate_limits;
mod reader;
mod retention;
mod storage;
mod urls;
mod vendors;

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

use self::reader::Reader;
pub use self::{
    payments::{ProviderConfig, ProvidersConfig},
    rate_limits::RateLimitConfig,
    reader::{ConfigError, Fault},
    retention::Retention,
    storage::{Database, StorageConfig, StoreConfig, StoreName},
};
use super::{marketing::klaviyo::KlaviyoConfig, payments::stripe::StripeConfig};
use crate::domain::{
    money::Money,
    payment::{PriceId, ProductId},
    product::ProductColor,
};

/// The shop's configuration. Each field names its variables; docs/configuration.md has them as a
/// table.
#[derive(Debug)]
pub struct Config {
    /// `APP_ENV`: `development` (default) or `production`.
    pub environment: Environment,
    /// `APP_URL`: the public site's origin, without a path, to which customers return. Required in
    /// production; in development the default is the public listener's address.
    pub app_url: Url,
    pub listeners: Listeners,
    pub development: DevelopmentConfig,
    pub storage: StorageConfig,
    /// `MIGRATE`: `auto` (default) or `off`.
    pub migrate: MigrateOnStart,
    /// `STRIPE_SECRET_KEY`, `STRIPE_WEBHOOK_SECRET`, `STRIPE_WEBHOOK_SECRET_PREVIOUS`,
    /// `STRIPE_API_BASE`, `STRIPE_CAPABILITIES`. The first two are required in production.
    pub stripe: StripeConfig,
    pub providers: ProvidersConfig,
    pub catalogue: CatalogueConfig,
    /// `KLAVIYO_API_KEY`, `KLAVIYO_API_BASE`. `None` in production without a key: marketing is off.
    pub klaviyo: Option<KlaviyoConfig>,
    /// `None` if no part of the sandbox is needed.
    pub sandbox: Option<SandboxNeed>,
    /// `SHIPPING_COUNTRIES`: ISO 3166-1 alpha-2 codes, at least one, each one that Stripe ships to.
    pub shipping_countries: Arc<[String]>,
    pub rate_limits: RateLimitConfig,
    /// `RECONCILE_EVERY`: the time between two reconciliations, at least one second; default 5
    /// minutes. `None` (`off`) disables them.
    pub reconcile_every: Option<Duration>,
    pub retention: Retention,
    /// `ADMIN_TOKEN`: at least 32 characters, required in production. Nothing reads it yet; the
    /// operations pages (`/admin`) will authenticate with it.
    pub admin_token: Option<SecretString>,
    /// `ROLITT_FAILPOINTS`: what a failpoint build does on purpose. Every other build refuses to
    /// start if it is set, and has the default.
    pub failpoints: ::failpoints::Settings,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Environment {
    /// What is missing is provided: an embedded database and the sandbox. Listeners are on
    /// loopback.
    Development,
    /// Nothing is provided: what is missing is a fault.
    Production,
}

/// Whether `rolitt serve` migrates the database schema when it starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MigrateOnStart {
    /// Migrates, under a lock that instances share.
    Auto,
    /// Waits until the schema is current: an operator runs `rolitt migrate`.
    Off,
}

/// The addresses to listen on. In development each must be on loopback.
#[derive(Clone, Debug)]
pub struct Listeners {
    /// `LEPTOS_SITE_ADDR`, default 127.0.0.1:3000: the storefront, the checkout and the webhooks.
    pub public: SocketAddr,
    /// `OPS_ADDR`, default 127.0.0.1:3001: health and metrics. Must never be reachable from
    /// outside.
    pub operations: SocketAddr,
    /// `SANDBOX_ADDR`, default 127.0.0.1:12111.
    pub sandbox: SocketAddr,
}

/// What only development uses: where the embedded PostgreSQL stores its data, and where its
/// programs are.
#[derive(Clone, Debug)]
pub struct DevelopmentConfig {
    /// `ROLITT_DATA_DIR`, default `.rolitt` in the working directory.
    pub data_dir: PathBuf,
    /// `PATH`: the directories in which `initdb`, `pg_ctl` and `postgres` are searched first.
    pub search_path: Option<OsString>,
}

/// What is sold.
#[derive(Clone, Debug)]
pub struct CatalogueConfig {
    /// `STRIPE_PRODUCT_ID`, required in production.
    pub product: ProductId,
    /// `COLOR_PRICE_MAP_JSON` (required in production) in the order of `PRODUCT_COLOR_ORDER`. A
    /// color that only the order names has no price and cannot be bought.
    pub colors: Vec<(ProductColor, Option<PriceId>)>,
}

/// What this configuration leaves to the sandbox: Klaviyo, Stripe, or both.
#[derive(Clone, Debug)]
pub struct SandboxNeed {
    /// Signs what the sandbox delivers.
    pub webhook_secret: SecretString,
    /// The product that must exist in the sandbox.
    pub product: ProductId,
    /// Its prices.
    pub prices: Vec<(ProductColor, PriceId, Money)>,
    /// Whether the sandbox stands in for Stripe. Otherwise it stands in for Klaviyo only.
    pub stripe: bool,
}

/// Serves a sandbox that delivers to the shop at the given address, until the token is cancelled.
pub type ServeSandbox =
    fn(SocketAddr, &SandboxNeed, TcpListener, CancellationToken) -> BoxFuture<'static, std::io::Result<()>>;

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Config {
    /// Reads every variable through `lookup`. Development without `STRIPE_WEBHOOK_SECRET` uses
    /// `generated_secret`, a new `whsec_…`.
    ///
    /// # Errors
    /// All faults at once: each names a variable and its repair, never its value.
    pub fn from_lookup(
        lookup: &dyn Fn(&str) -> Option<String>,
        generated_secret: impl FnOnce() -> SecretString,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let environment = environment(&mut reader);
        reader.production = environment == Environment::Production;
        let listeners = Listeners {
            public: reader.listener("LEPTOS_SITE_ADDR", loopback(3000)),
            operations: reader.listener("OPS_ADDR", loopback(3001)),
            sandbox: reader.listener("SANDBOX_ADDR", loopback(12111)),
        };
        let app_url = reader
            .required_in_production("APP_URL", urls::origin)
            .or_else(|| Url::parse(&format!("http://{}", listeners.public)).ok());
        let stripe = vendors::stripe(&mut reader, &listeners, generated_secret);
        let sandboxed = vendors::stripe_is_sandboxed(&reader);
        let catalogue = colors::catalogue(&mut reader, sandboxed);
        let klaviyo = vendors::klaviyo(&mut reader, &listeners);
        check_log_format(&mut reader);
        let storage = storage::storage(&mut reader);
        let migrate = migrate(&mut reader);
        let shipping_countries = vendors::shipping_countries(&mut reader);
        let rate_limits = rate_limits::rate_limits(&mut reader);
        let reconcile_every = rate_limits::reconcile_every(&mut reader);
        let retention = retention::retention(&mut reader);
        let admin_token = admin_token(&mut reader);
        let development = DevelopmentConfig {
            data_dir: reader.text("ROLITT_DATA_DIR").map_or_else(|| PathBuf::from(".rolitt"), PathBuf::from),
            search_path: reader.text("PATH").map(OsString::from),
        };
        let providers = payments::providers(&mut reader);
        let failpoints = failpoints::failpoints(&mut reader);
        // Everything was read, so every fault is known. What is missing now has a fault.
        let complete = || {
            let (stripe, catalogue) = (stripe?, catalogue?);
            let webhook_secret = stripe.config.webhook_secrets.first()?.clone();
            let sandbox = (stripe.sandboxed || klaviyo.sandboxed).then(|| SandboxNeed {
                webhook_secret,
                product: catalogue.config.product.clone(),
                prices: catalogue.sandbox_prices,
                stripe: stripe.sandboxed,
            });
            Some(Self {
                environment,
                app_url: app_url?,
                listeners,
                development,
                storage: storage?,
                migrate,
                stripe: stripe.config,
                providers: providers?,
                catalogue: catalogue.config,
                klaviyo: klaviyo.config,
                sandbox,
                shipping_countries: shipping_countries?,
                rate_limits,
                reconcile_every,
                retention,
                admin_token,
                failpoints,
            })
        };
        reader.finish(complete())
    }
}

/// Reads `APP_ENV`. A value that is neither counts as production, so that the other variables are
/// judged by the stricter rules: a misspelt `production` must not open a development shop.
fn environment(reader: &mut Reader<'_>) -> Environment {
    let given = reader.text("APP_ENV").is_some();
    let parsed = reader.parsed("APP_ENV", |text| match text {
        "development" => Ok(Environment::Development),
        "production" => Ok(Environment::Production),
        _ => Err("must be development or production".to_owned()),
    });
    parsed.unwrap_or(if given { Environment::Production } else { Environment::Development })
}

/// Checks `LOG_FORMAT`. The caller has used it before, because logging starts first; a wrong value
/// is reported here, with the other faults.
fn check_log_format(reader: &mut Reader<'_>) {
    reader.parsed("LOG_FORMAT", |text| match text {
        "json" | "text" => Ok(()),
        _ => Err("must be json or text".to_owned()),
    });
}

fn migrate(reader: &mut Reader<'_>) -> MigrateOnStart {
    let parsed = reader.parsed("MIGRATE", |text| match text {
        "auto" => Ok(MigrateOnStart::Auto),
        "off" => Ok(MigrateOnStart::Off),
        _ => Err("must be auto or off".to_owned()),
    });
    parsed.unwrap_or(MigrateOnStart::Auto)
}

fn admin_token(reader: &mut Reader<'_>) -> Option<SecretString> {
    let required = reader.production;
    reader.secret("ADMIN_TOKEN", required, |value| {
        (value.chars().count() < 32).then_some("must have at least 32 characters")
    })
}

#[cfg(test)]
mod tests;
