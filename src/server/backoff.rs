//! How long to wait before something is tried again. Pure but for the jitter, which keeps many from marching in step.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use rand::RngExt;

/// The longest wait that a receiver may ask for: more is a mistake, or a joke.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// The pause of an outbox message after attempt number `attempts` (from 1). The first cycle is three attempts, 1000 ms and
/// 2000 ms apart; then 30 s, doubling to 15 minutes. Jitter of 20 % either way.
pub fn message(attempts: u32) -> Duration {
    let full = match attempts {
        0 | 1 => Duration::from_secs(1),
        2 => Duration::from_secs(2),
        more => doubled(Duration::from_secs(30), more - 3).min(Duration::from_mins(15)),
    };
    full.mul_f64(rand::rng().random_range(0.8..=1.2))
}

/// The pause of a kept event after try number `tries` (from 1): 5 s, doubling to an hour, with 50 to 100 % jitter.
pub fn event(tries: u32) -> Duration {
    half_or_more(doubled(Duration::from_secs(5), tries.saturating_sub(1)).min(Duration::from_hours(1)))
}

/// The pause of a call whose customer waits, after attempt number `attempt` (from 1): 200 ms, doubling, with 50 to 100 % jitter.
pub fn call(attempt: u32) -> Duration {
    half_or_more(doubled(Duration::from_millis(200), attempt.saturating_sub(1)))
}

/// What `Retry-After` asks for, in seconds; at most an hour. A date is not read: nobody that the shop calls sends one.
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

    /// The shortest and the longest of many, in milliseconds: jitter is by chance, its bounds are not.
    fn bounds(pause: impl Fn() -> Duration) -> (u128, u128) {
        let pauses: Vec<u128> = (0..1000).map(|_| pause().as_millis()).collect();
        (*pauses.iter().min().unwrap(), *pauses.iter().max().unwrap())
    }

    #[test]
    fn a_message_is_tried_three_times_from_a_second_doubling_and_then_patiently() {
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
    fn an_event_waits_longer_after_each_try_up_to_an_hour() {
        for (tries, expected) in
            [(0, 5000), (1, 5000), (2, 10_000), (5, 80_000), (11, 3_600_000), (u32::MAX, 3_600_000)]
        {
            let (shortest, longest) = bounds(|| event(tries));
            assert!(shortest >= expected / 2 && longest <= expected, "{tries}: {shortest}, {longest}");
            assert!(shortest < expected * 6 / 10 && longest > expected * 9 / 10, "{tries}: no jitter");
        }
    }

    #[test]
    fn a_call_is_repeated_soon() {
        for (attempt, expected) in [(1, 200), (2, 400), (3, 800)] {
            let (shortest, longest) = bounds(|| call(attempt));
            assert!(shortest >= expected / 2 && longest <= expected, "{attempt}: {shortest}, {longest}");
            assert!(shortest < expected * 6 / 10 && longest > expected * 9 / 10, "{attempt}: no jitter");
        }
    }

    #[test]
    fn what_a_receiver_asks_for_is_kept_within_an_hour_and_only_seconds_are_read() {
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
