//! Decides whether and when a failed call is retried. Pure, except for the jitter.

use std::time::Duration;

use super::super::PaymentError;
use crate::server::backoff;

/// The most attempts of one call.
pub(crate) const ATTEMPTS: u32 = 3;

/// The pause before a request is repeated that is in progress elsewhere (a double click).
pub(crate) const POLL: Duration = Duration::from_millis(300);

/// A failed attempt.
pub struct Failed<'a> {
    /// The number of the attempt, from 1.
    pub attempt: u32,
    pub error: &'a PaymentError,
    /// The failure is a stored response: the same key will always fail.
    pub replayed: bool,
    /// The same request is in progress. It is right to retry until it has a response.
    pub in_progress: bool,
}

/// The decision after a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Give up: a retry would fail in the same way, or come too late.
    GiveUp,
    /// Ask after this pause for the response of the request in progress. This is no attempt.
    Poll(Duration),
    Retry(Duration),
}

/// Decides what follows a failed attempt. `left` is the time until the call's deadline; no attempt
/// begins at or after it.
pub fn next(failed: &Failed<'_>, left: Duration) -> Next {
    if failed.in_progress && POLL < left {
        return Next::Poll(POLL);
    }
    let pause = match failed.error {
        PaymentError::RateLimited { retry_after: Some(wait) } => *wait,
        _ => backoff::call(failed.attempt),
    };
    let helps = failed.error.retryable() && !failed.replayed && failed.attempt < ATTEMPTS;
    if helps && pause < left { Next::Retry(pause) } else { Next::GiveUp }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(8);

    fn server_error() -> PaymentError {
        PaymentError::Unavailable("500".to_owned())
    }

    fn after(attempt: u32, error: &PaymentError, left: Duration) -> Next {
        next(&Failed { attempt, error, replayed: false, in_progress: false }, left)
    }

    fn in_progress(attempt: u32, left: Duration) -> Next {
        let error = PaymentError::Conflict("409".to_owned());
        next(&Failed { attempt, error: &error, replayed: false, in_progress: true }, left)
    }

    #[test]
    fn a_server_error_is_retried_twice_with_growing_backoff() {
        let Next::Retry(first) = after(1, &server_error(), LONG) else { panic!("it can help") };
        let Next::Retry(second) = after(2, &server_error(), LONG) else { panic!("it can help") };
        assert!(first <= Duration::from_millis(200) && second >= Duration::from_millis(200), "{first:?} {second:?}");
        assert_eq!(after(3, &server_error(), LONG), Next::GiveUp);
    }

    #[test]
    fn a_permanent_error_is_not_retried() {
        assert_eq!(after(1, &PaymentError::NotFound, LONG), Next::GiveUp);
        let error = server_error();
        let replayed = Failed { attempt: 1, error: &error, replayed: true, in_progress: false };
        assert_eq!(next(&replayed, LONG), Next::GiveUp);
    }

    #[test]
    fn retry_after_is_waited_for_or_the_call_given_up() {
        let limited = |seconds| PaymentError::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(after(1, &limited(7), LONG), Next::Retry(Duration::from_secs(7)));
        assert_eq!(after(1, &limited(8), LONG), Next::GiveUp, "not at the deadline");
        assert_eq!(after(1, &limited(0), Duration::ZERO), Next::GiveUp, "no time left");
    }

    #[test]
    fn a_request_in_progress_is_awaited_without_counting_attempts_until_the_deadline() {
        for attempt in [1, 3] {
            assert_eq!(in_progress(attempt, LONG), Next::Poll(POLL), "{attempt}");
        }
        assert_eq!(in_progress(3, POLL), Next::GiveUp, "not at the deadline");
        assert!(matches!(in_progress(1, POLL), Next::Retry(pause) if pause < POLL), "sooner than a poll still fits");
    }
}
