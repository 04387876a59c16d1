//! Rate limits, and the time between reconciliations.

use std::{num::NonZeroU32, time::Duration};

use super::reader::Reader;

/// Limits for checkouts, which also bound the lookups of unknown sessions.
#[derive(Clone, Debug)]
pub struct RateLimitConfig {
    /// `CHECKOUT_RATE_PER_IP`: checkouts per minute from one address, default 10. `None` (`off`):
    /// no limit.
    pub per_ip_per_minute: Option<NonZeroU32>,
    /// `CHECKOUT_RATE_GLOBAL`: checkouts per second in total, default 20. `None` (`off`): no limit.
    pub global_per_second: Option<NonZeroU32>,
    /// `TRUSTED_PROXY_HOPS`: how many proxies stand in front of the shop, 0 (default) to 16. So
    /// many entries at the end of `X-Forwarded-For` are trusted.
    pub trusted_proxy_hops: usize,
}

const PER_IP_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
const GLOBAL_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();

pub fn rate_limits(reader: &mut Reader<'_>) -> RateLimitConfig {
    let mut rate = |variable: &str, default: NonZeroU32| {
        let parsed = reader.parsed(variable, |text| match text.parse::<NonZeroU32>() {
            _ if text == "off" => Ok(None),
            Ok(number) => Ok(Some(number)),
            Err(_) => Err("must be a whole number above zero, or off".to_owned()),
        });
        parsed.unwrap_or(Some(default))
    };
    let per_ip_per_minute = rate("CHECKOUT_RATE_PER_IP", PER_IP_PER_MINUTE);
    let global_per_second = rate("CHECKOUT_RATE_GLOBAL", GLOBAL_PER_SECOND);
    let trusted_proxy_hops = reader
        .parsed("TRUSTED_PROXY_HOPS", |text| {
            text.parse::<usize>()
                .ok()
                .filter(|hops| *hops <= 16)
                .ok_or_else(|| "must be a whole number from 0 to 16".to_owned())
        })
        .unwrap_or(0);
    RateLimitConfig { per_ip_per_minute, global_per_second, trusted_proxy_hops }
}

/// Reads `RECONCILE_EVERY`: at least one second, default 5 minutes. `None` is `off`.
pub fn reconcile_every(reader: &mut Reader<'_>) -> Option<Duration> {
    const DEFAULT: Duration = Duration::from_mins(5);
    const SHORTEST: Duration = Duration::from_secs(1);
    reader
        .parsed("RECONCILE_EVERY", |text| match humantime::parse_duration(text) {
            _ if text == "off" => Ok(None),
            Ok(every) if every >= SHORTEST => Ok(Some(every)),
            _ => Err("must be a duration of at least one second, like 5m, or off".to_owned()),
        })
        .unwrap_or(Some(DEFAULT))
}
