//! Throttles the calls of a reconciliation to a provider: below its limits, and as its rate-limit
//! responses ask.

use std::{iter::repeat_n, time::Duration};

use backon::Retryable as _;

use crate::server::payments::PaymentError;

/// The pause between calls. Stripe allows 25 calls a second in test mode and 100 in live mode;
/// customers come first.
const CALL_INTERVAL: Duration = Duration::from_millis(100);

/// The pause after the first failed attempt, unless the provider asks for another one. It grows by
/// its own length with each attempt.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The longest wait. If a provider asks for more, the pass ends until the next cycle.
const MAX_WAIT: Duration = Duration::from_secs(30);

const MAX_ATTEMPTS: usize = 4;

/// Makes one call, and retries it if the error may pass.
pub async fn throttled<T, F>(call: impl FnMut() -> F) -> Result<T, PaymentError>
where
    F: Future<Output = Result<T, PaymentError>>,
{
    let mut attempt = 0;
    let result = call
        .retry(repeat_n(RETRY_DELAY, MAX_ATTEMPTS - 1))
        .when(PaymentError::retryable)
        .adjust(|error, delay| {
            attempt += 1;
            let asked = if let PaymentError::RateLimited { retry_after } = error { *retry_after } else { None };
            let wait = asked.or(delay)? * attempt;
            delay.filter(|_| wait <= MAX_WAIT).map(|_| wait)
        })
        .await?;
    tokio::time::sleep(CALL_INTERVAL).await;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rate_limit_is_retried_and_an_authentication_error_is_not() {
        let calls = AtomicU32::new(0);
        let limited = || async {
            let number = calls.fetch_add(1, Ordering::SeqCst);
            let error = PaymentError::RateLimited { retry_after: Some(Duration::from_secs(2)) };
            if number < 2 { Err(error) } else { Ok(number) }
        };
        let began = tokio::time::Instant::now();
        assert_eq!(throttled(limited).await, Ok(2));
        assert!(began.elapsed() >= Duration::from_secs(6));
        let refused = || async {
            calls.fetch_add(1, Ordering::SeqCst);
            Err::<(), _>(PaymentError::Authentication("401".into()))
        };
        assert!(throttled(refused).await.is_err());
        assert_eq!(calls.load(Ordering::SeqCst), 4, "one call more");
    }
}
