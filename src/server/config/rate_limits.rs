//! How fast customers may order, and how often the books are compared.

use std::time::Duration;

use super::reader::Reader;

#[derive(Clone, Debug)]
pub struct RateLimitConfig {
    /// Checkouts a minute from one address; `None` is no limit.
    pub per_ip_per_minute: Option<u32>,
    /// Checkouts a second in all; `None` is no limit.
    pub global_per_second: Option<u32>,
    /// How many proxies' words about the customer's address are believed.
    pub trusted_proxy_hops: usize,
}

pub fn limits(reader: &mut Reader<'_>) -> RateLimitConfig {
    let mut rate = |variable: &str, default: u32| {
        reader
            .parsed(variable, |text| match text.parse::<u32>() {
                _ if text == "off" => Ok(None),
                Ok(number) if number > 0 => Ok(Some(number)),
                _ => Err("must be a whole number above zero, or off".to_owned()),
            })
            .unwrap_or(Some(default))
    };
    let (per_ip_per_minute, global_per_second) = (rate("CHECKOUT_RATE_PER_IP", 10), rate("CHECKOUT_RATE_GLOBAL", 20));
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

pub fn reconcile_every(reader: &mut Reader<'_>) -> Option<Duration> {
    const DEFAULT: Duration = Duration::from_mins(5);
    const SHORTEST: Duration = Duration::from_secs(1);
    reader
        .parsed("RECONCILE_EVERY", |text| match humantime::parse_duration(text) {
            _ if text == "off" => Ok(None),
            Ok(every) if every >= SHORTEST => Ok(Some(every)),
            _ => Err("must be a duration of at least a second, like 5m, or off".to_owned()),
        })
        .unwrap_or(Some(DEFAULT))
}
