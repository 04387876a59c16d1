//! The configuration: every variable, its shape and its default, read once at start. One struct for each part that is
//! configured. The environment itself is read by the caller and comes in as a function.

mod capabilities;
mod colors;
mod payments;
mod rate_limits;
mod reader;
mod retention;
mod storage;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use self::rate_limits::RateLimitConfig;
use self::reader::Reader;
pub use self::{
    payments::{ProviderConfig, ProvidersConfig},
    reader::{ConfigError, Fault},
    retention::Retention,
    storage::{Database, StorageConfig, StoreConfig},
};
use super::{marketing::klaviyo::KlaviyoConfig, payments::stripe::StripeConfig};
use crate::domain::{
    money::Money,
    payment::{PriceId, ProductId},
    product::ProductColor,
};

#[derive(Debug)]
pub struct Config {
    pub environment: Environment,
    /// The public site's origin, without a path: where customers come back to.
    pub app_url: Url,
    pub listeners: Listeners,
    /// What development keeps on disk.
    pub data_dir: PathBuf,
    pub storage: StorageConfig,
    pub migrate: bool,
    pub stripe: StripeConfig,
    pub providers: ProvidersConfig,
    pub catalogue: CatalogueConfig,
    /// `None`: marketing is off.
    pub klaviyo: Option<KlaviyoConfig>,
    /// What the sandbox must stand in for; `None` when it is not needed.
    pub sandbox: Option<SandboxNeed>,
    /// ISO 3166-1 alpha-2 codes.
    pub shipping_countries: Arc<[String]>,
    pub rate_limits: RateLimitConfig,
    /// How often the books are compared with the provider's; `None` is never.
    pub reconcile_every: Option<Duration>,
    pub retention: Retention,
    pub admin_token: Option<SecretString>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Environment {
    Development,
    Production,
}

#[derive(Clone, Debug)]
pub struct Listeners {
    pub public: SocketAddr,
    pub operations: SocketAddr,
    pub sandbox: SocketAddr,
}

/// What is sold: the product and, in the order of the storefront, its colors with their price, where one is set.
#[derive(Clone, Debug)]
pub struct CatalogueConfig {
    pub product: ProductId,
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

const PUBLIC: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 3000);
const OPERATIONS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 3001);
const SANDBOX: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 12111);

/// Where a small company's parcel usually gets to.
const SHIPPING_COUNTRIES: &str = "US,CA,GB,IE,DE,FR,NL,BE,LU,AT,CH,ES,PT,IT,DK,SE,NO,FI,PL,CZ,JP,KR,SG,AU,NZ";

impl Config {
    /// Reads every variable. `generated_secret` is a fresh `whsec_…`, used where development has none.
    pub fn from_lookup(
        lookup: &dyn Fn(&str) -> Option<String>,
        generated_secret: impl FnOnce() -> SecretString,
    ) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let environment = reader
            .parsed("APP_ENV", |text| match text {
                "development" => Ok(Environment::Development),
                "production" => Ok(Environment::Production),
                _ => Err("must be development or production".to_owned()),
            })
            // A misspelt `production` must not open a development shop: judge the rest by the stricter rules.
            .unwrap_or(if reader.text("APP_ENV").is_some() {
                Environment::Production
            } else {
                Environment::Development
            });
        reader.production = environment == Environment::Production;
        let listeners = Listeners {
            public: reader.listener("LEPTOS_SITE_ADDR", PUBLIC),
            operations: reader.listener("OPS_ADDR", OPERATIONS),
            sandbox: reader.listener("SANDBOX_ADDR", SANDBOX),
        };
        let app_url = reader
            .needed_in_production("APP_URL", origin)
            .or_else(|| Url::parse(&format!("http://{}", listeners.public)).ok());
        let stripe = stripe(&mut reader, &listeners, generated_secret);
        let sandboxed = stripe_is_sandboxed(&reader);
        let catalogue = colors::catalogue(&mut reader, sandboxed);
        let klaviyo = klaviyo(&mut reader, &listeners);
        // Read by the caller before there is a log to write to; a misspelling is said here, with the others.
        reader.parsed("LOG_FORMAT", |text| match text {
            "json" | "text" => Ok(()),
            _ => Err("must be json or text".to_owned()),
        });
        let config = Parts {
            environment,
            app_url,
            storage: storage::storage(&mut reader),
            migrate: reader
                .parsed("MIGRATE", |text| match text {
                    "auto" => Ok(true),
                    "off" => Ok(false),
                    _ => Err("must be auto or off".to_owned()),
                })
                .unwrap_or(true),
            shipping_countries: shipping_countries(&mut reader),
            rate_limits: rate_limits::limits(&mut reader),
            reconcile_every: rate_limits::reconcile_every(&mut reader),
            retention: retention::retention(&mut reader),
            admin_token: {
                let needed = reader.production;
                reader.secret("ADMIN_TOKEN", needed, |value| {
                    (value.chars().count() < 32).then_some("must have at least 32 characters")
                })
            },
            data_dir: reader.text("ROLITT_DATA_DIR").map_or_else(|| PathBuf::from(".rolitt"), PathBuf::from),
            listeners,
            stripe,
            providers: payments::providers(&mut reader),
            catalogue,
            klaviyo,
        }
        .assemble();
        reader.finish(config)
    }
}

/// What was read, complete or not.
struct Parts {
    environment: Environment,
    app_url: Option<Url>,
    listeners: Listeners,
    data_dir: PathBuf,
    storage: Option<StorageConfig>,
    migrate: bool,
    stripe: Option<StripeParts>,
    providers: Option<ProvidersConfig>,
    catalogue: Option<colors::Catalogue>,
    klaviyo: KlaviyoParts,
    shipping_countries: Option<Arc<[String]>>,
    rate_limits: RateLimitConfig,
    reconcile_every: Option<Duration>,
    retention: Retention,
    admin_token: Option<SecretString>,
}

struct StripeParts {
    config: StripeConfig,
    sandboxed: bool,
}

struct KlaviyoParts {
    config: Option<KlaviyoConfig>,
    sandboxed: bool,
}

impl Parts {
    fn assemble(self) -> Option<Config> {
        let (stripe, catalogue) = (self.stripe?, self.catalogue?);
        let webhook_secret = stripe.config.webhook_secrets.first()?.clone();
        let sandbox = (stripe.sandboxed || self.klaviyo.sandboxed).then(|| SandboxNeed {
            webhook_secret,
            product: catalogue.config.product.clone(),
            prices: catalogue.sandbox_prices,
            stripe: stripe.sandboxed,
        });
        Some(Config {
            environment: self.environment,
            app_url: self.app_url?,
            listeners: self.listeners,
            data_dir: self.data_dir,
            storage: self.storage?,
            migrate: self.migrate,
            stripe: stripe.config,
            providers: self.providers?,
            catalogue: catalogue.config,
            klaviyo: self.klaviyo.config,
            sandbox,
            shipping_countries: self.shipping_countries?,
            rate_limits: self.rate_limits,
            reconcile_every: self.reconcile_every,
            retention: self.retention,
            admin_token: self.admin_token,
        })
    }
}

/// An absolute http(s) URL without path, query or credentials; https except on loopback.
fn origin(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "must be an absolute URL like https://shop.example".to_owned())?;
    let bare = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let loopback = url.host_str().is_some_and(|host| {
        host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    });
    match url.scheme() {
        "https" | "http" if !bare || url.host_str().is_none() => {
            Err("must have no path, query or user name".to_owned())
        }
        "https" => Ok(url),
        "http" if loopback => Ok(url),
        _ => Err("must begin with https://".to_owned()),
    }
}

/// A base URL of an API: http(s), anything behind it.
fn base(text: &str) -> Result<Url, String> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some())
        .ok_or_else(|| "must be an absolute URL like https://api.stripe.com".to_owned())
}

/// Whether Stripe is left to the sandbox: in development, where nothing of a real account is set.
fn stripe_is_sandboxed(reader: &Reader<'_>) -> bool {
    let set = |name: &str| reader.text(name).is_some();
    !reader.production && !["STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY_FILE", "STRIPE_API_BASE"].into_iter().any(set)
}

fn stripe(
    reader: &mut Reader<'_>,
    listeners: &Listeners,
    generated_secret: impl FnOnce() -> SecretString,
) -> Option<StripeParts> {
    let production = reader.production;
    let key = reader.secret("STRIPE_SECRET_KEY", production, |value| {
        let kind = |mode: &str| {
            ["sk_", "rk_"].iter().any(|prefix| value.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(mode)))
        };
        match (kind("live_"), kind("test_"), production) {
            (false, false, _) => Some("must begin with sk_ or rk_ and the mode, like sk_test_"),
            (true, _, false) => Some("is a live key, which development refuses; use a test key"),
            (_, true, true) => Some("is a test key, which production refuses; use a live key"),
            _ => None,
        }
    });
    let sandboxed = key.is_none() && !production;
    let webhook = |value: &str| {
        value.strip_prefix("whsec_").is_none_or(str::is_empty).then_some("must begin with whsec_ and go on")
    };
    let current = reader.secret("STRIPE_WEBHOOK_SECRET", production, webhook);
    let had_secret =
        reader.text("STRIPE_WEBHOOK_SECRET").is_some() || reader.text("STRIPE_WEBHOOK_SECRET_FILE").is_some();
    if !sandboxed && !production && key.is_some() && !had_secret {
        reader.fault("STRIPE_WEBHOOK_SECRET", "is needed where STRIPE_SECRET_KEY is set");
    }
    let previous = reader.secret("STRIPE_WEBHOOK_SECRET_PREVIOUS", false, webhook);
    let default_base =
        if sandboxed { format!("http://{}", listeners.sandbox) } else { "https://api.stripe.com".to_owned() };
    let given_base = reader.parsed("STRIPE_API_BASE", base);
    let sandboxed = sandboxed && given_base.is_none();
    let capabilities = capabilities::capabilities(reader);
    let current = if had_secret || production { current? } else { generated_secret() };
    Some(StripeParts {
        config: StripeConfig {
            secret_key: match key {
                Some(key) => key,
                None if production || reader.text("STRIPE_SECRET_KEY").is_some() => return None,
                None => SecretString::from("sk_test_sandbox"),
            },
            livemode: production,
            webhook_secrets: std::iter::once(current).chain(previous).collect(),
            api_base: given_base.or_else(|| Url::parse(&default_base).ok())?,
            capabilities: capabilities?,
        },
        sandboxed,
    })
}

fn klaviyo(reader: &mut Reader<'_>, listeners: &Listeners) -> KlaviyoParts {
    let key = reader.secret("KLAVIYO_API_KEY", false, |value| {
        (!value.starts_with("pk_")).then_some("must begin with pk_, as Klaviyo's private keys do")
    });
    let given = reader.text("KLAVIYO_API_KEY").is_some() || reader.text("KLAVIYO_API_KEY_FILE").is_some();
    let given_base = reader.parsed("KLAVIYO_API_BASE", base);
    let sandboxed = !given && !reader.production;
    let default_base =
        if sandboxed { format!("http://{}", listeners.sandbox) } else { "https://a.klaviyo.com".to_owned() };
    let key = key.or_else(|| sandboxed.then(|| SecretString::from("pk_sandbox")));
    let config = key.and_then(|api_key| {
        Some(KlaviyoConfig { api_key, base: given_base.clone().or_else(|| Url::parse(&default_base).ok())? })
    });
    KlaviyoParts { config, sandboxed: sandboxed && given_base.is_none() }
}

fn shipping_countries(reader: &mut Reader<'_>) -> Option<Arc<[String]>> {
    let text = reader.text("SHIPPING_COUNTRIES").unwrap_or_else(|| SHIPPING_COUNTRIES.to_owned());
    let codes: Vec<String> =
        text.split(',').map(|code| code.trim().to_ascii_uppercase()).filter(|code| !code.is_empty()).collect();
    if codes.is_empty() || !codes.iter().all(|code| super::payments::stripe::ships_to(code)) {
        reader.fault("SHIPPING_COUNTRIES", "must be two-letter codes of countries that Stripe ships to, like US,CA,DE");
        return None;
    }
    Some(codes.into())
}

#[cfg(test)]
mod tests;
