//! Rate limits per address and in total, and concurrency limits. All limits are per process: each
//! of several instances has its own.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use axum::http::HeaderMap;
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, clock::Clock as _, clock::DefaultClock};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::server::config::RateLimitConfig;

/// Above this number of tracked addresses, the limiter drops those that have been quiet.
const MAX_TRACKED_CLIENTS: usize = 10_000;

/// How many lookups of unknown sessions an address gets for each checkout that it gets. A customer
/// on the return page may reload; a guesser of session ids must not cost the provider's requests.
const LOOKUPS_PER_CHECKOUT: NonZeroU32 = NonZeroU32::new(6).unwrap();

/// The rate limits of the public site.
pub struct RateLimits {
    /// Of checkouts.
    pub checkouts: RateLimiter,
    /// Of lookups of sessions that the shop does not know: each asks the provider. Lookups of known
    /// sessions are not counted.
    pub lookups: RateLimiter,
    trusted_proxy_hops: usize,
}

/// One rate limit: per address, and in total.
pub struct RateLimiter {
    per_ip: Option<DefaultKeyedRateLimiter<IpAddr>>,
    global: Option<DefaultDirectRateLimiter>,
}

impl RateLimiter {
    fn new(per_ip_per_minute: Option<NonZeroU32>, global_per_second: Option<NonZeroU32>) -> Self {
        Self {
            per_ip: per_ip_per_minute.map(|number| governor::RateLimiter::keyed(Quota::per_minute(number))),
            global: global_per_second.map(|number| governor::RateLimiter::direct(Quota::per_second(number))),
        }
    }

    /// Counts one request of `client`.
    ///
    /// # Errors
    ///
    /// Returns the wait until the next request is allowed if this one exceeds the limit.
    pub fn check(&self, client: IpAddr) -> Result<(), Duration> {
        let clock = DefaultClock::default();
        if let Some(per_ip) = &self.per_ip {
            if per_ip.len() > MAX_TRACKED_CLIENTS {
                per_ip.retain_recent();
            }
            per_ip.check_key(&client).map_err(|wait| wait.wait_time_from(clock.now()))?;
        }
        if let Some(global) = &self.global {
            global.check().map_err(|wait| wait.wait_time_from(clock.now()))?;
        }
        Ok(())
    }
}

impl RateLimits {
    /// Builds the limits from the configuration.
    pub fn new(limits: &RateLimitConfig) -> Self {
        let (per_ip, global) = (limits.per_ip_per_minute, limits.global_per_second);
        Self {
            checkouts: RateLimiter::new(per_ip, global),
            lookups: RateLimiter::new(per_ip.map(|number| number.saturating_mul(LOOKUPS_PER_CHECKOUT)), global),
            trusted_proxy_hops: limits.trusted_proxy_hops,
        }
    }

    /// Returns the address of the client: the peer, or what the trusted proxies report. Only the
    /// last `TRUSTED_PROXY_HOPS` entries of `X-Forwarded-For` were written by trusted proxies; the
    /// client can choose all others. An IPv6 address stands for its /64 network.
    pub fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let forwarded: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        let forwarded_for = self
            .trusted_proxy_hops
            .checked_sub(1)
            .and_then(|back| forwarded.iter().rev().nth(back))
            .and_then(|text| parse_forwarded(text));
        client_network(forwarded_for.unwrap_or_else(|| peer.ip()))
    }
}

/// Limits of the work in progress. A request above a limit is refused at once, with a hint to come
/// back: a queue would only grow.
pub struct ConcurrencyLimits {
    /// Page and file requests. A permit is taken before any work is done.
    pub requests: Semaphore,
    /// Of those, the pages that are rendered from memory. They need a processor, so only a few are
    /// rendered at a time and the others wait. A health check or a webhook then finds a short
    /// queue.
    pub rendering: Semaphore,
    /// Checkouts. A permit is taken once the form has arrived: a slow body holds none.
    pub checkouts: Semaphore,
    /// Webhooks. A permit is taken once the signature is verified: an unsigned request holds none.
    pub webhooks: Semaphore,
}

impl Default for ConcurrencyLimits {
    fn default() -> Self {
        let permits = || Semaphore::new(Self::PER_KIND);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let rendering = Semaphore::new(processors * Self::RENDERING_PER_PROCESSOR);
        Self { requests: permits(), rendering, checkouts: permits(), webhooks: permits() }
    }
}

impl ConcurrencyLimits {
    /// Permits of each kind: far above what one machine works on at a time, far below what would
    /// exhaust it.
    pub const PER_KIND: usize = 256;

    /// Permits for each processor: one page is rendered while the next one is ready.
    const RENDERING_PER_PROCESSOR: usize = 2;

    /// How long a signed event waits for a permit. The provider waits longer than this, but it
    /// resends a refused event much later.
    const WEBHOOK_WAIT: Duration = Duration::from_secs(3);

    /// Waits for a permit for one webhook; `None` when the wait is too long.
    pub(crate) async fn acquire_webhook(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(Self::WEBHOOK_WAIT, self.webhooks.acquire()).await.ok()?.ok()
    }
}

/// Parses an address as proxies write it: alone, in brackets, or with a port.
fn parse_forwarded(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Maps an IPv6 address to its /64 network: one customer can choose any address in it.
fn client_network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(hops: usize) -> RateLimits {
        RateLimits::new(&RateLimitConfig {
            per_ip_per_minute: NonZeroU32::new(2),
            global_per_second: None,
            trusted_proxy_hops: hops,
        })
    }

    fn client(hops: usize, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        limits(hops).client("10.0.0.1:4000".parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn x_forwarded_for_counts_only_where_a_trusted_proxy_wrote_it() {
        assert_eq!(client(0, &["1.1.1.1"]), "10.0.0.1");
        assert_eq!(client(1, &["6.6.6.6, 1.1.1.1"]), "1.1.1.1");
        assert_eq!(client(2, &["6.6.6.6", "1.1.1.1, 2.2.2.2"]), "1.1.1.1");
        assert_eq!(client(3, &["1.1.1.1, 2.2.2.2"]), "10.0.0.1");
        assert_eq!(client(1, &["nonsense"]), "10.0.0.1");
        assert_eq!(client(1, &["1.2.3.4:5678"]), "1.2.3.4");
        assert_eq!(client(1, &["[2001:db8::1]:443"]), "2001:db8::");
        assert_eq!(client(1, &["[2001:db8::1]"]), "2001:db8::");
        assert_eq!(client(1, &["2001:db8:1:2:3:4:5:6"]), "2001:db8:1:2::");
    }

    #[test]
    fn the_rate_limit_of_one_address_does_not_slow_another() {
        let limits = limits(0);
        let (one, other) = ("1.1.1.1".parse().unwrap(), "2.2.2.2".parse().unwrap());
        assert!(limits.checkouts.check(one).is_ok() && limits.checkouts.check(one).is_ok());
        let wait = limits.checkouts.check(one).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30));
        assert!(limits.checkouts.check(other).is_ok());
    }

    #[test]
    fn the_rate_limit_stops_guessing_of_session_ids_and_allows_reloading() {
        let (limits, one) = (limits(0), "1.1.1.1".parse().unwrap());
        let allowed = (0..100).take_while(|_| limits.lookups.check(one).is_ok()).count();
        assert_eq!(allowed, 12);
    }
}
