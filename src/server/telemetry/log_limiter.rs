//! Log lines about what anybody can cause as often as they like: at most one a second for each reason, which says how many were
//! left out. The metrics count all.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Between two lines of one reason.
const INTERVAL: Duration = Duration::from_secs(1);

/// What was written lately, by reason. Reasons are words of the program's own, so there are few.
#[derive(Default)]
pub struct LogLimiter(Mutex<BTreeMap<&'static str, LastLine>>);

struct LastLine {
    at: Instant,
    suppressed: u64,
}

impl LogLimiter {
    /// Whether a line may be written for `reason` now, and how many were left out since the last; `None` leaves this one out.
    pub fn allow(&self, reason: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.get_mut(reason) {
            Some(last) if now.duration_since(last.at) < INTERVAL => {
                last.suppressed += 1;
                None
            }
            last => {
                let suppressed = last.map_or(0, |last| last.suppressed);
                lines.insert(reason, LastLine { at: now, suppressed: 0 });
                Some(suppressed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_a_second_for_each_reason_and_it_says_how_many_are_missing() {
        let limiter = LogLimiter::default();
        assert_eq!(limiter.allow("stale"), Some(0));
        assert_eq!((limiter.allow("stale"), limiter.allow("stale")), (None, None));
        assert_eq!(limiter.allow("missing"), Some(0), "another reason has its own");
        tokio::time::advance(INTERVAL).await;
        assert_eq!(limiter.allow("stale"), Some(2));
        tokio::time::advance(INTERVAL).await;
        assert_eq!(limiter.allow("stale"), Some(0));
    }
}
