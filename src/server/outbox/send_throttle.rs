//! A receiver's limiter: how fast it may be written to, and when not at all. Shared by all who write to it.

use std::{num::NonZeroU32, sync::Mutex, time::Duration};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

/// Below Klaviyo's steady limit of 3,500 a minute.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(50).unwrap();

/// One receiver's pace, shared by its senders.
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
    /// Nothing more is sent for `pause`, or longer if that was asked before.
    pub fn pause_for(&self, pause: Duration) {
        let now = Instant::now();
        let until = now.checked_add(pause).unwrap_or(now);
        if let Ok(mut paused_until) = self.paused_until.lock() {
            *paused_until = Some(paused_until.map_or(until, |already| already.max(until)));
        }
    }

    /// How long nothing may be sent, if so.
    pub fn paused_for(&self) -> Option<Duration> {
        let paused_until = self.paused_until.lock().ok().and_then(|guard| *guard)?;
        paused_until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Waits for this message's turn.
    pub async fn acquire(&self) {
        self.limiter.until_ready().await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stopped_lane_opens_when_its_time_is_up_and_not_before() {
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
    fn messages_take_turns() {
        let throttle = SendThrottle::default();
        assert!(throttle.acquire().now_or_never().is_some(), "the first goes at once");
        // More than any machine that runs this could have let through by waiting.
        assert!((0..10_000).any(|_| throttle.acquire().now_or_never().is_none()), "nobody ever had to wait");
    }
}
