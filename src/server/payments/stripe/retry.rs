//! Whether a call that failed is made again, and when. Pure but for the jitter.

use std::time::Duration;

use super::super::PaymentError;
use crate::server::backoff;

/// How often one call may ask, the first time included.
pub const ATTEMPTS: u32 = 3;

/// How often a request that is at work already (a double click's first) is asked for.
pub const POLL: Duration = Duration::from_millis(300);

/// A failed attempt, as far as it matters here.
pub struct Failed<'a> {
    /// Which attempt it was, from 1.
    pub attempt: u32,
    pub error: &'a PaymentError,
    /// The failure is a stored answer: the same key will fail for ever.
    pub replayed: bool,
    /// The same request is still at work: asking again is right until it has an answer.
    pub in_progress: bool,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Nothing: it would end the same, or too late.
    GiveUp,
    /// Ask, after this long, how the one at work ended. It counts as no attempt.
    Poll(Duration),
    Again(Duration),
}

/// `left` is the time until the call's deadline: nothing is begun at or after it.
pub fn next(failed: &Failed<'_>, left: Duration) -> Next {
    if failed.in_progress && POLL < left {
        return Next::Poll(POLL);
    }
    let pause = match failed.error {
        PaymentError::RateLimited { retry_after: Some(wait) } => *wait,
        _ => backoff::call(failed.attempt),
    };
    let helps = failed.error.retryable() && !failed.replayed && failed.attempt < ATTEMPTS;
    if helps && pause < left { Next::Again(pause) } else { Next::GiveUp }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(8);

    fn fault() -> PaymentError {
        PaymentError::Unavailable("500".to_owned())
    }

    fn after(attempt: u32, error: &PaymentError, left: Duration) -> Next {
        next(&Failed { attempt, error, replayed: false, in_progress: false }, left)
    }

    fn at_work(attempt: u32, left: Duration) -> Next {
        let error = PaymentError::Conflict("409".to_owned());
        next(&Failed { attempt, error: &error, replayed: false, in_progress: true }, left)
    }

    #[test]
    fn a_fault_is_asked_again_twice_and_longer_each_time() {
        let Next::Again(first) = after(1, &fault(), LONG) else { panic!("it can help") };
        let Next::Again(second) = after(2, &fault(), LONG) else { panic!("it can help") };
        assert!(first <= Duration::from_millis(200) && second >= Duration::from_millis(200), "{first:?} {second:?}");
        assert_eq!(after(3, &fault(), LONG), Next::GiveUp);
    }

    #[test]
    fn what_will_not_end_otherwise_is_not_asked_again() {
        assert_eq!(after(1, &PaymentError::NotFound, LONG), Next::GiveUp);
        let error = fault();
        let replayed = Failed { attempt: 1, error: &error, replayed: true, in_progress: false };
        assert_eq!(next(&replayed, LONG), Next::GiveUp);
    }

    #[test]
    fn the_wait_that_is_asked_for_is_kept_or_the_call_given_up() {
        let limited = |seconds| PaymentError::RateLimited { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(after(1, &limited(7), LONG), Next::Again(Duration::from_secs(7)));
        assert_eq!(after(1, &limited(8), LONG), Next::GiveUp, "not at the deadline");
        assert_eq!(after(1, &limited(0), Duration::ZERO), Next::GiveUp, "no time left");
    }

    #[test]
    fn a_request_at_work_is_waited_for_without_counting_until_time_is_up() {
        for attempt in [1, 3] {
            assert_eq!(at_work(attempt, LONG), Next::Poll(POLL), "{attempt}");
        }
        assert_eq!(at_work(3, POLL), Next::GiveUp, "not at the deadline");
        assert!(matches!(at_work(1, POLL), Next::Again(pause) if pause < POLL), "sooner than a poll still fits");
    }
}
