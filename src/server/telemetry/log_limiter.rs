//! Rate-limits log lines that clients can trigger at will: one per second and reason, with the
//! number of suppressed lines. The metrics count every occurrence.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The shortest time between two lines of one reason.
const INTERVAL: Duration = Duration::from_secs(1);

/// The last line of each reason. Reasons are words of this program, so there are few.
#[derive(Default)]
pub struct LogLimiter(Mutex<BTreeMap<&'static str, LastLine>>);

struct LastLine {
    at: Instant,
    suppressed: u64,
}

impl LogLimiter {
    /// Returns the number of lines suppressed since the last one if a line for `reason` may be
    /// written now. `None`: suppress this one, too.
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
    async fn the_log_limiter_allows_one_line_per_second_and_reason_and_counts_suppressed_lines() {
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
