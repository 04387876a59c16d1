//! Bounds how fast the shop sends to one receiver, and pauses it. All senders to the receiver share
//! one throttle.

use std::{num::NonZeroU32, sync::Mutex, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

/// Messages per second: below Klaviyo's steady limit of 3,500 a minute.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// The throttle of one receiver.
pub struct SendThrottle {
    paused_until: Mutex<Option<Instant>>,
    limiter: DefaultDirectRateLimiter,
}

impl Default for SendThrottle {
    fn default() -> Self {
        Self { paused_until: Mutex::new(None), limiter: RateLimiter::direct(Quota::per_second(PER_SECOND)) }
    }
}

impl SendThrottle {
    /// Pauses sending for `pause`. A longer pause that is in force stays.
    pub(crate) fn pause_for(&self, pause: Duration) {
        let now = Instant::now();
        let until = now.checked_add(pause).unwrap_or(now);
        if let Ok(mut paused_until) = self.paused_until.lock() {
            *paused_until = Some(paused_until.map_or(until, |already| already.max(until)));
        }
    }

    /// Returns the rest of the pause, or `None` if sending is not paused.
    pub(crate) fn paused_for(&self) -> Option<Duration> {
        let paused_until = self.paused_until.lock().ok().and_then(|guard| *guard)?;
        paused_until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Waits until the rate limit allows the next message.
    pub(crate) async fn acquire(&self) {
        self.limiter.until_ready().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_paused_throttle_opens_when_the_longest_pause_ends_and_not_before() {
        let throttle = SendThrottle::default();
        assert_eq!(throttle.paused_for(), None);
        throttle.pause_for(Duration::from_secs(30));
        throttle.pause_for(Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(29)).await;
        assert_eq!(throttle.paused_for(), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(throttle.paused_for(), None);
    }

    #[test]
    fn the_throttle_limits_the_rate_of_messages() {
        let throttle = SendThrottle::default();
        assert!(throttle.acquire().now_or_never().is_some(), "the first goes at once");
        // More than any machine that runs this could have let through by waiting.
        assert!((0..10_000).any(|_| throttle.acquire().now_or_never().is_none()), "no message ever had to wait");
    }
}
