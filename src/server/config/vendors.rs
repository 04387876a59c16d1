//! Stripe and Klaviyo: keys and addresses, and which of the two the sandbox stands in for.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::{Listeners, capabilities, reader::Reader, urls::api_base};
use crate::server::{
    marketing::klaviyo::KlaviyoConfig,
    payments::stripe::{self, StripeConfig},
};

/// Where a small company's parcel usually arrives.
const SHIPPING_COUNTRIES: &str = "US,CA,GB,IE,DE,FR,NL,BE,LU,AT,CH,ES,PT,IT,DK,SE,NO,FI,PL,CZ,JP,KR,SG,AU,NZ";

/// What was read about Stripe.
pub struct StripeParts {
    pub config: StripeConfig,
    /// Whether the shop itself starts the sandbox as Stripe.
    pub sandboxed: bool,
}

/// What was read about Klaviyo.
pub struct KlaviyoParts {
    /// `None` if marketing is off.
    pub config: Option<KlaviyoConfig>,
    /// Whether the shop itself starts the sandbox as Klaviyo.
    pub sandboxed: bool,
}

/// Returns whether the sandbox stands in for Stripe: in development, if no variable of a real
/// account is set.
pub fn stripe_is_sandboxed(reader: &Reader<'_>) -> bool {
    let set = |name: &str| reader.text(name).is_some();
    !reader.production && !["STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY_FILE", "STRIPE_API_BASE"].into_iter().any(set)
}

/// Reads `STRIPE_…`. `None` if something that is required is missing or wrong: the reader has the
/// fault.
pub fn stripe(
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
            (true, _, false) => Some("is a live key, which development rejects; use a test key"),
            (_, true, true) => Some("is a test key, which production rejects; use a live key"),
            _ => None,
        }
    });
    let sandboxed = key.is_none() && !production;
    let webhook = |value: &str| {
        value
            .strip_prefix("whsec_")
            .is_none_or(str::is_empty)
            .then_some("must begin with whsec_, followed by the secret")
    };
    let current = reader.secret("STRIPE_WEBHOOK_SECRET", production, webhook);
    let had_secret =
        reader.text("STRIPE_WEBHOOK_SECRET").is_some() || reader.text("STRIPE_WEBHOOK_SECRET_FILE").is_some();
    if !sandboxed && !production && key.is_some() && !had_secret {
        reader.fault("STRIPE_WEBHOOK_SECRET", "is required when STRIPE_SECRET_KEY is set");
    }
    let previous = reader.secret("STRIPE_WEBHOOK_SECRET_PREVIOUS", false, webhook);
    let default_base =
        if sandboxed { format!("http://{}", listeners.sandbox) } else { "https://api.stripe.com".to_owned() };
    let given_base = reader.parsed("STRIPE_API_BASE", api_base);
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

/// Reads `KLAVIYO_…`.
pub fn klaviyo(reader: &mut Reader<'_>, listeners: &Listeners) -> KlaviyoParts {
    let key = reader.secret("KLAVIYO_API_KEY", false, |value| {
        (!value.starts_with("pk_")).then_some("must begin with pk_, as Klaviyo's private keys do")
    });
    let given = reader.text("KLAVIYO_API_KEY").is_some() || reader.text("KLAVIYO_API_KEY_FILE").is_some();
    let given_base = reader.parsed("KLAVIYO_API_BASE", api_base);
    let sandboxed = !given && !reader.production;
    let default_base =
        if sandboxed { format!("http://{}", listeners.sandbox) } else { "https://a.klaviyo.com".to_owned() };
    let key = key.or_else(|| sandboxed.then(|| SecretString::from("pk_sandbox")));
    let config = key.and_then(|api_key| {
        Some(KlaviyoConfig { api_key, base: given_base.clone().or_else(|| Url::parse(&default_base).ok())? })
    });
    KlaviyoParts { config, sandboxed: sandboxed && given_base.is_none() }
}

/// Reads `SHIPPING_COUNTRIES`: ISO 3166-1 alpha-2 codes, comma-separated.
pub fn shipping_countries(reader: &mut Reader<'_>) -> Option<Arc<[String]>> {
    let text = reader.text("SHIPPING_COUNTRIES").unwrap_or_else(|| SHIPPING_COUNTRIES.to_owned());
    let codes: Vec<String> =
        text.split(',').map(|code| code.trim().to_ascii_uppercase()).filter(|code| !code.is_empty()).collect();
    if codes.is_empty() || !codes.iter().all(|code| stripe::ships_to(code)) {
        reader.fault("SHIPPING_COUNTRIES", "must be two-letter codes of countries that Stripe ships to, like US,CA,DE");
        return None;
    }
    Some(codes.into())
}
