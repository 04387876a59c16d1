//! Computes the pauses between retries. Pure, except for the jitter that keeps many clients from
//! retrying in step.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use rand::RngExt;

/// The longest wait that a receiver may ask for. A longer one is treated as a mistake.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Returns the pause of an outbox message after attempt number `attempts` (counted from 1).
///
/// The first cycle is three attempts, 1000 ms and 2000 ms apart. Then the pause is 30 s and
/// doubles up to 15 minutes. The jitter is 20 % either way.
pub fn message(attempts: u32) -> Duration {
    let full = match attempts {
        0 | 1 => Duration::from_secs(1),
        2 => Duration::from_secs(2),
        more => doubled(Duration::from_secs(30), more - 3).min(Duration::from_mins(15)),
    };
    full.mul_f64(rand::rng().random_range(0.8..=1.2))
}

/// Returns the pause of a stored event after attempt number `tries` (counted from 1): 5 s,
/// doubling up to an hour, with 50 to 100 % jitter.
pub fn event(tries: u32) -> Duration {
    half_or_more(doubled(Duration::from_secs(5), tries.saturating_sub(1)).min(Duration::from_hours(1)))
}

/// Returns the pause of a call for which a customer waits, after attempt number `attempt` (counted
/// from 1): 200 ms, doubling, with 50 to 100 % jitter.
pub fn call(attempt: u32) -> Duration {
    half_or_more(doubled(Duration::from_millis(200), attempt.saturating_sub(1)))
}

/// Returns the wait that a `Retry-After` header asks for in seconds, at most an hour.
///
/// The header's date form (RFC 9110 §10.2.3) is ignored: no service that the shop calls sends it.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times))
}

fn half_or_more(full: Duration) -> Duration {
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest and the longest of many pauses, in milliseconds. The jitter is random, its
    /// bounds are not.
    fn bounds(pause: impl Fn() -> Duration) -> (u128, u128) {
        let pauses: Vec<u128> = (0..1000).map(|_| pause().as_millis()).collect();
        (*pauses.iter().min().unwrap(), *pauses.iter().max().unwrap())
    }

    #[test]
    fn the_backoff_of_a_message_is_three_quick_attempts_and_then_doubles_to_15_minutes() {
        for (attempts, expected) in
            [(0, 1000), (1, 1000), (2, 2000), (3, 30_000), (4, 60_000), (9, 900_000), (u32::MAX, 900_000)]
        {
            let (shortest, longest) = bounds(|| message(attempts));
            assert!(
                shortest >= expected * 8 / 10 && longest <= expected * 12 / 10,
                "{attempts}: {shortest}, {longest}"
            );
            assert!(shortest < expected * 9 / 10 && longest > expected * 11 / 10, "{attempts}: no jitter");
        }
    }

    #[test]
    fn the_backoff_of_an_event_doubles_up_to_an_hour() {
        for (tries, expected) in
            [(0, 5000), (1, 5000), (2, 10_000), (5, 80_000), (11, 3_600_000), (u32::MAX, 3_600_000)]
        {
            let (shortest, longest) = bounds(|| event(tries));
            assert!(shortest >= expected / 2 && longest <= expected, "{tries}: {shortest}, {longest}");
            assert!(shortest < expected * 6 / 10 && longest > expected * 9 / 10, "{tries}: no jitter");
        }
    }

    #[test]
    fn the_backoff_of_a_call_is_short() {
        for (attempt, expected) in [(1, 200), (2, 400), (3, 800)] {
            let (shortest, longest) = bounds(|| call(attempt));
            assert!(shortest >= expected / 2 && longest <= expected, "{attempt}: {shortest}, {longest}");
            assert!(shortest < expected * 6 / 10 && longest > expected * 9 / 10, "{attempt}: no jitter");
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_bounded_by_an_hour() {
        let asked = |text: &str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        for (text, wait) in [("0", 0), (" 7 ", 7), ("3600", 3600), ("3601", 3600), ("18446744073709551615", 3600)] {
            assert_eq!(asked(text), Some(wait), "{text}");
        }
        for text in ["", "-1", "1.5", "soon", "18446744073709551616", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(asked(text), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
